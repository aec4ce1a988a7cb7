/** The real world for the commands. */
import { homedir } from 'node:os';
import type { CliContext, TextSink } from './context';
import { CliFailure, Exit } from './failure';

/** Exit code of a program that was ended by SIGPIPE: what others see from `mzt … | head`. */
const BROKEN_PIPE = 128 + 13;

class StreamSink implements TextSink {
  constructor(private readonly stream: NodeJS.WriteStream) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // The reader has gone, as `head` does: there is nobody left to talk to, and nothing went wrong.
      if (error.code === 'EPIPE') process.exit(BROKEN_PIPE);
      process.exit(Exit.failed);
    });
  }

  get isTTY(): boolean {
    return this.stream.isTTY;
  }

  get columns(): number | undefined {
    return this.isTTY && this.stream.columns > 0 ? this.stream.columns : undefined;
  }

  get rows(): number | undefined {
    return this.isTTY && this.stream.rows > 0 ? this.stream.rows : undefined;
  }

  write(text: string): void {
    this.stream.write(text);
  }

  /** Calls back when everything written so far has left this process. */
  flushed(done: () => void): void {
    if (this.stream.writableLength === 0) done();
    else this.stream.write('', done);
  }
}

function homeFolder(): string {
  try {
    return homedir();
  } catch {
    // No HOME, and no entry in the user database: a container with a bare user id.
    return '';
  }
}

export function systemContext(): CliContext & { flushed(done: () => void): void } {
  const stdout = new StreamSink(process.stdout);
  const stderr = new StreamSink(process.stderr);
  return {
    stdout,
    stderr,
    env: process.env,
    cwd() {
      try {
        return process.cwd();
      } catch (cause) {
        throw new CliFailure(Exit.usage, 'the current folder does not exist any more', {
          hints: ['Go to a folder that exists.'],
          cause,
        });
      }
    },
    home: homeFolder(),
    platform: process.platform,
    nodeVersion: process.versions.node,
    nodePath: process.execPath,
    distDir: __dirname,
    now: Date.now,
    pause: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted === true) {
          resolve();
          return;
        }
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, milliseconds);
        signal?.addEventListener('abort', done);
      }),
    onInterrupt(listener) {
      process.on('SIGINT', listener);
      return () => process.off('SIGINT', listener);
    },
    onResize(listener) {
      process.stdout.on('resize', listener);
      return () => process.stdout.off('resize', listener);
    },
    async ask(question) {
      if (!process.stdin.isTTY) return null;
      const { createInterface } = await import('node:readline/promises');
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      const gone = new AbortController();
      reader.on('close', () => gone.abort());
      try {
        return await reader.question(question, { signal: gone.signal });
      } catch {
        // Ctrl-C or Ctrl-D: no answer.
        return null;
      } finally {
        reader.close();
      }
    },
    flushed: (done) => stdout.flushed(() => stderr.flushed(done)),
  };
}
