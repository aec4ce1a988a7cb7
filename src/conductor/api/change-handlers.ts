import { realpath } from 'node:fs/promises';
import { JobSubmissionError, UnknownSheetError } from '../../protocol/errors';
import type { ChangedFile, Unrecorded } from '../../protocol/change-methods';
import type { HandlerResultOf } from '../../protocol/methods';
import { statePaths } from '../../protocol/paths';
import { blobSizes, compareTrees, entryAt, hasTree, readBlob, type ChangedPath } from '../changes/compare';
import { storeAt, storeId, type ChangeStore } from '../changes/store';
import { planUndo, undo, UndoError } from '../changes/undo';
import type { AttemptState, JobState } from '../engine/state';
import type { TreeRecord } from '../records';
import type { Handlers } from '../server/handlers';
import type { JobApiOptions, JobLookup } from './job-lookup';

/** Files named in a message. */
const named = 5;

/** What an attempt changed, and how it is undone. */
export function changeHandlers(options: JobApiOptions, lookup: JobLookup): Handlers {
  const { changes } = options;
  const folder = statePaths(options.stateDir).changes;

  const find = async (params: { job_id: string; sheet: number; attempt: number | null }) => {
    const job = await lookup.shown(params.job_id);
    const sheet = lookup.sheetIn(job, params.sheet);
    const attempt =
      params.attempt === null
        ? sheet.attempts.at(-1)
        : sheet.attempts.find((candidate) => candidate.attempt === params.attempt);
    if (!attempt)
      throw new UnknownSheetError(
        `sheet ${sheet.num} of ${job.run} ${params.attempt === null ? 'has not run yet' : `has no attempt ${params.attempt}`}`,
      );
    return { job, sheet, attempt };
  };

  /** Both trees of an attempt; of one that runs, the second is taken now. */
  const treesOf = async (job: JobState, attempt: AttemptState): Promise<Trees> => {
    const before = attempt.tree_before;
    const running = attempt.ended_at === null;
    if (!before?.tree || before.store === null) return { unrecorded: before?.reason ?? 'off' };
    const after = running ? await changes.tree(job.workspace) : attempt.tree_after;
    if (!after?.tree || after.store === null) return { unrecorded: after?.reason ?? 'off' };
    const store = storeAt(folder, before.store);
    // The workspace may have become another folder under the same name.
    if (
      after.store !== before.store ||
      !(await hasTree(store, before.tree)) ||
      !(await hasTree(store, after.tree))
    )
      return { unrecorded: 'lost' };
    return {
      unrecorded: null,
      store,
      before: before.tree,
      after: after.tree,
      leftOut: leftOut(before, after),
      mixed: attempt.mixed || (running && changes.busy(job.workspace).length > 1),
    };
  };

  return {
    'job.changes': async (params) => {
      const { job, sheet, attempt } = await find(params);
      const trees = await treesOf(job, attempt);
      const head = {
        job_id: job.run,
        sheet: sheet.num,
        attempt: attempt.attempt,
        workspace: job.workspace,
        running: attempt.ended_at === null,
        offset: params.offset,
      };
      if (trees.unrecorded !== null)
        return {
          ...head,
          unrecorded: trees.unrecorded,
          message: reasons[trees.unrecorded],
          mixed: false,
          left_out: [],
          total: 0,
          next_offset: null,
          files: [],
        };
      const all = await changedPaths(trees);
      const page = all.slice(params.offset, params.offset + params.limit);
      const next = params.offset + page.length;
      return {
        ...head,
        unrecorded: null,
        message: null,
        mixed: trees.mixed,
        left_out: trees.leftOut,
        total: all.length,
        next_offset: next < all.length ? next : null,
        files: await wireFiles(trees.store, page),
      };
    },
    'job.changed_file': async (params) => {
      const { job, attempt } = await find(params);
      const record = params.side === 'before' ? attempt.tree_before : attempt.tree_after;
      if (!record?.tree || record.store === null) {
        const running = params.side === 'after' && attempt.ended_at === null;
        throw new UnknownSheetError(
          running
            ? `attempt ${attempt.attempt} of sheet ${params.sheet} of ${job.run} still runs: the file itself is what it made`
            : reasons[record?.reason ?? 'off'],
        );
      }
      const store = storeAt(folder, record.store);
      const entry = await entryAt(store, record.tree, params.path);
      if (entry === null)
        return {
          ...{ path: params.path, exists: false, mode: null, data: '', eof: true },
          ...{ offset: 0, next_offset: 0, size: 0 },
        };
      const content = await readBlob(store, entry.blob);
      const page = content.subarray(params.offset, params.offset + params.max_bytes);
      const next = params.offset + page.length;
      return {
        path: params.path,
        exists: true,
        mode: entry.mode,
        offset: params.offset,
        next_offset: next,
        size: content.length,
        eof: next >= content.length,
        data: page.toString('base64'),
      };
    },
    'job.undo': async (params) => {
      if (!params.dry_run) options.assertAccepting();
      const { job, sheet, attempt } = await find(params);
      const which = `attempt ${attempt.attempt} of sheet ${sheet.num} of ${job.run}`;
      if (attempt.ended_at === null)
        throw new JobSubmissionError(`${which} still runs`, { remedy: 'Wait for it, or cancel the job.' });
      const head = { job_id: job.run, sheet: sheet.num, attempt: attempt.attempt };
      const refused = (why: Refusal, message: string, conflicts: string[] = []) => ({
        ...head,
        ...{ status: 'refused' as const, refused: why, message, files: [], conflicts },
      });
      const answer = (status: 'nothing' | 'would_undo' | 'undone', message: string, files: Undone[]) => ({
        ...head,
        ...{ status, refused: null, message, files, conflicts: [] },
      });
      const trees = await treesOf(job, attempt);
      if (trees.unrecorded !== null) return refused('unrecorded', reasons[trees.unrecorded]);
      if (trees.mixed && !params.mixed)
        return refused(
          'mixed',
          `others ran in ${job.workspace} at the same time as ${which}: what they did to the same files would be undone too`,
        );
      if (storeId(await realpath(job.workspace).catch(() => '')) !== trees.store.id)
        return refused('moved', `${job.workspace} is not the folder any more in which ${which} ran`);
      return changes.exclusively(job.workspace, async (store) => {
        const busy = changes.busy(job.workspace);
        if (busy.length > 0)
          return refused(
            'busy',
            `${busy.map(({ run, sheet: num }) => `sheet ${num} of ${run}`).join(', ')} works in ${job.workspace} now`,
          );
        const current = await changes.treeWithin(store);
        const missed = new Set([...trees.leftOut, ...current.leftOut]);
        const plan = await planUndo(store, trees.before, trees.after, current.tree);
        const conflicts = plan.conflicts.filter((path) => !missed.has(path));
        if (conflicts.length > 0)
          return refused('changed_since', `changed since by somebody else: ${listed(conflicts)}`, conflicts);
        const todo = plan.todo.filter(({ path }) => !missed.has(path));
        const files = todo.map(({ path, before }) => ({
          path,
          action: before === null ? ('deleted' as const) : ('restored' as const),
        }));
        if (files.length === 0) return answer('nothing', `nothing to undo of ${which}`, files);
        if (params.dry_run) return answer('would_undo', `${files.length} files would be put back`, files);
        try {
          await undo(store, job.workspace, todo, options.umask);
        } catch (error) {
          if (!(error instanceof UndoError)) throw error;
          throw new JobSubmissionError(
            `${error.message}; ${error.done} of ${files.length} files were put back`,
            {
              remedy: 'Mend what is said and undo again: it does the rest.',
              cause: error,
            },
          );
        }
        return answer('undone', `${files.length} files are as before ${which}`, files);
      });
    },
  };
}

type Undone = HandlerResultOf<'job.undo'>['files'][number];
type Refusal = NonNullable<HandlerResultOf<'job.undo'>['refused']>;

type Trees =
  | { readonly unrecorded: Unrecorded }
  | {
      readonly unrecorded: null;
      readonly store: ChangeStore;
      readonly before: string;
      readonly after: string;
      readonly leftOut: string[];
      readonly mixed: boolean;
    };

const reasons: Readonly<Record<Unrecorded, string>> = {
  off: 'changes were not recorded: record_changes is off in conductor.yaml, an older conductor ran this, or it never started',
  not_git: 'changes were not recorded: the workspace is in no git repository',
  no_git: 'changes were not recorded: the conductor found no git on its PATH',
  ignored: 'changes were not recorded: the repository ignores the workspace (.gitignore)',
  too_large: 'changes were not recorded: the workspace is too large',
  too_slow: 'changes were not recorded: git took too long over the workspace',
  failed: 'changes were not recorded: git failed; the log of the conductor says why',
  lost: 'what was recorded is not there any more',
};

/** What only one of the trees may have is no change. */
function leftOut(before: TreeRecord, after: TreeRecord): string[] {
  return [...new Set([...before.left_out, ...after.left_out])].sort();
}

async function changedPaths(trees: Trees & { unrecorded: null }): Promise<ChangedPath[]> {
  const missed = new Set(trees.leftOut);
  const all = await compareTrees(trees.store, trees.before, trees.after);
  return all.filter(({ path }) => !missed.has(path));
}

async function wireFiles(store: ChangeStore, page: readonly ChangedPath[]): Promise<ChangedFile[]> {
  const entries = page.flatMap(({ before, after }) => [before, after]).filter((entry) => entry !== null);
  const sizes = await blobSizes(
    store,
    entries.map(({ blob }) => blob),
  );
  const side = (entry: ChangedPath['before']) =>
    entry === null ? null : { mode: entry.mode, size: sizes.get(entry.blob) ?? 0 };
  return page.map(({ path, before, after }) => ({
    path,
    status: before === null ? 'added' : after === null ? 'deleted' : 'modified',
    before: side(before),
    after: side(after),
  }));
}

function listed(paths: readonly string[]): string {
  const more = paths.length - named;
  return paths.slice(0, named).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
