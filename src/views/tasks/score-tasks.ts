/** Tasks of type `marianne`: one for each score of the workspace, and those that a person wrote into tasks.json. */
import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import { agreesToAct, submitParams } from '../commands/submit';
import { l10n } from '../l10n';
import { workspaceScores } from '../scores/workspace-scores';
import type { Services } from '../services';
import { fateOf, sendSubmit } from '../submit/cancellable-submit';
import { TASK_TYPE } from './definition';

/** What the terminal of a task takes from the extension's own bundle: errors are known by their class only there. */
export const submitting = { agreesToAct, fateOf, sendSubmit, submitParams };
export type Submitting = typeof submitting;

export function registerScoreTasks(services: Services): vscode.Disposable {
  return vscode.tasks.registerTaskProvider(TASK_TYPE, {
    async provideTasks() {
      if (!vscode.workspace.isTrusted) return [];
      const scores = await workspaceScores(services.scoreRoom);
      return scores.flatMap(({ uri, name }) => {
        const folder = vscode.workspace.getWorkspaceFolder(uri);
        if (folder === undefined || name === null) return [];
        const score = vscode.workspace.asRelativePath(uri, false);
        return [scoreTask(services, { type: TASK_TYPE, score }, folder, score)];
      });
    },
    resolveTask(task) {
      const { definition, scope } = task;
      const folder = typeof scope === 'object' ? scope : vscode.workspace.workspaceFolders?.[0];
      const { score } = definition as { score?: unknown };
      return typeof score === 'string' ? scoreTask(services, definition, folder, task.name) : undefined;
    },
  });
}

function scoreTask(
  services: Services,
  definition: vscode.TaskDefinition,
  folder: vscode.WorkspaceFolder | undefined,
  name: string,
): vscode.Task {
  const execution = new vscode.CustomExecution(async (resolved) => {
    const room = await services.commandRoom();
    return room.scoreTerminal(services, submitting, resolved, (score) => scoreUri(score, folder));
  });
  // Given as none, or VS Code asks each time which compiler's errors to look for.
  const problemMatchers: string[] = [];
  const task = new vscode.Task(
    definition,
    folder ?? vscode.TaskScope.Workspace,
    name,
    'marianne',
    execution,
    problemMatchers,
  );
  task.detail = l10n.t('Submits this score and follows its job');
  return task;
}

function scoreUri(score: string, folder: vscode.WorkspaceFolder | undefined): vscode.Uri {
  if (isAbsolute(score) || folder === undefined) return vscode.Uri.file(score);
  return vscode.Uri.joinPath(folder.uri, score);
}
