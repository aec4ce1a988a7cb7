/** What stands above the rows of a view: what concerns all of them. Pure. */
import { l10n } from '../l10n';
import type { InstrumentLimit } from '../store/job-store';
import { clock, parts } from './format';

/** Instruments that are named; there may be a dozen. */
const MOST_NAMED = 3;

/** Which instruments are limited and until when, the first to be free first; '' when none is. */
export function limitMessage(limits: ReadonlyMap<string, InstrumentLimit>, now: number): string {
  const active = [...limits]
    .filter(([, { until }]) => until === null || until > now)
    .sort(([, a], [, b]) => (a.until ?? Infinity) - (b.until ?? Infinity));
  const named = active
    .slice(0, MOST_NAMED)
    .map(([instrument, { until }]) =>
      until === null
        ? l10n.t('{0} is limited', instrument)
        : l10n.t('{0} is limited until {1}', instrument, clock(until, now)),
    );
  const others = active.length - named.length;
  return parts(...named, others > 0 && l10n.t('{0} more are limited', others));
}

/** What is known cannot be trusted to be news. '' while the conductor is there. */
export function connectionMessage(state: 'idle' | 'starting' | 'connected' | 'stopped'): string {
  if (state === 'stopped') return l10n.t('The conductor does not run: this is what was known last.');
  return state === 'starting' ? l10n.t('The conductor is starting: this is what was known last.') : '';
}
