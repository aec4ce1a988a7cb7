/** What the conductor is asked about instruments, as this window stands: its folder's profiles, and the keys that its jobs would bring. */
import * as vscode from 'vscode';
import type { ParamsOf } from '../protocol/methods';
import type { SecretKeys } from './connection/secret-keys';
import { namesOfKeys } from './connection/secret-keys';

/** The folder whose own instruments count: that of the active editor, else the first. Null in Restricted Mode and without a folder. */
export function instrumentFolder(): string | null {
  if (!vscode.workspace.isTrusted) return null;
  const active = vscode.window.activeTextEditor?.document.uri;
  const folder = active === undefined ? undefined : vscode.workspace.getWorkspaceFolder(active);
  return (folder ?? vscode.workspace.workspaceFolders?.[0])?.uri.fsPath ?? null;
}

/** Names of variables only; no value leaves this process. */
export function instrumentQuery(secrets: SecretKeys): ParamsOf<'instruments.list'> {
  return { workspace: instrumentFolder(), have: namesOfKeys(secrets.names(), process.env) };
}
