/** Connections that are kept for the next call: last in, first out, so that the rest grow idle and are dropped. */
import { CancelledError } from '../protocol/errors';
import { CallTimeout, ConductorNotRunning } from './errors';
import type { LineLink } from './line-link';

export interface PoolOptions {
  readonly connect: () => Promise<LineLink>;
  /** Connections at once; default 8. */
  readonly maxSize?: number;
  /** A connection idle for longer is not used again, milliseconds; default 60 s. */
  readonly maxIdleMs?: number;
  /** Longest wait for a free connection, milliseconds; default 30 s. */
  readonly acquireTimeoutMs?: number;
  readonly now?: () => number;
}

interface Idle {
  readonly link: LineLink;
  readonly since: number;
}

export class ConnectionPool {
  private readonly maxSize: number;
  private readonly maxIdleMs: number;
  private readonly acquireTimeoutMs: number;
  private readonly now: () => number;
  private idle: Idle[] = [];
  private waiters: (() => void)[] = [];
  private taken = 0;
  private isClosed = false;

  /** @throws RangeError for a bound that is not positive */
  constructor(private readonly options: PoolOptions) {
    this.maxSize = positive(options.maxSize ?? 8, 'maxSize');
    this.maxIdleMs = positive(options.maxIdleMs ?? 60_000, 'maxIdleMs');
    this.acquireTimeoutMs = positive(options.acquireTimeoutMs ?? 30_000, 'acquireTimeoutMs');
    this.now = options.now ?? Date.now;
  }

  /** Connections in use. */
  get inUse(): number {
    return this.taken;
  }

  /**
   * Takes a connection for one call; `release` or `discard` must follow.
   * @throws CallTimeout when all stay in use, CancelledError, ConductorNotRunning when none can be opened or the pool is closed
   */
  async acquire(signal?: AbortSignal): Promise<LineLink> {
    await this.takeSlot(signal);
    try {
      for (;;) {
        if (this.isClosed) throw new ConductorNotRunning('the connection pool is closed');
        const candidate = this.idle.pop();
        if (candidate === undefined) return await this.options.connect();
        // The loop may not have seen yet that the other side ended: one turn, so that a dead one is found before a byte is written to it.
        await new Promise((resolve) => setImmediate(resolve));
        if (candidate.link.isOpen && this.now() - candidate.since <= this.maxIdleMs) return candidate.link;
        candidate.link.close();
      }
    } catch (error) {
      this.freeSlot();
      throw error;
    }
  }

  /** Gives a connection back for further use. */
  release(link: LineLink): void {
    if (this.isClosed || !link.isOpen) link.close();
    else this.idle.push({ link, since: this.now() });
    this.freeSlot();
  }

  /** Ends a connection whose state is unknown. */
  discard(link: LineLink): void {
    link.close();
    this.freeSlot();
  }

  /** Ends the idle connections; those in use end when they are given back. */
  close(): void {
    this.isClosed = true;
    for (const { link } of this.idle.splice(0)) link.close();
    for (const wake of this.waiters.splice(0)) {
      this.taken += 1;
      wake();
    }
  }

  private async takeSlot(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) throw new CancelledError();
    if (this.taken < this.maxSize) {
      this.taken += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        this.waiters = this.waiters.filter((waiter) => waiter !== wake);
      };
      // The slot is handed over: `taken` stays as it is.
      const wake = () => {
        settle();
        resolve();
      };
      const cancel = () => {
        settle();
        reject(new CancelledError());
      };
      const timer = setTimeout(() => {
        settle();
        reject(
          new CallTimeout(`all ${this.maxSize} connections stayed in use for ${this.acquireTimeoutMs} ms`),
        );
      }, this.acquireTimeoutMs);
      signal?.addEventListener('abort', cancel, { once: true });
      this.waiters.push(wake);
    });
  }

  private freeSlot(): void {
    const next = this.waiters.shift();
    if (next === undefined) this.taken -= 1;
    else next();
  }
}

function positive(value: number, name: string): number {
  if (!(value > 0)) throw new RangeError(`${name} must be positive: ${value}`);
  return value;
}
