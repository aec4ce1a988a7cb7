import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Clock, Log } from '../../src/conductor/journal/clock';
import { Journal } from '../../src/conductor/journal/journal';
import type { JournalOptions, JournalReport } from '../../src/conductor/journal/journal';
import type { JournalRecord, RecordDraft } from '../../src/conductor/journal/record';

/** Bundles are built into dist/ before the tests; mocha runs in the repository's root. */
export const journalWorkerFile = resolve('dist/journal-worker.js');
export const indexWorkerFile = resolve('dist/index-worker.js');

/** A clock that stands still until told otherwise. */
export class ManualClock implements Clock {
  #now = 1_700_000_000_000;
  #timers: { at: number; fn: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get waiting(): number {
    return this.#timers.length;
  }

  /** Moves on and calls what is due, in order. */
  advance(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { fn } of due) fn();
  }
}

/** Collects what is logged. */
export class LogLines implements Log {
  readonly lines: { level: string; fields: object; message: string }[] = [];
  info(fields: object, message: string): void {
    this.lines.push({ level: 'info', fields, message });
  }
  warn(fields: object, message: string): void {
    this.lines.push({ level: 'warn', fields, message });
  }
  error(fields: object, message: string): void {
    this.lines.push({ level: 'error', fields, message });
  }
}

/** A fold for tests: how many records, and the sum of their `n`; both survive in snapshots. */
export class CountingFold {
  count = 0;
  sum = 0;
  asOf = 0;
  /** Ordinary records in the order of arrival. */
  readonly seen: JournalRecord[] = [];

  apply(record: JournalRecord): void {
    const { type, body } = record;
    if (type === 'snapshot.count') {
      this.count = Number(body['count']);
      this.sum = Number(body['sum']);
    } else if (!type.startsWith('snapshot.')) {
      this.count += 1;
      this.sum += Number(body['n'] ?? 0);
      this.seen.push(record);
    }
    this.asOf = record.seq;
  }

  snapshot(): RecordDraft[] {
    return [{ type: 'snapshot.count', body: { count: this.count, sum: this.sum } }];
  }
}

export interface OpenedJournal {
  readonly journal: Journal;
  readonly report: JournalReport;
  readonly fold: CountingFold;
  readonly clock: ManualClock;
  readonly log: LogLines;
}

/** A state directory under the temporary folder. */
export async function temporaryState(): Promise<
  { root: string; dir: string; archiveDir: string } & AsyncDisposable
> {
  const root = await mkdtemp(join(tmpdir(), 'journal-'));
  return {
    root,
    dir: join(root, 'journal'),
    archiveDir: join(root, 'archive'),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

/** Opens a journal whose state is a {@link CountingFold}. */
export async function openJournal(
  state: { dir: string; archiveDir: string },
  options: Partial<JournalOptions> = {},
): Promise<OpenedJournal> {
  const fold = new CountingFold();
  const clock = new ManualClock();
  const log = new LogLines();
  const { journal, report } = await Journal.open({
    dir: state.dir,
    archiveDir: state.archiveDir,
    epoch: 1,
    clock,
    log,
    workerFile: journalWorkerFile,
    onRecord: (record) => fold.apply(record),
    onDurable: (records) => records.forEach((record) => fold.apply(record)),
    snapshot: () => fold.snapshot(),
    ...options,
  });
  return { journal, report, fold, clock, log };
}
