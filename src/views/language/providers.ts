/** Completion, hover, links, definitions, outline and quick fixes, in VS Code's words. */
import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import { modelPathAt, suggest } from './completion';
import type { ScoreDiagnostics } from './diagnostics';
import { diagnosticSource, editorRange } from './diagnostics';
import { completionItem, rangeOf } from './editor-items';
import type { ScoreDocuments } from './documents';
import { repairsOf } from './fixes';
import type { Repair } from './repair';
import { hoverAt } from './hover';
import { linksOf } from './links';
import { hasScoreName } from './recognise';
import { instrumentsOfModel } from './models';
import type { LiveModels } from './models';
import { definitionsOf, occurrencesOf, referencesOf } from './occurrences';
import type { OutlineItem } from './outline';
import { outlineOf } from './outline';

/** Also inside of texts, where VS Code suggests nothing by itself. */
const triggerCharacters = ['{', '|', '.', '[', ' ', '"'];

/** Not for people: a quick fix can make files, and needs this to make a folder. Argument: an absolute path. */
const createFolderCommand = '_marianne.createFolder';

const selector: vscode.DocumentSelector = [
  { language: 'yaml', scheme: 'file' },
  { language: 'yaml', scheme: 'untitled' },
];

const symbolKinds: Readonly<Record<OutlineItem['kind'], vscode.SymbolKind>> = {
  name: vscode.SymbolKind.File,
  block: vscode.SymbolKind.Module,
  movement: vscode.SymbolKind.Function,
  branch: vscode.SymbolKind.Event,
  rule: vscode.SymbolKind.Boolean,
  instrument: vscode.SymbolKind.Interface,
  variable: vscode.SymbolKind.Variable,
  field: vscode.SymbolKind.Field,
};

/**
 * True when redhat.vscode-yaml completes and explains the fields of this file from our JSON Schema (package.json, `yamlValidation`): then we do
 * not say the same a second time.
 */
function isSchemaServed(document: vscode.TextDocument): boolean {
  return (
    hasScoreName(document.uri.path) && vscode.extensions.getExtension('redhat.vscode-yaml')?.isActive === true
  );
}

/** Registers all of them. */
export function registerProviders(
  documents: ScoreDocuments,
  diagnostics: ScoreDiagnostics,
  lenses: vscode.CodeLensProvider,
): vscode.Disposable[] {
  const { languages } = vscode;
  return [
    vscode.commands.registerCommand(createFolderCommand, async (path: unknown) => {
      if (typeof path !== 'string' || !isAbsolute(path)) return;
      await vscode.workspace.fs.createDirectory(vscode.Uri.file(path));
      documents.refresh();
    }),
    languages.registerCodeLensProvider(selector, lenses),
    languages.registerCompletionItemProvider(selector, completion(documents), ...triggerCharacters),
    languages.registerHoverProvider(selector, {
      provideHover: (document, at) => hover(documents, document, at),
    }),
    languages.registerDocumentLinkProvider(selector, {
      provideDocumentLinks: (document) => links(documents, document),
    }),
    languages.registerDefinitionProvider(selector, {
      provideDefinition: (document, at) => places(documents, document, at, definitionsOf),
    }),
    languages.registerReferenceProvider(selector, {
      provideReferences: (document, at) => places(documents, document, at, referencesOf),
    }),
    languages.registerDocumentSymbolProvider(selector, {
      provideDocumentSymbols: (document) => outline(documents, document),
    }),
    languages.registerCodeActionsProvider(
      selector,
      {
        provideCodeActions: (document, range, context) =>
          fixes(documents, diagnostics, document, range, context),
      },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
  ];
}

const none: LiveModels = new Map();

function completion(documents: ScoreDocuments): vscode.CompletionItemProvider {
  return {
    async provideCompletionItems(document, position) {
      if (!documents.isScore(document)) return undefined;
      const offset = document.offsetAt(position);
      const served = isSchemaServed(document);
      const text = document.getText();
      const modelPath = modelPathAt(text, offset);
      const good = documents.lastGood(document);
      // What is in force may have been written just now; a document that was just opened has not been looked at.
      const fresh = modelPath === null && good !== null ? null : await documents.current(document);
      const analysis = fresh?.score ? fresh : (good ?? fresh);
      const models =
        modelPath === null ? none : await documents.liveModels(instrumentsOfModel(modelPath, analysis));
      const catalogue = analysis?.input.catalogue ?? (await documents.catalogue(null));
      const suggestions = suggest({ text, offset, analysis, catalogue, models });
      return suggestions
        .filter(({ kind }) => !served || (kind !== 'field' && kind !== 'value'))
        .map((each) => completionItem(document, each));
    },
  };
}

async function hover(
  documents: ScoreDocuments,
  document: vscode.TextDocument,
  position: vscode.Position,
): Promise<vscode.Hover | undefined> {
  if (!documents.isScore(document)) return undefined;
  const offset = document.offsetAt(position);
  const analysis = await documents.current(document);
  const found = hoverAt(analysis, offset, analysis.input.catalogue);
  if (found === null || (found.field && isSchemaServed(document))) return undefined;
  return new vscode.Hover(new vscode.MarkdownString(found.markdown), rangeOf(document, found));
}

async function links(
  documents: ScoreDocuments,
  document: vscode.TextDocument,
): Promise<vscode.DocumentLink[]> {
  if (!documents.isScore(document)) return [];
  const analysis = await documents.current(document);
  return linksOf(analysis).flatMap((link) => {
    const file = vscode.Uri.file(link.target);
    // A folder opens in the Explorer, which knows only what is in the workspace.
    if (link.folder && vscode.workspace.getWorkspaceFolder(file) === undefined) return [];
    const target = link.folder
      ? vscode.Uri.parse(`command:revealInExplorer?${encodeURIComponent(JSON.stringify([file.toJSON()]))}`)
      : file;
    return [new vscode.DocumentLink(rangeOf(document, link), target)];
  });
}

async function places(
  documents: ScoreDocuments,
  document: vscode.TextDocument,
  position: vscode.Position,
  find: typeof definitionsOf,
): Promise<vscode.Location[]> {
  if (!documents.isScore(document)) return [];
  const analysis = await documents.current(document);
  const found = find(occurrencesOf(analysis), document.offsetAt(position));
  return found.map((each) => new vscode.Location(document.uri, rangeOf(document, each)));
}

async function outline(
  documents: ScoreDocuments,
  document: vscode.TextDocument,
): Promise<vscode.DocumentSymbol[]> {
  if (!documents.isScore(document)) return [];
  const symbol = (item: OutlineItem): vscode.DocumentSymbol => {
    const whole = rangeOf(document, item);
    const selected = rangeOf(document, { from: item.selectFrom, end: item.selectEnd });
    // VS Code throws for an empty name, and for a selection outside of the whole.
    const made = new vscode.DocumentSymbol(
      item.name || '…',
      item.detail,
      symbolKinds[item.kind],
      whole.union(selected),
      selected,
    );
    made.children = item.children.map(symbol);
    return made;
  };
  return outlineOf(await documents.current(document)).map(symbol);
}

async function fixes(
  documents: ScoreDocuments,
  diagnostics: ScoreDiagnostics,
  document: vscode.TextDocument,
  range: vscode.Range,
  context: vscode.CodeActionContext,
): Promise<vscode.CodeAction[]> {
  if (!documents.isScore(document)) return [];
  const analysis = await documents.current(document);
  return diagnostics.of(document).flatMap((diagnostic) => {
    const place = editorRange(diagnostic);
    if (place.intersection(range) === undefined) return [];
    const shown = context.diagnostics.filter(
      (each) => each.source === diagnosticSource && each.range.isEqual(place),
    );
    return repairsOf(diagnostic, analysis, analysis.input.catalogue).map((repair) =>
      action(document, repair, shown),
    );
  });
}

function action(
  document: vscode.TextDocument,
  repair: Repair,
  diagnostics: readonly vscode.Diagnostic[],
): vscode.CodeAction {
  const made = new vscode.CodeAction(repair.title, vscode.CodeActionKind.QuickFix);
  const edit = new vscode.WorkspaceEdit();
  for (const each of repair.edits) edit.replace(document.uri, rangeOf(document, each), each.text);
  if (repair.create !== null) {
    const uri = vscode.Uri.file(repair.create.path);
    edit.createFile(uri, { ignoreIfExists: true });
    // As an edit, not as the file's contents: those are lost on the way through VS Code. The person sees the text and saves it.
    edit.insert(uri, new vscode.Position(0, 0), repair.create.text);
    made.command = { title: '', command: 'vscode.open', arguments: [uri] };
  }
  if (repair.createFolder !== null)
    made.command = { title: '', command: createFolderCommand, arguments: [repair.createFolder] };
  made.edit = edit;
  made.diagnostics = [...diagnostics];
  made.isPreferred = repair.preferred;
  return made;
}
