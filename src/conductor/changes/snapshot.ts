import { constants } from 'node:fs';
import { access, lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GitError, git } from './git';
import type { ChangeStore } from './store';

/** Bounds of one tree. Beyond them nothing is recorded, and that is said. */
export interface SnapshotLimits {
  /** Files that are new or changed since the last tree. */
  readonly files: number;
  /** Their size together, bytes. */
  readonly bytes: number;
  /** A larger file is left out, bytes. */
  readonly fileBytes: number;
  /** Files that may be left out. */
  readonly leftOut: number;
}

export const usualLimits: SnapshotLimits = {
  files: 20_000,
  bytes: 256 * 1024 * 1024,
  fileBytes: 16 * 1024 * 1024,
  leftOut: 100,
};

/** The tree of a folder with nothing in it; git knows it without having it. */
export const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

export interface Snapshot {
  /** Object id of the workspace's tree. */
  readonly tree: string;
  /** Paths in the workspace that are not in it: too large, not readable, or with a name that is not UTF-8. */
  readonly leftOut: readonly string[];
}

/** The folder is beyond the limits. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

/** The repository's rules leave the whole workspace out. */
export class IgnoredError extends Error {
  override readonly name = 'IgnoredError';
}

/** Files looked at together. */
const batch = 256;

/**
 * Writes the workspace as it is now as a tree, through the store's own index: what has not changed since the last one is not read again. Honours
 * `.gitignore`. Repositories inside the workspace are left out. Not to be called twice at a time for one store.
 * @throws TooLargeError, IgnoredError, GitError
 */
export async function takeTree(
  store: ChangeStore,
  signal: AbortSignal,
  limits: SnapshotLimits = usualLimits,
): Promise<Snapshot> {
  // Of a git that was killed: nobody else writes here.
  await rm(join(store.gitDir, 'index.lock'), { force: true });
  const { prefix } = store;
  if (prefix !== '' && (await isIgnored(store, signal)))
    throw new IgnoredError(`${prefix} is ignored by the repository`);
  const listed = await listChanged(store, limits, signal);
  const { add, remove, leftOut } = await sort(store, listed, limits);
  const inWorkspace = leftOut.map((path) => (prefix === '' ? path : path.slice(prefix.length + 1)));
  // A stale entry would claim that the file is as it was.
  if (remove.length > 0)
    await git(store, ['update-index', '-z', '--force-remove', '--stdin'], { stdin: joined(remove), signal });
  if (add.length > 0) {
    const args = ['update-index', '-z', '--add', '--remove', '--replace', '--stdin'];
    await git(store, args, { stdin: joined(add), signal });
  }
  return { tree: await writeTree(store, signal), leftOut: inWorkspace };
}

async function listChanged(
  store: ChangeStore,
  limits: SnapshotLimits,
  signal: AbortSignal,
): Promise<Buffer[]> {
  const args = ['ls-files', '-z', '--others', '--modified', '--deleted', '--exclude-standard'];
  let output: Buffer;
  try {
    output = await git(store, [...args, '--', store.prefix === '' ? '.' : store.prefix], {
      signal,
      maxBytes: limits.files * 256,
    });
  } catch (error) {
    if (error instanceof GitError && error.kind === 'too_much') throw new TooLargeError('too many files');
    throw error;
  }
  // What is deleted is listed twice; a repository inside ends with a slash.
  const paths = new Map<string, Buffer>();
  for (const path of split(output)) {
    if (path.at(-1) !== slash) paths.set(path.toString('latin1'), path);
  }
  if (paths.size > limits.files) throw new TooLargeError(`${paths.size} files are new or changed`);
  return [...paths.values()];
}

async function sort(
  store: ChangeStore,
  paths: readonly Buffer[],
  limits: SnapshotLimits,
): Promise<{ add: Buffer[]; remove: Buffer[]; leftOut: string[] }> {
  const add: Buffer[] = [];
  const remove: Buffer[] = [];
  const leftOut: string[] = [];
  const top = Buffer.from(`${store.workTree}/`);
  let bytes = 0;
  for (let start = 0; start < paths.length; start += batch) {
    const some = paths.slice(start, start + batch);
    const found = await Promise.all(some.map((path) => look(Buffer.concat([top, path]))));
    some.forEach((path, i) => {
      const size = found[i] ?? null;
      if (size === null) remove.push(path);
      else if (size === 'unreadable' || size > limits.fileBytes || !isUtf8(path)) {
        remove.push(path);
        leftOut.push(path.toString('utf8'));
      } else {
        bytes += size;
        add.push(path);
      }
    });
  }
  if (bytes > limits.bytes) throw new TooLargeError(`${bytes} bytes are new or changed`);
  if (leftOut.length > limits.leftOut) throw new TooLargeError(`${leftOut.length} files would be left out`);
  return { add, remove, leftOut };
}

/** Size of a file or link; null when there is none (any more), or something else in its place. */
async function look(path: Buffer): Promise<number | 'unreadable' | null> {
  const found = await lstat(path).catch(() => null);
  if (found?.isSymbolicLink() === true) return 0;
  if (found?.isFile() !== true) return null;
  return access(path, constants.R_OK).then(
    () => found.size,
    () => 'unreadable',
  );
}

async function isIgnored(store: ChangeStore, signal: AbortSignal): Promise<boolean> {
  try {
    await git(store, ['check-ignore', '-q', '--no-index', '--', `./${store.prefix}`], {
      signal,
      patterns: true,
    });
    return true;
  } catch (error) {
    // It is not.
    if (error instanceof GitError && error.code === 1) return false;
    throw error;
  }
}

async function writeTree(store: ChangeStore, signal: AbortSignal): Promise<string> {
  if (store.prefix !== '') {
    const some = await git(store, ['ls-files', '-z', '--cached', '--', store.prefix], { signal });
    if (some.length === 0) return emptyTree;
  }
  const args = store.prefix === '' ? ['write-tree'] : ['write-tree', `--prefix=${store.prefix}/`];
  return (await git(store, args, { signal })).toString('latin1').trim();
}

const slash = 0x2f;
const zero = Buffer.from([0]);

function split(output: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start < output.length;) {
    const end = output.indexOf(0, start);
    if (end === -1) break;
    parts.push(output.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

function joined(paths: readonly Buffer[]): Buffer {
  return Buffer.concat(paths.flatMap((path) => [path, zero]));
}

function isUtf8(path: Buffer): boolean {
  return Buffer.from(path.toString('utf8')).equals(path);
}
