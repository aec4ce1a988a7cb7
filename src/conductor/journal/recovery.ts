import * as fs from 'node:fs';
import { rm, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { closeQuietly, privateFileMode, removeQuietly, syncFolder, writeFully } from './durable-file';
import { isSnapshotType, snapshotEnd } from './record';
import type { JournalRecord, LineFailure } from './record';
import { hasCompleteSnapshot, listSegments, readSegment } from './segment';
import type { SegmentFile } from './segment';

/** Why a segment's end does not count; `group`: its last records are not all of those that were decided together. */
export type TearReason = LineFailure | 'gap' | 'group';

/** The torn end of the last segment, which was cut off. */
export interface TornTail {
  readonly segment: string;
  /** Last record before it. */
  readonly afterSeq: number;
  readonly offset: number;
  readonly bytes: number;
  readonly reason: TearReason;
  /** File that keeps the cut bytes; null when there was no room for it, then nothing was cut either. */
  readonly keptAs: string | null;
}

/** Damage that is not a torn tail. */
export interface Corruption {
  readonly segment: string;
  /** `snapshot`: it does not open with a whole snapshot. `gap`: records are missing before what follows. */
  readonly kind: 'snapshot' | 'gap';
  /** First damaged line, when one was seen. */
  readonly offset?: number;
  /** Missing records, for a gap. */
  readonly missing?: { readonly from: number; readonly to: number };
}

/** What reading the segments gave. */
export interface Recovery {
  readonly segments: readonly SegmentFile[];
  /** Highest seq in use; 0 = none. */
  readonly lastSeq: number;
  /** Highest epoch seen; 0 = none. */
  readonly lastEpoch: number;
  /** How many records were handed on, those of the snapshot included. */
  readonly records: number;
  readonly torn: TornTail | null;
  readonly corruption: readonly Corruption[];
}

/**
 * Reads the newest segment with a whole snapshot and everything after it, handing each record on in order: those of the
 * snapshot first. Cuts a torn tail. Does not throw for damaged contents; @throws what the file system or `onRecord` throws.
 */
export async function recoverSegments(
  dir: string,
  onRecord: (record: JournalRecord) => void,
): Promise<Recovery> {
  await removeTemporaries(dir);
  const segments = await listSegments(dir);
  const corruption: Corruption[] = [];
  const { base, whole } = await findBase(segments, corruption);

  let lastSeq = (segments[base]?.first ?? 1) - 1;
  let lastEpoch = 0;
  let records = 0;
  let torn: TornTail | null = null;
  for (const [index, segment] of segments.entries()) {
    if (index < base) continue;
    const end = segments[index + 1]?.first ?? Number.POSITIVE_INFINITY;
    const last = index === segments.length - 1;
    const reader = new SegmentFold(segment, { last, end, lastSeq, snapshot: index === base && whole });
    await reader.run((record) => {
      records += 1;
      lastEpoch = Math.max(lastEpoch, record.epoch);
      onRecord(record);
    }, corruption);
    lastSeq = reader.lastSeq;
    if (last) {
      torn = reader.torn && cutTail(dir, segment.path, lastSeq, reader.torn);
      syncFile(segment.path);
      // Numbers are never used again, not even those of records that were lost.
      if (lastSeq < segment.first - 1) {
        corruption.push({
          segment: segment.path,
          kind: 'gap',
          missing: { from: lastSeq + 1, to: segment.first - 1 },
        });
        lastSeq = segment.first - 1;
      }
    }
  }
  return { segments, lastSeq, lastEpoch, records, torn, corruption };
}

/** The segment to start from: the newest with a whole snapshot; else the oldest (a first segment needs no snapshot). */
async function findBase(
  segments: readonly SegmentFile[],
  corruption: Corruption[],
): Promise<{ base: number; whole: boolean }> {
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const segment = segments[index];
    if (segment === undefined) continue;
    if (await hasCompleteSnapshot(segment)) return { base: index, whole: true };
    corruption.push({ segment: segment.path, kind: 'snapshot' });
  }
  const first = segments[0];
  if (first !== undefined && first.first > 1) {
    corruption.push({ segment: first.path, kind: 'gap', missing: { from: 1, to: first.first - 1 } });
  }
  return { base: 0, whole: false };
}

interface FoldContext {
  readonly last: boolean;
  /** First seq of the next segment: from there on its records count, not ours (ours were never acknowledged). */
  readonly end: number;
  readonly lastSeq: number;
  /** Hand the snapshot on too. */
  readonly snapshot: boolean;
}

/** Reads one segment from its snapshot to its end or to where it is torn. */
class SegmentFold {
  lastSeq: number;
  torn: { offset: number; reason: TearReason } | null = null;
  #inSnapshot = true;
  #ordinary = 0;
  #damage: number | undefined;
  /** Records whose group is not complete yet, and where the first of them begins. */
  #held: JournalRecord[] = [];
  #heldFrom = 0;

  constructor(
    private readonly segment: SegmentFile,
    private readonly context: FoldContext,
  ) {
    this.lastSeq = context.lastSeq;
  }

  async run(onRecord: (record: JournalRecord) => void, corruption: Corruption[]): Promise<void> {
    for await (const lines of readSegment(this.segment.path)) {
      for (const { offset, record, failure } of lines) {
        if (record === null) this.#bad(offset, failure ?? 'shape');
        else if (isSnapshotType(record.type)) this.#snapshotRecord(record, onRecord);
        else this.#ordinaryRecord(record, offset, onRecord, corruption);
        if (this.torn !== null) return;
      }
    }
    if (this.#held.length === 0) return;
    if (this.context.last) this.#tear(this.#heldFrom, 'group');
    else this.#handOver(onRecord);
  }

  /** The end begins where the group began that it tears. */
  #tear(offset: number, reason: TearReason): void {
    this.torn = { offset: this.#held.length > 0 ? this.#heldFrom : offset, reason };
    this.#held = [];
  }

  #handOver(onRecord: (record: JournalRecord) => void): void {
    for (const record of this.#held) {
      this.lastSeq = record.seq;
      onRecord(record);
    }
    this.#held = [];
  }

  #bad(offset: number, reason: LineFailure): void {
    // A snapshot was durable before its segment got a name: damage in it is no torn write, and what follows it counts.
    if (this.context.last && !this.#inSnapshot) this.#tear(offset, reason);
    else this.#damage ??= offset;
  }

  #snapshotRecord(record: JournalRecord, onRecord: (record: JournalRecord) => void): void {
    if (!this.#inSnapshot) return;
    if (record.type === snapshotEnd) this.#inSnapshot = false;
    if (this.context.snapshot) onRecord(record);
  }

  #ordinaryRecord(
    record: JournalRecord,
    offset: number,
    onRecord: (record: JournalRecord) => void,
    corruption: Corruption[],
  ): void {
    this.#inSnapshot = false;
    const seen = this.lastSeq + this.#held.length;
    if (record.seq <= seen || record.seq >= this.context.end) return;
    if (record.seq > seen + 1) {
      if (this.context.last && this.#ordinary > 0) {
        this.#tear(offset, 'gap');
        return;
      }
      this.#handOver(onRecord);
      const missing = { from: seen + 1, to: record.seq - 1 };
      const damage = this.#damage === undefined ? {} : { offset: this.#damage };
      corruption.push({ segment: this.segment.path, kind: 'gap', ...damage, missing });
    }
    this.#ordinary += 1;
    if (this.#held.length === 0) {
      this.#heldFrom = offset;
      // Behind a gap the count goes on from here.
      this.lastSeq = record.seq - 1;
    }
    this.#held.push(record);
    if (record.more !== true) this.#handOver(onRecord);
  }
}

/** Keeps the bytes from the tear on in a file of their own, then cuts them off. */
function cutTail(
  dir: string,
  segment: string,
  afterSeq: number,
  { offset, reason }: { offset: number; reason: TearReason },
): TornTail {
  const fd = fs.openSync(segment, 'r+');
  try {
    const bytes = fs.fstatSync(fd).size - offset;
    const keptAs = keepCut(dir, afterSeq, fd, offset, bytes);
    if (keptAs !== null) {
      fs.ftruncateSync(fd, offset);
      fs.fsyncSync(fd);
    }
    return { segment, afterSeq, offset, bytes, reason, keptAs };
  } finally {
    closeQuietly(fd);
  }
}

function keepCut(dir: string, afterSeq: number, from: number, offset: number, bytes: number): string | null {
  for (let n = 1; ; n += 1) {
    const file = join(dir, `cut-${afterSeq}-${n}`);
    let fd: number;
    try {
      fd = fs.openSync(file, 'wx', privateFileMode);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') continue;
      return null;
    }
    try {
      const chunk = Buffer.allocUnsafe(1024 * 1024);
      for (let done = 0; done < bytes;) {
        const read = fs.readSync(from, chunk, 0, Math.min(chunk.length, bytes - done), offset + done);
        if (read === 0) break;
        writeFully(fd, chunk.subarray(0, read));
        done += read;
      }
      fs.fsyncSync(fd);
      syncFolder(dir);
      return file;
    } catch {
      removeQuietly(file);
      return null;
    } finally {
      closeQuietly(fd);
    }
  }
}

/** A killed conductor may have left records that are in the page cache only; they are about to be believed. */
function syncFile(path: string): void {
  const fd = fs.openSync(path, 'r+');
  try {
    fs.fsyncSync(fd);
  } finally {
    closeQuietly(fd);
  }
}

async function removeTemporaries(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.endsWith('.tmp')) await rm(join(dir, name), { force: true });
  }
}
