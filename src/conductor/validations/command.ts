import { spawn, type ChildProcess } from 'node:child_process';
import { stat } from 'node:fs/promises';
import type { Redaction } from '../output/redact';
import { abortReason } from './search';

export interface CommandOptions {
  /** For `bash -c`; values in it are quoted already. */
  readonly command: string;
  readonly cwd: string;
  /** Complete. Should carry the attempt's marker, so that strays are found. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSeconds: number;
  readonly redaction: Redaction;
  readonly endTree: EndTree;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Ends a command and everything it started: TERM to its group, two seconds, KILL, and a search for what left the group. `pid` leads a
 * session and group of its own; it may be gone already while others of the group live.
 */
export type EndTree = (pid: number) => Promise<void>;

export type CommandEnd =
  | {
      readonly kind: 'exited';
      readonly code: number | null;
      readonly signal: string | null;
      readonly output: string;
    }
  | { readonly kind: 'timeout'; readonly output: string }
  /** It never ran. */
  | { readonly kind: 'unstartable'; readonly message: string };

/** Of the output: half from its beginning, half from its end. */
const CAPTURE_CHARACTERS = 64 * 1024;
/** How long, after bash has ended, something else may keep its output open, milliseconds. */
const LINGER_MS = 1000;
/** The longest that a timer of Node can be, milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Runs a check's command: own process group, nothing on stdin, stdout and stderr captured together and redacted. What it leaves running
 * is ended with it.
 * @throws the signal's reason when it is aborted; the command has been ended then.
 */
export async function runCommand(options: CommandOptions): Promise<CommandEnd> {
  options.signal?.throwIfAborted();
  // A missing folder and a missing program give the same ENOENT.
  const folder = await stat(options.cwd).catch(() => null);
  if (folder?.isDirectory() !== true)
    return { kind: 'unstartable', message: `the working directory ${options.cwd} does not exist` };
  const child = spawn('bash', ['-c', options.command], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { pid } = child;
  if (pid === undefined) return { kind: 'unstartable', message: await startFailure(child) };
  const capture = new Capture(options.redaction);
  for (const stream of [child.stdout, child.stderr]) capture.attach(stream);
  // A signal that cannot be sent is reported here too; nothing depends on it.
  child.on('error', () => undefined);
  const ended = watch(child);
  try {
    const first = await firstOf(ended.exit, options.timeoutSeconds * 1000, options.signal);
    if (first === 'exit') await withTimeout(ended.close, LINGER_MS);
    if (first === 'abort') throw abortReason(options.signal);
    if (first === 'timeout') return { kind: 'timeout', output: capture.text() };
    return { kind: 'exited', code: child.exitCode, signal: child.signalCode, output: capture.text() };
  } finally {
    if (groupLives(pid)) await endGroup(pid, options.endTree);
    await withTimeout(ended.close, LINGER_MS);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function startFailure(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT';
      resolve(
        missing
          ? 'bash was not found on the PATH of the check; command_succeeds needs it'
          : `bash could not be started: ${error.message}`,
      );
    });
  });
}

function watch(child: ChildProcess): { exit: Promise<void>; close: Promise<void> } {
  return {
    exit: new Promise((resolve) => child.once('exit', () => resolve())),
    close: new Promise((resolve) => child.once('close', () => resolve())),
  };
}

async function firstOf(
  exit: Promise<void>,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<'exit' | 'timeout' | 'abort'> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise((resolve) => {
      void exit.then(() => resolve('exit'));
      timer = setTimeout(() => resolve('timeout'), Math.min(limitMs, LONGEST_TIMER));
      onAbort = () => resolve('abort');
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) resolve('abort');
    });
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

async function withTimeout(promise: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, limitMs);
  });
  await Promise.race([promise, limit]);
  clearTimeout(timer);
}

/** Does any process of the group live? The group's number is not given to another one as long as one does. */
function groupLives(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function endGroup(pid: number, endTree: EndTree): Promise<void> {
  try {
    await endTree(pid);
  } finally {
    try {
      if (groupLives(pid)) process.kill(-pid, 'SIGKILL');
    } catch {
      // It ended in between.
    }
  }
}

/** Beginning and end of both outputs, redacted on the way in, so that no cut can show a part of a secret. */
class Capture {
  #head = '';
  #tail = '';
  #dropped = 0;
  readonly #redaction: Redaction;
  readonly #rests: (() => string)[] = [];

  constructor(redaction: Redaction) {
    this.#redaction = redaction;
  }

  attach(stream: NodeJS.ReadableStream): void {
    const redactor = this.#redaction.stream();
    this.#rests.push(() => redactor.flush());
    stream.on('data', (chunk: Buffer) => this.#add(redactor.push(chunk)));
    // A pipe that breaks is an output that ended.
    stream.on('error', () => undefined);
  }

  text(): string {
    for (const rest of this.#rests.splice(0)) this.#add(rest());
    this.#cut();
    const gap = this.#dropped > 0 ? `\n[… ${this.#dropped} characters left out …]\n` : '';
    return this.#head + gap + this.#tail;
  }

  #add(text: string): void {
    const half = CAPTURE_CHARACTERS / 2;
    const room = half - this.#head.length;
    this.#head += text.slice(0, room);
    if (text.length <= room) return;
    this.#tail += text.slice(room);
    // Cut now and then, not for every chunk.
    if (this.#tail.length > 2 * half) this.#cut();
  }

  #cut(): void {
    const over = this.#tail.length - CAPTURE_CHARACTERS / 2;
    if (over <= 0) return;
    this.#dropped += over;
    this.#tail = this.#tail.slice(over);
  }
}
