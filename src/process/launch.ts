import { spawn } from 'node:child_process';
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { errnoOf } from './errno';
import { shimArguments, type WakeCommand } from './shim';

/** Variable that every agent carries and its children inherit; strays are found by it. */
export const markerName = 'MARIANNE_MARKER';

/** What is needed to start an attempt. */
export interface LaunchSpec {
  /** Absolute path that the attempt's files begin with: `<state>/jobs/<run>/<sheet>.<attempt>`. */
  readonly base: string;
  /** Value of `MARIANNE_MARKER`, unique to this attempt. */
  readonly marker: string;
  /** Absolute executable first. */
  readonly argv: readonly [string, ...string[]];
  /** Environment of the agent, complete but for the marker. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** File that the agent reads on stdin (a link is refused); null = `/dev/null`. */
  readonly stdinFile: string | null;
  /** How the shim starts a conductor when it ends and finds the owner's gone; null = it does not. */
  readonly wake: WakeCommand | null;
  /** File mode mask of the agent. Default: this process's own. */
  readonly umask?: number;
  /** The shell that runs the shim, for tests with another one. Default `/bin/sh`. */
  readonly shell?: string;
}

/** An attempt whose shim has been spawned. Whether the agent runs is told by its claim. */
export interface LaunchedAttempt {
  /** Of the shim: also its process group and session. */
  readonly pid: number;
  /** Resolves when the shim has ended (`exit`, not `close`: nobody waits for strays that hold a descriptor). Never rejects. */
  readonly exited: Promise<void>;
}

/** What kept an attempt from starting. */
export type LaunchErrorCode =
  | 'cwd_missing'
  | 'cwd_unusable'
  | 'executable_missing'
  | 'executable_unusable'
  | 'stdin_unusable'
  | 'spool_unusable'
  | 'arguments_too_long'
  | 'out_of_processes'
  | 'out_of_descriptors'
  | 'invalid_argument'
  | 'spawn_failed';

/** An attempt could not be started: nothing ran, nothing is left behind. `message` says what to do about it. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
  constructor(
    readonly code: LaunchErrorCode,
    message: string,
    /** The system's own code, such as `ENOENT`; absent when no system call failed. */
    readonly errno?: string,
  ) {
    super(message);
  }
}

/** Descriptors of an attempt's spools, open for appending. */
export interface OpenSpools {
  readonly stdout: number;
  readonly stderr: number;
}

/** Paths of an attempt's spools. */
export function spoolPaths(base: string): { readonly stdout: string; readonly stderr: string } {
  return { stdout: `${base}.out.spool`, stderr: `${base}.err.spool` };
}

/**
 * Makes the folder (0700) and both spools (0600, new, never through a link). They are opened for appending: an agent that opens
 * `/dev/stderr` truncates the file, and its next write must not leave a hole.
 * @throws LaunchError `spool_unusable` or `out_of_descriptors`; no spool of ours is left behind.
 */
export function openSpools(base: string): OpenSpools {
  const paths = spoolPaths(base);
  const flags =
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  let stdout: number | undefined;
  try {
    makePrivateFolder(dirname(base));
    stdout = openSync(paths.stdout, flags, 0o600);
    return { stdout, stderr: openSync(paths.stderr, flags, 0o600) };
  } catch (error) {
    if (stdout !== undefined) {
      closeSync(stdout);
      rmSync(paths.stdout, { force: true });
    }
    if (error instanceof LaunchError) throw error;
    const errno = errnoOf(error);
    if (errno === 'EMFILE' || errno === 'ENFILE') throw outOfDescriptors(errno);
    throw new LaunchError(
      'spool_unusable',
      `Cannot make the output files ${base}.*.spool (${errno}). Is the state directory writable, and is there room on its disk?`,
      errno,
    );
  }
}

/** Makes a folder that only its owner may enter. @throws LaunchError when there is something else, or somebody else's. */
function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o077) !== 0) {
    throw new LaunchError(
      'spool_unusable',
      `The folder ${folder} must be a real folder of yours with mode 0700. Move it away, or set owner and mode.`,
    );
  }
}

/** Closes spools that were opened for a launch; with `base`, removes them too. */
export function closeSpools(spools: OpenSpools, base?: string): void {
  closeSync(spools.stdout);
  closeSync(spools.stderr);
  if (base === undefined) return;
  const paths = spoolPaths(base);
  rmSync(paths.stdout, { force: true });
  rmSync(paths.stderr, { force: true });
}

/**
 * Starts an attempt: checks, spools, shim. The descriptors are closed here whatever happens.
 * @throws LaunchError (as rejection)
 */
export async function launchAttempt(spec: LaunchSpec): Promise<LaunchedAttempt> {
  checkLaunch(spec);
  const spools = openSpools(spec.base);
  let launched: LaunchedAttempt;
  try {
    launched = await spawnShim(spec, spools);
  } catch (error) {
    closeSpools(spools, spec.base);
    throw error;
  }
  closeSpools(spools);
  return launched;
}

/**
 * Looks at everything that can be known before a process exists, so that a missing working directory is not told as a missing program.
 * @throws LaunchError
 */
export function checkLaunch(spec: LaunchSpec): void {
  const [executable] = spec.argv;
  if (!isAbsolute(spec.base)) throw new LaunchError('invalid_argument', `Not an absolute path: ${spec.base}`);
  if (!isAbsolute(executable)) {
    throw new LaunchError(
      'invalid_argument',
      `The program must be given with its absolute path, not as "${executable}".`,
    );
  }
  const texts = [...spec.argv, ...Object.keys(spec.env), ...Object.values(spec.env), spec.marker, spec.cwd];
  if (texts.some((text) => text.includes('\0'))) {
    throw new LaunchError(
      'invalid_argument',
      'An argument or a variable holds a NUL byte; no program can be given one.',
    );
  }
  if (Object.keys(spec.env).some((name) => name === '' || name.includes('='))) {
    throw new LaunchError('invalid_argument', 'The name of an environment variable is empty or holds "=".');
  }
  const cwd = statSync(spec.cwd, { throwIfNoEntry: false });
  if (!cwd)
    throw new LaunchError(
      'cwd_missing',
      `The working directory ${spec.cwd} does not exist. Create it first.`,
      'ENOENT',
    );
  if (!cwd.isDirectory() || !allowed(spec.cwd, constants.X_OK)) {
    throw new LaunchError(
      'cwd_unusable',
      `${spec.cwd} is not a directory that can be entered.`,
      cwd.isDirectory() ? 'EACCES' : 'ENOTDIR',
    );
  }
  const program = statSync(executable, { throwIfNoEntry: false });
  if (!program)
    throw new LaunchError(
      'executable_missing',
      `The program ${executable} does not exist. Install it, or correct its setting.`,
      'ENOENT',
    );
  if (!program.isFile() || !allowed(executable, constants.X_OK)) {
    throw new LaunchError(
      'executable_unusable',
      `${executable} is not an executable file. Correct its setting, or its mode.`,
      'EACCES',
    );
  }
}

function allowed(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Names that sh keeps: dash drops all others from the environment of what it runs. */
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names that change what a shell itself does (bash reads SHELLOPTS and BASHOPTS as `sh` too), or that it sets. */
const shellsOwn =
  /^(ENV|BASH_ENV|SHELLOPTS|BASHOPTS|POSIXLY_CORRECT|IFS|OPTIND|OPTARG|PPID|UID|EUID|PS[0-4]|LINENO|MAIL|MAILPATH|MAILCHECK|mzt_.*)$/;

/**
 * Splits the environment into what may pass through the shell, and what has to be put back by `env` behind it (dash drops names that
 * are no identifiers; some names steer the shell). The latter show in `ps`.
 */
export function splitEnvironment(env: Readonly<Record<string, string>>): {
  readonly through: Record<string, string>;
  readonly behind: readonly string[];
} {
  const through: Record<string, string> = {};
  const behind: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (shellName.test(name) && !shellsOwn.test(name)) through[name] = value;
    else behind.push(`${name}=${value}`);
  }
  return { through, behind };
}

/**
 * Spawns the shim in a session of its own with these spools. The caller closes the spools.
 * @throws LaunchError (as rejection)
 */
export async function spawnShim(spec: LaunchSpec, spools: OpenSpools): Promise<LaunchedAttempt> {
  const { through, behind } = splitEnvironment(spec.env);
  const argv = behind.length > 0 ? ['/usr/bin/env', '--', ...behind, ...spec.argv] : spec.argv;
  const stdin = openStdin(spec.stdinFile);
  try {
    const child = spawn(
      spec.shell ?? '/bin/sh',
      shimArguments({ base: spec.base, umask: spec.umask ?? process.umask(), wake: spec.wake, argv }),
      {
        cwd: spec.cwd,
        env: { ...through, [markerName]: spec.marker },
        detached: true,
        stdio: [stdin, spools.stdout, 'ignore', spools.stderr],
      },
    );
    child.unref();
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    if (child.pid === undefined) throw new LaunchError('spawn_failed', 'The system gave no process id.');
    return { pid: child.pid, exited };
  } catch (error) {
    throw asLaunchError(error);
  } finally {
    closeSync(stdin);
  }
}

function openStdin(file: string | null): number {
  try {
    if (file === null) return openSync('/dev/null', constants.O_RDONLY);
    // Not blocking: a FIFO in this place must not hold up the conductor. It means nothing for a regular file.
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(descriptor).isFile()) return descriptor;
    closeSync(descriptor);
    throw new LaunchError('stdin_unusable', `The stored prompt ${file} is not a regular file.`);
  } catch (error) {
    if (error instanceof LaunchError) throw error;
    const errno = errnoOf(error);
    if (errno === 'EMFILE' || errno === 'ENFILE') throw outOfDescriptors(errno);
    throw new LaunchError(
      'stdin_unusable',
      `The stored prompt ${file ?? '/dev/null'} cannot be read (${errno}).`,
      errno,
    );
  }
}

function outOfDescriptors(errno: string): LaunchError {
  return new LaunchError(
    'out_of_descriptors',
    'No file descriptor is left. Lower max_concurrent_sheets, or raise the limit (ulimit -n).',
    errno,
  );
}

/** Node throws some errors of a spawn at once (E2BIG), and emits others; both arrive here. */
function asLaunchError(error: unknown): LaunchError {
  if (error instanceof LaunchError) return error;
  const errno = errnoOf(error);
  switch (errno) {
    case 'E2BIG':
      return new LaunchError(
        'arguments_too_long',
        'Command line and environment are too long for the system (one argument may hold 128 KiB on Linux). ' +
          'Give the prompt on stdin: set prompt_via_stdin in the instrument profile.',
        errno,
      );
    case 'EAGAIN':
    case 'ENOMEM':
      return new LaunchError(
        'out_of_processes',
        'The system starts no further process (process limit or memory). Lower max_concurrent_sheets, or raise the limit (ulimit -u).',
        errno,
      );
    case 'EMFILE':
    case 'ENFILE':
      return outOfDescriptors(errno);
    default:
      return new LaunchError(
        'spawn_failed',
        `The shim could not be started: ${error instanceof Error ? error.message : String(error)}`,
        errno,
      );
  }
}
