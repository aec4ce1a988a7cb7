/** Until when a window of this folder saw what happened: the next one tells what came after. Pure but for its memory. */
import type * as vscode from 'vscode';

const KEY = 'marianne.watchedUntil';
/** A job of thousands of sheets has thousands of events: not every one is written down. Milliseconds. */
const STEP_MS = 5_000;

export class Watched {
  /** Until when earlier windows saw it, milliseconds since the epoch; undefined: there was none. Read before this window's own events come. */
  readonly before: number | undefined;
  private latest: number;
  private written: number;

  constructor(private readonly memory: vscode.Memento) {
    this.before = memory.get<number>(KEY);
    this.latest = this.written = this.before ?? 0;
  }

  /** This was seen. `told`: a window that comes later must not tell it once more, even if this one is killed now. */
  until(instant: number, told: boolean): void {
    this.latest = Math.max(this.latest, instant);
    if (this.latest > this.written && (told || this.latest - this.written >= STEP_MS)) this.keep();
  }

  /** The window ends now, or begins to watch. */
  now(): void {
    this.until(Date.now(), true);
  }

  private keep(): void {
    this.written = this.latest;
    void this.memory.update(KEY, this.latest);
  }
}
