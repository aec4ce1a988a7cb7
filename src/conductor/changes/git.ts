import { spawn } from 'node:child_process';

/** A repository of our own and the folder that it looks at. The user's repository is never opened: neither its settings nor its index. */
export interface GitPlace {
  readonly gitDir: string;
  readonly workTree: string;
}

export interface GitOptions {
  /** Bytes for its stdin; nothing is on it otherwise. */
  readonly stdin?: Buffer;
  /** More output than this ends it, bytes. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
  /** Paths in `args` may mean patterns: some commands know nothing else. */
  readonly patterns?: boolean;
}

/** git ended badly, or could not be started. */
export class GitError extends Error {
  override readonly name = 'GitError';
  constructor(
    readonly kind: 'missing' | 'failed' | 'too_much' | 'aborted',
    message: string,
    /** What it exited with, if it did. */
    readonly code: number | null = null,
  ) {
    super(message);
  }
}

const mostOutput = 32 * 1024 * 1024;
/** Of its complaints, characters. */
const mostComplaint = 2000;

/**
 * Settings that beat every file. A hook, a filter or a file-system monitor would be a program that a stranger's folder names; the files that could name
 * one are not read either (see the environment below).
 */
const settings = [
  ...['core.hooksPath=/dev/null', 'core.fsmonitor=false', 'core.untrackedCache=false'],
  ...['core.autocrlf=false', 'core.safecrlf=false', 'core.symlinks=true', 'core.fileMode=true'],
  ...['core.looseCompression=1', 'gc.autoDetach=false', 'gc.packRefs=false', 'gc.pruneExpire=1.hour.ago'],
].flatMap((setting) => ['-c', setting]);

/** What git finds: no system or user settings, no attributes of the system, no prompt, path names as they are. */
function environment(place: GitPlace, own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PATH = '/usr/local/bin:/usr/bin:/bin', HOME } = own;
  return {
    PATH: PATH.split(':')
      .filter((folder) => folder.startsWith('/'))
      .join(':'),
    ...(HOME === undefined ? {} : { HOME }),
    LC_ALL: 'C',
    GIT_DIR: place.gitDir,
    GIT_WORK_TREE: place.workTree,
    GIT_INDEX_FILE: `${place.gitDir}/index`,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
  };
}

/**
 * Runs git and gives its output.
 * @throws GitError
 */
export function git(place: GitPlace, args: readonly string[], options: GitOptions = {}): Promise<Buffer> {
  const { signal, maxBytes = mostOutput } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new GitError('aborted', 'out of time'));
      return;
    }
    const child = spawn('git', [...settings, ...args], {
      cwd: place.gitDir,
      env: {
        ...environment(place, process.env),
        GIT_LITERAL_PATHSPECS: options.patterns === true ? '0' : '1',
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const output: Buffer[] = [];
    let size = 0;
    let complaint = '';
    let stopped: GitError | null = null;
    const stop = (error: GitError) => {
      stopped ??= error;
      child.kill('SIGKILL');
    };
    const abort = () => stop(new GitError('aborted', 'out of time'));
    signal?.addEventListener('abort', abort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) stop(new GitError('too_much', `more than ${maxBytes} bytes of output`));
      else output.push(chunk);
    });
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text: string) => {
      complaint = (complaint + text).slice(0, mostComplaint);
    });
    // It may end without reading all: its status says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin);
    child.once('error', (error) => {
      signal?.removeEventListener('abort', abort);
      const missing = 'code' in error && error.code === 'ENOENT';
      reject(new GitError(missing ? 'missing' : 'failed', error.message));
    });
    child.once('close', (code, killedBy) => {
      signal?.removeEventListener('abort', abort);
      if (stopped !== null) reject(stopped);
      else if (code === 0) resolve(Buffer.concat(output));
      else
        reject(
          new GitError(
            'failed',
            `git ${args[0] ?? ''}: ${complaint.trim() || `exit ${code ?? killedBy}`}`,
            code,
          ),
        );
    });
  });
}
