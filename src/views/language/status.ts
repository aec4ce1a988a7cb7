/** What the language status (the braces in the status bar) says of the score in the active editor. */
import * as vscode from 'vscode';
import type { ScoreLanguageDeps, ScoreTarget } from './contract';
import { lensCommands } from './contract';
import type { ScoreDiagnostics } from './diagnostics';
import type { ScoreDocuments } from './documents';

/** One item, there only while a score is in the active editor: other YAML files are none of its business. */
export class ScoreStatus implements vscode.Disposable {
  private item: vscode.LanguageStatusItem | undefined;
  private readonly disposables: vscode.Disposable[];

  constructor(
    private readonly deps: Pick<ScoreLanguageDeps, 'isTrusted'>,
    private readonly documents: ScoreDocuments,
    private readonly diagnostics: ScoreDiagnostics,
  ) {
    this.disposables = [
      vscode.window.onDidChangeActiveTextEditor(() => this.update()),
      diagnostics.onDidChange((uri) => {
        if (vscode.window.activeTextEditor?.document.uri.toString() === uri.toString()) this.update();
      }),
    ];
    this.update();
  }

  private update(): void {
    const document = vscode.window.activeTextEditor?.document;
    if (document === undefined || !this.documents.isScore(document)) {
      this.item?.dispose();
      this.item = undefined;
      return;
    }
    const { t } = vscode.l10n;
    this.item ??= vscode.languages.createLanguageStatusItem('marianne.score', { language: 'yaml' });
    const { item } = this;
    item.name = t('Marianne score');
    const state = this.diagnostics.stateOf(document);
    item.busy = state.checking;
    if (state.told === null) {
      item.text = t('Score');
      return;
    }
    const count = (severity: string): number =>
      (state.told ?? []).filter((each) => each.severity === severity).length;
    const [errors, warnings] = [count('error'), count('warning')];
    const problems = errors + warnings;
    item.text =
      problems === 0
        ? t('Score: valid')
        : problems === 1
          ? t('Score: 1 problem')
          : t('Score: {0} problems', problems);
    item.severity =
      errors > 0
        ? vscode.LanguageStatusSeverity.Error
        : warnings > 0
          ? vscode.LanguageStatusSeverity.Warning
          : vscode.LanguageStatusSeverity.Information;
    const sheets = errors > 0 ? undefined : this.documents.lastGood(document)?.plan?.totalSheets;
    item.detail = [
      ...(errors > 0 ? [t('Errors: {0}', errors)] : []),
      ...(warnings > 0 ? [t('Warnings: {0}', warnings)] : []),
      ...(sheets === undefined ? [] : [t('Sheets: {0}', sheets)]),
    ].join(' · ');
    const target: ScoreTarget = { uri: document.uri, version: document.version };
    item.command =
      problems > 0 || !this.deps.isTrusted()
        ? { title: t('Show Problems'), command: 'workbench.actions.view.problems' }
        : { title: t('Validate'), command: lensCommands.validateScore, arguments: [target] };
  }

  dispose(): void {
    this.item?.dispose();
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
  }
}
