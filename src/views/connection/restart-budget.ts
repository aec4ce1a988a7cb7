/** How often a crashed conductor is started again: one that dies at each start must not be started for ever. */
const MOST_STARTS = 4;
const WINDOW_MS = 3 * 60 * 1000;

export class RestartBudget {
  private starts: number[] = [];

  /** True when one more start is allowed now (milliseconds since the epoch); it is then counted. */
  take(now: number): boolean {
    this.starts = this.starts.filter((start) => now - start < WINDOW_MS);
    if (this.starts.length >= MOST_STARTS) return false;
    this.starts.push(now);
    return true;
  }
}
