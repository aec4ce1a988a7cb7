/** Which open documents are scores: by name, by content, or by the setting `marianne.scoreFiles`. */
import * as vscode from 'vscode';
import { hasScoreContent, hasScoreName } from '../language/recognise';
import { settings } from '../settings';

/** Reads the whole text where the name does not tell: ask once for a version of a document. */
export function isScore(document: vscode.TextDocument): boolean {
  if (document.languageId !== 'yaml' || !['file', 'untitled'].includes(document.uri.scheme)) return false;
  return hasScoreName(document.uri.path) || isListed(document) || hasScoreContent(document.getText());
}

function isListed(document: vscode.TextDocument): boolean {
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  return settings.scoreFiles(document.uri).some((glob) => {
    const pattern = patternOf(glob, folder);
    return pattern !== null && vscode.languages.match({ pattern }, document) > 0;
  });
}

/** Files of the workspace that the setting names. */
export async function listedScores(): Promise<readonly vscode.Uri[]> {
  const patterns = (vscode.workspace.workspaceFolders ?? [])
    .flatMap((folder) => settings.scoreFiles(folder.uri).map((glob) => patternOf(glob, folder)))
    .filter((pattern) => pattern !== null);
  const found = await Promise.all(patterns.map((pattern) => vscode.workspace.findFiles(pattern)));
  return found.flat();
}

/** Null: the glob is relative, and there is nothing that it could be relative to. */
function patternOf(glob: string, folder: vscode.WorkspaceFolder | undefined): vscode.GlobPattern | null {
  if (glob.startsWith('/') || glob.startsWith('**')) return glob;
  return folder === undefined ? null : new vscode.RelativePattern(folder, glob);
}
