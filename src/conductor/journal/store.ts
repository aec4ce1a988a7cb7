import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArchiveFolder } from './archive';
import { syncFolder } from './durable-file';
import { readLines } from './line-reader';
import { decodeLine, isSnapshotType } from './record';
import type { JournalRecord } from './record';
import { noRuns, noteRun, scanRuns, segmentName } from './segment';
import type { SegmentFile, SegmentRuns } from './segment';

/** What a segment is, for a person or a report. */
export interface SegmentInfo extends SegmentFile {
  /** The one that is written to. */
  readonly active: boolean;
}

interface StoredSegment extends SegmentFile {
  /** First seq that is not this segment's any more: what it holds from there on was never acknowledged there. */
  end: number;
  /** Undefined until it was read for it; known from the start for segments of this process. */
  runs: SegmentRuns | undefined;
}

/**
 * Reading, archiving and retiring what the journal has made durable. Records that are not durable yet are never handed out.
 * Archiving and retiring happen one after another.
 */
export class JournalStore {
  readonly #segments: StoredSegment[];
  #maintenance: Promise<unknown> = Promise.resolve();
  /** Reads under way. A segment retired between reading the archives and reading the segments would be missed by both. */
  #reading = 0;

  constructor(
    private readonly dir: string,
    private readonly archives: ArchiveFolder,
    segments: readonly SegmentFile[],
    private readonly durableSeq: () => number,
  ) {
    this.#segments = segments.map((segment, index) => ({
      ...segment,
      end: segments[index + 1]?.first ?? Number.POSITIVE_INFINITY,
      runs: undefined,
    }));
  }

  /** For the journal: a segment was opened. One of the same name was replaced; it held no durable records. */
  segmentOpened(first: number): void {
    if (this.#segments.at(-1)?.first === first) this.#segments.pop();
    const previous = this.#segments.at(-1);
    if (previous) previous.end = first;
    const path = join(this.dir, segmentName(first));
    this.#segments.push({ first, path, end: Number.POSITIVE_INFINITY, runs: noRuns() });
  }

  /** For the journal: these are durable now. */
  appended(records: readonly JournalRecord[]): void {
    const active = this.#segments.at(-1);
    for (const record of records) if (active?.runs) noteRun(active.runs, record);
  }

  /** The segments, oldest first. */
  segments(): SegmentInfo[] {
    return this.#segments.map(({ first, path }, index) => ({
      first,
      path,
      active: index === this.#segments.length - 1,
    }));
  }

  /** All records of a run in seq order: those in its archive, then those that are only in the journal. */
  async *readRun(run: string): AsyncGenerator<JournalRecord> {
    this.#reading += 1;
    try {
      let last = 0;
      for await (const record of this.archives.read(run)) {
        last = record.seq;
        yield record;
      }
      yield* this.#fromSegments(last, run);
    } finally {
      this.#reading -= 1;
    }
  }

  /**
   * Every record with a seq above `after` (default: all), each once: archives first, then the segments. In seq order within a
   * run, not over runs. For filling the index.
   */
  async *records(after = 0): AsyncGenerator<JournalRecord> {
    this.#reading += 1;
    try {
      const archived = new Map<string, number>();
      for (const run of await this.archives.list()) {
        const last = await this.archives.lastSeq(run);
        archived.set(run, last);
        if (last <= after) continue;
        for await (const record of this.archives.read(run)) if (record.seq > after) yield record;
      }
      for await (const record of this.#fromSegments(after, undefined)) {
        if (record.run === undefined || record.seq > (archived.get(record.run) ?? 0)) yield record;
      }
    } finally {
      this.#reading -= 1;
    }
  }

  /** The records of a run's archive; none when it has none. */
  readArchive(run: string): AsyncGenerator<JournalRecord> {
    return this.archives.read(run);
  }

  /** Runs that have an archive, in name order. */
  listArchives(): Promise<string[]> {
    return this.archives.list();
  }

  /**
   * Copies a run's records into its archive, behind what that already holds. Journal `job.archived` afterwards.
   * @returns how many records were added. @throws what the system reports (a full disk for one): nothing has changed then.
   */
  archiveRun(run: string): Promise<number> {
    return this.#exclusive(async () => {
      const last = await this.archives.lastSeq(run);
      return this.archives.extend(run, this.#fromSegments(last, run));
    });
  }

  /** Removes the archive of a run whose `job.deleted` is durable. @throws what the system reports. */
  removeArchive(run: string): Promise<void> {
    return this.#exclusive(() => this.archives.remove(run));
  }

  /**
   * Deletes segments that nothing needs: not the newest, no record of a live run, and every other run in it archived up to its
   * last record there, or deleted. While somebody reads, nothing is deleted. @returns the deleted files. @throws what the system reports.
   */
  retire(liveRuns: ReadonlySet<string>): Promise<string[]> {
    return this.#exclusive(async () => {
      const deletedRuns = await this.#deletedRuns();
      const removed: string[] = [];
      /** Runs with records in older segments that stay: the note of their deletion has to stay too. */
      const held = new Set<string>();
      for (const segment of this.#segments.slice(0, -1)) {
        const noted = await this.#runsOf(segment);
        if (await this.#needed(noted, liveRuns, deletedRuns, held)) {
          for (const run of noted.runs.keys()) held.add(run);
          continue;
        }
        if (this.#reading > 0) break;
        await unlink(segment.path).catch(ignoreMissing);
        this.#segments.splice(this.#segments.indexOf(segment), 1);
        removed.push(segment.path);
      }
      if (removed.length > 0) syncFolder(this.dir);
      return removed;
    });
  }

  async #needed(
    { runs, deleted }: SegmentRuns,
    live: ReadonlySet<string>,
    deletedRuns: ReadonlySet<string>,
    held: ReadonlySet<string>,
  ): Promise<boolean> {
    for (const run of deleted) if (held.has(run)) return true;
    for (const [run, last] of runs) {
      if (live.has(run)) return true;
      if (!deletedRuns.has(run) && (await this.archives.lastSeq(run)) < last) return true;
    }
    return false;
  }

  async #deletedRuns(): Promise<Set<string>> {
    const deleted = new Set<string>();
    for (const segment of [...this.#segments]) {
      for (const run of (await this.#runsOf(segment)).deleted) deleted.add(run);
    }
    return deleted;
  }

  async #runsOf(segment: StoredSegment): Promise<SegmentRuns> {
    segment.runs ??= await scanRuns(segment.path, segment.end);
    return segment.runs;
  }

  async *#fromSegments(after: number, run: string | undefined): AsyncGenerator<JournalRecord> {
    const durable = this.durableSeq();
    // Most lines belong to other runs: they are told by their bytes, without decoding.
    const mark = run === undefined ? undefined : Buffer.from(`"run":${JSON.stringify(run)}`);
    let last = after;
    for (const segment of [...this.#segments]) {
      const end = Math.min(segment.end, durable + 1);
      if (end <= last + 1 || segment.first > durable) continue;
      if (run !== undefined && segment.runs?.runs.has(run) === false) continue;
      for await (const record of recordsOf(segment.path, mark)) {
        if (record.seq <= last || record.seq >= end || isSnapshotType(record.type)) continue;
        if (run !== undefined && record.run !== run) continue;
        last = record.seq;
        yield record;
      }
    }
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#maintenance.then(work);
    this.#maintenance = result.catch(() => undefined);
    return result;
  }
}

/** Good records of a segment, only those with `mark` in their line; none when it was retired meanwhile. */
async function* recordsOf(path: string, mark: Buffer | undefined): AsyncGenerator<JournalRecord> {
  try {
    for await (const lines of readLines(path)) {
      for (const { bytes, ended } of lines) {
        if (!ended || (mark !== undefined && !bytes.includes(mark))) continue;
        const decoded = decodeLine(bytes);
        if (decoded.ok) yield decoded.record;
      }
    }
  } catch (error) {
    ignoreMissing(error);
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}
