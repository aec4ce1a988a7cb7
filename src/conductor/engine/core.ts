import type { RecordDraft } from '../records';
import { applyRecord, type EngineState, type JobState } from './state';
import type { StoredBundle } from './bundles';

/** A record as the journal wrote it. */
export interface DurableRecord {
  readonly seq: number;
  readonly t: number;
  readonly type: string;
  readonly run?: string | undefined;
  readonly body: unknown;
}

/** What the engine needs of the journal. */
export interface JournalPort {
  /** Numbers the records at once, in call order; `durable` resolves when they are on disk. It never rejects: a full disk makes it wait. */
  append(drafts: readonly RecordDraft[]): {
    readonly records: readonly DurableRecord[];
    readonly durable: Promise<void>;
  };
}

/** Told of every durable record, in order. */
export type RecordListener = (record: DurableRecord, job: JobState | undefined) => void;

/**
 * The one place that changes state: records are numbered, folded in at once and written; whoever needs the promise kept awaits `commit`. State may
 * therefore be a moment ahead of the disk, and nothing outside is told, answered or started before the disk has it.
 */
export class EngineCore {
  private readonly listeners = new Set<RecordListener>();
  private lastCommit: Promise<void> = Promise.resolve();

  constructor(
    readonly state: EngineState,
    private readonly journal: JournalPort,
    /** Loaded copies of what live runs were planned from. */
    readonly bundles: Map<string, StoredBundle>,
  ) {}

  /** Resolves when the records are durable and everybody was told. */
  commit(drafts: readonly RecordDraft[]): Promise<void> {
    if (drafts.length === 0) return this.lastCommit;
    const { records, durable } = this.journal.append(drafts);
    const jobs = records.map((record) => {
      const before = record.run === undefined ? undefined : this.state.jobs.get(record.run);
      applyRecord(this.state, record);
      return (record.run === undefined ? undefined : this.state.jobs.get(record.run)) ?? before;
    });
    const told = durable.then(() => {
      records.forEach((record, i) => {
        for (const listener of this.listeners) listener(record, jobs[i]);
      });
    });
    this.lastCommit = told;
    return told;
  }

  /** Resolves when all that has been decided so far is durable. */
  settled(): Promise<void> {
    return this.lastCommit;
  }

  onRecord(listener: RecordListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  bundleOf(job: JobState): StoredBundle {
    const bundle = this.bundles.get(job.bundle);
    if (!bundle)
      throw new Error(`the stored score of ${job.run} (${job.bundle.slice(0, 12)}…) is not loaded`);
    return bundle;
  }
}
