/** Activation only: builds the pieces, registers them, owns their disposables. */
import * as vscode from 'vscode';
import { start } from './views/start';
import type { JobModel, SheetModel } from './views/store/model';
import { explainWindows } from './views/unsupported';

/** For other extensions, and for the tests in a real VS Code. */
export interface Api {
  /** Milliseconds that `activate` took. */
  readonly activationMs: number;
  /** The jobs that this window knows. */
  jobs(): readonly JobModel[];
  /** The sheets of a job, as far as they were shown. */
  sheets(job: string): readonly SheetModel[];
}

export function activate(context: vscode.ExtensionContext): Api {
  const began = performance.now();
  if (process.platform === 'win32') {
    context.subscriptions.push(explainWindows());
    return { activationMs: performance.now() - began, jobs: () => [], sheets: () => [] };
  }
  const log = vscode.window.createOutputChannel('Marianne', { log: true });
  context.subscriptions.push(log);
  let started: ReturnType<typeof start>;
  try {
    started = start(context, log, {
      scoreRoom: async () => (await import('./score-room')).scoreRoom,
      commandRoom: async () => (await import('./command-room')).commandRoom,
    });
    context.subscriptions.push(started.scope);
  } catch (error) {
    log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
    void tell(log);
    throw error;
  }
  const activationMs = performance.now() - began;
  log.info(`activated in ${activationMs.toFixed(1)} ms`);
  const { store } = started;
  return { activationMs, jobs: () => store.list(), sheets: (job) => store.sheets(job) ?? [] };
}

/** VS Code says nothing by itself when an activation fails. */
async function tell(log: vscode.LogOutputChannel): Promise<void> {
  const openLog = vscode.l10n.t('Open Log');
  const retry = vscode.l10n.t('Retry');
  const answer = await vscode.window.showErrorMessage(
    vscode.l10n.t('Marianne could not start.'),
    openLog,
    retry,
  );
  if (answer === openLog) log.show(true);
  if (answer === retry) await vscode.commands.executeCommand('workbench.action.restartExtensionHost');
}
