import type { PreparedProcess } from '../../backends/contract';
import type { Clock } from '../clock';

/** Which of an attempt's time limits was reached. */
export type TimeLimit = 'total_timeout' | 'first_output_timeout' | 'idle_timeout';

/**
 * The three time limits of one attempt. Within a conductor's life they count time that nobody can set, and that stands still while the machine
 * sleeps, as the agent does; only what went by before, in an earlier conductor's life, is told by the wall clock.
 */
export class AttemptTimers {
  /** The attempt's start, on the clock that nobody sets. */
  private readonly began: number;
  private firstOutput = false;
  private lastSign: number;
  private callOff: (() => void) | null = null;
  private stopped = false;

  /** @param startedAt when the attempt began, milliseconds since the epoch. @param reached called once, for the limit that is reached first. */
  constructor(
    private readonly limits: PreparedProcess['timers'],
    startedAt: number,
    private readonly clock: Clock,
    private readonly reached: (limit: TimeLimit) => void,
  ) {
    const now = clock.monotonic();
    this.began = now - Math.max(0, clock.now() - startedAt);
    this.lastSign = now;
  }

  /** Seconds since the attempt began. */
  get elapsedSeconds(): number {
    return (this.clock.monotonic() - this.began) / 1000;
  }

  /** The agent gave a sign of life. */
  output(): void {
    this.firstOutput = true;
    this.lastSign = this.clock.monotonic();
  }

  /** Begins to look. */
  start(): void {
    if (this.stopped) return;
    this.callOff?.();
    const now = this.clock.monotonic();
    const { totalSeconds, firstOutputSeconds, idleSeconds } = this.limits;
    let limit: TimeLimit = 'total_timeout';
    let at = this.began + totalSeconds * 1000;
    const consider = (other: TimeLimit, due: number) => {
      if (due < at) [limit, at] = [other, due];
    };
    if (firstOutputSeconds !== null && !this.firstOutput)
      consider('first_output_timeout', this.began + firstOutputSeconds * 1000);
    if (idleSeconds !== null) consider('idle_timeout', this.lastSign + idleSeconds * 1000);
    if (at <= now) {
      this.stop();
      this.reached(limit);
      return;
    }
    // Looked at again when the nearest could be due: a sign of life meanwhile has moved it.
    this.callOff = this.clock.schedule(at - now, () => this.start());
  }

  stop(): void {
    this.stopped = true;
    this.callOff?.();
    this.callOff = null;
  }
}
