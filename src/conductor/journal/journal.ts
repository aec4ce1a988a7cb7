import { EventEmitter } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { ArchiveFolder } from './archive';
import { faultOf } from './clock';
import type { Clock, Fault, Log } from './clock';
import { privateFolderMode } from './durable-file';
import { newFormat, readFormat, writeFormat } from './format';
import type { JournalFormat } from './format';
import { isSnapshotType, maxRecordBytes, recordJson, snapshotBegin, snapshotEnd } from './record';
import type { JournalRecord, RecordDraft } from './record';
import { recoverSegments } from './recovery';
import type { Recovery } from './recovery';
import { JournalStore } from './store';
import type { FromWriter, ToWriter, WriterData } from './writer-messages';

/** A new segment is tried this often while storage fails, milliseconds. */
export const retryMs = 2000;

/** Bytes of records after which a segment gets a successor. */
export const defaultSegmentBytes = 16 * 1024 * 1024;

export interface JournalOptions {
  /** Folder of the segments; made when missing. */
  readonly dir: string;
  /** Folder of the archives; made when missing. */
  readonly archiveDir: string;
  /** Ownership number of this conductor; stamped on every record. */
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Log;
  /** The bundle `journal-worker.js`. */
  readonly workerFile: string;
  /** Receives what is on disk at start, in order, snapshot records included, before `open` resolves. */
  readonly onRecord: (record: JournalRecord) => void;
  /** Receives new records in seq order as soon as they are durable, before their `append` resolves: fold them here. */
  readonly onDurable?: (records: readonly JournalRecord[]) => void;
  /**
   * The state as of `asOf`, all records up to which have been handed to `onRecord` or `onDurable` (and none after), as records
   * whose types start with `snapshot.`; `snapshot.begin` and `snapshot.end` are added around them.
   */
  readonly snapshot: (asOf: number) => readonly RecordDraft[];
  readonly segmentBytes?: number;
  /** The caller knows that this journal has been used before, so that an empty folder is a loss and no fresh install. */
  readonly expectExisting?: boolean;
}

/** What `open` found. `missing`: there was a journal, and its segments are gone; say it, never pretend to be new. */
export interface JournalReport extends Recovery {
  readonly state: 'fresh' | 'recovered' | 'missing';
  readonly journalId: string;
}

/** `append` was refused as a whole; no number was used up. */
export class RecordRefusedError extends Error {
  override readonly name = 'RecordRefusedError';
}

/** The journal was closed before these records became durable. */
export class JournalClosedError extends Error {
  override readonly name = 'JournalClosedError';
}

interface JournalEvents {
  /** Nothing becomes durable until `recovered`; appends wait. */
  failed: [Fault];
  recovered: [];
  /** A segment was opened; its first seq. */
  segment: [number];
}

interface Pending {
  readonly records: readonly JournalRecord[];
  readonly lines: readonly string[];
  readonly last: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * The durable journal (docs/architecture.md, "Journal"): appends in call order, resolves when durable, survives a failing
 * disk by waiting for it. Reading, archiving and retiring segments: {@link Journal.store}.
 */
export class Journal extends EventEmitter<JournalEvents> {
  readonly store: JournalStore;
  #worker: Worker | null = null;
  /** False between a failure and the next segment message: appends only queue up. */
  #posting = false;
  #failed = false;
  #closed = false;
  /** Set while `close` waits. */
  #closing: (() => void) | null = null;
  /** Everything that is not durable yet, in seq order. */
  #pending: Pending[] = [];
  /** Of those, what the writer gets at the end of this turn. */
  #gathered: string[] = [];
  #gatheredLast = 0;
  #nextSeq: number;
  #durableSeq: number;
  #retry: (() => void) | null = null;
  #opened: (() => void) | null = null;

  private constructor(
    private readonly options: JournalOptions,
    private readonly format: { readonly value: JournalFormat; written: boolean },
    lastSeq: number,
    recovery: Recovery,
    archives: ArchiveFolder,
  ) {
    super();
    this.#nextSeq = lastSeq + 1;
    this.#durableSeq = lastSeq;
    this.store = new JournalStore(options.dir, archives, recovery.segments, () => this.#durableSeq);
  }

  /**
   * Reads what is there, then opens a new segment with a snapshot. A disk that takes no new segment is no error: the journal is
   * then {@link Journal.failed} (ask; the event came too early to be heard) and goes on trying. @throws NewerJournalError; what reading the folder reports.
   */
  static async open(options: JournalOptions): Promise<{ journal: Journal; report: JournalReport }> {
    await mkdir(options.dir, { recursive: true, mode: privateFolderMode });
    await mkdir(options.archiveDir, { recursive: true, mode: privateFolderMode });
    const found = await readFormat(options.dir);
    const format = { value: found ?? newFormat(options.clock.now()), written: found !== undefined };
    const archives = new ArchiveFolder(options.archiveDir, options.log);

    let id: string | undefined;
    const recovery = await recoverSegments(options.dir, (record) => {
      const named = record.type === snapshotBegin ? record.body['journal_id'] : undefined;
      if (typeof named === 'string' && named !== '') id ??= named;
      options.onRecord(record);
    });
    if (found === undefined && id !== undefined) format.value = { ...format.value, journal_id: id };

    let { lastSeq } = recovery;
    let state: JournalReport['state'] = 'recovered';
    if (recovery.segments.length === 0) {
      // Archives outlive segments: numbers that they use must not be used again.
      lastSeq = await archives.highestSeq();
      state = found !== undefined || lastSeq > 0 || options.expectExisting === true ? 'missing' : 'fresh';
    }
    const report: JournalReport = { ...recovery, lastSeq, state, journalId: format.value.journal_id };
    const { log } = options;
    if (state === 'missing')
      log.error({ dir: options.dir, lastSeq }, 'journal_missing: the segments are gone');
    if (report.torn)
      log.warn({ ...report.torn }, 'journal.cut: the torn end of the last segment was cut off');
    for (const damage of report.corruption) log.error({ ...damage }, 'the journal is damaged');

    const journal = new Journal(options, format, lastSeq, recovery, archives);
    await new Promise<void>((resolve) => {
      journal.#opened = resolve;
      journal.#openSegment();
    });
    return { journal, report };
  }

  /** True while nothing can be made durable. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Seq of the last durable record; 0 = none. */
  get lastSeq(): number {
    return this.#durableSeq;
  }

  get journalId(): string {
    return this.format.value.journal_id;
  }

  /**
   * Numbers the records now, in call order, and resolves with them once they are durable: all of them or, after a death in between, none.
   * While storage fails it waits.
   * Bodies must be plain JSON and must not be changed afterwards.
   * @throws RecordRefusedError (as a rejection): too large, a reserved type, a body that is no JSON. JournalClosedError.
   */
  append(drafts: readonly RecordDraft[]): Promise<JournalRecord[]> {
    try {
      const { records, durable } = this.enqueue(drafts);
      return durable.then(() => [...records]);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new RecordRefusedError(faultOf(error).message));
    }
  }

  /**
   * As {@link append}, for a caller that folds the records in before they are durable: gives them at once.
   * @throws RecordRefusedError, JournalClosedError.
   */
  enqueue(drafts: readonly RecordDraft[]): {
    readonly records: readonly JournalRecord[];
    readonly durable: Promise<void>;
  } {
    if (this.#closed || this.#closing) throw new JournalClosedError('the journal is closed');
    if (drafts.length === 0) return { records: [], durable: Promise.resolve() };
    const now = this.options.clock.now();
    let seq = this.#nextSeq;
    const records: JournalRecord[] = [];
    const lines: string[] = [];
    for (const [at, draft] of drafts.entries()) {
      if (isSnapshotType(draft.type)) throw new RecordRefusedError(`${draft.type} is for snapshots only`);
      const single = this.#record(draft, seq, now);
      const record = at < drafts.length - 1 ? { ...single, more: true as const } : single;
      lines.push(encodeChecked(record));
      records.push(record);
      seq += 1;
    }
    this.#nextSeq = seq;
    const last = seq - 1;
    const durable = new Promise<void>((resolve, reject) => {
      this.#pending.push({ records, lines, last, resolve, reject });
      if (this.#posting) this.#gather(lines, last);
    });
    return { records, durable };
  }

  /** What is decided in one turn (the end of an attempt and the start of the next) goes to the writer together: one sync for both. */
  #gather(lines: readonly string[], last: number): void {
    const first = this.#gathered.length === 0;
    this.#gathered.push(...lines);
    this.#gatheredLast = last;
    if (first) process.nextTick(() => this.#postGathered());
  }

  #postGathered(): void {
    if (this.#gathered.length === 0) return;
    const lines = this.#gathered;
    this.#gathered = [];
    this.#post({ kind: 'append', lines, last: this.#gatheredLast });
  }

  /**
   * Waits for what is pending, closes the segment and ends the thread. While storage fails it tries once more; what cannot be
   * made durable is rejected with JournalClosedError.
   */
  async close(): Promise<void> {
    if (this.#closed || this.#closing) return;
    await new Promise<void>((resolve) => {
      this.#closing = resolve;
      if (this.#failed && this.#pending.length > 0) this.#openSegment();
      else this.#closeWhenIdle();
    });
    this.#closed = true;
    this.#retry?.();
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
    for (const { reject } of this.#pending.splice(0)) {
      reject(new JournalClosedError('closed before the records were durable'));
    }
  }

  /** Goes on with `close` when there is nothing left to wait for. */
  #closeWhenIdle(): void {
    if (!this.#closing || this.#pending.length > 0) return;
    if (this.#failed) this.#closing();
    else this.#post({ kind: 'close' });
  }

  #record({ type, run, body, t }: RecordDraft, seq: number, now: number): JournalRecord {
    const base = { seq, epoch: this.options.epoch, t: t ?? now, type };
    return run === undefined ? { ...base, body } : { ...base, run, body };
  }

  #post(message: ToWriter): void {
    this.#worker?.postMessage(message);
  }

  /** Has the writer open a segment as of the last durable record and write what is pending. */
  #openSegment(): void {
    this.#retry?.();
    this.#retry = null;
    const asOf = this.#durableSeq;
    let snapshot: string[];
    try {
      snapshot = this.#snapshotLines(asOf);
      this.#worker ??= this.#startWorker();
    } catch (error) {
      this.#fail(faultOf(error));
      return;
    }
    const pending = this.#pending.flatMap(({ lines }) => lines);
    this.#gathered = [];
    this.#post({ kind: 'segment', first: asOf + 1, snapshot, pending, last: asOf + pending.length });
    // What is appended from here on arrives behind that message.
    this.#posting = true;
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'durable':
        this.#settle(message.last);
        this.#recovered();
        if (message.roll && (!this.#closing || this.#pending.length > 0)) this.#openSegment();
        break;
      case 'opened':
        this.store.segmentOpened(message.first);
        this.#writeFormat();
        if (this.#pending.length === 0) this.#recovered();
        this.emit('segment', message.first);
        break;
      case 'roll_refused':
        this.options.log.warn(
          { ...message.fault },
          'no new journal segment could be made; the old one goes on',
        );
        break;
      case 'failed':
        this.#fail(message.fault);
        break;
      case 'closed':
        this.#closing?.();
        return;
    }
    this.#opened?.();
    this.#opened = null;
    this.#closeWhenIdle();
  }

  #settle(last: number): void {
    let done = 0;
    while ((this.#pending[done]?.last ?? Number.POSITIVE_INFINITY) <= last) done += 1;
    const settled = this.#pending.splice(0, done);
    this.#durableSeq = last;
    for (const { records, resolve } of settled) {
      this.store.appended(records);
      this.options.onDurable?.(records);
      resolve();
    }
  }

  #fail(fault: Fault): void {
    this.#posting = false;
    this.#gathered = [];
    const first = !this.#failed;
    this.#failed = true;
    this.#opened?.();
    this.#opened = null;
    if (this.#closing) {
      this.#closing();
      return;
    }
    this.#retry ??= this.options.clock.after(retryMs, () => this.#openSegment());
    if (!first) return;
    this.options.log.error(
      { ...fault },
      'the journal cannot be written; a new segment is tried until it can',
    );
    this.emit('failed', fault);
  }

  #recovered(): void {
    if (!this.#failed) return;
    this.#failed = false;
    this.options.log.info({ last_seq: this.#durableSeq }, 'the journal can be written again');
    this.emit('recovered');
  }

  /** After the first segment, so that FORMAT without any segment always means a loss. */
  #writeFormat(): void {
    if (this.format.written) return;
    try {
      writeFormat(this.options.dir, this.format.value);
      this.format.written = true;
    } catch (error) {
      this.options.log.warn(
        { ...faultOf(error) },
        'journal/FORMAT could not be written; tried again with the next segment',
      );
    }
  }

  #snapshotLines(asOf: number): string[] {
    const now = this.options.clock.now();
    const drafts = this.options.snapshot(asOf);
    const frame = { journal_id: this.journalId, as_of: asOf, records: drafts.length };
    return [{ type: snapshotBegin, body: frame }, ...drafts, { type: snapshotEnd, body: frame }].map(
      (draft) => {
        if (!isSnapshotType(draft.type)) throw new TypeError(`${draft.type} cannot be in a snapshot`);
        return recordJson(this.#record(draft, asOf, now));
      },
    );
  }

  #startWorker(): Worker {
    const { dir, segmentBytes = defaultSegmentBytes } = this.options;
    const data: WriterData = { dir, segmentBytes };
    const worker = new Worker(this.options.workerFile, { workerData: data });
    const lost = (error: Fault): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#fail(error);
    };
    worker.on('message', (message: FromWriter) => this.#receive(message));
    worker.on('error', (error) => lost(faultOf(error)));
    worker.on('exit', (code) => lost({ code: 'WORKER', message: `the journal's thread ended with ${code}` }));
    return worker;
  }
}

function encodeChecked(record: JournalRecord): string {
  let json: string;
  try {
    json = recordJson(record);
  } catch (error) {
    throw new RecordRefusedError(faultOf(error).message);
  }
  // A UTF-16 unit takes at most three bytes, so that small records need no counting.
  if (json.length * 3 > maxRecordBytes && Buffer.byteLength(json) > maxRecordBytes) {
    throw new RecordRefusedError(`a ${record.type} record of more than ${maxRecordBytes} bytes`);
  }
  return json;
}
