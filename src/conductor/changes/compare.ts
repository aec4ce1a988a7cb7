import { GitError, git } from './git';
import { emptyTree } from './snapshot';
import type { ChangeStore } from './store';

/** A file or link as a tree has it. */
export interface TreeEntry {
  /** `100644`, `100755` (may be run) or `120000` (a link). */
  readonly mode: string;
  readonly blob: string;
}

export interface ChangedPath {
  /** In the workspace, with slashes. */
  readonly path: string;
  /** Null: it was not there. */
  readonly before: TreeEntry | null;
  /** Null: it is not there any more. */
  readonly after: TreeEntry | null;
}

const linkMode = '120000';
/** A blob larger than this was never recorded, bytes. */
const mostBlob = 64 * 1024 * 1024;

export function isLink(entry: TreeEntry): boolean {
  return entry.mode === linkMode;
}

/** What differs between two trees, by path. Renames are a file less and a file more. @throws GitError */
export async function compareTrees(
  store: ChangeStore,
  before: string,
  after: string,
  signal?: AbortSignal,
): Promise<ChangedPath[]> {
  if (before === after) return [];
  const args = ['diff-tree', '-r', '-z', '--raw', '--no-renames', '--no-abbrev', '--no-ext-diff'];
  const output = await git(store, [...args, object(before), object(after)], { signal });
  const parts = output.toString('utf8').split('\0');
  const changed: ChangedPath[] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const match = /^:(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) /.exec(parts[i] ?? '');
    const path = parts[i + 1];
    if (match === null || path === undefined)
      throw new GitError('failed', 'git diff-tree said what it never says');
    const [, oldMode = '', newMode = '', oldBlob = '', newBlob = ''] = match;
    changed.push({ path, before: entryOf(oldMode, oldBlob), after: entryOf(newMode, newBlob) });
  }
  return changed;
}

/** The entry of one path; null when the tree has no such file. @throws GitError */
export async function entryAt(store: ChangeStore, tree: string, path: string): Promise<TreeEntry | null> {
  // git would refuse what leads out of its work tree.
  if (path.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) return null;
  const output = await git(store, ['ls-tree', '-z', '--full-tree', object(tree), '--', path]);
  for (const line of output.toString('utf8').split('\0')) {
    const match = /^(\d{6}) blob ([0-9a-f]+)\t(.*)$/s.exec(line);
    if (match?.[3] === path) return entryOf(match[1] ?? '', match[2] ?? '');
  }
  return null;
}

/** Sizes in bytes, by blob. @throws GitError */
export async function blobSizes(
  store: ChangeStore,
  blobs: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  if (blobs.length === 0) return sizes;
  const output = await git(store, ['cat-file', '--batch-check=%(objectname) %(objectsize)'], {
    stdin: Buffer.from(blobs.map((blob) => `${object(blob)}\n`).join('')),
  });
  for (const line of output.toString('latin1').split('\n')) {
    const [blob = '', size = ''] = line.split(' ');
    if (/^\d+$/.test(size)) sizes.set(blob, Number(size));
  }
  return sizes;
}

/** A file's content, or where a link points. @throws GitError */
export function readBlob(store: ChangeStore, blob: string): Promise<Buffer> {
  return git(store, ['cat-file', 'blob', object(blob)], { maxBytes: mostBlob });
}

/** Is everything there that a comparison needs? A tree may have been lost with a disk. */
export async function hasTree(store: ChangeStore, tree: string): Promise<boolean> {
  if (tree === emptyTree) return true;
  return git(store, ['cat-file', '-e', `${object(tree)}^{tree}`]).then(
    () => true,
    () => false,
  );
}

function entryOf(mode: string, blob: string): TreeEntry | null {
  return mode === '000000' ? null : { mode, blob };
}

/** What comes from a journal is not handed to git as an option. @throws RangeError */
function object(id: string): string {
  if (!/^[0-9a-f]{40}$/.test(id)) throw new RangeError(`not an object id: ${JSON.stringify(id)}`);
  return id;
}
