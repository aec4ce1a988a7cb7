import { realpath } from 'node:fs/promises';
import type { TreeRecord } from '../records';
import { GitError } from './git';
import { IgnoredError, TooLargeError, takeTree, type Snapshot } from './snapshot';
import { dropUnused, keepTree, letGo, openStore, runName, upkeep, type ChangeStore } from './store';

/** An attempt whose changes are recorded, from before its start to its record. Compared by identity. */
export interface RecordedAttempt {
  readonly run: string;
  readonly sheet: number;
}

export interface RecorderOptions {
  /** `<state>/changes`. */
  readonly folder: string;
  /** False: nothing is recorded. */
  readonly enabled: boolean;
  report(message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Time for one tree, milliseconds. An attempt waits so long at most. */
const treeLimitMs = 5000;
/** A folder that was too slow or too large is not tried again for so long, milliseconds. */
const restMs = 10 * 60_000;
/** So long a folder is taken for one without a repository, milliseconds: sheets that follow each other do not wait for the disk. */
const plainMs = 10_000;
/** More workspaces than this are not remembered when nothing runs in them. */
const mostPlaces = 1000;
const upkeepEveryMs = 15 * 60_000;
const upkeepLimitMs = 120_000;

/** One workspace: its trees are taken one after another, and those who wait share the next. */
interface Place {
  readonly attempts: Set<RecordedAttempt>;
  last: Promise<unknown>;
  next: Promise<TreeRecord> | null;
  resting: { readonly until: number; readonly record: TreeRecord } | null;
  /** When its store is tidied next; null while it has none. */
  upkeepAt: number | null;
  /** Pieces of work in the queue. */
  waiting: number;
}

/** Takes trees of workspaces around attempts. Nothing here fails an attempt: what cannot be recorded is told in the record. */
export class ChangeRecorder {
  private readonly places = new Map<string, Place>();
  private readonly workspaces = new Map<RecordedAttempt, string>();
  private readonly mixed = new Set<RecordedAttempt>();
  private readonly ending = new AbortController();
  private letting = Promise.resolve();

  constructor(private readonly options: RecorderOptions) {}

  /** The attempt begins, or is taken up: from now on it may change its workspace. */
  enter(attempt: RecordedAttempt, workspace: string): void {
    const { attempts } = this.place(workspace);
    for (const other of attempts) {
      this.mixed.add(other);
      this.mixed.add(attempt);
    }
    attempts.add(attempt);
    this.workspaces.set(attempt, workspace);
  }

  /** It changes nothing any more. Safe to be called again. */
  leave(attempt: RecordedAttempt): void {
    const workspace = this.workspaces.get(attempt);
    if (workspace === undefined) return;
    this.place(workspace).attempts.delete(attempt);
    this.workspaces.delete(attempt);
    this.mixed.delete(attempt);
  }

  /** Others ran in the same workspace at the same time: whose changes are whose cannot be told. */
  isMixed(attempt: RecordedAttempt): boolean {
    return this.mixed.has(attempt);
  }

  /** Attempts that run in a workspace now. */
  busy(workspace: string): readonly RecordedAttempt[] {
    return [...(this.places.get(workspace)?.attempts ?? [])];
  }

  /** The workspace as it is now, kept under a name for as long as the job is kept. Never rejects. */
  async record(run: string, workspace: string, name: string): Promise<TreeRecord> {
    if (!this.options.enabled) return nothing('off');
    const record = await this.tree(workspace);
    const { tree, store } = record;
    if (tree === null || store === null) return record;
    try {
      await this.exclusively(workspace, async (opened) => keepTree(opened, run, name, tree));
    } catch (error) {
      return this.failed(error, workspace);
    }
    return record;
  }

  /** The workspace as it is now, for a comparison only. Never rejects. */
  tree(workspace: string): Promise<TreeRecord> {
    const place = this.place(workspace);
    if (place.resting !== null) {
      if (Date.now() < place.resting.until) return Promise.resolve(place.resting.record);
      place.resting = null;
    }
    // One that has begun may have passed by what was just written; the next one has not.
    place.next ??= this.after(place, () => {
      place.next = null;
      return this.take(place, workspace);
    });
    return place.next;
  }

  /**
   * Work on a workspace's store while no tree is taken.
   * @throws GitError('missing') when no repository holds the workspace any more, and whatever the work throws.
   */
  exclusively<T>(workspace: string, work: (store: ChangeStore) => Promise<T>): Promise<T> {
    return this.after(this.place(workspace), async () => {
      const store = await this.open(workspace);
      if (store === null) throw new GitError('failed', `${workspace} is in no git repository any more`);
      return work(store);
    });
  }

  /** A tree for a piece of work that holds the workspace already. @throws what `takeTree` throws */
  treeWithin(store: ChangeStore): Promise<Snapshot> {
    return takeTree(store, this.limit(treeLimitMs));
  }

  /** Drops what was recorded for a job that was deleted. Never rejects. */
  forget(run: string): Promise<void> {
    const name = runName(run);
    return this.letGo((kept) => kept !== name);
  }

  /** Drops what was recorded for any other job than these: a deletion may have been cut short. Never rejects. */
  keepOnly(runs: Iterable<string>): Promise<void> {
    const names = new Set([...runs].map(runName));
    return this.letGo((kept) => names.has(kept));
  }

  /** Ends what git does now. */
  stop(): void {
    this.ending.abort();
  }

  private async take(place: Place, workspace: string): Promise<TreeRecord> {
    const began = Date.now();
    let store: ChangeStore | null = null;
    try {
      store = await this.open(workspace);
      if (store === null) {
        const record = nothing('not_git');
        place.resting = { until: began + plainMs, record };
        return record;
      }
      const { tree, leftOut } = await takeTree(store, this.limit(treeLimitMs));
      this.keepUp(place, store);
      return { tree, store: store.id, reason: null, left_out: [...leftOut] };
    } catch (error) {
      const record = this.failed(error, workspace);
      if (store !== null) await dropUnused(store).catch(() => undefined);
      // Not `failed`: that is a moment's trouble, and soon told.
      if (record.reason === 'too_slow' || record.reason === 'too_large')
        place.resting = { until: began + restMs, record };
      return record;
    }
  }

  private failed(error: unknown, workspace: string): TreeRecord {
    if (error instanceof IgnoredError) return nothing('ignored');
    const reason =
      error instanceof TooLargeError
        ? 'too_large'
        : error instanceof GitError && error.kind === 'aborted'
          ? 'too_slow'
          : error instanceof GitError && error.kind === 'missing'
            ? 'no_git'
            : 'failed';
    if (!this.ending.signal.aborted)
      this.options.report('changes are not recorded', { workspace, reason, error: text(error) });
    return nothing(reason);
  }

  private letGo(keeps: (name: string) => boolean): Promise<void> {
    // One after another: only the last job of a store takes it along.
    this.letting = this.letting
      .then(() => letGo(this.options.folder, keeps))
      .catch((error: unknown) =>
        this.options.report('changes of deleted jobs could not be removed', { error: text(error) }),
      );
    return this.letting;
  }

  private async open(workspace: string): Promise<ChangeStore | null> {
    return openStore(this.options.folder, await realpath(workspace));
  }

  /** In the background: it may run beside a tree that is taken. */
  private keepUp(place: Place, store: ChangeStore): void {
    const now = Date.now();
    // At once after the first tree: it may have made thousands of files.
    if (place.upkeepAt !== null && now < place.upkeepAt) return;
    place.upkeepAt = now + upkeepEveryMs;
    upkeep(store, this.limit(upkeepLimitMs)).catch((error: unknown) => {
      if (!this.ending.signal.aborted)
        this.options.report('git could not tidy the changes', { store: store.id, error: text(error) });
    });
  }

  private limit(milliseconds: number): AbortSignal {
    return AbortSignal.any([this.ending.signal, AbortSignal.timeout(milliseconds)]);
  }

  private place(workspace: string): Place {
    let place = this.places.get(workspace);
    if (place === undefined) {
      if (this.places.size >= mostPlaces) this.dropIdle();
      place = {
        attempts: new Set(),
        last: Promise.resolve(),
        next: null,
        resting: null,
        upkeepAt: null,
        waiting: 0,
      };
      this.places.set(workspace, place);
    }
    return place;
  }

  private after<T>(place: Place, work: () => Promise<T>): Promise<T> {
    place.waiting += 1;
    const result = place.last.then(work).finally(() => {
      place.waiting -= 1;
    });
    place.last = result.catch(() => undefined);
    return result;
  }

  private dropIdle(): void {
    for (const [workspace, { attempts, waiting }] of this.places)
      if (attempts.size === 0 && waiting === 0) this.places.delete(workspace);
  }
}

function nothing(reason: TreeRecord['reason']): TreeRecord {
  return { tree: null, store: null, reason, left_out: [] };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
