/** Score language: recognises scores; everything else is loaded when the first one is open. */
import * as vscode from 'vscode';
import { isScore } from '../scores/score-document';
import type { ScoreLanguage, ScoreLanguageDeps } from './contract';

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
    const answer = isScore(document);
    this.known.set(document, { version, answer });
    return answer;
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
