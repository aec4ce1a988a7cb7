/** What the language features find, in VS Code's words. */
import * as vscode from 'vscode';
import type { Suggestion } from './completion';

const completionKinds: Readonly<Record<Suggestion['kind'], vscode.CompletionItemKind>> = {
  field: vscode.CompletionItemKind.Property,
  value: vscode.CompletionItemKind.EnumMember,
  instrument: vscode.CompletionItemKind.Module,
  model: vscode.CompletionItemKind.Value,
  number: vscode.CompletionItemKind.Value,
  variable: vscode.CompletionItemKind.Variable,
  filter: vscode.CompletionItemKind.Function,
  test: vscode.CompletionItemKind.Function,
  function: vscode.CompletionItemKind.Function,
  tag: vscode.CompletionItemKind.Keyword,
};

/** A place as a range of the document as it is now. */
export function rangeOf(
  document: vscode.TextDocument,
  place: { readonly from: number; readonly end: number },
): vscode.Range {
  return new vscode.Range(document.positionAt(place.from), document.positionAt(place.end));
}

export function completionItem(document: vscode.TextDocument, given: Suggestion): vscode.CompletionItem {
  const item = new vscode.CompletionItem(given.label, completionKinds[given.kind]);
  item.insertText = given.snippet ? new vscode.SnippetString(given.insert) : given.insert;
  item.range = rangeOf(document, given);
  item.sortText = `${String(given.order).padStart(5, '0')} ${given.label}`;
  if (given.detail !== null) item.detail = given.detail;
  if (given.documentation !== null) item.documentation = new vscode.MarkdownString(given.documentation);
  if (given.again) item.command = { title: '', command: 'editor.action.triggerSuggest' };
  return item;
}
