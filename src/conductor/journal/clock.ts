/** Time as the journal and the index see it: injected, so that tests turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds. @returns a function that cancels it. */
  after(ms: number, fn: () => void): () => void;
}

/** The machine's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** The part of a pino logger that is used here. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** An error's code (`ENOSPC`, `EIO` …) and text, fit for a message between threads or a log. */
export interface Fault {
  readonly code: string;
  readonly message: string;
}

/** Reduces whatever was thrown to a {@link Fault}. */
export function faultOf(error: unknown): Fault {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    return { code: error.code, message };
  }
  return { code: 'UNKNOWN', message };
}
