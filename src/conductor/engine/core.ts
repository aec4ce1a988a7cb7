import { isRecordType, recordBodies, type RecordDraft } from '../records';
import type { StoredBundle } from './bundles';
import { SheetIndex } from './sheet-index';
import { applyRecord, type EngineState, type JobState } from './state';

/** A record as the journal wrote it. */
export interface DurableRecord {
  readonly seq: number;
  readonly t: number;
  readonly type: string;
  readonly run?: string | undefined;
  readonly body: unknown;
  /** The body has been through its schema. */
  readonly parsed?: boolean;
}

/** What the engine needs of the journal. */
export interface JournalPort {
  /**
   * Numbers the records at once, in call order. `durable` resolves when they are on disk; a full disk makes it wait, and only closing the
   * journal rejects it.
   */
  enqueue(drafts: readonly RecordDraft[]): {
    readonly records: readonly DurableRecord[];
    readonly durable: Promise<void>;
  };
}

/** Told of every durable record, in order, with the job as of that record. */
export type RecordListener = (record: DurableRecord, job: JobState | undefined) => void;

/**
 * The one place that changes state. There are two folds of the same records: `state`, a moment ahead, from which decisions are made (so that the next
 * decision sees the last one without waiting for the disk), and `durable`, from which everybody else is answered and told, and snapshots are taken.
 * Nothing is shown, acknowledged or started before the disk has it.
 */
export class EngineCore {
  private readonly listeners = new Set<RecordListener>();
  /** Records that are folded in and not durable yet, by seq. */
  private readonly onItsWay = new Map<number, DurableRecord>();
  /** By run; made when first asked for, and again when a job was restored or planned anew. */
  private readonly indexes = new Map<string, SheetIndex>();
  private lastCommit: Promise<void> = Promise.resolve();
  private journal: JournalPort | null = null;

  constructor(
    readonly state: EngineState,
    readonly durable: EngineState,
    /** Loaded copies of what live runs were planned from. */
    readonly bundles: Map<string, StoredBundle>,
  ) {}

  /** The journal needs `durable` for its snapshots before it can be opened, so it comes second. */
  useJournal(journal: JournalPort): void {
    this.journal = journal;
  }

  /** Resolves when the records are durable and everybody was told. */
  commit(drafts: readonly RecordDraft[]): Promise<void> {
    if (drafts.length === 0) return this.lastCommit;
    if (!this.journal) throw new Error('no journal is open');
    const { records, durable } = this.journal.enqueue(drafts);
    for (const record of records) {
      // Parsed once for both folds and all listeners: nothing changes a body afterwards.
      const known = isRecordType(record.type)
        ? { ...record, body: recordBodies[record.type].parse(record.body), parsed: true }
        : record;
      this.onItsWay.set(record.seq, known);
      applyRecord(this.state, known);
      this.keepUp(known);
    }
    this.lastCommit = durable;
    // Only closing the journal rejects it. Whoever does not wait has nothing to say then; whoever waits still hears of it.
    durable.catch(() => undefined);
    return durable;
  }

  /** Called with new records as soon as the disk has them, in order. */
  onDurable(records: readonly DurableRecord[]): void {
    for (const { seq, ...fields } of records) {
      const record = this.onItsWay.get(seq) ?? { seq, ...fields };
      this.onItsWay.delete(seq);
      const before = record.run === undefined ? undefined : this.durable.jobs.get(record.run);
      applyRecord(this.durable, record);
      const job = (record.run === undefined ? undefined : this.durable.jobs.get(record.run)) ?? before;
      for (const listener of this.listeners) listener(record, job);
    }
  }

  /** Resolves when all that has been decided so far is durable. */
  settled(): Promise<void> {
    return this.lastCommit;
  }

  onRecord(listener: RecordListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Which sheets of a job, as `state` has it, could start. */
  indexOf(job: JobState): SheetIndex {
    const { plan } = this.bundleOf(job);
    const known = this.indexes.get(job.run);
    if (known?.job === job && known.plan === plan) return known;
    const index = new SheetIndex(job, plan);
    this.indexes.set(job.run, index);
    return index;
  }

  private keepUp({ type, run, body }: DurableRecord): void {
    const index = run === undefined ? undefined : this.indexes.get(run);
    if (!index || run === undefined) return;
    if (this.state.jobs.get(run) !== index.job || type === 'job.replanned') this.indexes.delete(run);
    else if (isAboutSheet(body)) index.touch(body.sheet);
  }

  /** @throws Error when it was not loaded: a fault of this program. */
  bundleOf(job: JobState): StoredBundle {
    const bundle = this.bundles.get(job.bundle);
    if (!bundle)
      throw new Error(`the stored score of ${job.run} (${job.bundle.slice(0, 12)}…) is not loaded`);
    return bundle;
  }
}

/** A record that changes one sheet names it. */
function isAboutSheet(body: unknown): body is { readonly sheet: number } {
  return typeof body === 'object' && body !== null && 'sheet' in body && typeof body.sheet === 'number';
}
