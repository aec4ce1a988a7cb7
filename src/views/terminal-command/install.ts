/** Puts `mzt` where the login shell looks for programs, and takes it away again. Never touches what is not ours. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  lstat,
  readFile,
  readlink,
  rename,
  rm,
  rmdir,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { ensureRuntimeCopy } from '../../client/runtime-copy';
import { LOGIN_START_PATH, readLoginPath } from '../../protocol/login-path';
import { makeFolders } from '../../protocol/make-folders';
import { statePaths } from '../../protocol/paths';
import { ensurePrivateDir, errorCode } from '../../protocol/private-folder';
import { isExecutableFile, pathFolders } from '../../protocol/program-places';
import { SHIM_MARK, shimText } from './shim';

/** Start files of a login shell may take their time, milliseconds. */
const SHELL_TIMEOUT_MS = 8_000;

export interface Place {
  readonly stateDir: string;
  /** The extension's build. */
  readonly distDir: string;
  /** VS Code's own Node. */
  readonly node: string;
  readonly home: string;
  /** Folders where the login shell looks for programs; null when it did not say. */
  readonly folders: readonly string[] | null;
}

export type Installed =
  | { readonly kind: 'found'; readonly link: string }
  /** Made, but the login shell does not look there (`known`), or did not say where it looks. */
  | { readonly kind: 'unseen'; readonly link: string; readonly known: boolean }
  /** A program of the same name that the login shell finds first; nothing was linked. */
  | { readonly kind: 'in_the_way'; readonly other: string }
  | { readonly kind: 'no_place'; readonly reason: string };

/** Folders of the user's login shell; null when it does not say. */
export async function loginFolders(home: string): Promise<readonly string[] | null> {
  const shell = process.env['SHELL'] ?? userInfo().shell ?? '/bin/sh';
  const answer = await readLoginPath(shell, home, SHELL_TIMEOUT_MS, LOGIN_START_PATH);
  return 'path' in answer ? pathFolders(answer.path) : null;
}

/** Writes shim and copy anew, and links the shim into a folder of the login shell. @throws errors of the file system */
export async function installMzt(place: Place): Promise<Installed> {
  await writeShim(place);
  const { home, folders } = place;
  const shim = statePaths(place.stateDir).mzt;
  // A user's own folders first; the system's only where they are the user's to write, as Homebrew's are.
  const usual = [join(home, '.local/bin'), join(home, 'bin'), '/opt/homebrew/bin', '/usr/local/bin'];
  const first = folders?.find((folder) => isExecutableFile(join(folder, 'mzt')));
  const foreign = first !== undefined && !(await isOurs(join(first, 'mzt'), shim)) ? first : null;
  const before = foreign === null ? folders : (folders ?? []).slice(0, folders?.indexOf(foreign));
  for (const folder of usual.filter((each) => before?.includes(each))) {
    if ((await link(folder, shim, home)) === 'linked') return { kind: 'found', link: join(folder, 'mzt') };
  }
  if (foreign !== null) return { kind: 'in_the_way', other: join(foreign, 'mzt') };
  const own = join(home, '.local/bin');
  const made = await link(own, shim, home);
  if (made === 'linked') return { kind: 'unseen', link: join(own, 'mzt'), known: folders !== null };
  return made === 'taken'
    ? { kind: 'in_the_way', other: join(own, 'mzt') }
    : { kind: 'no_place', reason: made };
}

/** Takes away the links and the shim. @returns what was removed */
export async function uninstallMzt(place: Pick<Place, 'stateDir' | 'home' | 'folders'>): Promise<string[]> {
  const shim = statePaths(place.stateDir).mzt;
  const folders = new Set([join(place.home, '.local/bin'), join(place.home, 'bin'), '/opt/homebrew/bin']);
  for (const folder of ['/usr/local/bin', ...(place.folders ?? [])]) folders.add(folder);
  const removed: string[] = [];
  for (const folder of folders) {
    const path = join(folder, 'mzt');
    if (!(await isOurs(path, shim))) continue;
    await rm(path);
    removed.push(path);
  }
  if (await isShim(shim)) {
    await rm(shim);
    removed.push(shim);
    await rmdir(dirname(shim)).catch(() => undefined);
  }
  return removed;
}

/** Writes the shim again for another build or another VS Code, if it is still there. @returns whether it is */
export async function refreshMzt(place: Omit<Place, 'folders'>): Promise<boolean> {
  if (!(await isShim(statePaths(place.stateDir).mzt))) return false;
  await writeShim(place);
  return true;
}

/** What the login shell runs as `mzt`. */
export async function foundMzt(
  stateDir: string,
  folders: readonly string[],
): Promise<{ readonly path: string; readonly ours: boolean } | null> {
  const folder = folders.find((each) => isExecutableFile(join(each, 'mzt')));
  if (folder === undefined) return null;
  const path = join(folder, 'mzt');
  return { path, ours: await isOurs(path, statePaths(stateDir).mzt) };
}

async function writeShim({ stateDir, distDir, node, home }: Omit<Place, 'folders'>): Promise<void> {
  await ensureRuntimeCopy(stateDir, distDir);
  const { bin, mzt } = statePaths(stateDir);
  await ensurePrivateDir(bin);
  const there = await lstat(mzt).catch(() => null);
  if (there !== null && !(await isShim(mzt))) throw new Error(`${mzt} is not Marianne’s: move it away first`);
  const temp = join(bin, `.mzt-${randomBytes(6).toString('hex')}`);
  try {
    const text = shimText({ stateDir, node, nameState: stateDir !== join(home, '.marianne') });
    await writeFile(temp, text, { mode: 0o700, flag: 'wx' });
    await chmod(temp, 0o700);
    await rename(temp, mzt);
  } finally {
    await rm(temp, { force: true });
  }
}

/** Links the shim into a folder, which is made if it is in the user's home. Else why not: `taken` = by something that is not ours. */
async function link(folder: string, shim: string, home: string): Promise<string> {
  const path = join(folder, 'mzt');
  try {
    if (folder.startsWith(`${home}/`)) await makeFolders(folder, 0o755);
    if (await isOurs(path, shim)) return 'linked';
    await access(folder, constants.W_OK | constants.X_OK);
    // Never over what is there, also if it came this very moment.
    await symlink(shim, path);
    return 'linked';
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'taken';
    return error instanceof Error ? error.message : String(error);
  }
}

/** Is it a link to this shim? */
async function isOurs(path: string, shim: string): Promise<boolean> {
  return readlink(path).then(
    (target) => target === shim,
    () => false,
  );
}

async function isShim(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile() && (await readFile(path, 'utf8')).includes(SHIM_MARK);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return false;
  }
}
