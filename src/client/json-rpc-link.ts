/** A connection in Content-Length framing over vscode-jsonrpc: what the extension's views use. */
import type { Socket } from 'node:net';
import {
  AbstractMessageReader,
  CancellationTokenSource,
  ErrorCodes,
  ParameterStructures,
  ResponseError,
  SocketMessageWriter,
  createMessageConnection,
} from 'vscode-jsonrpc/node';
import type { DataCallback, Disposable, Message, MessageConnection } from 'vscode-jsonrpc/node';
import { CancelledError, fromWire } from '../protocol/errors';
import { FrameDecoder } from '../protocol/framing';
import type { MethodName, ParamsOf, ResultOf } from '../protocol/methods';
import { CallTimeout, ConnectionLost } from './errors';
import { connectSocket } from './line-link';
import { RESPONSE_TIMEOUT_MS, parseResult } from './link';
import type { CallOptions, Link, NotificationListener } from './link';

/** vscode-jsonrpc's own reader allocates whatever a Content-Length says; this one has our cap. */
class CappedReader extends AbstractMessageReader {
  private readonly decoder = new FrameDecoder();

  constructor(private readonly socket: Socket) {
    super();
    socket.on('error', (error) => this.fireError(error));
    socket.on('close', () => this.fireClose());
  }

  listen(callback: DataCallback): Disposable {
    const receive = (chunk: Buffer) => {
      for (const frame of this.decoder.push(chunk)) {
        if (frame.kind === 'message' && isMessage(frame.value)) callback(frame.value);
        else if (frame.kind === 'error') {
          this.fireError(frame.error);
          this.socket.destroy();
          return;
        }
      }
    };
    this.socket.on('data', receive);
    return { dispose: () => this.socket.off('data', receive) };
  }
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'jsonrpc' in value && value.jsonrpc === '2.0';
}

const ownCodes: ReadonlySet<number> = new Set([
  ErrorCodes.MessageWriteError,
  ErrorCodes.PendingResponseRejected,
  ErrorCodes.ConnectionInactive,
]);

class JsonRpcLink implements Link {
  readonly closed: Promise<void>;
  private readonly listeners = new Set<NotificationListener>();
  private hasEnded = false;
  /** The calls that wait: each is told when the connection ends. */
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly socket: Socket,
    private readonly connection: MessageConnection,
  ) {
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.hasEnded = true;
        for (const lose of this.waiting) lose();
        connection.dispose();
        resolve();
      });
    });
    // The socket's end says all that an error of the connection does.
    connection.onError(() => undefined);
    connection.onNotification((method, params) => {
      for (const listener of this.listeners) listener(method, params);
    });
    connection.listen();
  }

  get isOpen(): boolean {
    return !this.hasEnded && !this.socket.destroyed;
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
    if (!this.isOpen) throw new ConnectionLost('the connection to the conductor has ended');
    const cancellation = new CancellationTokenSource();
    let abandon: (error: Error) => void = () => undefined;
    const abandoned = new Promise<never>((_resolve, reject) => (abandon = reject));
    const giveUp = (error: Error) => {
      cancellation.cancel();
      abandon(error);
    };
    const timer = setTimeout(
      () => giveUp(new CallTimeout(`no answer to ${method} within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const cancel = () => giveUp(new CancelledError());
    const lose = () => abandon(new ConnectionLost());
    signal?.addEventListener('abort', cancel, { once: true });
    this.waiting.add(lose);
    try {
      const sent = this.connection.sendRequest<unknown>(
        method,
        ParameterStructures.byName,
        params,
        cancellation.token,
      );
      return parseResult(method, await Promise.race([sent, abandoned]));
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      // vscode-jsonrpc makes such errors itself when it cannot write, or when the connection goes.
      if (!this.isOpen || ownCodes.has(error.code)) throw new ConnectionLost();
      throw fromWire({ code: error.code, message: error.message, data: error.data as unknown });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      this.waiting.delete(lose);
      cancellation.dispose();
    }
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Connects in Content-Length framing. @throws ConductorNotRunning */
export async function connectJsonRpc(socketPath: string, timeoutMs?: number): Promise<Link> {
  const socket = await connectSocket(socketPath, timeoutMs);
  return new JsonRpcLink(
    socket,
    createMessageConnection(new CappedReader(socket), new SocketMessageWriter(socket)),
  );
}
