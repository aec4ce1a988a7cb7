import { existsSync, readFileSync } from 'node:fs';

/** Shell lines that note begin and end of a sheet in a ledger file, with something done in between. */
export function noted(ledger: string, work: string): string {
  const note = (mark: string) => `echo "${mark} $MARIANNE_JOB {{ sheet_num }} $(date +%s%N)" >> ${ledger}`;
  return `${note('begin')}; ${work}; ${note('end')}`;
}

/** One sheet as its ledger tells it; instants in milliseconds. */
export interface Played {
  readonly run: string;
  readonly sheet: number;
  readonly begin: number;
  /** Infinity when it never came to its end. */
  readonly end: number;
}

/** Reads a ledger back, in the order of beginnings. */
export function readLedger(path: string): Played[] {
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  const played: { run: string; sheet: number; begin: number; end: number }[] = [];
  for (const line of lines) {
    const [mark, run = '', sheet, nanoseconds] = line.split(' ');
    const at = Number(nanoseconds) / 1e6;
    if (mark === 'begin') played.push({ run, sheet: Number(sheet), begin: at, end: Infinity });
    const open = played.findLast((entry) => entry.run === run && entry.sheet === Number(sheet));
    if (mark === 'end' && open) open.end = at;
  }
  return played;
}

/** Most sheets that were under way at one moment. */
export function mostAtOnce(played: readonly Played[]): number {
  return Math.max(
    0,
    ...played.map(({ begin }) => played.filter((other) => other.begin <= begin && begin < other.end).length),
  );
}
