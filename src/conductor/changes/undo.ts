import { randomBytes } from 'node:crypto';
import {
  chmod,
  lstat,
  mkdir,
  realpath,
  rename,
  rm,
  rmdir,
  symlink,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { compareTrees, isLink, readBlob, type ChangedPath, type TreeEntry } from './compare';
import type { ChangeStore } from './store';

/** What undoing would do, told before anything is done. */
export interface UndoPlan {
  /** As the attempt left them: they get back what they were. */
  readonly todo: readonly ChangedPath[];
  /** Neither as before the attempt nor as it left them: somebody has changed them since. */
  readonly conflicts: readonly string[];
}

/** Compares what an attempt did with what there is now. @throws GitError */
export async function planUndo(
  store: ChangeStore,
  before: string,
  after: string,
  current: string,
): Promise<UndoPlan> {
  const changed = await compareTrees(store, before, after);
  const since = pathsOf(await compareTrees(store, after, current));
  const away = pathsOf(await compareTrees(store, before, current));
  return {
    todo: changed.filter(({ path }) => !since.has(path)),
    // What is as before already was undone by an earlier call, or by hand.
    conflicts: changed.filter(({ path }) => since.has(path) && away.has(path)).map(({ path }) => path),
  };
}

/** A file could not be put back; those before it in the plan are. */
export class UndoError extends Error {
  override readonly name = 'UndoError';
  constructor(
    readonly path: string,
    readonly done: number,
    cause: unknown,
  ) {
    super(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * Puts every file of the plan back. A file is replaced whole, by rename; after a crash in between, the next undo does the rest.
 * @param umask of the person, not of the conductor
 * @throws UndoError
 */
export async function undo(
  store: ChangeStore,
  workspace: string,
  todo: readonly ChangedPath[],
  umask: number,
): Promise<void> {
  const root = await realpath(workspace);
  // First what goes: a folder of new files may stand where a file was.
  const ordered = [...todo.filter(({ before }) => before === null), ...todo.filter(({ before }) => before)];
  let done = 0;
  for (const { path, before, after } of ordered) {
    try {
      const target = join(root, path);
      await assertInside(root, path);
      if (before === null) await remove(root, target);
      else await restore(store, target, before, after, umask);
      done += 1;
    } catch (error) {
      throw new UndoError(path, done, error);
    }
  }
}

function pathsOf(changed: readonly ChangedPath[]): ReadonlySet<string> {
  return new Set(changed.map(({ path }) => path));
}

/** No folder on the way may be a link that leads out of the workspace. */
async function assertInside(root: string, path: string): Promise<void> {
  const segments = path.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..' || segment === '.git'))
    throw new Error('is not a path in the workspace');
  let folder = root;
  for (const segment of segments.slice(0, -1)) {
    folder = join(folder, segment);
    const found = await lstat(folder).catch(() => null);
    if (found === null) return;
    if (!found.isDirectory()) throw new Error(`${folder} is not a folder any more`);
  }
}

async function remove(root: string, target: string): Promise<void> {
  await unlink(target).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  });
  // The folders that it was alone in; git knows no empty ones.
  for (let folder = dirname(target); folder !== root; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}

async function restore(
  store: ChangeStore,
  target: string,
  before: TreeEntry,
  after: TreeEntry | null,
  umask: number,
): Promise<void> {
  const found = await lstat(target).catch(() => null);
  if (after === null && found !== null) throw new Error('is there again');
  if (found?.isDirectory() === true) throw new Error('is a folder now');
  await mkdir(dirname(target), { recursive: true, mode: 0o777 & ~umask });
  const content = await readBlob(store, before.blob);
  const temporary = join(
    dirname(target),
    `.${basename(target).slice(0, 100)}.${randomBytes(6).toString('hex')}.undo`,
  );
  try {
    if (isLink(before)) await symlink(content, temporary);
    else {
      await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
      await chmod(temporary, modeOf(before, found?.isFile() === true ? found.mode : null, umask));
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** git knows only whether a file may be run: the rest is as it is now, or as the person makes new files. */
function modeOf(entry: TreeEntry, current: number | null, umask: number): number {
  const base = current === null ? 0o666 & ~umask : current & 0o666;
  // Whoever may read it may run it.
  return entry.mode === '100755' ? base | ((base & 0o444) >> 2) : base;
}
