/** Typed reading of the settings; their descriptions are in the manifest. */
import * as vscode from 'vscode';

export type NotificationSetting = 'all' | 'failures' | 'off';
export type RevealSetting = 'never' | 'onSubmit' | 'onFailure';

export const settings = {
  stateDirectory: () => text('stateDirectory'),
  jobWorkspace: (scope: vscode.Uri) => text('jobWorkspace', scope),
  askBeforeSubmit: () => get('submit.ask', true),
  /** May Claude Code get an Anthropic key that is stored in VS Code? */
  storedKeyForClaude: () => get('claudeCode.useStoredApiKey', false),
  notifications: () => get<NotificationSetting>('notifications', 'all'),
  revealOutput: () => get<RevealSetting>('output.reveal', 'never'),
  /** Characters. */
  outputLimit: () => Math.max(1, get('output.limitMegabytes', 4)) * 1024 * 1024,
  /** MCP servers of the user; as written, the conductor checks them. A machine's setting: no workspace can bring one. */
  mcpServers: () => get<Readonly<Record<string, unknown>>>('mcpServers', {}),
  /** Globs, relative to the workspace folder or absolute. */
  scoreFiles: (scope: vscode.Uri) =>
    get<readonly unknown[]>('scoreFiles', [], scope).filter(
      (glob): glob is string => typeof glob === 'string' && glob !== '',
    ),
  terminalCommand: () => get('terminal.addCommand', true),
  statusBar: () => get('statusBar.show', true),
};

function get<T>(key: string, byDefault: T, scope?: vscode.Uri): T {
  return vscode.workspace.getConfiguration('marianne', scope ?? null).get(key, byDefault);
}

function text(key: string, scope?: vscode.Uri): string {
  return get(key, '', scope).trim();
}
