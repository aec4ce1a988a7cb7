/** A connection in line framing: what the CLI and the pool use. */
import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { CancelledError, fromWire } from '../protocol/errors';
import type { DaemonError } from '../protocol/errors';
import { FrameDecoder, encodeFrame } from '../protocol/framing';
import type { MethodName, ParamsOf, ResultOf } from '../protocol/methods';
import { Notification } from '../protocol/methods';
import { BadReply, CallTimeout, ConductorNotRunning, ConnectionLost } from './errors';
import { CONNECT_TIMEOUT_MS, RESPONSE_TIMEOUT_MS, parseResult } from './link';
import type { CallOptions, Link, NotificationListener } from './link';

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Connects a Unix socket. @throws ConductorNotRunning when nobody answers there */
export function connectSocket(path: string, timeoutMs = CONNECT_TIMEOUT_MS): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const fail = (cause: Error) => {
      socket.destroy();
      reject(new ConductorNotRunning(`the conductor does not answer at ${path}`, { cause }));
    };
    const timer = setTimeout(() => fail(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      fail(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

export class LineLink implements Link {
  readonly closed: Promise<void>;
  private readonly decoder = new FrameDecoder();
  private readonly waiting = new Map<number, Waiting>();
  private readonly listeners = new Set<NotificationListener>();
  private nextId = 1;
  private open = true;

  private constructor(private readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('end', () => this.fail(new ConnectionLost()));
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.fail(new ConnectionLost());
        resolve();
      });
    });
  }

  /** @throws ConductorNotRunning */
  static async connect(path: string, timeoutMs?: number): Promise<LineLink> {
    return new LineLink(await connectSocket(path, timeoutMs));
  }

  get isOpen(): boolean {
    return this.open;
  }

  onNotification(listener: NotificationListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async call<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options: CallOptions = {},
  ): Promise<ResultOf<M>> {
    const { timeoutMs = RESPONSE_TIMEOUT_MS, signal } = options;
    if (signal?.aborted === true) throw new CancelledError();
    if (!this.open) throw new ConnectionLost('the connection to the conductor has ended');
    const id = this.nextId++;
    const frame = encodeFrame({ jsonrpc: '2.0', id, method, params }, 'line');
    const answer = new Promise<unknown>((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    const giveUp = (error: DaemonError) => {
      const waiting = this.waiting.get(id);
      if (waiting === undefined) return;
      this.waiting.delete(id);
      this.notify(Notification.cancel, { id });
      waiting.reject(error);
    };
    const timer = setTimeout(
      () => giveUp(new CallTimeout(`no answer to ${method} within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const cancel = () => giveUp(new CancelledError());
    signal?.addEventListener('abort', cancel, { once: true });
    this.socket.write(frame);
    try {
      return parseResult(method, await answer);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Sends a request that is never answered; its notifications go to the listeners. */
  startStream(method: 'daemon.monitor.stream', params: ParamsOf<'daemon.monitor.stream'>): void {
    const id = this.nextId++;
    this.socket.write(encodeFrame({ jsonrpc: '2.0', id, method, params }, 'line'));
    // Only an error would answer it, and that ends the stream.
    this.waiting.set(id, { resolve: () => this.close(), reject: () => this.close() });
  }

  close(): void {
    this.fail(new ConnectionLost());
    this.socket.destroy();
  }

  private notify(method: string, params: unknown): void {
    if (this.open) this.socket.write(encodeFrame({ jsonrpc: '2.0', method, params }, 'line'));
  }

  private receive(chunk: Buffer): void {
    for (const frame of this.decoder.push(chunk)) {
      if (frame.kind === 'message') this.take(frame.value);
      else {
        this.fail(new BadReply(frame.error.message));
        this.socket.destroy();
        return;
      }
    }
  }

  private take(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const message = value as Readonly<Record<string, unknown>>;
    const { id, method } = message;
    if (typeof method === 'string') {
      for (const listener of this.listeners) listener(method, message['params']);
      return;
    }
    if (id === null && message['error'] !== undefined) {
      // Said to the connection as a whole, before it is closed.
      this.fail(fromWire(message['error']));
      return;
    }
    // An id that nobody waits for is the late answer to what was given up.
    const waiting = typeof id === 'number' ? this.waiting.get(id) : undefined;
    if (waiting === undefined || typeof id !== 'number') return;
    this.waiting.delete(id);
    if (message['error'] !== undefined) waiting.reject(fromWire(message['error']));
    else waiting.resolve(message['result']);
  }

  private fail(error: Error): void {
    this.open = false;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const call of waiting) call.reject(error);
  }
}
