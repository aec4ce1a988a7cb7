/** `mzt` in every integrated terminal of a trusted workspace. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { stateDirectory } from '../protocol/paths';
import { l10n } from './l10n';
import { settings } from './settings';

/** `stateDir`: the window's, also after the setting changed and until the window is loaded again. */
export function contributeTerminal(context: vscode.ExtensionContext, stateDir: string): void {
  const collection = context.environmentVariableCollection;
  collection.clear();
  if (!vscode.workspace.isTrusted || !settings.terminalCommand()) return;
  collection.description = l10n.t('Adds the command `mzt` to the PATH');
  const both = { applyAtProcessCreation: true, applyAtShellIntegration: true };
  collection.prepend('PATH', `${join(context.extensionPath, 'media', 'bin')}:`, both);
  // VS Code's own Node, for machines that have none: see media/bin/mzt.
  collection.replace('MARIANNE_NODE', process.execPath, both);
  if (stateDir !== stateDirectory(process.env, homedir()))
    collection.replace('MARIANNE_HOME', stateDir, both);
}
