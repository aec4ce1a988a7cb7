import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { git, type GitPlace } from './git';

/**
 * One private git repository per workspace, `<state>/changes/<16 hex>/`: trees of attempts and their files, an index that makes the next tree cheap, and a
 * ref for every tree that a job's record names, so that git's own upkeep keeps what is needed and drops the rest.
 */
export interface ChangeStore extends GitPlace {
  /** Name of its folder, as attempts record it. */
  readonly id: string;
  /** The workspace, seen from the top of the user's repository; empty when it is that. */
  readonly prefix: string;
}

/** Files as they are on the disk: no filter, no line endings, no keywords. In this file it beats every `.gitattributes`. */
const attributes = '* -text -eol -filter -ident -working-tree-encoding -export-subst\n';
const config = '[core]\n\trepositoryformatversion = 0\n\tbare = false\n';
/** The user's own exclude file, beyond this it is not read, bytes. */
const mostExclude = 64 * 1024;

export function storeId(workspace: string): string {
  return createHash('sha256').update(workspace).digest('hex').slice(0, 16);
}

/** For looking at what was recorded; the workspace may be gone. @throws RangeError for what is no id of a store. */
export function storeAt(changesDir: string, id: string): ChangeStore {
  if (!/^[0-9a-f]{16}$/.test(id)) throw new RangeError(`not a store of changes: ${JSON.stringify(id)}`);
  const gitDir = join(changesDir, id);
  return { id, gitDir, workTree: gitDir, prefix: '' };
}

/** The store of a workspace, made if it is not there. Null: no git repository holds that folder. */
export async function openStore(changesDir: string, workspace: string): Promise<ChangeStore | null> {
  const top = await repositoryTop(workspace);
  if (top === null) return null;
  const id = storeId(workspace);
  const gitDir = join(changesDir, id);
  const made = await stat(join(gitDir, 'HEAD')).catch(() => null);
  if (made === null) {
    for (const folder of ['objects', 'refs', 'info'])
      await mkdir(join(gitDir, folder), { recursive: true, mode: 0o700 });
    await writeFile(join(gitDir, 'config'), config);
    await writeFile(join(gitDir, 'info', 'attributes'), attributes);
    // Last: with it the folder is a repository.
    await replace(join(gitDir, 'HEAD'), 'ref: refs/heads/none\n');
  }
  await replace(join(gitDir, 'info', 'exclude'), await userExcludes(top));
  return { id, gitDir, workTree: top, prefix: relative(top, workspace) };
}

/** Keeps a tree as long as its job is kept. */
export async function keepTree(store: ChangeStore, run: string, name: string, tree: string): Promise<void> {
  const path = join(jobRefs(store, run), name);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await replace(path, `${tree}\n`);
}

/** Lets go of the trees of jobs that are not to be kept. A store that nobody needs any more goes whole. */
export async function letGo(changesDir: string, keeps: (runName: string) => boolean): Promise<void> {
  const all = await readdir(changesDir).catch(() => []);
  for (const name of all.filter((name) => name.endsWith(gone))) await drop(join(changesDir, name));
  for (const id of all.filter((name) => /^[0-9a-f]{16}$/.test(name))) {
    const { gitDir } = storeAt(changesDir, id);
    const jobs = join(gitDir, 'refs', 'jobs');
    const names = await readdir(jobs).catch(() => []);
    const unwanted = names.filter((name) => !keeps(name));
    for (const name of unwanted) await drop(join(jobs, name));
    if (unwanted.length === 0 || unwanted.length < names.length) continue;
    // In one step: half a store would look like a whole one.
    await rename(gitDir, gitDir + gone);
    await drop(gitDir + gone);
  }
}

/** Removes a store in which no tree was ever kept: of a workspace that is too large, or ignored. */
export async function dropUnused({ gitDir }: ChangeStore): Promise<void> {
  const kept = await stat(join(gitDir, 'refs', 'jobs')).catch(() => null);
  if (kept === null) await drop(gitDir);
}

/** Ending of a store that is being removed. */
const gone = '.gone';

function drop(path: string): Promise<void> {
  return rm(path, { recursive: true, force: true });
}

/** A run's name in a store: a run id may hold what a ref may not. */
export function runName(run: string): string {
  return createHash('sha256').update(run).digest('hex').slice(0, 32);
}

/** Packs what lies loose and drops what no job needs, if there is enough of it. */
export async function upkeep(store: ChangeStore, signal: AbortSignal): Promise<void> {
  await git(store, ['-c', 'gc.auto=3000', 'gc', '--auto', '--quiet'], { signal });
}

function jobRefs(store: ChangeStore, run: string): string {
  return join(store.gitDir, 'refs', 'jobs', runName(run));
}

/** The nearest folder upwards that has a `.git`. */
async function repositoryTop(folder: string): Promise<string | null> {
  for (let at = folder; ; at = dirname(at)) {
    const mark = await lstat(join(at, '.git')).catch(() => null);
    if (mark?.isFile() === true) return at;
    if (mark?.isDirectory() === true && (await isFile(join(at, '.git', 'HEAD')))) return at;
    if (dirname(at) === at) return null;
  }
}

/** What the user's repository leaves out beside its `.gitignore` files. */
async function userExcludes(top: string): Promise<string> {
  let folder = join(top, '.git');
  if (await isFile(folder)) {
    const link = /^gitdir: (.+)$/m.exec(await smallText(folder))?.[1];
    if (link === undefined) return '';
    folder = isAbsolute(link) ? link : resolve(top, link);
    const common = (await smallText(join(folder, 'commondir'))).trim();
    if (common !== '') folder = resolve(folder, common);
  }
  return smallText(join(folder, 'info', 'exclude'));
}

/** Content of a regular file of modest size, or nothing: a pipe in its place must not hold us up. */
async function smallText(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true || found.size > mostExclude) return '';
  return readFile(path, 'utf8').catch(() => '');
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}

async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, path);
}
