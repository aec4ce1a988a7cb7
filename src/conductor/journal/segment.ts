import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readLines } from './line-reader';
import { decodeLine, deletedType, archivedType, isSnapshotType, snapshotBegin, snapshotEnd } from './record';
import type { JournalRecord, LineFailure } from './record';

/** A file of the journal; `first` is the seq of its first ordinary record (its snapshot covers all before it). */
export interface SegmentFile {
  readonly first: number;
  readonly path: string;
}

const segmentPattern = /^(\d{12})\.jsonl$/;

/** File name of the segment whose first ordinary record has this seq. */
export function segmentName(first: number): string {
  return `${String(first).padStart(12, '0')}.jsonl`;
}

/** The segments in a folder, oldest first. @throws what listing reports. */
export async function listSegments(dir: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = [];
  for (const name of await readdir(dir)) {
    const digits = segmentPattern.exec(name)?.[1];
    if (digits !== undefined) found.push({ first: Number(digits), path: join(dir, name) });
  }
  return found.sort((a, b) => a.first - b.first);
}

/** A line of a segment: a record, or why it is none. */
export interface SegmentLine {
  readonly offset: number;
  readonly record: JournalRecord | null;
  /** Set when `record` is null. */
  readonly failure: LineFailure | null;
}

/** Decodes every line of a segment, in groups. A line without a line end is no record, however whole it looks. */
export async function* readSegment(path: string): AsyncGenerator<SegmentLine[]> {
  for await (const lines of readLines(path)) {
    yield lines.map(({ offset, bytes, ended }) => {
      if (!ended) return { offset, record: null, failure: 'truncated' };
      const decoded = decodeLine(bytes);
      return decoded.ok
        ? { offset, record: decoded.record, failure: null }
        : { offset, record: null, failure: decoded.reason };
    });
  }
}

/** True when the segment opens with a whole, undamaged snapshot. */
export async function hasCompleteSnapshot(segment: SegmentFile): Promise<boolean> {
  let inner = -1;
  for await (const lines of readSegment(segment.path)) {
    for (const { record } of lines) {
      if (record === null || record.seq !== segment.first - 1) return false;
      if (inner < 0) {
        if (record.type !== snapshotBegin) return false;
        inner = 0;
      } else if (record.type === snapshotEnd) {
        return record.body['records'] === inner;
      } else if (isSnapshotType(record.type)) {
        inner += 1;
      } else {
        return false;
      }
    }
  }
  return false;
}

/** Which runs have records in a segment, for deciding whether it is still needed. */
export interface SegmentRuns {
  /** Run → highest seq of its records here that its archive has to hold: 0 when there is only `job.archived`, which follows the archive. */
  readonly runs: Map<string, number>;
  /** Runs whose deletion is recorded here. */
  readonly deleted: Set<string>;
}

/** Nothing noted yet. */
export function noRuns(): SegmentRuns {
  return { runs: new Map(), deleted: new Set() };
}

/** Notes one ordinary record. */
export function noteRun(noted: SegmentRuns, { run, seq, type }: JournalRecord): void {
  if (run === undefined) return;
  if (type === deletedType) noted.deleted.add(run);
  noted.runs.set(run, Math.max(type === archivedType ? 0 : seq, noted.runs.get(run) ?? 0));
}

/** Reads a segment for its runs; records from `end` on belong to its successor and do not count. */
export async function scanRuns(path: string, end: number): Promise<SegmentRuns> {
  const noted = noRuns();
  for await (const lines of readSegment(path)) {
    for (const { record } of lines) {
      if (record !== null && record.seq < end && !isSnapshotType(record.type)) noteRun(noted, record);
    }
  }
  return noted;
}
