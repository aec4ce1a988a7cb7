/** Time as the conductor sees it; tests hand in their own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds since some instant, never set back or forward; stands still while the machine sleeps. For lengths of time. */
  monotonic(): number;
  /** Runs `fire` once after `ms` milliseconds; gives a function that calls it off. */
  schedule(ms: number, fire: () => void): () => void;
}

/** Longest delay that `setTimeout` takes, milliseconds; a longer one would fire at once. */
const longestTimeout = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(ms, fire) {
    const timer = setTimeout(fire, Math.min(Math.max(ms, 0), longestTimeout));
    return () => clearTimeout(timer);
  },
};
