import { spawn } from 'node:child_process';
import { isAbsolute, join } from 'node:path';
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

/** PATH as the user's login shell has it, or why it is not known. */
export type LoginPath = { readonly path: string } | { readonly failure: string };

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

const before = '__marianne_path__';
const after = '__marianne_end__';
/** A shell's start files may print whatever they like; more than this is not kept. */
const outputLimit = 1024 * 1024;

/** Asks a login shell for its PATH, in a session of its own that is killed as a whole when the time is up. */
export function readLoginPath(shell: string, home: string, timeoutMs: number): Promise<LoginPath> {
  if (!isAbsolute(shell) || !isExecutableFile(shell)) {
    return Promise.resolve({ failure: `the login shell ${shell} is not an executable file` });
  }
  return new Promise((resolve) => {
    const child = spawn(shell, ['-ilc', `printf '${before}%s${after}' "$PATH"`], {
      cwd: home,
      detached: true,
      env: shellEnvironment(home),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let output = '';
    const timer = setTimeout(() => {
      // Its whole group: start files run programs. Only now: what a shell left behind on purpose (an ssh-agent) is not ours to end.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
        killGroup(child.pid);
      finish({ failure: `the login shell ${shell} did not answer within ${timeoutMs} ms` });
    }, timeoutMs);
    const finish = (result: LoginPath) => {
      child.stdout.destroy();
      resolve(result);
    };
    child.once('exit', () => clearTimeout(timer));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputLimit);
      const path = textBetween(output);
      if (path !== null) finish({ path });
    });
    child.once('error', (error) =>
      finish({ failure: `the login shell ${shell} did not start: ${error.message}` }),
    );
    // What it printed comes before its end; somebody else may hold the pipe open for ever, so "close" is not waited for.
    child.once('exit', () =>
      setTimeout(() => finish({ failure: `the login shell ${shell} told no PATH` }), 100).unref(),
    );
  });
}

function textBetween(output: string): string | null {
  const start = output.lastIndexOf(before);
  const end = output.indexOf(after, start);
  return start < 0 || end < 0 ? null : output.slice(start + before.length, end);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended, and nobody is left in its group.
  }
}

/** What a shell started by hand would have, without what VS Code or Electron added for themselves. */
function shellEnvironment(home: string): Record<string, string> {
  const env: Record<string, string> = { HOME: home, TERM: 'dumb' };
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || name in env) continue;
    if (/^(ELECTRON_|VSCODE_|NODE_OPTIONS$|CLAUDECODE$|MARIANNE_)/.test(name)) continue;
    env[name] = value;
  }
  // zsh frameworks offer updates and wait for an answer.
  env['DISABLE_AUTO_UPDATE'] = 'true';
  return env;
}
