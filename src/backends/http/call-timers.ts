/** Time as an attempt needs it; the conductor's clock fits. */
export interface CallClock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls once after that many milliseconds; gives what takes it back. */
  schedule(milliseconds: number, fire: () => void): () => void;
}

export interface CallLimits {
  /** Seconds; null = off. */
  readonly firstOutputSeconds: number | null;
  readonly idleSeconds: number | null;
  readonly totalSeconds: number;
}

export type TimedOut = 'total' | 'first_output' | 'idle';

/**
 * The three timers of an attempt, over all its requests:
 * - *total* from the attempt's start;
 * - *first output* until the first piece of an answer, and again for each later request until the server begins to answer;
 * - *idle* between any two pieces of bytes of an answer.
 * While a tool runs only the total counts: tools have limits of their own.
 */
export class CallTimers {
  private phase: 'idle' | 'waiting' | 'receiving' = 'idle';
  private waitingSince = 0;
  private receivedAt = 0;
  private hasContent = false;
  private stopped = false;
  private cancel: (() => void) | null = null;

  constructor(
    private readonly clock: CallClock,
    private readonly startedAt: number,
    private readonly limits: CallLimits,
    private readonly expired: (which: TimedOut) => void,
  ) {
    this.look();
  }

  /** A request went out. */
  sent(): void {
    this.phase = 'waiting';
    this.waitingSince = this.clock.now();
    this.look();
  }

  /** Bytes of an answer came. */
  received(): void {
    this.receivedAt = this.clock.now();
    if (this.phase === 'receiving') return;
    this.phase = 'receiving';
    this.look();
  }

  /** A piece of what the model says came. */
  content(): void {
    this.hasContent = true;
  }

  /** The answer to a request is at its end. */
  ended(): void {
    this.phase = 'idle';
  }

  stop(): void {
    this.stopped = true;
    this.cancel?.();
  }

  private look(): void {
    this.cancel?.();
    this.cancel = null;
    if (this.stopped) return;
    const { firstOutputSeconds, idleSeconds, totalSeconds } = this.limits;
    const due: [TimedOut, number][] = [['total', this.startedAt + totalSeconds * 1000]];
    if (firstOutputSeconds !== null && this.phase !== 'idle') {
      if (!this.hasContent) due.push(['first_output', this.startedAt + firstOutputSeconds * 1000]);
      else if (this.phase === 'waiting')
        due.push(['first_output', this.waitingSince + firstOutputSeconds * 1000]);
    }
    if (idleSeconds !== null && this.phase === 'receiving')
      due.push(['idle', this.receivedAt + idleSeconds * 1000]);
    const [which, at] = due.reduce((first, next) => (next[1] < first[1] ? next : first));
    const wait = at - this.clock.now();
    if (wait <= 0) {
      this.stopped = true;
      this.expired(which);
      return;
    }
    this.cancel = this.clock.schedule(wait, () => this.look());
  }
}
