/** Numbers and instants as rows show them. */
import { l10n } from '../l10n';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in at most two units. Above a minute it moves in steps of ten seconds, so that a running row is not redrawn all the time. */
export function duration(milliseconds: number, options: { readonly steps?: boolean } = {}): string {
  const value = Math.max(0, milliseconds);
  if (value < MINUTE) return `${Math.floor(value / SECOND)}s`;
  if (value < HOUR) {
    const seconds = Math.floor((value % MINUTE) / SECOND);
    const shown = options.steps === true ? seconds - (seconds % 10) : seconds;
    return `${Math.floor(value / MINUTE)}m ${shown}s`;
  }
  if (value < DAY) return `${Math.floor(value / HOUR)}h ${Math.floor((value % HOUR) / MINUTE)}m`;
  return `${Math.floor(value / DAY)}d ${Math.floor((value % DAY) / HOUR)}h`;
}

/** Time left until an instant. Counts up to the next second: a row that says 0s is due. */
export function countdown(until: number, now: number): string {
  return duration(Math.max(0, Math.ceil((until - now) / SECOND) * SECOND));
}

/** A rate limit: what is left comes first, because a narrow view cuts the end off. */
export function limitText(until: number, now: number): string {
  return l10n.t('rate limited, {0} left, until {1}', countdown(until, now), clock(until, now));
}

/** Clock time, with the date when it is not today. */
export function clock(instant: number, now: number): string {
  const date = new Date(instant);
  const time = date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });
  if (date.toDateString() === new Date(now).toDateString()) return time;
  return `${date.toLocaleDateString(undefined, { month: 'short', day: 'numeric' })} ${time}`;
}

/** How long ago, roughly. */
export function ago(instant: number, now: number): string {
  const past = now - instant;
  if (past < MINUTE) return l10n.t('just now');
  if (past < HOUR) return l10n.t('{0} min ago', Math.floor(past / MINUTE));
  if (past < DAY) return l10n.t('{0} h ago', Math.floor(past / HOUR));
  return l10n.t('{0} d ago', Math.floor(past / DAY));
}

/** Money; empty for nothing. Small amounts keep two digits that say something. */
export function cost(usd: number, unpriced = false): string {
  const known = usd <= 0 ? '' : usd < 0.005 ? '<$0.01' : `$${usd.toFixed(2)}`;
  if (!unpriced) return known;
  return known === '' ? l10n.t('unpriced') : l10n.t('{0} + unpriced', known);
}

export function sheetCount(count: number): string {
  return count === 1 ? l10n.t('1 sheet') : l10n.t('{0} sheets', count);
}

/** Tokens that went in and came out. */
export function tokens(input: number, output: number | null): string {
  return l10n.t('{0} in, {1} out', input.toLocaleString(), (output ?? 0).toLocaleString());
}

/** First line of a message, shortened for a row. */
export function brief(message: string, longest = 120): string {
  const line = message.split('\n', 1)[0]?.trim() ?? '';
  return line.length <= longest ? line : `${line.slice(0, longest - 1)}…`;
}

/** Joins what is there. */
export function parts(...texts: readonly (string | null | undefined | false)[]): string {
  return texts.filter((text): text is string => typeof text === 'string' && text !== '').join(' · ');
}
