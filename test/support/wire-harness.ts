/** Starts the test server as a process, and speaks to sockets by hand. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerLimits } from '../../src/conductor/server/limits';
import type { ServerCommand, ServerFacts } from './wire-server';

export interface TestServer {
  readonly path: string;
  readonly stateDir: string;
  readonly child: ChildProcess;
  readonly ask: (command: ServerCommand) => Promise<Record<string, unknown>>;
  readonly facts: () => Promise<ServerFacts>;
  readonly stop: () => Promise<void>;
}

export async function startServer(
  limits: Partial<ServerLimits> = {},
  stateDir?: string,
): Promise<TestServer> {
  const folder = stateDir ?? (await mkdtemp(join(tmpdir(), 'wire-')));
  const child = fork(join(__dirname, 'wire-server.js'), [], {
    env: { PATH: process.env['PATH'], MARIANNE_HOME: folder, WIRE_LIMITS: JSON.stringify(limits) },
  });
  const next = async (ask: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const [message] = (await once(child, 'message')) as [Record<string, unknown>];
      if (message['ask'] === ask) return message;
    }
  };
  const { path } = await next('ready');
  const ask = async (command: ServerCommand) => {
    const answer = next(command.ask);
    child.send(command);
    return answer;
  };
  return {
    path: String(path),
    stateDir: folder,
    child,
    ask,
    facts: async () => (await ask({ ask: 'facts' })) as unknown as ServerFacts,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A client in line framing that says exactly what it is told to. */
export class RawClient {
  private readonly messages: Record<string, unknown>[] = [];
  private buffer = '';
  private wake: () => void = () => undefined;
  ended = false;
  readonly closed: Promise<void>;

  private constructor(readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.buffer += text;
      const lines = this.buffer.split('\n');
      this.buffer = lines.pop() ?? '';
      for (const line of lines) this.messages.push(JSON.parse(line) as Record<string, unknown>);
      this.wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.ended = true;
        this.wake();
        resolve();
      });
    });
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = createConnection(path);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  send(...messages: readonly unknown[]): void {
    this.write(messages.map((message) => JSON.stringify(message) + '\n').join(''));
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** The next message; null when the connection ended before. */
  async next(): Promise<Record<string, unknown> | null> {
    for (;;) {
      const message = this.messages.shift();
      if (message !== undefined) return message;
      if (this.ended) return null;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  async call(
    method: string,
    params?: unknown,
    id: string | number = 1,
  ): Promise<Record<string, unknown> | null> {
    this.send({ jsonrpc: '2.0', id, method, params });
    return this.next();
  }

  close(): void {
    this.socket.destroy();
  }
}

/** The `error.code` of a reply. */
export function codeOf(message: Record<string, unknown> | null): unknown {
  return (message?.['error'] as { code?: unknown } | undefined)?.code;
}
