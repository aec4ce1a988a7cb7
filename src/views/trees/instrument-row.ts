import type { InstrumentRow } from '../../protocol/daemon-methods';
import { l10n } from '../l10n';
import type { InstrumentLimit } from '../store/job-store';
import { brief, limitText, parts } from './format';
import type { Row } from './row';

/** The row of an instrument: whether it can be used now, and what is missing. */
export function instrumentRow(
  instrument: InstrumentRow,
  limit: InstrumentLimit | undefined,
  now: number,
): Row {
  const limited = limit !== undefined && (limit.until === null || limit.until > now);
  const state = limited
    ? limit.until === null
      ? l10n.t('limited')
      : limitText(limit.until, now)
    : status(instrument);
  const told = !limited && (instrument.status === 'needs_key' || instrument.status === 'untrusted');
  return {
    id: `instrument/${instrument.name}`,
    label: instrument.name,
    description: parts(
      state,
      told && brief(instrument.detail ?? ''),
      instrument.default_model,
      instrument.source !== 'built-in' && source(instrument.source),
    ),
    icon: limited ? { id: 'clock', color: 'charts.yellow' } : icons[instrument.status],
    context: ['instrument', limited ? 'limited' : instrument.status],
    collapsible: 'none',
    spoken: l10n.t('instrument {0}, {1}', instrument.display_name, state),
  };
}

const icons: Record<InstrumentRow['status'], Row['icon']> = {
  ready: { id: 'pass', color: 'testing.iconPassed' },
  missing: { id: 'circle-slash', color: 'descriptionForeground' },
  needs_key: { id: 'key', color: 'charts.yellow' },
  untrusted: { id: 'shield', color: 'charts.yellow' },
  unknown: { id: 'question', color: 'descriptionForeground' },
};

/** One of which only asking would tell more says so itself: a server without a key, a profile that cannot be used yet. */
function status({ status: value, detail }: InstrumentRow): string {
  const names: Record<InstrumentRow['status'], string> = {
    ready: l10n.t('ready'),
    missing: l10n.t('missing'),
    needs_key: l10n.t('needs a key'),
    untrusted: l10n.t('not trusted'),
    unknown: brief(detail ?? '') || l10n.t('not checked'),
  };
  return names[value];
}

function source(value: InstrumentRow['source']): string {
  return value === 'user' ? l10n.t('yours') : value === 'folder' ? l10n.t('from this folder') : '';
}
