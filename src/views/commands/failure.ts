/** What a person is told when a command fails: what happened, and what can be done next. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { DaemonError, ErrorCode } from '../../protocol/errors';
import { l10n } from '../l10n';
import type { Services } from '../services';

/** What happened and what can be done, in the words of this window: others name commands of the terminal. */
export function failureText(error: unknown): string {
  if (!(error instanceof DaemonError)) return error instanceof Error ? error.message : String(error);
  if (error.code === ErrorCode.notRunning)
    return vscode.workspace.isTrusted
      ? l10n.t('The conductor is not running. Start it with “Marianne: Start Conductor”.')
      : l10n.t('The conductor is not running, and none is started in a folder that is not trusted.');
  return [error.message, error.remedy].filter((part) => part !== null).join('. ');
}

/** Restricted Mode has no such command. */
export async function tellUntrusted(): Promise<void> {
  const trust = l10n.t('Manage Trust');
  const text = l10n.t('Marianne starts and changes nothing in a folder that is not trusted.');
  if ((await vscode.window.showWarningMessage(text, trust)) === trust)
    await vscode.commands.executeCommand('workbench.trust.manage');
}

export async function tellFailure(
  services: Pick<Services, 'log' | 'conductorLog' | 'connection'>,
  error: unknown,
): Promise<void> {
  const { log, conductorLog, connection } = services;
  if (error instanceof vscode.CancellationError) return;
  log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  // An update removes the folder that this window's extension came from.
  if (!existsSync(join(connection.distDir, 'conductor.js'))) {
    const reload = l10n.t('Reload Window');
    const text = l10n.t('Marianne was updated. Reload this window to go on; jobs run meanwhile.');
    if ((await vscode.window.showWarningMessage(text, reload)) === reload)
      await vscode.commands.executeCommand('workbench.action.reloadWindow');
    return;
  }
  const openLog = l10n.t('Open Log');
  if (!(error instanceof DaemonError)) {
    const text = l10n.t('Marianne: {0}', failureText(error));
    if ((await vscode.window.showErrorMessage(text, openLog)) === openLog) log.show(true);
    return;
  }
  if (error.code === ErrorCode.cancelled) return;
  if (error.code === ErrorCode.notRunning && !vscode.workspace.isTrusted) {
    await tellUntrusted();
    return;
  }
  const conductorsLog = l10n.t('Show Conductor Log');
  const actions =
    error.code === ErrorCode.startFailed || error.code === ErrorCode.internal ? [conductorsLog] : [openLog];
  const answer = await vscode.window.showErrorMessage(
    l10n.t('Marianne: {0}', failureText(error)),
    ...actions,
  );
  if (answer === openLog) log.show(true);
  if (answer === conductorsLog) conductorLog.show();
}
