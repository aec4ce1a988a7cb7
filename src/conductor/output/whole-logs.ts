import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import type { Redaction } from './redact';

const streams = ['stdout', 'stderr'] as const;

/**
 * Makes both logs, empty: meanwhile the program runs, so that it costs nothing at its end. False when a log is there already (an adopted attempt) or
 * cannot be made: then `AttemptLogs` does it, which compares, counts and reports.
 */
export function makeEmptyLogs(base: string): boolean {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    for (const stream of streams) closeSync(openSync(`${base}.${stream}.log`, flags, 0o600));
    return true;
  } catch {
    return false;
  }
}

/** Writes both logs of a program that has ended, at once, into what {@link makeEmptyLogs} made. False when that failed, perhaps half way. */
export function writeWholeLogs(
  base: string,
  redaction: Redaction,
  output: { readonly stdout: Buffer; readonly stderr: Buffer },
): boolean {
  const flags = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW;
  try {
    for (const stream of streams) {
      if (output[stream].length === 0) continue;
      const descriptor = openSync(`${base}.${stream}.log`, flags);
      try {
        writeFileSync(descriptor, redaction.text(output[stream].toString('utf8')));
      } finally {
        closeSync(descriptor);
      }
    }
    return true;
  } catch {
    return false;
  }
}
