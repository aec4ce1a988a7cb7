import { renameSync, statSync } from 'node:fs';
import pino, { type Logger } from 'pino';
import { redactText } from './output/redact';

/** The log is put aside at this size, bytes. */
const rotateAt = 10 * 1024 * 1024;
/** How many older logs are kept. */
const keptLogs = 3;

/** JSON lines into `log/conductor.log`, which is also this process's stdout and stderr. Puts a large log aside first. */
export function openLog(path: string, level: 'debug' | 'info' | 'warning' | 'error'): Logger {
  rotate(path);
  const destination = pino.destination({ dest: path, sync: true, mode: 0o600 });
  // A full disk must not end the conductor over its own log.
  destination.on('error', () => undefined);
  return pino(
    {
      level: level === 'warning' ? 'warn' : level,
      base: { pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      hooks: { streamWrite: redactText },
    },
    destination,
  );
}

function rotate(path: string): void {
  try {
    if (statSync(path).size < rotateAt) return;
    for (let n = keptLogs - 1; n >= 1; n -= 1) {
      try {
        renameSync(`${path}.${n}`, `${path}.${n + 1}`);
      } catch {
        // There was none.
      }
    }
    renameSync(path, `${path}.1`);
  } catch {
    // No log yet.
  }
}
