import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import type { Redaction } from './redact';

/**
 * Writes both logs of a program that has ended, at once. False when a log is there already (an adopted attempt) or cannot be made: then `AttemptLogs`
 * does it, which compares, counts and reports.
 */
export function writeWholeLogs(
  base: string,
  redaction: Redaction,
  output: { readonly stdout: Buffer; readonly stderr: Buffer },
): boolean {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  for (const stream of ['stdout', 'stderr'] as const) {
    try {
      const descriptor = openSync(`${base}.${stream}.log`, flags, 0o600);
      try {
        if (output[stream].length > 0)
          writeFileSync(descriptor, redaction.text(output[stream].toString('utf8')));
      } finally {
        closeSync(descriptor);
      }
    } catch {
      return false;
    }
  }
  return true;
}
