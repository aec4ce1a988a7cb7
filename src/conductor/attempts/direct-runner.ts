import { spawn } from 'node:child_process';
import type { PreparedProcess, ProcessOutcome, ProcessRunner } from '../../backends/contract';

/** Characters kept of each output: a version line, or what an agent says to one word. */
const kept = 1_048_576;

/** Runs a short program under the conductor's own eyes, with no shim: for health checks, which nobody adopts. */
export const directRunner: ProcessRunner = {
  run(prepared: PreparedProcess, { signal }): Promise<ProcessOutcome> {
    return new Promise((resolve) => {
      const startedAt = new Date();
      const [executable, ...args] = prepared.argv;
      const child = spawn(executable, args, {
        cwd: prepared.cwd,
        env: { ...prepared.env },
        detached: true,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      // A program that reads nothing is no failure of ours.
      child.stdin.on('error', () => undefined).end(prepared.stdin ?? '');
      let stdout = '';
      let stderr = '';
      let endedBy: ProcessOutcome['endedBy'] = 'exit';
      const end = (by: ProcessOutcome['endedBy']) => {
        endedBy = by;
        if (child.pid !== undefined) {
          try {
            process.kill(-child.pid, 'SIGKILL');
          } catch {
            // It ended in this instant.
          }
        }
      };
      const timer = setTimeout(() => end('total_timeout'), prepared.timers.totalSeconds * 1000);
      const abort = () => end('cancelled');
      signal?.addEventListener('abort', abort, { once: true });
      child.stdout
        .setEncoding('utf8')
        .on('data', (text: string) => (stdout = (stdout + text).slice(0, kept)));
      child.stderr
        .setEncoding('utf8')
        .on('data', (text: string) => (stderr = (stderr + text).slice(0, kept)));
      const settle = (rawStatus: number | null, startError?: { code: string; message: string }) => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        const captured = (text: string) => ({
          text,
          bytes: Buffer.byteLength(text),
          truncated: text.length === kept,
        });
        resolve({
          rawStatus,
          endedBy: startError ? 'not_started' : endedBy,
          signalSent: endedBy === 'exit' ? null : 9,
          startedAt,
          endedAt: new Date(),
          stdout: captured(stdout),
          stderr: captured(stderr),
          ...(startError ? { startError } : {}),
        });
      };
      child.once('error', (error: NodeJS.ErrnoException) =>
        settle(null, { code: error.code ?? 'EUNKNOWN', message: error.message }),
      );
      // "exit", and a moment for the last words: strays may hold the pipes open.
      child.once('exit', (code) => setTimeout(() => settle(code), 20));
    });
  },
};
