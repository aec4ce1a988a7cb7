import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { ProgressMeter } from './progress';
import type { Redaction, RedactionStream } from './redact';

export type OutputStream = 'stdout' | 'stderr';

/** Something that keeps output from its log. The output is still drained. */
export interface LogTrouble {
  readonly stream: OutputStream;
  /** errno name such as `ENOSPC`, or `UNSAFE` for a log path that is not a file of ours. */
  readonly code: string;
  readonly message: string;
}

export interface AttemptLogsOptions {
  /** `<state>/jobs/<run>/<sheet>.<attempt>`; the folder exists. */
  readonly base: string;
  /** Must know the same secrets as the one that began the log (see `AttemptLogs`). */
  readonly redaction: Redaction;
  /** Size at which a log is cut off, bytes. Default 256 MiB. */
  readonly maxBytes?: number;
  readonly meter?: ProgressMeter;
  /** Called for the first trouble of each stream. */
  readonly onTrouble?: (trouble: LogTrouble) => void;
}

/** What a stream came to. */
export interface StreamStats {
  /** Raw bytes taken. */
  readonly rawBytes: number;
  /** Size of the log as far as it is compared or written: readers find this much. */
  readonly logBytes: number;
  /** Redacted bytes that could not be written. */
  readonly lostBytes: number;
  readonly failedWrites: number;
  /** The log reached its limit. */
  readonly truncated: boolean;
  /** From here on a log found on disk said something else, and was written anew; null = it agreed, or there was none. */
  readonly rewrittenFrom: number | null;
}

const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

/**
 * The redacted logs of an attempt, `<base>.stdout.log` and `<base>.stderr.log`, mode 0600, made even when nothing comes.
 *
 * A conductor that adopts an attempt feeds the spool again *from its beginning*. The same spool gives the same redacted bytes, so what a
 * log already holds is compared and not written again: no gap, no repeat, offsets of readers stay true, and no position needs to be stored.
 * Where they differ (a chunk was lost to a full disk, another build redacts more) the log is cut there and written anew. Hence the rule for
 * callers: never continue a log without the secrets it was begun with; wait for them instead, the spool keeps the output.
 *
 * Trouble with a log never stops the draining and never throws.
 */
export class AttemptLogs {
  readonly #streams: Record<OutputStream, LogWriter>;

  private constructor(streams: Record<OutputStream, LogWriter>) {
    this.#streams = streams;
  }

  static async open(options: AttemptLogsOptions): Promise<AttemptLogs> {
    const [stdout, stderr] = await Promise.all([
      LogWriter.open('stdout', options),
      LogWriter.open('stderr', options),
    ]);
    return new AttemptLogs({ stdout, stderr });
  }

  /** Takes the next bytes of a spool. Await it for back-pressure; calls for one stream are kept in order anyway. */
  write(stream: OutputStream, chunk: Uint8Array): Promise<void> {
    return this.#streams[stream].take(chunk);
  }

  /** Counts so far; `logBytes` is the offset up to which readers can read. */
  stats(stream: OutputStream): StreamStats {
    return this.#streams[stream].stats();
  }

  /** The spools are at their end: writes what redaction held back, and closes. */
  async finish(): Promise<Record<OutputStream, StreamStats>> {
    await Promise.all([this.#streams.stdout.finish(), this.#streams.stderr.finish()]);
    return { stdout: this.stats('stdout'), stderr: this.stats('stderr') };
  }

  /** Closes without an end: another conductor will go on. */
  async detach(): Promise<void> {
    await Promise.all([this.#streams.stdout.close(), this.#streams.stderr.close()]);
  }
}

class LogWriter {
  readonly #name: OutputStream;
  readonly #redactor: RedactionStream;
  readonly #maxBytes: number;
  readonly #meter: ProgressMeter | undefined;
  readonly #onTrouble: ((trouble: LogTrouble) => void) | undefined;
  #file: FileHandle | null = null;
  #queue: Promise<void> = Promise.resolve();
  /** Bytes found in the log that have not been compared yet. */
  #known = 0;
  #rawBytes = 0;
  #logBytes = 0;
  #lostBytes = 0;
  #failedWrites = 0;
  /** Bytes lost since the last successful write: the log says so where they are missing. */
  #gap = 0;
  #truncated = false;
  #rewrittenFrom: number | null = null;
  #troubled = false;

  private constructor(name: OutputStream, options: AttemptLogsOptions) {
    this.#name = name;
    this.#redactor = options.redaction.stream();
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#meter = options.meter;
    this.#onTrouble = options.onTrouble;
  }

  static async open(name: OutputStream, options: AttemptLogsOptions): Promise<LogWriter> {
    const writer = new LogWriter(name, options);
    await writer.#open(`${options.base}.${name}.log`);
    return writer;
  }

  take(chunk: Uint8Array): Promise<void> {
    this.#rawBytes += chunk.length;
    const text = this.#redactor.push(chunk);
    this.#meter?.add(this.#name, chunk.length, text);
    return this.#enqueue(text);
  }

  async finish(): Promise<void> {
    const text = this.#redactor.flush();
    this.#meter?.add(this.#name, 0, text);
    await this.#enqueue(text);
    if (this.#known > 0) await this.#cut();
    if (this.#gap > 0) await this.#append(Buffer.alloc(0));
    await this.close();
  }

  async close(): Promise<void> {
    await this.#queue;
    const file = this.#file;
    this.#file = null;
    await file?.close().catch((error: unknown) => this.#trouble(error));
  }

  stats(): StreamStats {
    return {
      rawBytes: this.#rawBytes,
      logBytes: this.#logBytes,
      lostBytes: this.#lostBytes,
      failedWrites: this.#failedWrites,
      truncated: this.#truncated,
      rewrittenFrom: this.#rewrittenFrom,
    };
  }

  async #open(path: string): Promise<void> {
    // O_NONBLOCK: a pipe put in the log's place must not hang the conductor.
    const flags =
      constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    try {
      this.#file = await open(path, flags, 0o600);
      const info = await this.#file.stat();
      if (!info.isFile() || info.nlink !== 1) {
        await this.#file.close();
        this.#file = null;
        this.#trouble(
          Object.assign(new Error(`${path} is not a regular file of its own`), { code: 'UNSAFE' }),
        );
        return;
      }
      this.#known = info.size;
    } catch (error) {
      this.#trouble(error);
    }
  }

  #enqueue(text: string): Promise<void> {
    if (text !== '') this.#queue = this.#queue.then(() => this.#put(Buffer.from(text)));
    return this.#queue;
  }

  async #put(bytes: Buffer): Promise<void> {
    if (this.#truncated) return;
    if (this.#logBytes + bytes.length > this.#maxBytes) {
      this.#truncated = true;
      const room = wholeCharacters(bytes, this.#maxBytes - this.#logBytes);
      const notice = `\n[marianne: the log ends here, at its limit of ${this.#maxBytes} bytes; the agent said more]\n`;
      bytes = Buffer.concat([bytes.subarray(0, room), Buffer.from(notice)]);
    }
    if (this.#known > 0) bytes = await this.#skipKnown(bytes);
    if (bytes.length > 0) await this.#append(bytes);
  }

  /** Compares with what the log holds already; returns what is to be appended. */
  async #skipKnown(bytes: Buffer): Promise<Buffer> {
    const length = Math.min(bytes.length, this.#known);
    const found = Buffer.alloc(length);
    let filled = 0;
    try {
      while (filled < length) {
        const read = await this.#file?.read(found, filled, length - filled, this.#logBytes + filled);
        if (read === undefined || read.bytesRead === 0) break;
        filled += read.bytesRead;
      }
    } catch (error) {
      this.#trouble(error);
    }
    let same = 0;
    if (found.subarray(0, filled).equals(bytes.subarray(0, filled))) same = filled;
    else while (same < filled && found[same] === bytes[same]) same++;
    this.#logBytes += same;
    this.#known -= same;
    if (same < length) await this.#cut();
    return bytes.subarray(same);
  }

  /** What the log holds from here on is not what the spool gives. */
  async #cut(): Promise<void> {
    this.#known = 0;
    this.#rewrittenFrom = this.#logBytes;
    try {
      await this.#file?.truncate(this.#logBytes);
    } catch (error) {
      this.#trouble(error);
    }
  }

  async #append(bytes: Buffer): Promise<void> {
    const file = this.#file;
    if (file === null) {
      this.#lost(bytes.length);
      return;
    }
    let done = 0;
    try {
      if (this.#gap > 0) {
        const notice = Buffer.from(`\n[marianne: ${this.#gap} bytes of output could not be written here]\n`);
        await file.appendFile(notice);
        this.#logBytes += notice.length;
        this.#gap = 0;
      }
      while (done < bytes.length) {
        const { bytesWritten } = await file.write(bytes, done);
        done += bytesWritten;
      }
    } catch (error) {
      this.#failedWrites += 1;
      this.#trouble(error);
      this.#lost(bytes.length - done);
    }
    this.#logBytes += done;
  }

  #lost(bytes: number): void {
    this.#lostBytes += bytes;
    this.#gap += bytes;
  }

  #trouble(error: unknown): void {
    if (this.#troubled) return;
    this.#troubled = true;
    const code =
      error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN';
    const message = error instanceof Error ? error.message : String(error);
    this.#onTrouble?.({ stream: this.#name, code, message });
  }
}

/** The largest length, at most `length`, that does not split a UTF-8 character. */
function wholeCharacters(bytes: Buffer, length: number): number {
  let end = Math.max(0, Math.min(length, bytes.length));
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}
