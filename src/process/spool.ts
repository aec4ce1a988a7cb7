import { watch, type FSWatcher } from 'node:fs';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { errnoOf } from './errno';

/** Where a reader begins and how it delivers. */
export interface SpoolReaderOptions {
  readonly path: string;
  /** Gets the bytes in order. The next are read when it has resolved: that is the back-pressure. Its rejection ends the reader. */
  readonly onData: (chunk: Buffer) => void | Promise<void>;
  /** First byte that is wanted. Default 0. */
  readonly offset?: number;
  /** Bytes read at once, at most. Default 256 KiB. */
  readonly chunkBytes?: number;
  /** How soon a quiet file is looked at again, milliseconds: doubles from the first to the second. Default 50 and 500. */
  readonly pollMs?: { readonly from: number; readonly to: number };
}

const defaultPoll = { from: 50, to: 500 };
/** A busy agent writes thousands of times a second: it is not read at each of them. */
const SETTLE_MS = 10;

/**
 * Follows a spool while an agent writes it. The file is opened once and never through a link. A file that got shorter was truncated by
 * the agent (`echo … > /dev/stderr` does that to a file): reading goes on at its beginning.
 */
export class SpoolReader {
  private handle: FileHandle | null = null;
  private watcher: FSWatcher | null = null;
  private position: number;
  private total = 0;
  private stopping = false;
  private wake: (() => void) | null = null;
  private hurried = false;
  private failure: Error | null = null;
  private loop: Promise<void> | null = null;

  constructor(private readonly options: SpoolReaderOptions) {
    this.position = options.offset ?? 0;
  }

  /** Bytes delivered so far. */
  get bytes(): number {
    return this.total;
  }

  /** Offset of the next byte that will be delivered. */
  get offset(): number {
    return this.position;
  }

  /** Starts to follow. A failure is kept, and told by {@link drain}. */
  start(): void {
    this.loop ??= this.follow().catch((error: unknown) => {
      this.failure = error instanceof Error ? error : new Error(String(error));
    });
  }

  /**
   * Reads what the file holds now, after the agent has ended, then stops. It never waits for the end of the file, which strays may hold open.
   * @param graceMs how long to wait for a last word of processes that still live; give 0 when none do.
   * @throws what a read or `onData` failed with. A spool that does not exist is read as an empty one.
   */
  async drain(graceMs = 0): Promise<void> {
    await this.stopLoop();
    try {
      if (this.failure) throw this.failure;
      await this.readTo(await this.size());
      if (graceMs > 0) {
        await new Promise((resolve) => setTimeout(resolve, graceMs));
        await this.readTo(await this.size());
      }
    } finally {
      await this.release();
    }
  }

  /** Stops without reading on. */
  async close(): Promise<void> {
    await this.stopLoop();
    await this.release();
  }

  private async follow(): Promise<void> {
    const poll = this.options.pollMs ?? defaultPoll;
    let interval = poll.from;
    while (!this.stopping) {
      const before = this.total;
      await this.readTo(await this.size(), () => this.stopping);
      if (this.stopping) return;
      interval = this.total > before ? poll.from : Math.min(interval * 2, poll.to);
      await this.pause(interval);
    }
  }

  /** Waits for the time, a change of the file, or the stop; but at least {@link SETTLE_MS} when it is only a change. */
  private async pause(milliseconds: number): Promise<void> {
    this.hurried = false;
    const wait = (time: number, unless: () => boolean) =>
      new Promise<void>((resolve) => {
        if (unless()) return resolve();
        const timer = setTimeout(resolve, time);
        this.wake = () => {
          if (!unless()) return;
          clearTimeout(timer);
          resolve();
        };
      });
    await wait(Math.min(SETTLE_MS, milliseconds), () => this.stopping);
    await wait(milliseconds - SETTLE_MS, () => this.stopping || this.hurried);
    this.wake = null;
  }

  private async stopLoop(): Promise<void> {
    this.stopping = true;
    this.wake?.();
    await this.loop;
  }

  private async release(): Promise<void> {
    this.watcher?.close();
    this.watcher = null;
    const { handle } = this;
    this.handle = null;
    await handle?.close();
  }

  /** Size of the file; 0 while there is none. */
  private async size(): Promise<number> {
    if (!this.handle) {
      try {
        this.handle = await open(
          this.options.path,
          constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
        );
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') return 0;
        throw error;
      }
      this.watchFile();
    }
    const { size } = await this.handle.stat();
    if (size < this.position) this.position = 0;
    return size;
  }

  private async readTo(end: number, until: () => boolean = () => false): Promise<void> {
    const limit = this.options.chunkBytes ?? 256 * 1024;
    while (this.handle && this.position < end && !until()) {
      // A new buffer each time: the receiver may keep it.
      const buffer = Buffer.allocUnsafe(Math.min(limit, end - this.position));
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, this.position);
      if (bytesRead === 0) return;
      this.position += bytesRead;
      this.total += bytesRead;
      await this.options.onData(buffer.subarray(0, bytesRead));
    }
  }

  private watchFile(): void {
    if (this.stopping) return;
    try {
      const watcher = watch(this.options.path, { persistent: false }, () => {
        this.hurried = true;
        this.wake?.();
      });
      // No watch left: the timer does without.
      watcher.on('error', () => watcher.close());
      this.watcher = watcher;
    } catch {
      // As above.
    }
  }
}

/** Output read back: all of it up to a cap, else head and tail with a line between that says what is missing. */
export interface CapturedSpool {
  readonly text: string;
  /** True size in bytes. */
  readonly bytes: number;
  readonly truncated: boolean;
}

/**
 * Reads a spool (or log) back as text. Bytes that are no UTF-8 become U+FFFD; no character is split at the cut. A file that does not
 * exist is empty.
 * @throws the system's error when it cannot be read.
 */
export async function captureText(
  file: string,
  { maxBytes = 16 * 1024 * 1024, headBytes = 1024 * 1024 }: { maxBytes?: number; headBytes?: number } = {},
): Promise<CapturedSpool> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return { text: '', bytes: 0, truncated: false };
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size <= maxBytes) {
      const all = await readRange(handle, 0, size);
      return { text: all.toString('utf8'), bytes: all.length, truncated: false };
    }
    const headLimit = Math.min(headBytes, maxBytes);
    const head = withoutTornEnd(await readRange(handle, 0, headLimit));
    const tailStart = size - (maxBytes - headLimit);
    const tail = withoutTornStart(await readRange(handle, tailStart, size));
    const missing = size - head.length - tail.length;
    const text = `${head.toString('utf8')}\n[… ${missing} bytes left out …]\n${tail.toString('utf8')}`;
    return { text, bytes: size, truncated: true };
  } finally {
    await handle.close();
  }
}

async function readRange(handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, end - start));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, start + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Cuts off the beginning of a UTF-8 character whose end is missing; broken bytes that never were a character stay. */
export function withoutTornEnd(bytes: Buffer): Buffer {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** Cuts off the end of a UTF-8 character whose beginning is missing. */
export function withoutTornStart(bytes: Buffer): Buffer {
  let start = 0;
  while (start < 3 && start < bytes.length && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++;
  return bytes.subarray(start);
}

/**
 * The whole of a spool that is no larger than `limit` bytes, at once; null when it is larger. A file that does not exist is empty.
 * For a program that has ended and said little: following it would cost more than it shows.
 * @throws the system's error when it cannot be read.
 */
export function readSmallSpool(path: string, limit: number): Buffer | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size > limit) return null;
    const bytes = Buffer.alloc(size);
    return size === 0 ? bytes : bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}
