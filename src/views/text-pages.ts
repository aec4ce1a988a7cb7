/** Texts to read, as documents that nobody has to save: Doctor, a dry run. */
import * as vscode from 'vscode';
import { Scope } from './scope';
import type { Disposable } from './scope';

export const PAGE_SCHEME = 'marianne-page';

export class TextPages implements vscode.TextDocumentContentProvider, Disposable {
  private readonly scope = new Scope();
  private readonly texts = new Map<string, string>();
  private shown = 0;

  constructor() {
    this.scope.add(vscode.workspace.registerTextDocumentContentProvider(PAGE_SCHEME, this));
    this.scope.add(vscode.workspace.onDidCloseTextDocument(({ uri }) => this.texts.delete(uri.toString())));
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** Shows a text, Markdown. Each is a document of its own: one that is changed shows its old text for a moment. */
  async show(title: string, text: string): Promise<void> {
    this.shown += 1;
    const path = `/${title.replaceAll('/', ' ')}.md`;
    const uri = vscode.Uri.from({ scheme: PAGE_SCHEME, path, query: String(this.shown) });
    this.texts.set(uri.toString(), text);
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? '';
  }
}
