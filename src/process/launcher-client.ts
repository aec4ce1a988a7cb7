import { fork, type ChildProcess } from 'node:child_process';
import { launchAttempt, LaunchError, type LaunchedAttempt, type LaunchSpec } from './launch';
import type { LauncherMessage, LaunchRequest } from './launcher';

/** The launcher ended while it had the request: whether a shim was started is told by the attempt's files alone. */
export class LauncherLostError extends Error {
  override readonly name = 'LauncherLostError';
}

interface Waiting {
  launched(attempt: LaunchedAttempt): void;
  failed(error: Error): void;
  exited: (() => void) | null;
}

/** Heap and young generation of the launcher, MiB: it keeps nothing, and a small process forks quickly. */
const launcherFlags = ['--max-old-space-size=64', '--max-semi-space-size=1'];

/** Spawns shims through a launcher process; starts one when it is needed, and another when it ended. */
export class Launcher {
  private child: ChildProcess | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 1;
  private closed = false;

  constructor(
    /** The bundle `launcher.js`. */
    private readonly script: string,
  ) {}

  /** Starts the process ahead of the first launch. */
  warm(): void {
    if (!this.closed) this.child ??= this.start();
  }

  /** As `launchAttempt`. @throws LaunchError; LauncherLostError (as rejections) */
  launch(spec: LaunchSpec): Promise<LaunchedAttempt> {
    this.warm();
    const { child } = this;
    if (!child?.connected) return launchAttempt(spec);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { launched: resolve, failed: reject, exited: null });
      const request: LaunchRequest = { id, spec };
      child.send(request, (error) => {
        if (error) this.lost(id);
      });
    });
  }

  /** Ends the process; what it launched runs on. */
  close(): void {
    this.closed = true;
    const { child } = this;
    this.child = null;
    if (child?.connected) child.disconnect();
  }

  private start(): ChildProcess | null {
    const child = fork(this.script, [], {
      execArgv: launcherFlags,
      // In a group of its own, so that a signal to the conductor's group does not end a launch half way.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // The umask is inherited; of the environment it needs only what makes Electron a Node.
      env: { ELECTRON_RUN_AS_NODE: '1', PATH: process.env['PATH'] ?? '' },
    });
    child.on('message', (message) => this.receive(message as LauncherMessage));
    const gone = () => {
      if (this.child === child) this.child = null;
      for (const id of [...this.waiting.keys()]) this.lost(id);
    };
    child.once('error', gone);
    child.once('exit', gone);
    child.once('disconnect', gone);
    child.unref();
    child.channel?.unref();
    return child;
  }

  private receive(message: LauncherMessage): void {
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    switch (message.kind) {
      case 'launched':
        waiting.launched({
          pid: message.pid,
          exited: new Promise((resolve) => {
            waiting.exited = resolve;
          }),
        });
        break;
      case 'exited':
        this.waiting.delete(message.id);
        waiting.exited?.();
        break;
      case 'failed':
        this.waiting.delete(message.id);
        waiting.failed(
          message.code === null
            ? new Error(message.message)
            : new LaunchError(message.code, message.message, message.errno ?? undefined),
        );
        break;
    }
  }

  /** A request that was not answered, or a shim whose end nobody will tell: the caller looks at the files. */
  private lost(id: number): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (!waiting) return;
    waiting.failed(new LauncherLostError('the launcher ended'));
    waiting.exited?.();
  }
}
