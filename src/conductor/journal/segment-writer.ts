import * as fs from 'node:fs';
import { join } from 'node:path';
import { faultOf } from './clock';
import {
  closeQuietly,
  privateFileMode,
  removeQuietly,
  syncFolder,
  temporaryName,
  writeFully,
} from './durable-file';
import { sealLine } from './record';
import { segmentName } from './segment';
import type { FromWriter, SegmentMessage, ToWriter, WriterData } from './writer-messages';

interface OpenSegment {
  readonly fd: number;
  /** Bytes that are known to be durable. */
  durable: number;
  /** Size at which a successor is asked for. */
  rollAt: number;
}

/** The writing half of the journal, without the thread around it. Everything here is synchronous on purpose. */
export class SegmentWriter {
  #segment: OpenSegment | null = null;
  /** False while a segment message is awaited: appends are dropped, that message repeats them. */
  #accepting = false;
  #lines: Buffer[] = [];
  #last = 0;

  constructor(
    private readonly data: WriterData,
    private readonly post: (message: FromWriter) => void,
  ) {}

  /** Takes a message; appends are only gathered. */
  take(message: ToWriter): void {
    switch (message.kind) {
      case 'append':
        if (!this.#accepting) return;
        for (const line of message.lines) this.#lines.push(sealLine(line));
        this.#last = message.last;
        return;
      case 'segment':
        this.#open(message);
        return;
      case 'close':
        this.flush();
        if (this.#segment) closeQuietly(this.#segment.fd);
        this.#segment = null;
        this.#accepting = false;
        this.post({ kind: 'closed' });
        return;
    }
  }

  /** Writes what was gathered: one write, one sync. */
  flush(): void {
    const segment = this.#segment;
    if (this.#lines.length === 0 || segment === null) return;
    const batch = this.#lines.length === 1 && this.#lines[0] ? this.#lines[0] : Buffer.concat(this.#lines);
    this.#lines = [];
    try {
      writeFully(segment.fd, batch);
      fs.fdatasyncSync(segment.fd);
    } catch (error) {
      this.#fail(error);
      return;
    }
    segment.durable += batch.length;
    const roll = segment.durable >= segment.rollAt;
    if (roll) this.#accepting = false;
    this.post({ kind: 'durable', last: this.#last, roll });
  }

  #open(message: SegmentMessage): void {
    const old = this.#segment;
    this.#lines = message.pending.map(sealLine);
    this.#last = message.last;
    const path = join(this.data.dir, segmentName(message.first));
    const snapshot = Buffer.concat(message.snapshot.map(sealLine));
    let fd: number | null = null;
    try {
      fd = fs.openSync(temporaryName(path), 'w', privateFileMode);
      writeFully(fd, snapshot);
      fs.fsyncSync(fd);
      fs.renameSync(temporaryName(path), path);
    } catch (error) {
      if (fd !== null) closeQuietly(fd);
      removeQuietly(temporaryName(path));
      this.#refuse(error, old);
      return;
    }
    try {
      syncFolder(this.data.dir);
    } catch (error) {
      // The new name is there, though maybe not for ever: from now on the old segment's further records would not be read.
      closeQuietly(fd);
      this.#fail(error);
      return;
    }
    if (old) closeQuietly(old.fd);
    this.#segment = { fd, durable: snapshot.length, rollAt: snapshot.length + this.data.segmentBytes };
    this.#accepting = true;
    this.post({ kind: 'opened', first: message.first, bytes: snapshot.length });
    this.flush();
  }

  /** No new segment: the old one, when there is one, was never in doubt and goes on. */
  #refuse(error: unknown, old: OpenSegment | null): void {
    if (old === null) {
      this.#fail(error);
      return;
    }
    old.rollAt = old.durable + Math.max(1, this.data.segmentBytes / 4);
    this.#accepting = true;
    this.post({ kind: 'roll_refused', fault: faultOf(error) });
    this.flush();
  }

  /**
   * Gives the descriptor up: after a failed sync the kernel may have dropped the pages and marked them clean, so that the
   * next sync on it would succeed without the data. What was written in part is cut, but nothing relies on that.
   */
  #fail(error: unknown): void {
    if (this.#segment) {
      try {
        fs.ftruncateSync(this.#segment.fd, this.#segment.durable);
      } catch {
        // Readers stop at the next segment's first seq anyway.
      }
      closeQuietly(this.#segment.fd);
    }
    this.#segment = null;
    this.#accepting = false;
    this.#lines = [];
    this.post({ kind: 'failed', fault: faultOf(error) });
  }
}
