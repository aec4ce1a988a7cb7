import { basename } from 'node:path';
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { longCall } from '../long-work';
import { sheetCount } from '../trees/format';
import { jobArgument, scoreArgument, scoreSheetArgument } from './arguments';
import type { Command } from './command';
import { workspaceFor } from './submit';

/** Marianne: Validate Score. What the conductor would say, as Problems-like text with a jump to the first place. */
export const validateScore: Command = {
  id: 'marianne.validateScore',
  async run(services, given) {
    const uri = await scoreArgument(services, given);
    if (uri === null) return;
    const document = await vscode.workspace.openTextDocument(uri);
    if (document.isDirty && !(await document.save())) return;
    const title = l10n.t('Validating {0}', basename(uri.fsPath));
    const { score } = (await services.scoreRoom()).summarise(document.getText(), uri.fsPath);
    // As it would be submitted: a score that names no workspace works in the folder of the window.
    const chosen = workspaceFor(uri, score?.writtenWorkspace ?? null);
    const workspace = chosen.source === 'score' ? null : chosen.path;
    const params = { config_path: uri.fsPath, workspace };
    const answer = await longCall(services.connection, title, 'job.validate', params);
    const errors = answer.diagnostics.filter(({ severity }) => severity === 'error');
    const warnings = answer.diagnostics.filter(({ severity }) => severity === 'warning');
    for (const { severity, code, message, range } of answer.diagnostics) {
      services.log.info(`${uri.fsPath}:${range?.line ?? 1}: ${severity} ${code}: ${message}`);
    }
    const [first] = [...errors, ...warnings];
    const name = document.uri.path.split('/').at(-1) ?? '';
    if (first === undefined) {
      void vscode.window.showInformationMessage(
        answer.plan === null
          ? l10n.t('{0} is valid.', name)
          : l10n.t('{0} is valid: {1}.', name, sheetCount(answer.plan.total_sheets)),
      );
      return;
    }
    const text = l10n.t(
      '{0} has {1}. {2}',
      name,
      problemCount(errors.length, warnings.length),
      first.message,
    );
    const show = l10n.t('Show');
    const picked =
      errors.length > 0
        ? await vscode.window.showErrorMessage(text, show)
        : await vscode.window.showWarningMessage(text, show);
    if (picked !== show) return;
    const line = Math.max(0, (first.range?.line ?? 1) - 1);
    const column = Math.max(0, (first.range?.column ?? 1) - 1);
    await vscode.window.showTextDocument(document, {
      selection: new vscode.Range(line, column, line, column),
    });
  },
};

function problemCount(errors: number, warnings: number): string {
  const counts = [
    errors === 0 ? '' : errors === 1 ? l10n.t('1 error') : l10n.t('{0} errors', errors),
    warnings === 0 ? '' : warnings === 1 ? l10n.t('1 warning') : l10n.t('{0} warnings', warnings),
  ];
  return counts.filter((count) => count !== '').join(', ');
}

/** Marianne: Preview Prompt. */
export const previewPrompt: Command = {
  id: 'marianne.previewPrompt',
  async run(services, given) {
    const target = await scoreSheetArgument(services, given);
    if (target !== null) await services.preview.open(target.uri, target.sheet);
  },
};

/** Marianne: Open Score, of a job. */
export const openScore: Command = {
  id: 'marianne.openScore',
  async run(services, given) {
    const job = await jobArgument(services, given, 'job');
    if (job !== null) await vscode.window.showTextDocument(vscode.Uri.file(job.scorePath));
  },
};
