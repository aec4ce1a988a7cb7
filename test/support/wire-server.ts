/** A real process with an RpcServer and a few handlers; told what to do by its parent over IPC. */
import { InternalError, JobSubmissionError } from '../../src/protocol/errors';
import { EventHub } from '../../src/conductor/server/event-hub';
import { RpcServer } from '../../src/conductor/server/rpc-server';
import type { ServerLimits } from '../../src/conductor/server/limits';
import { chooseSocket } from '../../src/conductor/ownership/socket-folder';

/** What the parent may ask. Every command is answered with a message that echoes `ask`. */
export type ServerCommand =
  | { ask: 'publish'; count: number; bytes: number; ephemeralKey?: string }
  | { ask: 'check' }
  | { ask: 'facts' }
  | { ask: 'close'; deadlineMs: number };

export interface ServerFacts {
  connections: number;
  inFlight: number;
  aborted: number;
  subscribers: number;
  /** Answers of `job.prompt` so far. */
  prompts: number;
  rss: number;
}

const limits = JSON.parse(process.env['WIRE_LIMITS'] ?? '{}') as Partial<ServerLimits>;
const stateDir = process.env['MARIANNE_HOME'] ?? '';
let aborted = 0;
let submits = 0;
let prompts = 0;

const hub: EventHub = new EventHub({ seq: 0, capacity: 100, snapshot: () => ({ seq: hub.seq, jobs: [] }) });

async function main(): Promise<void> {
  const place = await chooseSocket(stateDir, process.env);
  const server = new RpcServer({
    hub,
    limits,
    identity: () => ({
      build: 'test',
      version: '0.0.1',
      built_at: 1,
      epoch: 1,
      seq: hub.seq,
      pid: process.pid,
      capabilities: ['events'],
      socket: place.path,
      state_dir: stateDir,
    }),
    handlers: {
      'daemon.health': () =>
        Promise.resolve({ status: 'ok', pid: process.pid, uptime_seconds: 1, shutting_down: false }),
      // Waits until it is cancelled.
      'job.cancel': (_params, context) =>
        new Promise((resolve) => {
          context.signal.addEventListener('abort', () => {
            aborted += 1;
            resolve({ cancelled: true });
          });
        }),
      // `attempt` MiB of text.
      'job.prompt': (params) => {
        prompts += 1;
        return Promise.resolve({
          job_id: params.job_id,
          sheet: params.sheet,
          attempt: params.attempt ?? 1,
          prompt: 'x'.repeat((params.attempt ?? 1) * 1024 * 1024),
          digest: '',
        });
      },
      'job.pause': (params) => {
        if (params.job_id === 'secret') return Promise.reject(new Error('/home/somebody/secret: EACCES'));
        if (params.job_id === 'internal') return Promise.reject(new InternalError('known'));
        return Promise.reject(new JobSubmissionError(`no job ${params.job_id}`, { remedy: 'mzt list' }));
      },
      // Dies, or keeps silent, after it counted.
      'job.submit': (params) => {
        submits += 1;
        if (params.config_path === '/die-once' && submits === 1) process.exit(1);
        return Promise.resolve({ job_id: `n${submits}`, status: 'accepted', message: '' });
      },
      'job.clear': (_params, context) => {
        setTimeout(() => context.notify('hello', { kind: context.clientKind }), 1);
        return new Promise((resolve) => setTimeout(() => resolve({ deleted: 0 }), 30));
      },
    },
  });
  await server.listen(place.path, { prepare: place.prepare });
  process.on('message', (command: ServerCommand) => {
    void obey(server, command).then((answer) => process.send?.({ ask: command.ask, ...answer }));
  });
  process.send?.({ ask: 'ready', path: place.path });
}

async function obey(server: RpcServer, command: ServerCommand): Promise<object> {
  switch (command.ask) {
    case 'publish': {
      for (let index = 0; index < command.count; index += 1) {
        const common = {
          type: 'job.started',
          job_id: 'j',
          t: 0,
          data: { index, text: 'x'.repeat(command.bytes) },
        };
        if (command.ephemeralKey === undefined) hub.publish({ ...common, seq: hub.seq + 1 });
        else hub.publish({ ...common, type: 'attempt.progress', key: command.ephemeralKey });
      }
      return { seq: hub.seq };
    }
    case 'check':
      await server.checkSockets();
      return {};
    case 'facts':
      return {
        connections: server.connectionCount,
        inFlight: server.requestsInFlight,
        aborted,
        subscribers: hub.subscriberCount,
        prompts,
        rss: process.memoryUsage.rss(),
      } satisfies ServerFacts;
    case 'close':
      await server.close(command.deadlineMs);
      return {};
  }
}

void main();
