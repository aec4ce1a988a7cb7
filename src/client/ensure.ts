/** Finds the conductor or starts it: what every client does first. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CancelledError } from '../protocol/errors';
import type { DaemonError } from '../protocol/errors';
import { EXIT_NO_ROOM, EXIT_SOMEONE_ELSE, statePaths } from '../protocol/paths';
import type { Environment } from '../protocol/paths';
import { ensurePrivateDir, ensureStateDir } from '../protocol/private-folder';
import { readOwner } from '../protocol/owner-record';
import { refuseAborted, unlessAborted } from './abort';
import { ConductorNotRunning, ConductorStartFailed } from './errors';
import { findConductor } from './find';
import type { ClientInfo, FoundConductor } from './find';
import { LineLink } from './line-link';
import { pause as pauseFor } from './pause';
import { ensureRuntimeCopy, readBuildInfo } from './runtime-copy';
import type { BuildInfo } from './runtime-copy';

export interface EnsureOptions {
  readonly stateDir: string;
  readonly client: ClientInfo;
  readonly runtime: {
    /** The Node executable, or Electron's (`process.execPath`). */
    readonly node: string;
    /** `conductor.js` inside the dist folder, which is copied as a whole. */
    readonly script: string;
  };
  /** Variables of this process; only a list of them reaches the conductor. */
  readonly env: Environment;
  /** Only look. */
  readonly noStart?: boolean;
  /** Longest wait for a started conductor, milliseconds; default 15 s. */
  readonly timeoutMs?: number;
  /** Gives the start up: what was started for it and does not answer yet is ended. */
  readonly signal?: AbortSignal;
}

/** What the conductor itself needs (`SECRETS_DIR`: for paths of the keyring). What agents need travels with each submit: the shell that happened to start the conductor must not decide it. */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|XDG_[A-Z_]+|SECRETS_DIR|MARIANNE_SOCKET|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|(?:https?|all|no)_proxy|(?:HTTPS?|ALL|NO)_PROXY)$/;

const START_TIMEOUT_MS = 15_000;
const LOG_TAIL_BYTES = 4_096;
/** So long a conductor whose start is given up has to end by itself, milliseconds. */
const END_TIMEOUT_MS = 3_000;
/** A winner of the race may end at once, or be killed: so often we start again. */
const MAX_STARTS = 3;

/** The environment of a conductor that is started from here. */
export function conductorEnvironment(env: Environment, stateDir: string): Record<string, string> {
  const passed = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && PASSED_ON.test(entry[0]),
  );
  // Electron runs as plain Node with this; Node ignores it.
  return { ...Object.fromEntries(passed), MARIANNE_HOME: stateDir, ELECTRON_RUN_AS_NODE: '1' };
}

/**
 * Finds the running conductor, or starts one and waits until it answers. A running one of an older build that has no jobs is asked to hand over;
 * a newer one is never displaced.
 * @throws ConductorNotRunning with `noStart`; ConductorStartFailed; CancelledError; DaemonError of a conductor that speaks another protocol
 */
export async function ensureConductor(options: EnsureOptions): Promise<FoundConductor> {
  const found = await unlessAborted(findConductor(options.stateDir, options.client), options.signal);
  const dist = dirname(options.runtime.script);
  if (options.noStart === true) {
    if (found === null) throw new ConductorNotRunning();
    return found;
  }
  if (found !== null) {
    const ours = await readBuildInfo(dist);
    if (ours === null || !isNewer(ours, found.info) || !(await handsOver(found, options))) return found;
  }
  refuseAborted(options.signal);
  return start(options, dist);
}

/** True when `ours` should take over from `theirs`: by version, then by the time of the build. */
export function isNewer(
  ours: BuildInfo,
  theirs: { version: string; build: string; built_at: number },
): boolean {
  if (ours.build === theirs.build) return false;
  const order = compareVersions(ours.version, theirs.version);
  return order !== 0 ? order > 0 : ours.built_at > theirs.built_at;
}

function compareVersions(a: string, b: string): number {
  const [mine, other] = [a, b].map((version) => version.split('-')[0]?.split('.').map(Number) ?? []);
  for (let index = 0; index < 3; index += 1) {
    const difference = (mine?.[index] ?? 0) - (other?.[index] ?? 0);
    // A part that is no number orders nothing.
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  return 0;
}

/** Asks an idle older conductor to drain and waits until it has given ownership back. False: it stays. */
async function handsOver(found: FoundConductor, options: EnsureOptions): Promise<boolean> {
  let link: LineLink;
  try {
    link = await LineLink.connect(found.record.socket);
  } catch {
    return true;
  }
  try {
    const ready = await link.call('daemon.ready', {});
    if (ready.running_jobs > 0) return false;
    const answer = await link.call('daemon.drain', {});
    if (!answer.draining) return false;
  } catch {
    // One that is too old to know these methods stays until somebody stops it.
    return false;
  } finally {
    link.close();
  }
  const deadline = Date.now() + (options.timeoutMs ?? START_TIMEOUT_MS);
  while (Date.now() < deadline) {
    const owner = await readOwner(options.stateDir);
    if (owner === null || owner.record.released || owner.epoch !== found.epoch) return true;
    await wait(50, options.signal);
    refuseAborted(options.signal);
  }
  return false;
}

async function start(options: EnsureOptions, dist: string): Promise<FoundConductor> {
  const { stateDir } = options;
  const deadline = Date.now() + (options.timeoutMs ?? START_TIMEOUT_MS);
  const script = join(await ensureRuntimeCopy(stateDir, dist), basename(options.runtime.script));
  for (let starts = 1; ; starts += 1) {
    refuseAborted(options.signal);
    const started = await launch(options, script);
    const outcome = await untilReady(started, options, deadline);
    if (outcome !== 'again') return outcome;
    if (starts === MAX_STARTS) throw await startFailed(started, 'other conductors came and went');
  }
}

interface Started {
  readonly child: ChildProcess;
  /** Set when it has ended. */
  exit: { readonly code: number | null; readonly signal: string | null } | null;
  readonly logPath: string;
  /** Size of the log before the start. */
  readonly logOffset: number;
  failure: Error | null;
}

async function launch(options: EnsureOptions, script: string): Promise<Started> {
  const paths = statePaths(options.stateDir);
  await ensureStateDir(options.stateDir);
  await ensurePrivateDir(paths.log);
  const log = await open(paths.conductorLog, 'a', 0o600);
  try {
    const { size } = await stat(paths.conductorLog);
    const child = spawn(options.runtime.node, [script], {
      detached: true,
      cwd: options.stateDir,
      stdio: ['ignore', log.fd, log.fd],
      env: conductorEnvironment(options.env, options.stateDir),
    });
    const started: Started = {
      child,
      exit: null,
      logPath: paths.conductorLog,
      logOffset: size,
      failure: null,
    };
    child.on('exit', (code, signal) => (started.exit = { code, signal }));
    child.on('error', (error) => (started.failure = error));
    child.unref();
    return started;
  } finally {
    await log.close();
  }
}

/** Waits until a conductor answers, ours or the one that ours lost to. `again`: ours lost, and the winner is gone. */
async function untilReady(
  started: Started,
  options: EnsureOptions,
  deadline: number,
): Promise<FoundConductor | 'again'> {
  let lostSince: number | null = null;
  for (let pause = 20; ; pause = Math.min(pause * 1.5, 250)) {
    const found = await findConductor(options.stateDir, options.client, 2_000);
    // One that answers is there for everybody: it stays, also when nobody here waits for it any more.
    if (found !== null) return found;
    if (options.signal?.aborted === true) {
      await end(started);
      throw new CancelledError();
    }
    if (started.failure !== null) {
      throw await startFailed(started, `cannot be run: ${started.failure.message}`);
    }
    if (started.exit?.code === EXIT_SOMEONE_ELSE) {
      lostSince ??= Date.now();
      const owner = await readOwner(options.stateDir);
      if (owner === null || owner.record.released || Date.now() - lostSince > 3_000) return 'again';
    } else if (started.exit?.code === EXIT_NO_ROOM) {
      throw await startFailed(
        started,
        `the disk of ${options.stateDir} is full`,
        'Free some space there, or set MARIANNE_HOME to a folder on another disk.',
      );
    } else if (started.exit !== null) {
      const { code, signal } = started.exit;
      throw await startFailed(
        started,
        signal === null ? `it ended with exit code ${code ?? 'unknown'}` : `it was ended by ${signal}`,
      );
    }
    if (Date.now() > deadline) throw await startFailed(started, 'it did not become ready in time');
    await wait(pause, options.signal);
  }
}

async function startFailed(started: Started, why: string, remedy?: string): Promise<DaemonError> {
  const tail = await readTail(started.logPath, started.logOffset);
  return new ConductorStartFailed(`the conductor could not be started: ${why}`, tail, {
    data: { log: started.logPath },
    remedy: remedy ?? `Read ${started.logPath}.`,
  });
}

async function readTail(path: string, from: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const offset = Math.max(Math.min(from, size), size - LOG_TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** Ends a conductor that was started in vain. It may die at any point, so one that does not go by itself is killed. */
async function end({ child, exit, failure }: Started): Promise<void> {
  if (exit !== null || failure !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), END_TIMEOUT_MS);
  await gone;
  clearTimeout(timer);
}

function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  if (signal !== undefined) return pauseFor(milliseconds, signal);
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
