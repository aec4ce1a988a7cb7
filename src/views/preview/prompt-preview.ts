/** The rendered prompt of a sheet as a read-only document that follows the score's text while it is edited. */
import * as vscode from 'vscode';
import type { ResultOf } from '../../protocol/methods';
import { failureText } from '../commands/failure';
import type { Connection } from '../connection/connection';
import { FailedDocuments } from '../failed-documents';
import { l10n } from '../l10n';
import { Scope } from '../scope';
import type { Disposable } from '../scope';

export const PREVIEW_SCHEME = 'marianne-preview';
const TYPING_MS = 300;

export class PromptPreview implements vscode.TextDocumentContentProvider, Disposable {
  private readonly scope = new Scope();
  private readonly changed = this.scope.add(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.changed.event;
  private readonly timers = new Map<string, NodeJS.Timeout>();
  private readonly failed: FailedDocuments;

  constructor(
    private readonly connection: Connection,
    /** Where a job of the text would work; null: as the score says. */
    private readonly workspaceOf: (score: vscode.Uri, text: string) => Promise<string | null>,
  ) {
    this.scope.add(vscode.workspace.registerTextDocumentContentProvider(PREVIEW_SCHEME, this));
    this.failed = this.scope.add(new FailedDocuments(connection, (uri) => this.changed.fire(uri)));
    this.scope.add(vscode.workspace.onDidChangeTextDocument(({ document }) => this.onEdit(document.uri)));
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.scope.dispose();
  }

  /** The conductor is started if need be. @throws DaemonError */
  async open(score: vscode.Uri, sheet: number): Promise<void> {
    await this.connection.ensure();
    const name = score.path.split('/').at(-1) ?? 'score';
    const uri = vscode.Uri.from({
      scheme: PREVIEW_SCHEME,
      path: `/${name} sheet ${sheet}.md`,
      query: JSON.stringify({ score: score.toString(), sheet }),
    });
    const document = await vscode.workspace.openTextDocument(uri);
    this.changed.fire(uri);
    await vscode.window.showTextDocument(document, {
      preview: true,
      preserveFocus: true,
      viewColumn: vscode.ViewColumn.Beside,
    });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const about = readQuery(uri.query);
    if (about === null) return '';
    try {
      const document = await vscode.workspace.openTextDocument(about.score);
      // Neither typing nor a window that opens its editors again starts a conductor.
      await this.connection.whenRunning();
      const answer = await this.connection.ask('job.preview', {
        config_path: about.score.fsPath,
        text: document.getText(),
        sheet: about.sheet,
        workspace: await this.workspaceOf(about.score, document.getText()),
      });
      return previewText(answer);
    } catch (error) {
      this.failed.add(uri);
      return failureText(error);
    }
  }

  private onEdit(score: vscode.Uri): void {
    for (const { uri } of vscode.workspace.textDocuments) {
      if (uri.scheme !== PREVIEW_SCHEME) continue;
      const about = readQuery(uri.query);
      if (about?.score.toString() !== score.toString()) continue;
      const key = uri.toString();
      const waiting = this.timers.get(key);
      if (waiting !== undefined) clearTimeout(waiting);
      this.timers.set(
        key,
        setTimeout(() => {
          this.timers.delete(key);
          this.changed.fire(uri);
        }, TYPING_MS),
      );
    }
  }
}

function readQuery(query: string): { readonly score: vscode.Uri; readonly sheet: number } | null {
  try {
    const value: unknown = JSON.parse(query);
    if (typeof value !== 'object' || value === null || !('score' in value) || !('sheet' in value))
      return null;
    if (typeof value.score !== 'string' || typeof value.sheet !== 'number') return null;
    return { score: vscode.Uri.parse(value.score), sheet: value.sheet };
  } catch {
    return null;
  }
}

/** The prompt, exactly; above it only what keeps it from being one. */
function previewText(answer: ResultOf<'job.preview'>): string {
  if (answer.prompt !== null) return answer.prompt;
  const problems = answer.diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(
      ({ code, message, range }) =>
        `- ${range === null ? '' : `${l10n.t('line {0}', range.line)}: `}${message} (${code})`,
    );
  return [l10n.t('The prompt cannot be rendered:'), '', ...problems].join('\n');
}
