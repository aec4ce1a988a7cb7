/** Work that may take its time: said in a notification once it does, with Cancel. */
import * as vscode from 'vscode';
import { unlessAborted } from '../client/abort';
import type { MethodName, ParamsOf, ResultOf } from '../protocol/methods';
import { l10n } from './l10n';
import type { Connection, Starting } from './connection/connection';

/** What is over by then is not said: a notification that flashes up tells nobody anything. Milliseconds. */
const PATIENCE_MS = 700;
/** Longest wait for an answer that a person can stop waiting for, milliseconds. */
export const LONGEST_MS = 10 * 60 * 1000;

/** Shows that something is under way once it lasts, until it has ended or was cancelled; without `cancel` it cannot be. */
export function showWhileSlow(title: string, work: Promise<unknown>, cancel?: () => void): void {
  let over: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (over = resolve));
  const timer = setTimeout(() => {
    const location = vscode.ProgressLocation.Notification;
    const cancellable = cancel !== undefined;
    void vscode.window.withProgress({ location, title, cancellable }, (_progress, token) => {
      token.onCancellationRequested(() => {
        cancel?.();
        over();
      });
      return ended;
    });
  }, PATIENCE_MS);
  const finish = () => {
    clearTimeout(timer);
    over();
  };
  work.then(finish, finish);
}

/** Does the work; it is told by the signal that the person does not want it any more. @throws CancelledError at once then */
export function longWork<T>(title: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const given = new AbortController();
  const result = unlessAborted(work(given.signal), given.signal);
  showWhileSlow(title, result, () => given.abort());
  return result;
}

/** A call that may take long, for which the conductor is started if need be. @throws DaemonError, CancelledError */
export async function longCall<M extends MethodName>(
  connection: Pick<Connection, 'ensure' | 'call'>,
  title: string,
  method: M,
  params: ParamsOf<M>,
): Promise<ResultOf<M>> {
  // The start has a notification of its own.
  await connection.ensure();
  return longWork(title, (signal) => connection.call(method, params, { signal, timeoutMs: LONGEST_MS }));
}

/** What is shown of a start. */
export function showStart(start: Starting): void {
  showWhileSlow(l10n.t('Starting the conductor'), start.ready, () => start.cancel());
}
