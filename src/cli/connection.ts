/** The way to the conductor: found, or started when the command may. */
import { join } from 'node:path';
import type { DaemonClient } from '../client/daemon-client';
import type { FoundConductor } from '../client/find';
import type { LineLink } from '../client/line-link';
import type { InitializeResult } from '../protocol/daemon-methods';
import { versionOf } from './build-info';
import type { Invocation } from './command';
import type { CliContext } from './context';
import { CliFailure, Exit, tellFailure } from './failure';
import { stateDirOf } from './state-directory';

export interface Conductor {
  readonly client: DaemonClient;
  readonly info: InitializeResult;
  /** A new connection to whoever is the conductor now; starts one if the command may. */
  connect(): Promise<LineLink>;
}

function clientInfo(context: CliContext) {
  return { name: 'mzt', version: versionOf(context).version, kind: 'cli' } as const;
}

/** The running conductor, or null. Starts nothing. */
export async function findRunning(context: CliContext): Promise<FoundConductor | null> {
  const stateDir = stateDirOf(context);
  const { findConductor } = await import('../client/find');
  return findConductor(stateDir, clientInfo(context)).catch((error: unknown) => {
    throw unusable(error, stateDir);
  });
}

/** An error of the file system on the way to the conductor: a full disk, a folder of somebody else, a file in its place. */
function unusable(error: unknown, stateDir: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  return new CliFailure(Exit.unreachable, `the state directory cannot be used: ${error.message}`, {
    hints: [...tellFailure(error).hints, `It is ${stateDir}; MARIANNE_HOME names another.`],
    errorCode: error.code.toLowerCase(),
    cause: error,
  });
}

/** The running conductor, started if `mayStart`. @throws ConductorNotRunning, ConductorStartFailed, DaemonError */
export async function ensureRunning(context: CliContext, mayStart: boolean): Promise<FoundConductor> {
  const stateDir = stateDirOf(context);
  if (mayStart) await checkSocketPath(context, stateDir);
  const { ensureConductor } = await import('../client/ensure');
  return ensureConductor({
    stateDir,
    client: clientInfo(context),
    runtime: { node: context.nodePath, script: join(context.distDir, 'conductor.js') },
    env: context.env,
    noStart: !mayStart,
  }).catch((error: unknown) => {
    throw unusable(error, stateDir);
  });
}

/** A socket path that no conductor could listen on is told before one is started. @throws SocketPathError */
async function checkSocketPath(context: CliContext, stateDir: string): Promise<void> {
  const { socketCandidates } = await import('../protocol/paths');
  const tmpDir = context.env['TMPDIR'] ?? '/tmp';
  // Only lengths matter here, and those of hash and user id hardly differ.
  socketCandidates({ stateDir, hash: '00000000', env: context.env, uid: process.getuid?.() ?? 0, tmpDir });
}

/**
 * Runs `body` with a client of the conductor, and offers it the keys that its jobs wait for.
 * @throws ConductorNotRunning with --no-start; ConductorStartFailed; what `body` throws
 */
export async function withConductor<T>(
  invocation: Pick<Invocation, 'context' | 'mayStart'>,
  body: (conductor: Conductor) => Promise<T>,
): Promise<T> {
  const { context, mayStart } = invocation;
  const found = await ensureRunning(context, mayStart);
  return withFound(context, found, async () => (await ensureRunning(context, mayStart)).record.socket, body);
}

/** The same with a conductor that was found already; `again` finds the next one when this one has gone. */
export async function withFound<T>(
  context: CliContext,
  found: FoundConductor,
  again: () => Promise<string>,
  body: (conductor: Conductor) => Promise<T>,
): Promise<T> {
  const [{ DaemonClient }, { LineLink }, { ConductorNotRunning }] = await Promise.all([
    import('../client/daemon-client'),
    import('../client/line-link'),
    import('../client/errors'),
  ]);
  let socket = found.record.socket;
  const client = new DaemonClient({ socket: () => Promise.resolve(socket) });
  const connect = async () => {
    try {
      return await LineLink.connect(socket);
    } catch (error) {
      if (!(error instanceof ConductorNotRunning)) throw error;
      socket = await again();
      return LineLink.connect(socket);
    }
  };
  const offered = offerSecrets(client, context);
  try {
    return await body({ client, info: found.info, connect });
  } finally {
    await offered;
    client.close();
  }
}

/** Gives the conductor the keys that it waits for, as far as this shell has them. A failure here is none of the command's. */
export async function offerSecrets(client: DaemonClient, context: CliContext): Promise<void> {
  try {
    const { names } = await client.call('secrets.wanted', {});
    const values: Record<string, string> = {};
    for (const name of names) {
      const value = context.env[name];
      if (value !== undefined && value !== '') values[name] = value;
    }
    if (Object.keys(values).length > 0) await client.call('secrets.offer', { values });
  } catch {
    // The command's own call meets the same trouble and tells it.
  }
}
