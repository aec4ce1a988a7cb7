/**
 * The launcher: a small process beside the conductor that spawns shims for it. Spawning forks, and a fork copies the page tables of whoever forks:
 * 1 ms from this process, 4 ms and more from a conductor with an index in memory, during which it would answer nobody. It holds no state: shims are
 * in sessions of their own, and it ends with the conductor.
 */
import { launchAttempt, LaunchError, type LaunchErrorCode, type LaunchSpec } from './launch';

/** From the conductor: spawn this. */
export interface LaunchRequest {
  readonly id: number;
  readonly spec: LaunchSpec;
}

/** To the conductor. `launched` and `failed` answer a request, `exited` follows a `launched`. */
export type LauncherMessage =
  | { readonly id: number; readonly kind: 'launched'; readonly pid: number }
  | { readonly id: number; readonly kind: 'exited' }
  | {
      readonly id: number;
      readonly kind: 'failed';
      /** Null: not one of our own errors. */
      readonly code: LaunchErrorCode | null;
      readonly message: string;
      readonly errno: string | null;
    };

/** The launcher's own life: serves requests until the conductor is gone. */
export function serveLaunches(): void {
  const send = (message: LauncherMessage) => {
    if (process.connected) process.send?.(message);
  };
  const conductor = process.ppid;
  process.on('message', (value) => {
    const { id, spec } = value as LaunchRequest;
    // Another parent: the conductor died, and its successor may have given this attempt up and cleared it away already.
    if (process.ppid !== conductor) process.exit(0);
    launchAttempt(spec).then(
      ({ pid, exited }) => {
        send({ id, kind: 'launched', pid });
        void exited.then(() => send({ id, kind: 'exited' }));
      },
      (error: unknown) => {
        const known = error instanceof LaunchError ? error : null;
        const message = error instanceof Error ? error.message : String(error);
        send({ id, kind: 'failed', code: known?.code ?? null, message, errno: known?.errno ?? null });
      },
    );
  });
  process.on('disconnect', () => process.exit(0));
  // Signals to the conductor's group are the conductor's business; it takes us with it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}
