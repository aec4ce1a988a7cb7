import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { z } from 'zod';
import { runCli } from '../../src/cli/program';
import { CollectingSink, contextOf } from '../support/cli-context';
import { answering, extensionApi, scoreFile } from './kit';

const issueSchema = z.object({
  check_id: z.string(),
  severity: z.string(),
  range: z
    .object({ line: z.number(), column: z.number(), end_line: z.number(), end_column: z.number() })
    .nullable(),
  related: z.array(
    z.object({ file: z.string().nullable(), range: z.object({ line: z.number(), column: z.number() }) }),
  ),
  tags: z.array(z.string()),
});
const answerSchema = z.object({ issues: z.array(issueSchema) });

const severityNames = ['error', 'warning', 'info', 'hint'];

/** Scores that are hard to place: each line says which trap it is for. */
const hard: Readonly<Record<string, string>> = {
  'crlf.score.yaml':
    'name: x\r\nsheet: {size: 1, total_items: 2}\r\nprompt:\r\n  template: |\r\n    a\r\n    {{ nobdy }}\r\n    {workspace}\r\n',
  'bom.score.yaml': '\uFEFFnmae: x\nsheet: {size: 1, total_items: 1}\nprompt: {template: "{{ nobody }}"}\n',
  'astral.score.yaml':
    'name: "𝕸 — ü"\nsheet: {size: 1, total_items: 1}\nprompt:\n  template: |\n    😀😀 {{ nobody }} 𝕸 {sheet_num}\nvalidations:\n  - {description: "😀", type: file_exists, path: "{wörkspace}"}\n',
  'anchors.score.yaml':
    'name: x\nworkspace: .\nsheet: {size: 1, total_items: 3}\nprompt: {template: a}\nvalidations:\n  - &rule\n    type: content_contains\n    path: "{nobody}"\n    pattern: x\n  - {<<: *rule, pattern: y, stage: 2}\n  - *rule\n',
  'comments.score.yaml':
    '# a\nname: x # b\n\n# c\nsheet:\n  # d\n  size: 1 # e\n\n  total_items: 2\n  # f\n  dependencies: {1: [2], # g\n    2: [1]}\nprompt:\n  # h\n  template: a\n',
  'folded.score.yaml':
    'name: x\nsheet: {size: 1, total_items: 1}\nprompt:\n  template: >-\n    one\n    two {{ nobody }}\n\n    three {{ unknwon }}\n',
  'escapes.score.yaml':
    'name: x\nsheet: {size: 1, total_items: 1}\nprompt:\n  template: "a\\n\\t{{ nobody }} \\u00fc {{ workspce }}"\n',
  'tabs.score.yaml': 'name: x\nsheet:\n\tsize: 1\n',
  'torn.score.yaml': 'name: x\nsheet:\n  size: 1\n  total_items: [3\nprompt:\n  template: "open\n',
  'empty.score.yaml': 'sheet:\nprompt:\n',
  'file.score.yaml': 'name: x\nsheet: {size: 1, total_items: 1}\nprompt: {template_file: t.j2}\n',
  't.j2': '😀\r\n{% if nobody %}x{% endif %}\n{{ 1 / 0 }}\n',
};

describe('diagnostics of the editor and of mzt validate', function () {
  this.timeout(120_000);

  it('are the same, with their places, for every score at hand', async () => {
    await extensionApi();
    const extension = vscode.extensions.getExtension('marianne.marianne');
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    assert.ok(extension && folder);
    const own = join(folder, 'parity');
    mkdirSync(own, { recursive: true });
    cpSync(join(extension.extensionPath, 'test', 'fixtures', 'scores'), join(own, 'fixtures'), {
      recursive: true,
    });
    cpSync(join(extension.extensionPath, 'examples'), join(own, 'examples'), { recursive: true });
    mkdirSync(join(own, 'hard'));
    for (const [name, text] of Object.entries(hard)) writeFileSync(join(own, 'hard', name), text);
    const scores = ['fixtures', 'examples', 'hard'].flatMap((part) =>
      readdirSync(join(own, part))
        .filter((name) => name.endsWith('.yaml'))
        .map((name) => join(own, part, name)),
    );
    // A fleet is no score, and its content is not taken for one.
    const judged = scores.filter((path) => !path.endsWith('fleet.yaml'));
    assert.ok(judged.length > 30);
    const differences: string[] = [];
    for (const path of judged) {
      const text = readFileSync(path, 'utf8');
      const document = await vscode.workspace.openTextDocument(path);
      await vscode.window.showTextDocument(document);
      const wanted = await validated(join(extension.extensionPath, 'dist'), path, text, folder);
      const shown = await shownFor(document, wanted.length);
      const [a, b] = [wanted.join('\n'), shown.join('\n')];
      if (a !== b) differences.push(`${path.slice(own.length)}\n  validate:\n${a}\n  editor:\n${b}`);
    }
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    assert.equal(differences.length, 0, differences.join('\n\n'));
  });
});

describe('Validate Score', function () {
  this.timeout(40_000);

  it('judges a score that names no workspace by the folder of the window, as the editor does', async () => {
    await extensionApi();
    await scoreFile('here.md', 'x');
    const uri = await scoreFile(
      'judged.score.yaml',
      'name: j\ninstrument: cli\nsheet: {size: 1, total_items: 1}\nprompt: {template: "true"}\nvalidations:\n  - {type: content_contains, path: here.md, pattern: x}\n',
    );
    const messages = await answering('', () => vscode.commands.executeCommand('marianne.validateScore', uri));
    assert.match(messages.join(), /^judged\.score\.yaml is valid/);
  });
});

/** What `mzt validate --json` says: the program itself, in this process, for time's sake. */
async function validated(distDir: string, path: string, text: string, folder: string): Promise<string[]> {
  const workspace = /^workspace:/m.test(text) ? [] : ['--workspace', folder];
  const [stdout, stderr] = [new CollectingSink(), new CollectingSink()];
  const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? '']));
  const context = contextOf(folder, env, { stdout, stderr }, { distDir, home: homedir() });
  await runCli(['validate', path, '--json', ...workspace], context);
  assert.ok(stdout.text !== '', stderr.text);
  return answerSchema
    .parse(JSON.parse(stdout.text))
    .issues.map(({ check_id, severity, range, related, tags }) =>
      [
        check_id,
        severity,
        range === null ? '1:1-1:1' : `${range.line}:${range.column}-${range.end_line}:${range.end_column}`,
        ...related.map((each) => `${each.file ?? path}:${each.range.line}:${each.range.column}`),
        ...tags,
      ].join(' '),
    )
    .sort();
}

/** What the editor shows, once it shows as much as is wanted; after a while, whatever it shows. */
async function shownFor(document: vscode.TextDocument, count: number): Promise<string[]> {
  // Nothing wanted: long enough for what must not come.
  for (const end = Date.now() + (count === 0 ? 900 : 5000); ;) {
    const own = vscode.languages
      .getDiagnostics(document.uri)
      .filter(({ source }) => source === 'Marianne')
      .map(({ code, severity, range: { start, end: last }, relatedInformation = [], tags = [] }) =>
        [
          String(typeof code === 'object' ? code.value : code),
          severityNames[severity],
          `${start.line + 1}:${start.character + 1}-${last.line + 1}:${last.character + 1}`,
          ...relatedInformation.map(
            ({ location: { uri, range } }) =>
              `${uri.fsPath}:${range.start.line + 1}:${range.start.character + 1}`,
          ),
          ...tags.map((tag) => (tag === vscode.DiagnosticTag.Unnecessary ? 'unnecessary' : String(tag))),
        ].join(' '),
      )
      .sort();
    if ((own.length === count && count > 0) || Date.now() > end) return own;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
