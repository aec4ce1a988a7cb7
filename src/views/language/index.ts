/** Score language: recognises scores; everything else is loaded when the first one is open. */
import * as vscode from 'vscode';
import type { ScoreLanguage, ScoreLanguageDeps } from './contract';
import { hasScoreContent, hasScoreName } from './recognise';

/** Recognises scores, and loads the language features with the first. Starts nothing. */
export function registerScoreLanguage(deps: ScoreLanguageDeps): ScoreLanguage {
  return new LazyLanguage(deps);
}

class LazyLanguage implements ScoreLanguage {
  private readonly disposables: vscode.Disposable[] = [];
  private features: Promise<vscode.Disposable | null> | undefined;
  private disposed = false;
  /** Answers by document, for the version that they were made for. */
  private readonly known = new WeakMap<vscode.TextDocument, { version: number; answer: boolean }>();

  constructor(private readonly deps: ScoreLanguageDeps) {
    const look = (document: vscode.TextDocument): void => {
      if (this.features === undefined && this.isScore(document)) this.load();
    };
    this.disposables.push(
      vscode.workspace.onDidOpenTextDocument(look),
      vscode.workspace.onDidChangeTextDocument(({ document }) => look(document)),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (!event.affectsConfiguration('marianne.scoreFiles')) return;
        this.generation += 1;
        vscode.workspace.textDocuments.forEach(look);
      }),
    );
    vscode.workspace.textDocuments.forEach(look);
  }

  /** Counts changes of the setting: older answers do not hold. */
  private generation = 0;

  isScore(document: vscode.TextDocument): boolean {
    const version = document.version + this.generation * 2 ** 32;
    const known = this.known.get(document);
    if (known?.version === version) return known.answer;
    const answer = this.recognise(document);
    this.known.set(document, { version, answer });
    return answer;
  }

  private recognise(document: vscode.TextDocument): boolean {
    if (document.languageId !== 'yaml' || !['file', 'untitled'].includes(document.uri.scheme)) return false;
    return hasScoreName(document.uri.path) || this.isListed(document) || hasScoreContent(document.getText());
  }

  /** By the setting `marianne.scoreFiles`: globs, relative to the workspace folder or absolute. */
  private isListed(document: vscode.TextDocument): boolean {
    const globs = this.deps.setting<unknown>('scoreFiles', document.uri);
    if (!Array.isArray(globs)) return false;
    const folder = vscode.workspace.getWorkspaceFolder(document.uri);
    return globs.some((glob) => {
      if (typeof glob !== 'string' || glob === '') return false;
      const absolute = glob.startsWith('/') || glob.startsWith('**');
      if (!absolute && folder === undefined) return false;
      const pattern = absolute || folder === undefined ? glob : new vscode.RelativePattern(folder, glob);
      return vscode.languages.match({ pattern }, document) > 0;
    });
  }

  private load(): void {
    // With its extension: where this file is not bundled, Node itself resolves a dynamic import, and adds none.
    this.features = import('./service.js').then(
      ({ startLanguage }) => {
        if (this.disposed) return null;
        return startLanguage(this.deps, (document) => this.isScore(document));
      },
      (error: unknown) => {
        this.deps.log?.('the score language could not be loaded', error);
        return null;
      },
    );
  }

  dispose(): void {
    this.disposed = true;
    for (const disposable of this.disposables.splice(0)) disposable.dispose();
    void this.features?.then((features) => void features?.dispose());
  }
}
