import type { CallLimits, TimedOut } from './call-timers';
import { HttpFailure } from './failure';

/** Why an attempt ended that was not at its end. */
export type Ended = TimedOut | 'cancelled';

/** An attempt that was told to end is left behind after this, milliseconds: some library did not listen. */
const LAST_WORD_MS = 500;

/** The end that a timer or a person made. */
export function forced(by: Ended, limits: CallLimits): HttpFailure {
  switch (by) {
    case 'cancelled':
      return new HttpFailure('cancelled', 'cancelled', { exitReason: 'killed' });
    case 'total':
      return new HttpFailure('timeout', `not done within its time limit of ${limits.totalSeconds} s`, {
        exitReason: 'timeout',
      });
    case 'first_output':
      return new HttpFailure(
        'first_output_timeout',
        `said nothing within ${limits.firstOutputSeconds ?? 0} s`,
        {
          exitReason: 'timeout',
        },
      );
    case 'idle':
      return new HttpFailure(
        'stale',
        `fell silent for ${limits.idleSeconds ?? 0} s in the middle of its answer`,
        {
          exitReason: 'timeout',
        },
      );
  }
}

/** The work's end, or shortly after the abort: whoever does not listen to its signal is left behind. */
export async function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const aborted = new Promise<never>((_, reject) => {
    const leave = () => {
      timer = setTimeout(() => reject(new Error('aborted')), LAST_WORD_MS);
    };
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
    signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
