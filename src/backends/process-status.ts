import { constants } from 'node:os';

/**
 * Signals that end programs in practice. The shim, a shell, records 128+n for them; other codes above 128 are taken for exit codes.
 * 7, 10 and 12 mean different signals on Linux and macOS, and all of them end a program.
 */
const COMMON_SIGNALS: ReadonlySet<number> = new Set([
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 31,
]);

export interface TrueStatus {
  readonly exitCode: number | null;
  readonly exitSignal: number | null;
}

/**
 * Tells an exit code of 128+n from "ended by signal n": it was the signal if the conductor sent it, or if n is common and the profile does not claim
 * the code.
 */
export function trueStatus(
  rawStatus: number | null,
  signalSent: number | null,
  claimedCodes: readonly number[],
): TrueStatus {
  if (rawStatus === null) return { exitCode: null, exitSignal: signalSent };
  const signal = rawStatus - 128;
  const bySignal =
    signal > 0 &&
    (signal === signalSent || (COMMON_SIGNALS.has(signal) && !claimedCodes.includes(rawStatus)));
  return bySignal ? { exitCode: null, exitSignal: signal } : { exitCode: rawStatus, exitSignal: null };
}

/** `SIGTERM` for 15, and so on; `signal 99` for what the system does not name. */
export function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal);
  return found?.[0] ?? `signal ${signal}`;
}

/** A raw status in words, for people. */
export function describeStatus(status: TrueStatus): string {
  if (status.exitSignal !== null) return `ended by ${signalName(status.exitSignal)}`;
  if (status.exitCode !== null) return `exit code ${status.exitCode}`;
  return 'no exit status recorded';
}
