/** What the suites share: the extension, files of the window's folder, and waiting for what must come. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { Api } from '../../src/extension';

export async function extensionApi(): Promise<Api> {
  const extension = vscode.extensions.getExtension<Api>('marianne.marianne');
  assert.ok(extension);
  return extension.activate();
}

export async function scoreFile(name: string, text: string): Promise<vscode.Uri> {
  const folder = vscode.workspace.workspaceFolders?.[0];
  assert.ok(folder, 'the window has a folder');
  const path = join(folder.uri.fsPath, name);
  await writeFile(path, text);
  return vscode.Uri.file(path);
}

/** Waits until `look` gives something; the last thing it saw is in the error. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | false,
  milliseconds = 20_000,
): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const seen = look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`it did not happen in ${milliseconds} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A score whose sheets are shell scripts. */
export function cliScore(name: string, script: string, sheets = 1): string {
  const indented = script
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
  return `name: ${name}
instrument: cli
sheet: { size: 1, total_items: ${sheets} }
pause_between_sheets_seconds: 0
retry: { max_retries: 0 }
prompt:
  template: |
${indented}
validations: []
`;
}

/** Runs `work` while messages are answered by their action with (one of) that title, and tells which messages came. */
export async function answering(
  action: string | readonly string[],
  work: () => Thenable<unknown>,
): Promise<string[]> {
  const titles: readonly unknown[] = [action].flat();
  const messages: string[] = [];
  const names = ['showInformationMessage', 'showWarningMessage', 'showErrorMessage'] as const;
  const before = names.map((name) => vscode.window[name]);
  const stub = (message: string, ...rest: unknown[]) => {
    messages.push(message);
    const isAction = (item: unknown) =>
      titles.includes(item) ||
      (typeof item === 'object' && item !== null && 'title' in item && titles.includes(item.title));
    return Promise.resolve(rest.find(isAction));
  };
  for (const name of names) Object.assign(vscode.window, { [name]: stub });
  try {
    await work();
  } finally {
    names.forEach((name, index) => Object.assign(vscode.window, { [name]: before[index] }));
  }
  return messages;
}
