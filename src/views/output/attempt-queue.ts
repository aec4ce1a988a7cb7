/** What one channel shows, one attempt after another, each to its end. Pure. */
import type { SheetModel } from '../store/model';
import { isRunning } from '../trees/sheet-row';

/** Follows the logs of one attempt. */
export interface AttemptTail {
  /** Settles when all was shown, or it was stopped. */
  readonly done: Promise<void>;
  stop(): void;
  /** More has been written: look now. */
  wake(): void;
}

export class AttemptQueue<T> {
  private readonly waiting: T[] = [];
  private current: AttemptTail | null = null;

  /** `begin`: starts to follow an attempt; `after`: under what is there already. */
  constructor(private readonly begin: (attempt: T, after: boolean) => AttemptTail) {}

  /** Shows this one at once, whatever was shown. */
  show(attempt: T): void {
    this.stop();
    this.start(attempt, false);
  }

  /** Shows this one when the last words of those before it have been read. */
  then(attempt: T): void {
    if (this.current === null) {
      this.start(attempt, true);
      return;
    }
    this.waiting.push(attempt);
    this.current.wake();
  }

  wake(): void {
    this.current?.wake();
  }

  stop(): void {
    this.waiting.length = 0;
    this.current?.stop();
    this.current = null;
  }

  private start(attempt: T, after: boolean): void {
    const tail = this.begin(attempt, after);
    this.current = tail;
    void tail.done.then(() => {
      if (this.current !== tail) return;
      this.current = null;
      const next = this.waiting.shift();
      if (next !== undefined) this.start(next, true);
      // Its last words may wait for a pause to end.
      if (this.waiting.length > 0) this.wake();
    });
  }
}

/**
 * The sheets that a channel shows next which follows a job, in order; `shown` is the last one that it was given. Nothing while that one runs; then
 * all that began after it, so that quick ones are not left out; else one that began before it and still runs.
 */
export function nextSheets(sheets: readonly SheetModel[], shown: number | null): readonly number[] {
  const begun = sheets
    .flatMap((sheet) => {
      const last = sheet.attempts.at(-1);
      return last === undefined
        ? []
        : [{ num: sheet.num, at: last.startedAt, running: isRunning(sheet.status) }];
    })
    .sort((a, b) => a.at - b.at || a.num - b.num);
  const place = begun.findIndex(({ num }) => num === shown);
  if (place >= 0) {
    if (begun[place]?.running === true) return [];
    const later = begun.slice(place + 1).map(({ num }) => num);
    if (later.length > 0) return later;
  }
  const running = begun.findLast((sheet) => sheet.running);
  const newest = running ?? (place < 0 ? begun.at(-1) : undefined);
  return newest === undefined ? [] : [newest.num];
}
