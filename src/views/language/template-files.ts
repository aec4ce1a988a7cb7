/** Template files of open scores: completion, hover, definitions and lenses, as inside of a score's own template. */
import * as vscode from 'vscode';
import { completionItem, rangeOf } from './editor-items';
import type { ScoreDocuments, TemplateOwner } from './documents';
import { verbatim } from './embedded';
import { templateHoverAt } from './hover';
import type { ScoreLenses } from './lens-provider';
import { occurrencesOf } from './occurrences';
import { suggestTemplate } from './template-completion';

/** Inside of a template VS Code suggests nothing by itself. */
const triggerCharacters = ['{', '|', '.', '[', ' ', '"'];

/** Registers for exactly the files that open scores name, so that other files of their kind are left alone. */
export class TemplateFiles implements vscode.Disposable {
  private registered: vscode.Disposable | undefined;
  private paths = '';
  private readonly listener: vscode.Disposable;

  constructor(
    private readonly documents: ScoreDocuments,
    private readonly lenses: ScoreLenses,
  ) {
    this.listener = documents.onAnalysed(() => this.update());
    this.update();
  }

  private update(): void {
    const paths = this.documents.templatePaths();
    const key = paths.join('\n');
    if (key === this.paths) return;
    this.paths = key;
    this.registered?.dispose();
    this.registered = paths.length === 0 ? undefined : this.register(paths);
  }

  private register(paths: readonly string[]): vscode.Disposable {
    // VS Code takes a pattern that is the path itself as such, before it reads it as a glob.
    const selector = paths.map((pattern) => ({ scheme: 'file', pattern }));
    const { languages } = vscode;
    return vscode.Disposable.from(
      languages.registerCompletionItemProvider(
        selector,
        { provideCompletionItems: (document, position) => this.complete(document, position) },
        ...triggerCharacters,
      ),
      languages.registerHoverProvider(selector, {
        provideHover: (document, position) => this.hover(document, position),
      }),
      languages.registerDefinitionProvider(selector, {
        provideDefinition: (document, position) => this.define(document, position),
      }),
      languages.registerCodeLensProvider(selector, {
        onDidChangeCodeLenses: this.lenses.onDidChangeCodeLenses,
        resolveCodeLens: (lens) => this.lenses.resolveCodeLens(lens),
        provideCodeLenses: (document) => {
          const owner = this.ownerOf(document);
          return owner === null ? [] : this.lenses.ofTemplate(document, owner);
        },
      }),
    );
  }

  private ownerOf(document: vscode.TextDocument): TemplateOwner | null {
    return this.documents.ownerOf(document.uri.fsPath);
  }

  private complete(document: vscode.TextDocument, position: vscode.Position): vscode.CompletionItem[] {
    const owner = this.ownerOf(document);
    if (owner === null) return [];
    const [text, offset] = [document.getText(), document.offsetAt(position)];
    const { analysis } = owner;
    const input = { text, offset, analysis, catalogue: analysis.input.catalogue };
    return suggestTemplate(input, verbatim(text, 0), offset).map((each) => completionItem(document, each));
  }

  private hover(document: vscode.TextDocument, position: vscode.Position): vscode.Hover | undefined {
    const owner = this.ownerOf(document);
    if (owner === null) return undefined;
    const text = document.getText();
    const found = templateHoverAt(owner.analysis, text, verbatim(text, 0), document.offsetAt(position));
    return found === null
      ? undefined
      : new vscode.Hover(new vscode.MarkdownString(found.markdown), rangeOf(document, found));
  }

  private define(document: vscode.TextDocument, position: vscode.Position): vscode.Location[] {
    const owner = this.ownerOf(document);
    const word = document.getWordRangeAtPosition(position, /[A-Za-z_]\w*/);
    if (owner === null || word === undefined) return [];
    const name = document.getText(word);
    const { index } = owner.analysis.file;
    return occurrencesOf(owner.analysis)
      .filter((each) => each.definition && each.kind === 'variable' && each.name === name)
      .map(({ from, end }) => {
        const { line, column, endLine, endColumn } = index.range(from, end);
        return new vscode.Location(
          owner.uri,
          new vscode.Range(line - 1, column - 1, endLine - 1, endColumn - 1),
        );
      });
  }

  dispose(): void {
    this.listener.dispose();
    this.registered?.dispose();
  }
}
