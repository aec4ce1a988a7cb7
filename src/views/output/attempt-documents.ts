/** Past attempts as read-only documents, `marianne-attempt:/<job>/<sheet>/<attempt>/<title>.log`, with folding and outline. */
import * as vscode from 'vscode';
import { failureText } from '../commands/failure';
import type { Connection } from '../connection/connection';
import { FailedDocuments } from '../failed-documents';
import { l10n } from '../l10n';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import { plainLine } from './ansi';
import { attemptText, sectionsOf } from './attempt-text';

export const ATTEMPT_SCHEME = 'marianne-attempt';

/** Of each stream; the document names the log that has all. */
const SHOWN_BYTES = 1024 * 1024;

export class AttemptDocuments
  implements
    vscode.TextDocumentContentProvider,
    vscode.FoldingRangeProvider,
    vscode.DocumentSymbolProvider,
    Disposable
{
  private readonly scope = new Scope();
  private readonly changed = this.scope.add(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.changed.event;
  private readonly failed: FailedDocuments;

  constructor(private readonly connection: Connection) {
    this.failed = this.scope.add(new FailedDocuments(connection, (uri) => this.changed.fire(uri)));
    const selector = { scheme: ATTEMPT_SCHEME };
    this.scope.add(vscode.workspace.registerTextDocumentContentProvider(ATTEMPT_SCHEME, this));
    this.scope.add(vscode.languages.registerFoldingRangeProvider(selector, this));
    this.scope.add(vscode.languages.registerDocumentSymbolProvider(selector, this, { label: 'Marianne' }));
  }

  dispose(): void {
    this.scope.dispose();
  }

  async open(job: string, sheet: number, attempt: number): Promise<void> {
    const uri = vscode.Uri.from({
      scheme: ATTEMPT_SCHEME,
      path: `/${job}/${sheet}/${attempt}/${job} ${sheet}.${attempt}.log`,
    });
    // One that was opened while it ran shows what is so now.
    this.changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const match = /^\/([^/]+)\/(\d+)\/(\d+)\/[^/]*\.log$/.exec(uri.path);
    if (match === null) return l10n.t('There is no such attempt.');
    const [, job = '', sheetText, attemptNumber] = match;
    const sheet = Number(sheetText);
    const attempt = Number(attemptNumber);
    try {
      await this.connection.whenRunning();
      const { attempts } = await this.connection.ask('job.attempts', { job_id: job, sheet });
      const detail = attempts.find((candidate) => candidate.attempt === attempt);
      if (detail === undefined) return l10n.t('There is no such attempt.');
      const [prompt, stdout, stderr] = await Promise.all([
        this.connection.ask('job.prompt', { job_id: job, sheet, attempt }).then(
          (answer) => answer.prompt,
          () => null,
        ),
        this.log(job, sheet, attempt, 'stdout'),
        this.log(job, sheet, attempt, 'stderr'),
      ]);
      return attemptText({ job, sheet, detail, prompt, stdout, stderr });
    } catch (error) {
      this.failed.add(uri);
      return failureText(error);
    }
  }

  provideFoldingRanges(document: vscode.TextDocument): vscode.FoldingRange[] {
    return sectionsOf(document.getText()).map(({ first, last }) => new vscode.FoldingRange(first, last));
  }

  provideDocumentSymbols(document: vscode.TextDocument): vscode.DocumentSymbol[] {
    return sectionsOf(document.getText()).map(({ title, first, last }) => {
      const range = new vscode.Range(first, 0, last, document.lineAt(last).text.length);
      const heading = document.lineAt(first).range;
      return new vscode.DocumentSymbol(title || '—', '', vscode.SymbolKind.Event, range, heading);
    });
  }

  private async log(
    job: string,
    sheet: number,
    attempt: number,
    stream: 'stdout' | 'stderr',
  ): Promise<string> {
    const page = await this.connection.ask('log.read', {
      job_id: job,
      sheet,
      attempt,
      stream,
      tail_bytes: SHOWN_BYTES,
      max_bytes: SHOWN_BYTES,
    });
    const text = page.data.split('\n').map(plainLine).join('\n');
    return page.offset === 0
      ? text
      : `${l10n.t('… {0} bytes before this; the whole log: {1}', page.offset, page.path)}\n${text}`;
  }
}
