/** Rows that a person should not overlook are drawn in the theme's colour of errors: VS Code colours a row only by its resource. */
import * as vscode from 'vscode';
import { l10n } from '../l10n';

/** Scheme of the resources of such rows; nothing is ever opened by it. */
const SCHEME = 'marianne-alarm';

export function alarmResource(id: string): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: `/${id}` });
}

export const alarmDecorations: vscode.FileDecorationProvider = {
  provideFileDecoration(uri) {
    if (uri.scheme !== SCHEME) return undefined;
    return {
      badge: '!',
      color: new vscode.ThemeColor('errorForeground'),
      tooltip: l10n.t('An agent acts without asking'),
    };
  },
};
