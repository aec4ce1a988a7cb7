import { appendFile, rename, rm, stat } from 'node:fs/promises';
import { Redaction } from './redact';

/** Size at which a log is put aside as `<path>.1`, bytes. */
const MAX_LOG_BYTES = 1024 * 1024;
/** What a server may say at once, and per second on average, bytes: the rest is counted and dropped, for redaction costs time of the conductor. */
const BURST_BYTES = 256 * 1024;
const BYTES_PER_SECOND = 16 * 1024;

/** What a long-lived helper program says beside its work: redacted, bounded in size and in rate. Trouble with the file stops nobody. */
export class ServerLog {
  private readonly stream;
  private allowance = BURST_BYTES;
  private filledAt: number;
  private dropped = 0;
  private size: number | null = null;
  private waiting = '';
  private writing: Promise<void> | null = null;

  constructor(
    readonly path: string,
    secrets: readonly string[],
    /** Milliseconds. */
    private readonly now: () => number,
  ) {
    this.stream = new Redaction({ secrets }).stream();
    this.filledAt = now();
  }

  write(chunk: Uint8Array | string): void {
    const now = this.now();
    this.allowance = Math.min(
      BURST_BYTES,
      this.allowance + ((now - this.filledAt) / 1000) * BYTES_PER_SECOND,
    );
    this.filledAt = now;
    if (chunk.length > this.allowance) {
      this.dropped += chunk.length;
      return;
    }
    this.allowance -= chunk.length;
    if (this.dropped > 0) {
      this.put(`${this.stream.flush()}\n[${this.dropped} bytes were too much and are not kept]\n`);
      this.dropped = 0;
    }
    this.put(this.stream.push(chunk));
  }

  /** Writes what is held back. */
  async close(): Promise<void> {
    const note = this.dropped > 0 ? `\n[${this.dropped} bytes were too much and are not kept]\n` : '';
    this.dropped = 0;
    this.put(this.stream.flush() + note);
    await this.writing;
  }

  private put(text: string): void {
    this.waiting += text;
    if (this.waiting !== '') this.writing ??= this.drain().finally(() => (this.writing = null));
  }

  private async drain(): Promise<void> {
    while (this.waiting !== '') {
      const text = this.waiting;
      this.waiting = '';
      try {
        this.size ??= await stat(this.path).then(
          ({ size }) => size,
          () => 0,
        );
        if (this.size > MAX_LOG_BYTES) {
          await rm(`${this.path}.1`, { force: true });
          await rename(this.path, `${this.path}.1`);
          this.size = 0;
        }
        await appendFile(this.path, text, { mode: 0o600 });
        this.size += Buffer.byteLength(text);
      } catch {
        // A full disk: what a server says is not worth waiting for.
        this.size = null;
      }
    }
  }
}
