/** The language features. Loaded when the first score is open: a bundle of its own (`dist/score-room.js`). */
import * as vscode from 'vscode';
import type { ScoreLanguageDeps } from './contract';
import { ScoreDiagnostics } from './diagnostics';
import { ScoreDocuments } from './documents';
import { ScoreLenses } from './lens-provider';
import { registerProviders } from './providers';
import { ScoreStatus } from './status';
import { TemplateFiles } from './template-files';

/** Registers all language features. */
export function startLanguage(
  deps: ScoreLanguageDeps,
  isScore: (document: vscode.TextDocument) => boolean,
): vscode.Disposable {
  const documents = new ScoreDocuments(deps, isScore);
  const diagnostics = new ScoreDiagnostics(deps, documents);
  const lenses = new ScoreLenses(deps, documents);
  return vscode.Disposable.from(
    ...registerProviders(documents, diagnostics, lenses),
    new ScoreStatus(deps, documents, diagnostics),
    new TemplateFiles(documents, lenses),
    lenses,
    diagnostics,
    documents,
  );
}
