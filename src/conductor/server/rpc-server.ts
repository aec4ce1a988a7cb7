/** JSON-RPC 2.0 on Unix sockets: who may connect, what a message means, and how much of everything there may be. */
import type { Socket } from 'node:net';
import {
  CancelledError,
  InvalidParamsError,
  InvalidRequestError,
  MethodNotFoundError,
  ResourceExhaustedError,
  ShuttingDownError,
} from '../../protocol/errors';
import type { InitializeResult } from '../../protocol/daemon-methods';
import { PROTOCOL_VERSION } from '../../protocol/daemon-methods';
import type { ParsedParamsOf } from '../../protocol/methods';
import { Notification, isMethodName, methodSpec } from '../../protocol/methods';
import { Connection, isFault, turnAway } from './connection';
import type { ConnectionHost, RequestId } from './connection';
import type { EventHub } from './event-hub';
import { EventStreams } from './event-streams';
import type { Handlers, RequestContext, ServerLog } from './handlers';
import { defaultLimits } from './limits';
import type { ServerLimits } from './limits';
import { parseRequest } from './request';
import { SocketListener } from './socket-listener';
import type { ListenOptions } from './socket-listener';

export interface RpcServerOptions {
  readonly handlers: Handlers;
  readonly hub: EventHub;
  /** What `initialize` tells; asked anew each time, because `seq` moves. */
  readonly identity: () => Omit<InitializeResult, 'protocol'>;
  readonly limits?: Partial<ServerLimits>;
  readonly log?: ServerLog;
}

type AnyHandler = (params: never, context: RequestContext) => Promise<unknown>;

export class RpcServer implements ConnectionHost {
  readonly limits: ServerLimits;
  private readonly handlers: ReadonlyMap<string, AnyHandler>;
  private readonly connections = new Set<Connection>();
  private readonly streams: EventStreams;
  private readonly listeners: SocketListener[] = [];
  private readonly log: ServerLog;
  private inFlight = 0;
  private inboundBytes = 0;
  private outboundBytes = 0;
  private nextConnection = 1;
  private closing = false;
  /** Called whenever something ended, while `close` waits. */
  private onQuieter: () => void = () => undefined;

  constructor(private readonly options: RpcServerOptions) {
    this.limits = { ...defaultLimits, ...options.limits };
    this.log = options.log ?? (() => undefined);
    this.streams = new EventStreams(options.hub, this.limits);
    this.handlers = new Map<string, AnyHandler>([
      ...(Object.entries(options.handlers) as [string, AnyHandler][]),
      ['initialize', (params, context) => this.initialize(params, context)],
    ]);
  }

  get connectionCount(): number {
    return this.connections.size;
  }

  /** Clients that listen to events, apart from one. Connections would count a client once for each of its calls. */
  listenersBeside(connectionId: number): number {
    return this.streams.listenersBeside(connectionId);
  }

  get requestsInFlight(): number {
    return this.inFlight;
  }

  /** Listens at one more path. @throws AlreadyRunningError, SocketPathError, and what `prepare` throws */
  async listen(path: string, options: ListenOptions): Promise<void> {
    const listener = await SocketListener.open(
      path,
      options,
      (socket) => this.accept(socket),
      (error) => this.log('error', 'listening socket failed', { path, error: error.message }),
    );
    this.listeners.push(listener);
  }

  /** Makes sockets that vanished again. To be called every few seconds; never throws. */
  async checkSockets(): Promise<void> {
    for (const listener of this.listeners) {
      try {
        const state = await listener.check();
        if (state !== 'ours' && !this.closing)
          this.log('warn', `socket was ${state}`, { path: listener.path });
      } catch (error) {
        this.log('error', 'socket vanished and cannot be made again', {
          path: listener.path,
          error: error instanceof Error ? error.message : String(error),
        });
      }
    }
  }

  /**
   * Stops accepting, serves what is connected until it is quiet or the deadline passes, then ends every connection. Streams do not hold it up.
   * @param deadlineMs longest wait for requests in work
   */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.listeners.splice(0).map((listener) => listener.close()));
    // What has arrived already is still read and served.
    await new Promise((resolve) => setImmediate(resolve));
    await this.waitUntil(() => [...this.connections].every((connection) => connection.isQuiet), deadlineMs);
    this.closing = true;
    for (const connection of this.connections) {
      for (const controller of connection.requests.values()) controller.abort();
      connection.leave(connection.isQuiet ? undefined : new ShuttingDownError('the conductor has stopped'));
    }
    await this.waitUntil(() => this.connections.size === 0, 1_000);
    for (const connection of this.connections) connection.destroy();
  }

  onMessage(connection: Connection, value: unknown): void {
    const request = parseRequest(value);
    if (request.kind === 'invalid') {
      connection.replyError(request.id, new InvalidRequestError(request.reason));
      return;
    }
    const { id, method, params } = request;
    if (method === Notification.cancel) {
      this.cancel(connection, params);
      return;
    }
    if (id === null) {
      if (isMethodName(method) && methodSpec(method).streaming !== true) {
        this.work(connection, null, method, params);
      }
      return;
    }
    if (this.closing) connection.replyError(id, new ShuttingDownError('the conductor is stopping'));
    else if (connection.requests.has(id)) {
      connection.replyError(
        id,
        new InvalidRequestError('a request with this id is in work on this connection'),
      );
    } else this.work(connection, id, method, params);
  }

  onHeldBytes(inboundChange: number, outboundChange: number): void {
    this.inboundBytes += inboundChange;
    this.outboundBytes += outboundChange;
    if (this.inboundBytes > this.limits.inboundBudgetBytes) {
      const reason = new ResourceExhaustedError(
        'too many bytes of incomplete messages are held; try again later',
      );
      this.fattest((connection) => connection.inboundBytes)?.leave(reason);
    }
    if (this.outboundBytes > this.limits.outboundBudgetBytes) {
      const fattest = this.fattest((connection) => connection.outboundBytes);
      this.log('warn', 'closed a client that does not read', { connection: fattest?.id });
      fattest?.destroy();
    }
  }

  onClosed(connection: Connection): void {
    this.streams.endAll(connection);
    this.connections.delete(connection);
    this.onQuieter();
  }

  private accept(socket: Socket): void {
    if (this.connections.size >= this.limits.maxConnections) {
      this.log('warn', 'connection refused: too many', { limit: this.limits.maxConnections });
      turnAway(
        socket,
        new ResourceExhaustedError(`the conductor serves ${this.limits.maxConnections} connections already`, {
          remedy: 'Close some clients, or try again later.',
        }),
      );
      return;
    }
    this.connections.add(new Connection(this.nextConnection++, socket, this));
  }

  private cancel(connection: Connection, params: Readonly<Record<string, unknown>>): void {
    const id = params['id'];
    if (typeof id !== 'string' && typeof id !== 'number') return;
    const controller = connection.requests.get(id);
    if (controller === undefined) return;
    // Answered at once: a handler need not listen to its signal. What it gives later is thrown away.
    connection.requests.delete(id);
    connection.replyError(id, new CancelledError());
    controller.abort(new CancelledError());
  }

  /** Runs a request within the bounds, and answers it if it has an id. */
  private work(
    connection: Connection,
    id: RequestId | null,
    method: string,
    params: Readonly<Record<string, unknown>>,
  ): void {
    if (this.inFlight >= this.limits.maxConcurrentRequests) {
      if (id !== null) {
        connection.replyError(
          id,
          new ResourceExhaustedError(
            `the conductor works on ${this.limits.maxConcurrentRequests} requests already`,
            {
              remedy: 'Try again in a moment.',
            },
          ),
        );
      }
      return;
    }
    const controller = new AbortController();
    if (id !== null) connection.requests.set(id, controller);
    this.inFlight += 1;
    connection.beginWork();
    void this.answer(connection, id, method, params, controller).finally(() => {
      this.inFlight -= 1;
      connection.endWork();
      this.onQuieter();
    });
  }

  private async answer(
    connection: Connection,
    id: RequestId | null,
    method: string,
    params: Readonly<Record<string, unknown>>,
    controller: AbortController,
  ): Promise<void> {
    const isOpen = () => id !== null && connection.requests.get(id) === controller;
    try {
      const result = await this.dispatch(connection, id, method, params, controller.signal);
      if (id === null || !isOpen()) return;
      // Streams write their own answer, because it must come before their first event.
      if (result !== answered) connection.reply(id, result, method);
      connection.requests.delete(id);
    } catch (error) {
      if (isFault(error)) {
        this.log('error', `${method} failed`, {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
      }
      if (id === null || !isOpen()) return;
      connection.requests.delete(id);
      connection.replyError(id, error);
    }
  }

  private async dispatch(
    connection: Connection,
    id: RequestId | null,
    method: string,
    params: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<unknown> {
    if (!isMethodName(method)) throw unknownMethod(method);
    const parsed = methodSpec(method).params.safeParse(params);
    if (!parsed.success) {
      const issues = parsed.error.issues
        .slice(0, 5)
        .map((issue) => `${issue.path.join('.') || 'params'}: ${issue.message}`);
      throw new InvalidParamsError(`Invalid params: ${issues.join('; ')}`.slice(0, 1_000), {
        data: { method },
      });
    }
    switch (method) {
      case 'events.subscribe': {
        const wanted = parsed.data as ParsedParamsOf<'events.subscribe'>;
        // `more` events, snapshot and reply are in one order on the wire: the stream sends the reply itself.
        await this.streams.subscribe(connection, wanted, (result) => {
          if (id !== null && connection.requests.has(id)) connection.reply(id, result, method);
        });
        return answered;
      }
      case 'events.unsubscribe':
        return { unsubscribed: this.streams.unsubscribe(connection) };
      case 'daemon.monitor.stream':
        await this.streams.monitor(connection, parsed.data as ParsedParamsOf<'daemon.monitor.stream'>);
        return answered;
      default: {
        const handler = this.handlers.get(method);
        if (handler === undefined) throw unknownMethod(method);
        // The table says that this schema's output is what this handler takes.
        return handler(parsed.data as never, this.context(connection, signal));
      }
    }
  }

  private context(connection: Connection, signal: AbortSignal): RequestContext {
    return {
      connectionId: connection.id,
      signal,
      clientKind: connection.clientKind,
      capabilities: connection.capabilities,
      notify: (method, params) => this.streams.notify(connection, method, params),
    };
  }

  private initialize(
    params: ParsedParamsOf<'initialize'>,
    context: RequestContext,
  ): Promise<InitializeResult> {
    const offered = params.protocol_versions;
    if (offered !== null && !offered.includes(PROTOCOL_VERSION)) {
      return Promise.reject(
        new InvalidRequestError(`no protocol version in common: this conductor speaks ${PROTOCOL_VERSION}`, {
          data: { protocol_versions: [PROTOCOL_VERSION] },
          remedy: 'Update the older of client and conductor.',
        }),
      );
    }
    for (const connection of this.connections) {
      if (connection.id !== context.connectionId) continue;
      connection.clientKind = params.client?.kind ?? null;
      connection.capabilities = new Set(params.capabilities ?? []);
    }
    return Promise.resolve({ protocol: PROTOCOL_VERSION, ...this.options.identity() });
  }

  private fattest(held: (connection: Connection) => number): Connection | null {
    let most: Connection | null = null;
    for (const connection of this.connections) {
      if (most === null || held(connection) > held(most)) most = connection;
    }
    return most;
  }

  private async waitUntil(condition: () => boolean, deadlineMs: number): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.onQuieter = () => {
        if (!condition()) return;
        clearTimeout(timer);
        resolve();
      };
    });
    this.onQuieter = () => undefined;
  }
}

const answered = Symbol('answered');

function unknownMethod(method: string): MethodNotFoundError {
  return new MethodNotFoundError(`Method not found: ${method.slice(0, 100)}`, {
    data: { method: method.slice(0, 100) },
    remedy: 'The conductor may be older than this client: restart it.',
  });
}
