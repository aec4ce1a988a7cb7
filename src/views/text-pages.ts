/** Texts to read, as documents that nobody has to save: Doctor, a dry run. */
import * as vscode from 'vscode';
import { Scope } from './scope';
import type { Disposable } from './scope';

export const PAGE_SCHEME = 'marianne-page';

export class TextPages implements vscode.TextDocumentContentProvider, Disposable {
  private readonly scope = new Scope();
  private readonly changed = this.scope.add(new vscode.EventEmitter<vscode.Uri>());
  readonly onDidChange = this.changed.event;
  private readonly texts = new Map<string, string>();

  constructor() {
    this.scope.add(vscode.workspace.registerTextDocumentContentProvider(PAGE_SCHEME, this));
    this.scope.add(vscode.workspace.onDidCloseTextDocument(({ uri }) => this.texts.delete(uri.toString())));
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** Shows a text, Markdown. One with the same title is replaced. */
  async show(title: string, text: string): Promise<void> {
    const uri = vscode.Uri.from({ scheme: PAGE_SCHEME, path: `/${title.replaceAll('/', ' ')}.md` });
    this.texts.set(uri.toString(), text);
    this.changed.fire(uri);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? '';
  }
}
