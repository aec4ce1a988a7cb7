/** Native Windows: one clear message instead of commands that fail. */
import * as vscode from 'vscode';
import { commands } from './commands/table';

/** Every command says the same and offers WSL. */
export function explainWindows(): vscode.Disposable {
  void vscode.commands.executeCommand('setContext', 'marianne.unsupported', true);
  const explain = async () => {
    const reopen = vscode.l10n.t('Reopen in WSL');
    const learn = vscode.l10n.t('About WSL');
    const text = vscode.l10n.t('Marianne runs on Linux and macOS. On Windows, open this folder in WSL.');
    const answer = await vscode.window.showInformationMessage(text, reopen, learn);
    if (answer === reopen) await vscode.commands.executeCommand('remote-wsl.reopenInWSL');
    if (answer === learn)
      await vscode.env.openExternal(vscode.Uri.parse('https://code.visualstudio.com/docs/remote/wsl'));
  };
  return vscode.Disposable.from(...commands.map(({ id }) => vscode.commands.registerCommand(id, explain)));
}
