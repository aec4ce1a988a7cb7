/** What a person is told when a command fails: what happened, and what can be done next. */
import * as vscode from 'vscode';
import { DaemonError, ErrorCode } from '../../protocol/errors';
import { l10n } from '../l10n';
import type { Services } from '../services';

export async function tellFailure(
  services: Pick<Services, 'log' | 'conductorLog'>,
  error: unknown,
): Promise<void> {
  const { log, conductorLog } = services;
  if (error instanceof vscode.CancellationError) return;
  log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  const openLog = l10n.t('Open Log');
  if (!(error instanceof DaemonError)) {
    const text = error instanceof Error ? error.message : String(error);
    if ((await vscode.window.showErrorMessage(l10n.t('Marianne: {0}', text), openLog)) === openLog)
      log.show(true);
    return;
  }
  if (error.code === ErrorCode.cancelled) return;
  if (error.code === ErrorCode.notRunning && !vscode.workspace.isTrusted) {
    await tellUntrusted();
    return;
  }
  const conductorsLog = l10n.t('Show Conductor Log');
  const text = [error.message, error.remedy].filter((part) => part !== null).join('. ');
  const actions =
    error.code === ErrorCode.startFailed || error.code === ErrorCode.internal ? [conductorsLog] : [openLog];
  const answer = await vscode.window.showErrorMessage(l10n.t('Marianne: {0}', text), ...actions);
  if (answer === openLog) log.show(true);
  if (answer === conductorsLog) conductorLog.show();
}

/** Restricted Mode: nothing is run and nothing is started. */
export async function tellUntrusted(): Promise<void> {
  const trust = l10n.t('Manage Trust');
  const text = l10n.t('Marianne runs nothing in a folder that is not trusted.');
  if ((await vscode.window.showWarningMessage(text, trust)) === trust) {
    await vscode.commands.executeCommand('workbench.trust.manage');
  }
}
