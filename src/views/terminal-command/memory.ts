/** Whether `mzt` was installed for login shells, and for which VS Code and extension: what activation looks at instead of files. */
import * as vscode from 'vscode';

const KEY = 'marianne.mztCommand';

/** Changes with the extension and with VS Code. */
function stamp(context: vscode.ExtensionContext): string {
  return `${context.extensionPath}|${process.execPath}`;
}

export async function rememberMzt(context: vscode.ExtensionContext, installed: boolean): Promise<void> {
  await context.globalState.update(KEY, installed ? stamp(context) : undefined);
  tellMenus(context);
}

/** For the palette: the way back is offered only where there is one. */
export function tellMenus(context: vscode.ExtensionContext): void {
  const installed = context.globalState.get(KEY) !== undefined;
  void vscode.commands.executeCommand('setContext', 'marianne.mztInstalled', installed);
}

/** Was it installed for another build of the extension, or for another VS Code? */
export function isMztStale(context: vscode.ExtensionContext): boolean {
  const known = context.globalState.get(KEY);
  return known !== undefined && known !== stamp(context);
}
