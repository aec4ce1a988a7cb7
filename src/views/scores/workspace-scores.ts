/** The scores of the workspace, found by their names and texts. */
import * as vscode from 'vscode';
import { looksLikeScore } from './recognise';
import { listedScores } from './score-document';
import type { LoadScoreRoom } from './score-room';

/** At most so many YAML files of the workspace are looked at. */
const MOST_FILES = 2_000;

export interface FoundScore {
  readonly uri: vscode.Uri;
  /** Null: it has errors. */
  readonly name: string | null;
  readonly description: string;
  readonly sheets: number;
}

/** By name. */
export async function workspaceScores(
  scoreRoom: LoadScoreRoom,
  signal?: AbortSignal,
): Promise<readonly FoundScore[]> {
  const room = await scoreRoom();
  const files = await vscode.workspace.findFiles('**/*.{yaml,yml}', '**/node_modules/**', MOST_FILES);
  const listed = new Set((await listedScores()).map(String));
  const others = new Set(files.map(String));
  const named = [...listed].filter((uri) => !others.has(uri)).map((uri) => vscode.Uri.parse(uri));
  const found = await Promise.all(
    [...files, ...named].map(async (uri) => {
      if (signal?.aborted === true) return null;
      const text = await readText(uri);
      if (text === null || !(listed.has(uri.toString()) || looksLikeScore(uri.fsPath, text))) return null;
      const { score } = room.summarise(text, uri.fsPath);
      return {
        uri,
        name: score?.name ?? null,
        description: score?.description ?? '',
        sheets: score?.sheets.length ?? 0,
      };
    }),
  );
  const key = ({ name, uri }: FoundScore) => name ?? uri.path;
  return found.filter((row) => row !== null).sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

async function readText(uri: vscode.Uri): Promise<string | null> {
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
  } catch {
    return null;
  }
}
