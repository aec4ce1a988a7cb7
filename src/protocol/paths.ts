/** The only place that spells the names inside the state directory, and where a socket may be. See docs/architecture.md. */
import { createHash } from 'node:crypto';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { SocketPathError } from './errors';

/** Longest socket path, in bytes. `sun_path` has 104 (macOS) or 108 (Linux) bytes; Node 20 cuts a longer one silently (nodejs/node#52347). */
export const MAX_SOCKET_PATH_BYTES = 100;

/** Exit code of a conductor that found a live owner: the starter connects to that one. */
export const EXIT_SOMEONE_ELSE = 10;

/** Exit code of a conductor that had no room on its disk to begin: its log may not say so for the same reason. */
export const EXIT_NO_ROOM = 11;

/** The variables that these functions read. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The state directory: `MARIANNE_HOME`, else `~/.marianne`. Absolute. @throws RangeError when the home folder is not absolute. */
export function stateDirectory(env: Environment, home: string): string {
  const chosen = env['MARIANNE_HOME'];
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  if (!isAbsolute(home)) throw new RangeError('no home directory is known; set MARIANNE_HOME');
  return join(home, '.marianne');
}

/** Every fixed name of the state directory. */
export function statePaths(stateDir: string) {
  const at = (...names: string[]) => join(stateDir, ...names);
  return {
    root: stateDir,
    config: at('conductor.yaml'),
    instruments: at('instruments'),
    trust: at('trust.json'),
    installationId: at('installation-id'),
    accountSalt: at('account-salt'),
    consents: at('consents.json'),
    owner: at('owner'),
    run: at('run'),
    socket: at('run', 's'),
    runtime: at('runtime'),
    bin: at('bin'),
    /** `mzt` for login shells, if the user wanted it. */
    mzt: at('bin', 'mzt'),
    journal: at('journal'),
    archive: at('archive'),
    index: at('index.db'),
    scores: at('scores'),
    prompts: at('prompts'),
    jobs: at('jobs'),
    changes: at('changes'),
    log: at('log'),
    conductorLog: at('log', 'conductor.log'),
  } as const;
}

/** The folder of one build's copy. @throws RangeError when the id is not a build id. */
export function runtimePath(stateDir: string, build: string): string {
  return join(statePaths(stateDir).runtime, safeName(build, 'build id'));
}

export function ownerRecordPath(stateDir: string, epoch: number): string {
  return join(statePaths(stateDir).owner, ownerRecordName(epoch));
}

export function ownerRecordName(epoch: number): string {
  return `epoch-${String(epoch).padStart(12, '0')}`;
}

/** The epoch that a file name in `owner/` stands for; null for other files. */
export function epochOfName(name: string): number | null {
  const match = /^epoch-([0-9]{12})$/.exec(name);
  return match?.[1] === undefined ? null : Number(match[1]);
}

export function journalSegmentPath(stateDir: string, firstSeq: number): string {
  return join(statePaths(stateDir).journal, `${String(firstSeq).padStart(12, '0')}.jsonl`);
}

export function archivePath(stateDir: string, run: string): string {
  return join(statePaths(stateDir).archive, `${safeName(run, 'run id')}.jsonl`);
}

export function scorePath(stateDir: string, sha256: string): string {
  return join(statePaths(stateDir).scores, safeName(sha256, 'digest'));
}

export function promptPath(stateDir: string, sha256: string): string {
  return join(statePaths(stateDir).prompts, safeName(sha256, 'digest'));
}

export function runPath(stateDir: string, run: string): string {
  return join(statePaths(stateDir).jobs, safeName(run, 'run id'));
}

/** What an MCP server says beside its work. @throws RangeError when the name is none. */
export function mcpLogPath(stateDir: string, server: string): string {
  return join(statePaths(stateDir).log, `mcp-${safeName(server, 'server name')}.log`);
}

/** `jobs/<run>/<sheet>.<attempt>`: what all files of an attempt begin with. @throws RangeError for what is no run id or number. */
export function attemptBase(stateDir: string, run: string, sheet: number, attempt: number): string {
  if (!Number.isSafeInteger(sheet) || sheet < 1 || !Number.isSafeInteger(attempt) || attempt < 1) {
    throw new RangeError(`no such attempt: ${sheet}.${attempt}`);
  }
  return join(runPath(stateDir, run), `${sheet}.${attempt}`);
}

/** The files of an attempt, by their meaning. */
export function attemptFiles(base: string) {
  return {
    claim: `${base}.claim`,
    stdoutSpool: `${base}.out.spool`,
    stderrSpool: `${base}.err.spool`,
    exit: `${base}.exit`,
    /** Prints of the keys that it was started with; only while it runs. */
    keys: `${base}.keys`,
    stdoutLog: `${base}.stdout.log`,
    stderrLog: `${base}.stderr.log`,
  } as const;
}

/** Eight hex digits that stand for a state directory in socket folders and agent markers. Takes its real path. */
export function stateDirectoryHash(realPath: string): string {
  return createHash('sha256').update(realPath).digest('hex').slice(0, 8);
}

/** What a socket path is chosen from. */
export interface SocketPlaces {
  readonly stateDir: string;
  /** `stateDirectoryHash` of the directory's real path. */
  readonly hash: string;
  readonly env: Environment;
  readonly uid: number;
  readonly tmpDir: string;
}

/**
 * Where the conductor may listen, best first, only what fits. `MARIANNE_SOCKET` is the only candidate when it is set.
 * @throws SocketPathError when `MARIANNE_SOCKET` is too long or not absolute, or when nothing fits.
 */
export function socketCandidates(places: SocketPlaces): readonly string[] {
  const explicit = places.env['MARIANNE_SOCKET'];
  if (explicit !== undefined && explicit !== '') {
    if (!isAbsolute(explicit)) {
      throw new SocketPathError(`MARIANNE_SOCKET must be an absolute path: ${explicit}`, {
        remedy: 'Set MARIANNE_SOCKET to an absolute path, or unset it.',
      });
    }
    if (!fits(explicit)) {
      throw new SocketPathError(
        `MARIANNE_SOCKET has ${Buffer.byteLength(explicit)} bytes; a socket path may have ${MAX_SOCKET_PATH_BYTES}: ${explicit}`,
        { remedy: 'Choose a shorter path for MARIANNE_SOCKET, or unset it.' },
      );
    }
    return [explicit];
  }
  const runtimeDir = places.env['XDG_RUNTIME_DIR'];
  const candidates = [
    statePaths(places.stateDir).socket,
    ...(runtimeDir !== undefined && isAbsolute(runtimeDir)
      ? [join(runtimeDir, 'marianne', places.hash, 's')]
      : []),
    join(places.tmpDir, `marianne-${places.uid}`, places.hash, 's'),
  ].filter(fits);
  if (candidates.length === 0) {
    throw new SocketPathError(
      'no place for the socket: the state directory and the temporary directory have too long paths',
      {
        remedy: 'Set MARIANNE_SOCKET to a short absolute path in a private folder.',
      },
    );
  }
  return candidates;
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

/** A name that comes from outside must stay one path segment. */
function safeName(name: string, what: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(name))
    throw new RangeError(`not a ${what}: ${JSON.stringify(name)}`);
  return name;
}

/** Content of `owner/epoch-<n>`. Unknown keys are kept by nobody and harm nobody. */
export const ownerRecordSchema = z.object({
  pid: z.int().positive(),
  /** As `process/identity` gives it: a pid and its start time are an identity. */
  start_time: z.string(),
  boot_id: z.string(),
  build: z.string(),
  version: z.string(),
  /** Milliseconds since the epoch; 0 = unknown. */
  built_at: z.number().default(0),
  socket: z.string(),
  nonce: z.string(),
  protocol: z.number(),
  /** True in a record that gives ownership back. */
  released: z.boolean().default(false),
});
export type OwnerRecord = z.infer<typeof ownerRecordSchema>;

export type StatePaths = ReturnType<typeof statePaths>;
