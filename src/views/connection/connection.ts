/** This window's tie to the conductor: looks for it, starts it when a command needs it, follows it over restarts. */
import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { refuseAborted, unlessAborted } from '../../client/abort';
import { CallTimeout, ConductorNotRunning, ConnectionLost } from '../../client/errors';
import { ensureConductor } from '../../client/ensure';
import { EventStream } from '../../client/event-stream';
import { findConductor } from '../../client/find';
import type { ClientInfo } from '../../client/find';
import { connectJsonRpc } from '../../client/json-rpc-link';
import type { CallOptions, Link } from '../../client/link';
import { isGone } from '../../client/process-gone';
import type { InitializeResult } from '../../protocol/daemon-methods';
import { PROTOCOL_VERSION } from '../../protocol/daemon-methods';
import type { WireEvent } from '../../protocol/events';
import type { MethodName, ParamsOf, ResultOf } from '../../protocol/methods';
import { readOwner } from '../../protocol/owner-record';
import type { Environment } from '../../protocol/paths';
import { statePaths } from '../../protocol/paths';
import type { JobRow } from '../../protocol/states';
import { Emitter } from '../emitter';
import type { Disposable } from '../scope';
import { RestartBudget } from './restart-budget';

export interface ConnectionOptions {
  readonly stateDir: string;
  /** Folder of `conductor.js`. */
  readonly distDir: string;
  readonly client: ClientInfo;
  readonly env: Environment;
  /** A program that is Node, or Electron as Node. */
  readonly node: string;
  /** False in Restricted Mode: then nothing is started. */
  readonly mayStart: () => boolean;
  /** True when jobs were running as far as this window knows: a conductor that crashed is started again for them. */
  readonly hasWork: () => boolean;
  readonly onSnapshot: (jobs: readonly JobRow[]) => void;
  readonly onEvent: (event: WireEvent) => void;
  /** A start that somebody waits for has begun; told once for each start. */
  readonly onStarting: (start: Starting) => void;
  readonly log: { info(message: string): void; warn(message: string): void };
}

/** A start that is under way, for however many callers. */
export interface Starting {
  /** Resolves when this window follows the conductor. Rejects at once when the start is given up. */
  readonly ready: Promise<Link>;
  /** Gives it up, for all who wait: a conductor that does not answer yet is ended. */
  cancel(): void;
}

interface OwnStarting extends Starting {
  /** Resolves when nothing of it is under way any more; never rejects. */
  readonly ended: Promise<void>;
  readonly signal: AbortSignal;
  told: boolean;
}

export type ConnectionState =
  /** Nobody has asked for it yet. */
  'idle' | 'starting' | 'connected' | 'stopped';

export class Connection implements Disposable {
  private readonly states = new Emitter<ConnectionState>();
  private readonly connections = new Emitter<Link>();
  private readonly budget = new RestartBudget();
  private stream: EventStream | null = null;
  private link: Link | null = null;
  private details: InitializeResult | null = null;
  private current: ConnectionState = 'idle';
  private wake: () => void = () => undefined;
  private starting: OwnStarting | null = null;
  private watcher: FSWatcher | null = null;
  private stoppedOnPurpose = false;
  private isDisposed = false;

  /** The state changed. */
  readonly onState = this.states.event;
  /** Connected anew; the snapshot was taken. */
  readonly onConnected = this.connections.event;

  constructor(private readonly options: ConnectionOptions) {}

  get state(): ConnectionState {
    return this.current;
  }

  /** What the conductor says of itself; null while not connected. */
  get info(): InitializeResult | null {
    return this.current === 'connected' ? this.details : null;
  }

  get stateDir(): string {
    return this.options.stateDir;
  }

  get distDir(): string {
    return this.options.distDir;
  }

  /** Looks for a running conductor from now on. Never starts one. */
  look(): void {
    if (this.stream !== null) {
      this.wake();
      return;
    }
    // A start that was under way when the window ended comes back here.
    if (this.isDisposed) return;
    this.stream = new EventStream({
      connect: () => this.connect(),
      jobId: null,
      ephemeral: true,
      onSnapshot: (jobs) => this.options.onSnapshot(jobs),
      onEvent: (event) => this.options.onEvent(event),
      onState: (state) => this.onStreamState(state),
      pause: (milliseconds, signal) => this.pause(milliseconds, signal),
    });
  }

  /**
   * Finds the conductor or starts it, and waits until this window follows it. `quiet`: nobody asked for it.
   * @throws DaemonError when it cannot be started, or may not be here; CancelledError
   */
  async ensure(quiet = false): Promise<Link> {
    if (this.link?.isOpen === true && this.current === 'connected') return this.link;
    if (!this.options.mayStart()) {
      this.look();
      throw new ConductorNotRunning();
    }
    this.stoppedOnPurpose = false;
    // What a start that was given up has begun is ended first.
    while (this.starting?.signal.aborted === true) await this.starting.ended;
    const starting = (this.starting ??= this.beginStart());
    if (!quiet && !starting.told) {
      starting.told = true;
      this.options.onStarting(starting);
    }
    return starting.ready;
  }

  /** Waits a moment for a conductor that runs already: documents are opened again with a window. Never starts one. @throws ConductorNotRunning */
  async whenRunning(): Promise<Link> {
    this.look();
    const link = await this.untilConnected(FIND_TIMEOUT_MS);
    if (link === null) throw new ConductorNotRunning();
    return link;
  }

  private beginStart(): OwnStarting {
    const given = new AbortController();
    const { signal } = given;
    const work = this.start(signal);
    const ended = work.then(
      () => undefined,
      () => undefined,
    );
    void ended.then(() => (this.starting = null));
    return { ready: unlessAborted(work, signal), ended, signal, cancel: () => given.abort(), told: false };
  }

  /** A call for which the conductor is started if need be. @throws DaemonError */
  async call<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options?: CallOptions,
  ): Promise<ResultOf<M>> {
    return (await this.ensure()).call(method, params, options);
  }

  /** A call that a view makes: it never starts a conductor. @throws ConductorNotRunning */
  async ask<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options?: CallOptions,
  ): Promise<ResultOf<M>> {
    if (this.link === null) throw new ConductorNotRunning();
    return this.link.call(method, params, options);
  }

  /** Asks it to end. Agents run on unless `cancel`. @throws DaemonError */
  async stop(cancel: boolean): Promise<void> {
    const { link } = this;
    if (link === null) throw new ConductorNotRunning();
    // Told before it is asked: its end may be seen before its answer.
    this.stoppedOnPurpose = true;
    try {
      await link.call('daemon.shutdown', { graceful: true, cancel });
    } catch (error) {
      this.stoppedOnPurpose = false;
      throw error;
    }
    await link.closed;
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (Date.now() < deadline) {
      const owner = await readOwner(this.options.stateDir);
      if (owner === null || owner.record.released) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    throw new CallTimeout(`the conductor did not end within ${STOP_TIMEOUT_MS / 1000} s`);
  }

  dispose(): void {
    this.isDisposed = true;
    this.stream?.close();
    this.watcher?.close();
    this.wake();
  }

  private async start(signal: AbortSignal): Promise<Link> {
    const { stateDir, client, env, node, distDir, log } = this.options;
    this.setState('starting');
    try {
      const found = await ensureConductor({
        stateDir,
        client,
        env,
        runtime: { node, script: join(distDir, 'conductor.js') },
        signal,
      });
      log.info(
        `conductor ${found.info.version} (${found.info.build}), pid ${found.info.pid}, epoch ${found.epoch}`,
      );
      this.look();
      const link = await this.untilConnected(CONNECT_TIMEOUT_MS, signal);
      if (link !== null) return link;
      throw new ConnectionLost('the conductor runs, but this window could not connect to it');
    } catch (error) {
      if (!this.isConnected) this.setState('stopped');
      this.look();
      throw error;
    }
  }

  private get isConnected(): boolean {
    return this.current === 'connected';
  }

  private async untilConnected(timeoutMs: number, signal?: AbortSignal): Promise<Link | null> {
    const deadline = Date.now() + timeoutMs;
    while (!this.isConnected || this.link === null) {
      refuseAborted(signal);
      const left = deadline - Date.now();
      if (left <= 0 || this.isDisposed) return null;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(left, 250));
        const listening = this.connections.event(done);
        function done() {
          clearTimeout(timer);
          listening.dispose();
          resolve();
        }
        this.wake();
      });
    }
    return this.link;
  }

  private async connect(): Promise<Link> {
    const { stateDir, client } = this.options;
    const found = await findConductor(stateDir, client);
    if (found === null) throw new ConductorNotRunning();
    const link = await connectJsonRpc(found.record.socket);
    try {
      this.details = await link.call('initialize', {
        protocol_versions: [PROTOCOL_VERSION],
        client: { ...client },
      });
    } catch (error) {
      link.close();
      throw error;
    }
    return link;
  }

  private onStreamState(
    state: { readonly link: Link } | { readonly link: null; readonly error: unknown },
  ): void {
    if (state.link !== null) {
      this.link = state.link;
      // That it was stopped is over, whoever has started it again.
      this.stoppedOnPurpose = false;
      this.options.log.info(`connected to the conductor, seq ${this.details?.seq ?? 0}`);
      this.setState('connected');
      this.connections.fire(state.link);
      return;
    }
    const wasConnected = this.link !== null;
    this.link = null;
    if (wasConnected) this.options.log.info('the connection to the conductor ended');
    else if (!(state.error instanceof ConductorNotRunning)) {
      this.options.log.warn(`cannot connect to the conductor: ${String(state.error)}`);
    }
    if (this.starting === null) this.setState('stopped');
    if (wasConnected) void this.restartIfCrashed();
  }

  /** A conductor that gave ownership back ended as it was told; one that did not has crashed, and its jobs wait. */
  private async restartIfCrashed(): Promise<void> {
    const { mayStart, hasWork, log } = this.options;
    if (this.stoppedOnPurpose || !mayStart() || !hasWork()) return;
    try {
      if (!(await this.hasCrashed())) return;
      if (!this.budget.take(Date.now())) {
        log.warn('the conductor ended unexpectedly too often; it is not started again');
        return;
      }
      log.warn('the conductor ended unexpectedly while jobs were running; starting it again');
      await this.ensure(true);
    } catch (error) {
      log.warn(`the conductor could not be started again: ${String(error)}`);
    }
  }

  /** Ownership is given back last, after connections, journal and index were closed: while its process lives, nothing is known yet. */
  private async hasCrashed(): Promise<boolean> {
    const epoch = this.details?.epoch ?? 0;
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    for (;;) {
      const before = await readOwner(this.options.stateDir);
      const gone = before === null || (await isGone(before.record.pid));
      // It may have given ownership back and ended between the two looks.
      const owner = gone ? await readOwner(this.options.stateDir) : before;
      if (this.isDisposed || this.current === 'connected' || owner === null) return false;
      if (owner.record.released || owner.epoch !== epoch) {
        this.options.log.info('the conductor ended in order; it is not started again');
        return false;
      }
      if (gone || Date.now() > deadline) return true;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Waits before the next attempt to connect; a new owner record, or somebody who asks, cuts it short: true then. */
  private pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (early: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', hurry);
        this.watcher?.close();
        this.watcher = null;
        this.wake = () => undefined;
        resolve(early);
      };
      const hurry = () => end(true);
      const timer = setTimeout(() => end(false), milliseconds);
      timer.unref();
      this.wake = hurry;
      signal.addEventListener('abort', hurry, { once: true });
      try {
        this.watcher = watch(statePaths(this.options.stateDir).owner, { persistent: false }, hurry);
        this.watcher.on('error', () => undefined);
      } catch {
        // No state directory yet: the pause alone decides.
      }
    });
  }

  private setState(state: ConnectionState): void {
    if (state === this.current) return;
    this.current = state;
    this.states.fire(state);
  }
}

const CONNECT_TIMEOUT_MS = 10_000;
/** A conductor that runs answers within milliseconds. */
const FIND_TIMEOUT_MS = 2_000;
/** An orderly end writes journal and index first; on a busy machine that takes its time. */
const STOP_TIMEOUT_MS = 30_000;
/** Between two looks at the owner record, milliseconds. */
const LOOK_MS = 100;
