import { isAbsolute, join } from 'node:path';
import { readLoginPath } from '../protocol/login-path';
import type { LoginPath } from '../protocol/login-path';
import { isExecutableFile, knownFolders, pathFolders } from '../protocol/program-places';

/** Where a program was looked for, in the order of looking. */
export type ExecutableSource = 'setting' | 'path' | 'login_shell' | 'known_place';

/** One place that was looked at. */
export interface TriedPlace {
  readonly source: ExecutableSource;
  /** The file, or for the login shell that gave no PATH a sentence that says why. */
  readonly place: string;
}

/** What came of looking for a program. */
export type ResolvedExecutable =
  | {
      readonly found: true;
      readonly path: string;
      readonly source: ExecutableSource;
      readonly tried: readonly TriedPlace[];
    }
  | { readonly found: false; readonly tried: readonly TriedPlace[] };

/** Remembers the login shell's PATH: starting that shell can take seconds. */
export interface LoginPathCache {
  result?: Promise<LoginPath>;
}

/** Where to look. */
export interface ResolveOptions {
  /** Path from a user setting; it alone counts when given (`~/` is the home folder). */
  readonly setting?: string;
  /** PATH of whoever asks. Entries that are empty or not absolute are passed over: the current directory is never searched. */
  readonly path?: string;
  readonly home: string;
  /** The user's shell, absolute. Default `$SHELL`; null = it is not asked. */
  readonly shell?: string | null;
  /** Default: one for this process. */
  readonly cache?: LoginPathCache;
  /** Time for the login shell, milliseconds. Default 3000. */
  readonly shellTimeoutMs?: number;
}

const processCache: LoginPathCache = {};

/**
 * Finds a program: setting, PATH, the login shell's PATH (a VS Code that was started from a desktop has not got it), known places.
 * The path is absolute and an executable regular file; links are not resolved (the program's name may tell it what to be).
 * @param name bare name, or an absolute path
 */
export async function resolveExecutable(name: string, options: ResolveOptions): Promise<ResolvedExecutable> {
  const tried: TriedPlace[] = [];
  const look = (source: ExecutableSource, folders: readonly string[]): ResolvedExecutable | null => {
    for (const folder of folders) {
      const place = join(folder, name);
      if (tried.some((earlier) => earlier.place === place)) continue;
      tried.push({ source, place });
      if (isExecutableFile(place)) return { found: true, path: place, source, tried };
    }
    return null;
  };
  const exact = options.setting ?? (isAbsolute(name) ? name : null);
  if (exact !== null) {
    const path = exact.startsWith('~/') ? join(options.home, exact.slice(2)) : exact;
    tried.push({ source: 'setting', place: path });
    return isAbsolute(path) && isExecutableFile(path)
      ? { found: true, path, source: 'setting', tried }
      : { found: false, tried };
  }
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) return { found: false, tried };

  const onPath = look('path', pathFolders(options.path ?? ''));
  if (onPath) return onPath;
  const shell = options.shell === undefined ? process.env['SHELL'] : options.shell;
  if (shell) {
    const cache = options.cache ?? processCache;
    cache.result ??= readLoginPath(shell, options.home, options.shellTimeoutMs ?? 3000);
    const login = await cache.result;
    if ('failure' in login) tried.push({ source: 'login_shell', place: login.failure });
    else {
      const inShell = look('login_shell', pathFolders(login.path));
      if (inShell) return inShell;
    }
  }
  return look('known_place', knownFolders(options.home)) ?? { found: false, tried };
}
