/** Commands that few people run, in a bundle of their own. Loaded by `import()` only, from extension.ts. */
import * as vscode from 'vscode';
import { useTranslator } from './views/l10n';
import type { CommandRoom } from './views/rare/contract';
import { doctor } from './views/rare/diagnosis';
import { installMzt, refreshMzt, uninstallMzt } from './views/rare/mzt-command';
import { reportIssue } from './views/rare/report-issue';
import { scoreTerminal } from './views/tasks/score-terminal';

// This bundle has a translator of its own.
useTranslator(vscode.l10n.t);

export const commandRoom: CommandRoom = {
  doctor,
  reportIssue,
  installMzt,
  uninstallMzt,
  refreshMzt,
  scoreTerminal,
};
