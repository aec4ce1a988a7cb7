/** Typed calls over a pool, as the CLI makes them. */
import { CancelledError } from '../protocol/errors';
import { monitorEventSchema } from '../protocol/events';
import type { MonitorEvent } from '../protocol/events';
import type { MethodName, ParamsOf, ResultOf } from '../protocol/methods';
import { Notification } from '../protocol/methods';
import { CallTimeout, ConnectionLost } from './errors';
import { LineLink } from './line-link';
import { RESPONSE_TIMEOUT_MS } from './link';
import type { CallOptions } from './link';
import { ConnectionPool } from './pool';
import type { PoolOptions } from './pool';

export interface DaemonClientOptions extends Omit<PoolOptions, 'connect'> {
  /** Where the conductor listens; a function is asked for every new connection, because a restarted conductor may listen elsewhere. */
  readonly socket: string | (() => Promise<string>);
  readonly connectTimeoutMs?: number;
  readonly responseTimeoutMs?: number;
}

export class DaemonClient {
  private readonly pool: ConnectionPool;
  private readonly responseTimeoutMs: number;

  /** @throws RangeError for a timeout or size that is not positive */
  constructor(private readonly options: DaemonClientOptions) {
    this.pool = new ConnectionPool({ ...options, connect: () => this.connect() });
    this.responseTimeoutMs = options.responseTimeoutMs ?? RESPONSE_TIMEOUT_MS;
    for (const value of [this.responseTimeoutMs, options.connectTimeoutMs ?? 1]) {
      if (!(value > 0)) throw new RangeError(`a timeout must be positive: ${value}`);
    }
  }

  /**
   * Calls a method. Nothing is sent twice, except what carries a `submit_key`: the conductor answers a second one with the first one's answer.
   * @throws the class of the conductor's error; ConductorNotRunning, CallTimeout, ConnectionLost, BadReply, CancelledError
   */
  async call<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options: CallOptions = {},
  ): Promise<ResultOf<M>> {
    try {
      return await this.callOnce(method, params, options);
    } catch (error) {
      if (!(error instanceof ConnectionLost) || !carriesKey(params)) throw error;
      return this.callOnce(method, params, options);
    }
  }

  /** The Python form of live events, over a connection of its own, until the conductor ends or the signal says so. */
  async *monitor(
    params: ParamsOf<'daemon.monitor.stream'> = {},
    signal?: AbortSignal,
  ): AsyncGenerator<MonitorEvent> {
    const link = await this.connect();
    const arrived: MonitorEvent[] = [];
    let wake: () => void = () => undefined;
    link.onNotification((method, value) => {
      const parsed = method === Notification.monitorEvent ? monitorEventSchema.safeParse(value) : null;
      if (parsed?.success === true) arrived.push(parsed.data);
      wake();
    });
    void link.closed.then(() => wake());
    const stop = () => link.close();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      if (signal?.aborted === true) return;
      link.startStream('daemon.monitor.stream', params);
      for (;;) {
        const event = arrived.shift();
        if (event !== undefined) yield event;
        else if (link.isOpen) await new Promise<void>((resolve) => (wake = resolve));
        else return;
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      link.close();
    }
  }

  /** True when a conductor answers `daemon.health`. Never throws. */
  async isDaemonRunning(): Promise<boolean> {
    try {
      await this.call('daemon.health', {});
      return true;
    } catch {
      return false;
    }
  }

  /** A connection of its own, for an event stream. @throws ConductorNotRunning */
  async connect(): Promise<LineLink> {
    const { socket, connectTimeoutMs } = this.options;
    return LineLink.connect(typeof socket === 'string' ? socket : await socket(), connectTimeoutMs);
  }

  /** Ends the connections. Later calls fail. */
  close(): void {
    this.pool.close();
  }

  private async callOnce<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options: CallOptions,
  ): Promise<ResultOf<M>> {
    const link = await this.pool.acquire(options.signal);
    let reusable = true;
    try {
      return await link.call(method, params, { timeoutMs: this.responseTimeoutMs, ...options });
    } catch (error) {
      // After these an answer may still come, or never can: the connection is not used again.
      reusable = !(
        error instanceof CallTimeout ||
        error instanceof CancelledError ||
        error instanceof ConnectionLost
      );
      throw error;
    } finally {
      if (reusable) this.pool.release(link);
      else this.pool.discard(link);
    }
  }
}

function carriesKey(params: object): boolean {
  return 'submit_key' in params && typeof params.submit_key === 'string';
}
