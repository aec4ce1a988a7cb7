import type { Disposable } from '../scope';

/** A timer that runs only while something counts. */
export class Ticker implements Disposable {
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly work: () => void,
    private readonly milliseconds: number,
  ) {}

  /** Starts it or ends it; again and again is fine. */
  keep(needed: boolean): void {
    if (needed) this.timer ??= setInterval(this.work, this.milliseconds);
    else this.dispose();
  }

  dispose(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
