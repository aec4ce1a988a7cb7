import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { faultOf } from '../journal/clock';
import type { Clock, Fault, Log } from '../journal/clock';
import type { JournalRecord } from '../journal/record';
import type { ImageProblem } from './database';
import type {
  IndexAnswers,
  IndexEnvelope,
  IndexReply,
  IndexRequest,
  IndexWorkerData,
  OpenedImage,
} from './index-messages';
import type { CostRow, CountsRow, HistoryRow, ErrorRow, IndexQuery, JobRow, QueryRows } from './queries';

/** The image is written this long after the first change that it lacks, and at most this often, milliseconds. */
export const exportDelayMs = 2000;
/** This many records that the image lacks make it due at once (still at most every `exportDelayMs`). */
export const exportRecords = 2000;
/** After a failed export the next is tried this much later, milliseconds. */
export const exportRetryMs = 30_000;
/** How long records gather before they are handed to the thread, milliseconds. */
const feedDelayMs = 200;
/** Records per transaction. */
const batchRecords = 2000;

export interface IndexOptions {
  /** The image, `index.db`. */
  readonly file: string;
  /** Which journal it has to belong to, and the seq of that journal's last durable record. */
  readonly journalId: string;
  readonly lastSeq: number;
  /** The bundle `index-worker.js`; `sql-wasm.wasm` lies beside it. */
  readonly workerFile: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * `ok`: complete, is fed. `behind`: usable, call {@link IndexClient.catchUp}. `rebuild`: call {@link IndexClient.rebuild}.
 * `filling`: one of these is under way. `newer_schema`: written by a newer program, stays untouched and unused.
 * `lost`: its thread died. In all but `ok` and `filling`, `feed` does nothing, because filling up reads those records anyway.
 */
export type IndexState = 'ok' | 'behind' | 'rebuild' | 'filling' | 'newer_schema' | 'lost';

/** How the image was found. */
export interface IndexOpening {
  readonly state: IndexState;
  /** The first seq that has to be fed: 1 for a rebuild. */
  readonly feedFrom: number;
  /** Why it cannot be used as it is; `ahead`: it knows records that the journal lost. */
  readonly reason: ImageProblem | 'missing' | 'behind' | 'ahead' | 'previous' | null;
}

/** The index cannot answer: `newer_schema`, `lost`, not yet built, or closed. */
export class IndexUnavailableError extends Error {
  override readonly name = 'IndexUnavailableError';
}

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The index over all jobs, kept by a worker thread (docs/architecture.md, "Index"). A cache: nothing waits for it, and whatever
 * happens to it is repaired from journal and archives.
 */
export class IndexClient {
  #worker: Worker | null;
  #state: IndexState = 'rebuild';
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  #queue: JournalRecord[] = [];
  #pump: Promise<void> | null = null;
  /** Records that the image on disk lacks. */
  #unsaved = 0;
  #export: Promise<void> | null = null;
  #feedTimer: (() => void) | null = null;
  #lastExportAt = Number.NEGATIVE_INFINITY;
  #exportFailing = false;
  #timer: { at: number; cancel: () => void } | null = null;

  private constructor(private readonly options: IndexOptions) {
    const { file, journalId, workerFile } = options;
    const data: IndexWorkerData = { file, journalId, wasmFile: join(dirname(workerFile), 'sql-wasm.wasm') };
    const worker = new Worker(workerFile, { workerData: data });
    this.#worker = worker;
    worker.on('message', (reply: IndexReply) => this.#receive(reply));
    worker.on('error', (error) => this.#lost(faultOf(error)));
    worker.on('exit', (code) =>
      this.#lost({ code: 'WORKER', message: `the index's thread ended with ${code}` }),
    );
  }

  /** Starts the thread and looks at the image. Never fails for what the image holds. @throws IndexUnavailableError: no thread. */
  static async open(options: IndexOptions): Promise<{ index: IndexClient; opening: IndexOpening }> {
    const index = new IndexClient(options);
    const opened = await index.#ask({ op: 'open' }).catch(async (error: unknown) => {
      await index.close();
      throw error;
    });
    const opening = judge(opened, options.lastSeq);
    index.#state = opening.state;
    if (opening.reason !== null) options.log.info({ ...opening }, 'the index is not complete');
    return { index, opening };
  }

  get state(): IndexState {
    return this.#state;
  }

  /** Takes durable records, in seq order; returns at once. */
  feed(records: readonly JournalRecord[]): void {
    if (this.#state !== 'ok' && this.#state !== 'filling') return;
    for (const record of records) this.#queue.push(record);
    // Together with what comes in the next moment: waking the thread for each record would take time from the agents.
    if (this.#state === 'ok')
      this.#feedTimer ??= this.options.clock.after(feedDelayMs, () => void this.#pumpNow());
  }

  /** Starts with nothing and takes every record there is. Order matters within a run only. @throws what `source` throws. */
  async rebuild(source: AsyncIterable<JournalRecord>): Promise<void> {
    await this.#pump;
    await this.#fill(source, 'rebuild');
  }

  /** Takes every record from `feedFrom` on. Order matters within a run only. @throws what `source` throws. */
  catchUp(source: AsyncIterable<JournalRecord>): Promise<void> {
    if (this.#state !== 'behind') {
      return Promise.reject(new IndexUnavailableError(`an index that is ${this.#state} cannot catch up`));
    }
    return this.#fill(source, 'behind');
  }

  /** Attempts of a run, newest first. */
  history(of: { run: string; sheet?: number; limit: number; offset?: number }): Promise<HistoryRow[]> {
    return this.query({ name: 'history', ...of });
  }

  /** Errors of a run, newest first. */
  errors(of: { run: string; sheet?: number; code?: string; limit: number }): Promise<ErrorRow[]> {
    return this.query({ name: 'errors', ...of });
  }

  /** Jobs, the latest submitted first. */
  listJobs(of: {
    statuses?: readonly string[];
    since?: number;
    limit: number;
    offset?: number;
  }): Promise<JobRow[]> {
    return this.query({ name: 'listJobs', ...of });
  }

  /** Cost of all attempts that finished at `since` (ms since the epoch) or later. */
  async costSince(since: number): Promise<CostRow> {
    return only(await this.query({ name: 'costSince', since }));
  }

  /** A job and its sheets by status; null = not known. */
  async jobSummary(run: string): Promise<{ job: JobRow; sheets: Record<string, number> } | null> {
    const [job] = await this.query({ name: 'job', run });
    if (!job) return null;
    const statuses = await this.query({ name: 'sheetStatuses', run });
    return { job, sheets: Object.fromEntries(statuses.map(({ status, sheets }) => [status, sheets])) };
  }

  /** How many rows there are. */
  async counts(): Promise<CountsRow> {
    return only(await this.query({ name: 'counts' }));
  }

  /** Any question; sees everything that was fed before. @throws IndexUnavailableError. */
  async query<Query extends IndexQuery>(query: Query): Promise<QueryRows[Query['name']][]> {
    if (this.#state === 'ok') await this.#pumpNow();
    return (await this.#ask({ op: 'query', query })) as QueryRows[Query['name']][];
  }

  /** Applies what is queued and writes the image if it lacks anything. Never throws for a failed write: that is logged. */
  async flush(): Promise<void> {
    await this.#pumpNow();
    await this.#export;
    if (this.#unsaved > 0 && this.#state === 'ok') await this.#writeImage();
  }

  /** Flushes and ends the thread. */
  async close(): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    const worker = this.#worker;
    this.#worker = null;
    this.#state = 'lost';
    this.#rejectAll('the index is closed');
    await worker?.terminate();
  }

  async #fill(source: AsyncIterable<JournalRecord>, failed: 'behind' | 'rebuild'): Promise<void> {
    if (this.#state === 'newer_schema' || this.#state === 'lost' || this.#state === 'filling') {
      throw new IndexUnavailableError(`the index is ${this.#state}`);
    }
    this.#state = 'filling';
    try {
      if (failed === 'rebuild') await this.#ask({ op: 'reset' });
      let batch: JournalRecord[] = [];
      let last = 0;
      let count = 0;
      for await (const record of source) {
        last = Math.max(last, record.seq);
        if (batch.push(record) < batchRecords) continue;
        count += batch.length;
        await this.#apply(batch, null);
        batch = [];
      }
      count += batch.length;
      // Only now are all records up to `last` in: runs came one after another.
      await this.#apply(batch, Math.max(last, this.options.lastSeq));
      this.#unsaved += Math.max(1, count);
    } catch (error) {
      this.#queue = [];
      if (this.#state === 'filling') this.#state = failed;
      throw error;
    }
    this.#state = 'ok';
    this.#startPump();
    this.#scheduleExport();
  }

  /** Hands over what is queued without waiting for more. */
  async #pumpNow(): Promise<void> {
    this.#feedTimer?.();
    this.#feedTimer = null;
    if (this.#state === 'ok') this.#startPump();
    await this.#pump;
  }

  #startPump(): void {
    if (this.#queue.length === 0) return;
    this.#pump ??= this.#drain().finally(() => {
      this.#pump = null;
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0 && this.#state === 'ok') {
      const batch = this.#queue.splice(0, batchRecords);
      try {
        await this.#apply(batch, batch.at(-1)?.seq ?? null);
      } catch (error) {
        if (this.#state !== 'ok') return;
        this.#state = 'rebuild';
        this.#queue = [];
        this.options.log.error(
          { ...faultOf(error) },
          'the index could not take records and has to be rebuilt',
        );
        return;
      }
      this.#unsaved += batch.length;
      this.#scheduleExport();
    }
  }

  async #apply(records: readonly JournalRecord[], lastSeq: number | null): Promise<void> {
    const { refused, fault } = await this.#ask({ op: 'apply', records, lastSeq });
    if (refused > 0) this.options.log.error({ refused, ...fault }, 'the index left records out');
  }

  #scheduleExport(): void {
    if (this.#unsaved === 0 || this.#export) return;
    const now = this.options.clock.now();
    const soonest = this.#lastExportAt + (this.#exportFailing ? exportRetryMs : exportDelayMs);
    const at = Math.max(soonest, this.#unsaved >= exportRecords ? now : now + exportDelayMs);
    if (this.#timer && this.#timer.at <= at) return;
    this.#timer?.cancel();
    this.#timer = null;
    if (at <= now) void this.#writeImage();
    else this.#timer = { at, cancel: this.options.clock.after(at - now, () => void this.#timerFired()) };
  }

  async #timerFired(): Promise<void> {
    this.#timer = null;
    if (this.#state === 'ok' && this.#unsaved > 0) await this.#writeImage();
  }

  #writeImage(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#export ??= this.#exportOnce().finally(() => {
      this.#export = null;
      if (this.#state === 'ok') this.#scheduleExport();
    });
    return this.#export;
  }

  async #exportOnce(): Promise<void> {
    const saving = this.#unsaved;
    let fault: Fault | null;
    try {
      fault = await this.#ask({ op: 'export' });
    } catch (error) {
      fault = faultOf(error);
    }
    this.#lastExportAt = this.options.clock.now();
    if (fault === null) this.#unsaved -= saving;
    else if (!this.#exportFailing)
      this.options.log.warn({ ...fault }, 'the index could not be written; tried again later');
    this.#exportFailing = fault !== null;
  }

  #ask<Request extends IndexRequest>(request: Request): Promise<IndexAnswers[Request['op']]> {
    const worker = this.#worker;
    if (worker === null || this.#state === 'newer_schema') {
      return Promise.reject(new IndexUnavailableError(`the index is ${this.#state}`));
    }
    const id = this.#nextId;
    this.#nextId += 1;
    const envelope: IndexEnvelope = { id, request };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (answer) => resolve(answer as IndexAnswers[Request['op']]), reject });
      worker.postMessage(envelope);
    });
  }

  #receive(reply: IndexReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.ok) waiting?.resolve(reply.answer);
    else waiting?.reject(new IndexUnavailableError(reply.fault.message));
  }

  #lost(fault: Fault): void {
    if (this.#worker === null) return;
    this.#worker = null;
    this.#state = 'lost';
    this.#queue = [];
    this.options.log.error({ ...fault }, 'the index is lost until the next start');
    this.#rejectAll(fault.message);
  }

  #rejectAll(message: string): void {
    for (const { reject } of this.#waiting.values()) reject(new IndexUnavailableError(message));
    this.#waiting.clear();
  }
}

function judge(opened: OpenedImage, lastSeq: number): IndexOpening {
  if (!opened.usable) {
    const state = opened.problem === 'newer' ? 'newer_schema' : 'rebuild';
    return { state, feedFrom: 1, reason: opened.problem };
  }
  if (opened.lastSeq > lastSeq) return { state: 'rebuild', feedFrom: 1, reason: 'ahead' };
  const reason = opened.previous ? 'previous' : null;
  if (opened.lastSeq < lastSeq) {
    return { state: 'behind', feedFrom: opened.lastSeq + 1, reason: reason ?? 'behind' };
  }
  return { state: 'ok', feedFrom: lastSeq + 1, reason };
}

function only<Row>(rows: readonly Row[]): Row {
  const [row] = rows;
  if (row === undefined) throw new IndexUnavailableError('the index gave no answer');
  return row;
}
