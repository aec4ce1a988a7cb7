import { Worker } from 'node:worker_threads';

/** How long a pattern may search, milliseconds. */
export const searchLimitMs = 2000;

/** Largest text searched on the conductor's own thread, by how much the pattern repeats. */
const DIRECT_WITHOUT_REPEATS = 1024 * 1024;
const DIRECT_WITH_ONE_REPEAT = 16 * 1024;

export type SearchResult = 'found' | 'absent' | 'timeout';

/** The text of a file as Python reads it: UTF-8 with replacement, every kind of line end as `\n`. */
export function textOf(bytes: Buffer): string {
  return bytes.toString('utf8').replace(/\r\n?/g, '\n');
}

/**
 * Looks for an expression in a file's bytes. What could take long runs in a worker thread that is ended when the time is up: a pattern
 * that backtracks without end must not stop the conductor.
 * @throws Error when the worker fails (out of memory) or when the signal is aborted.
 */
export async function search(
  regex: RegExp,
  bytes: Buffer,
  limitMs = searchLimitMs,
  signal?: AbortSignal,
): Promise<SearchResult> {
  signal?.throwIfAborted();
  const most = [DIRECT_WITHOUT_REPEATS, DIRECT_WITH_ONE_REPEAT][countRepeats(regex.source)] ?? 0;
  if (bytes.length <= most) return new RegExp(regex).test(textOf(bytes)) ? 'found' : 'absent';
  return searchInWorker(regex, bytes, limitMs, signal);
}

/** How many repeats (`*`, `+`, `?`, `{`) and back references an expression has; those in classes and escapes do not count. */
function countRepeats(source: string): number {
  const bare = source.replace(/\\k<|\\[1-9]/g, '*').replace(/\\./gs, 'x');
  return (
    bare
      .replace(/\[[^\]]*\]/g, 'x')
      .replace(/\(\?/g, '(')
      .match(/[*+?{]/g) ?? []
  ).length;
}

/** Passed as text, so that it needs no file of its own beside the bundle. The time is taken from when the worker starts to search. */
const workerSource = `
const { parentPort, workerData } = require('node:worker_threads');
const text = Buffer.from(workerData.bytes).toString('utf8').replace(/\\r\\n?/g, '\\n');
parentPort.postMessage('ready');
parentPort.postMessage(workerData.regex.test(text) ? 'found' : 'absent');
`;

/** How long a worker may take to start and decode, milliseconds: a busy machine is not the pattern's fault. */
const START_LIMIT_MS = 20_000;

async function searchInWorker(
  regex: RegExp,
  bytes: Buffer,
  limitMs: number,
  signal: AbortSignal | undefined,
): Promise<SearchResult> {
  const copy = new Uint8Array(bytes);
  const worker = new Worker(workerSource, {
    eval: true,
    workerData: { regex: new RegExp(regex), bytes: copy },
    transferList: [copy.buffer],
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  });
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  try {
    return await new Promise<SearchResult>((resolve, reject) => {
      const within = (milliseconds: number): void => {
        clearTimeout(timer);
        timer = setTimeout(() => resolve('timeout'), milliseconds);
      };
      within(START_LIMIT_MS);
      worker.on('message', (message: unknown) => {
        if (message === 'ready') within(limitMs);
        else resolve(message === 'found' ? 'found' : 'absent');
      });
      worker.on('error', reject);
      worker.on('exit', () => reject(new Error('the search ended without a result')));
      onAbort = () => reject(abortReason(signal));
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    await worker.terminate();
  }
}

/** The reason of an aborted signal, as an error. */
export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('aborted');
}
