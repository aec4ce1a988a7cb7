import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { registerScoreLanguage } from '../../src/views/language';
import type { ScoreLanguageDeps, SheetLiveState, SheetTarget } from '../../src/views/language/contract';
import { ScoreDocuments } from '../../src/views/language/documents';
import { ScoreLenses } from '../../src/views/language/lens-provider';
import { catalogue } from '../unit/score/kit';

const score = `name: song
workspace: ./
instrument: claude-code
movements:
  1: { name: Write }
  2: { name: Sing }
sheet:
  size: 1
  total_items: 2
prompt:
  variables: { tune: blues }
  template: |
    {% if stage == 1 %}
    Write a {{ tune | title }}.
    {% else %}
    Sing it.
    {% endif %}
validations:
  - { type: content_regex, path: '{workspace}/song.md', pattern: la }
`;

const deps: ScoreLanguageDeps = {
  catalogue: () => Promise.resolve(catalogue),
  isTrusted: () => true,
  setting: (key, scope) => vscode.workspace.getConfiguration('marianne', scope ?? null).get(key),
  productVersion: '0.0.0',
  log: (message, error) => {
    throw new Error(message, { cause: error });
  },
};

/** The first result of `ask` that `wanted` accepts; asks again whenever VS Code reports diagnostics, and a few times a second. */
async function eventually<T>(ask: () => T | Thenable<T>, wanted: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + 8000; ;) {
    const value = await ask();
    if (wanted(value)) return value;
    assert.ok(Date.now() < end, `still ${JSON.stringify(value)}`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, 100);
      const listener = vscode.languages.onDidChangeDiagnostics(() => {
        clearTimeout(timer);
        listener.dispose();
        resolve();
      });
    });
  }
}

describe('the score language', () => {
  let folder: string;
  let own: vscode.Disposable | undefined;

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'mzt-language-')));
    // The extension registers the language itself. Where it cannot be loaded, these tests do, so that a feature is never there twice.
    const extension = vscode.extensions.getExtension('marianne.marianne');
    const isBuilt =
      extension !== undefined && existsSync(join(extension.extensionPath, 'dist', 'extension.js'));
    if (isBuilt) await extension.activate();
    else own = registerScoreLanguage(deps);
  });

  after(async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    own?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  let count = 0;
  async function open(text: string, name = `s${(count += 1)}.score.yaml`): Promise<vscode.TextDocument> {
    const path = join(folder, name);
    await writeFile(path, text);
    const document = await vscode.workspace.openTextDocument(path);
    await vscode.window.showTextDocument(document);
    return document;
  }

  const problems = (document: vscode.TextDocument): vscode.Diagnostic[] =>
    vscode.languages.getDiagnostics(document.uri).filter(({ source }) => source === 'Marianne');
  const codes = (document: vscode.TextDocument): string[] =>
    problems(document).map(({ code }) => (typeof code === 'object' ? String(code.value) : String(code)));

  async function edit(document: vscode.TextDocument, from: string, to: string): Promise<void> {
    const change = new vscode.WorkspaceEdit();
    const at = document.getText().indexOf(from);
    assert.ok(at >= 0, from);
    change.replace(
      document.uri,
      new vscode.Range(document.positionAt(at), document.positionAt(at + from.length)),
      to,
    );
    assert.ok(await vscode.workspace.applyEdit(change));
  }

  function behind(document: vscode.TextDocument, text: string): vscode.Position {
    return document.positionAt(document.getText().indexOf(text) + text.length);
  }

  it('checks a score as it is written, and takes back what was mended', async () => {
    const document = await open(score);
    await edit(document, 'instrument: claude-code', 'instrument: claude-cod');
    await eventually(
      () => codes(document),
      (found) => found.includes('V210'),
    );
    const [problem] = problems(document).filter(({ code }) => JSON.stringify(code).includes('V210'));
    assert.equal(document.getText(problem?.range), 'claude-cod');
    await edit(document, 'instrument: claude-cod', 'instrument: claude-code');
    await eventually(
      () => codes(document),
      (found) => !found.includes('V210'),
    );
  });

  it('mends by quick fix', async () => {
    const document = await open(score.replace('movements:', 'movement:'));
    await eventually(
      () => codes(document),
      (found) => found.includes('P012'),
    );
    const [problem] = problems(document);
    assert.ok(problem);
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      problem.range,
    );
    const fix = actions.find(({ title }) => title === 'Change to `movements`');
    assert.ok(fix?.edit, actions.map(({ title }) => title).join());
    assert.equal(fix.isPreferred, true);
    await vscode.workspace.applyEdit(fix.edit);
    await eventually(
      () => codes(document),
      (found) => !found.includes('P012'),
    );
  });

  it('creates a missing template file, and reads it unsaved', async () => {
    const text = score.replace(/ {2}template: \|\n(?: {4}.*\n)+/, '  template_file: sing.j2\n');
    const document = await open(text);
    await eventually(
      () => codes(document),
      (found) => found.includes('V003'),
    );
    const range = problems(document).find(({ code }) => JSON.stringify(code).includes('V003'))?.range;
    assert.ok(range);
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      range,
    );
    const create = actions.find(({ title }) => title.startsWith('Create the template file'));
    assert.ok(create?.edit);
    await vscode.workspace.applyEdit(create.edit);
    await eventually(
      () => codes(document),
      (found) => !found.includes('V003'),
    );
    const template = await vscode.workspace.openTextDocument(join(folder, 'sing.j2'));
    await edit(template, 'sheet_num', 'no_such_name');
    assert.ok(template.isDirty);
    await eventually(
      () => codes(document),
      (found) => found.includes('V101'),
    );
  });

  it('completes fields, instruments and names of templates', async () => {
    const document = await open(score);
    await eventually(
      () => vscode.languages.getDiagnostics(document.uri).length,
      () => true,
    );
    const labels = async (at: string): Promise<string[]> => {
      const list = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        behind(document, at),
      );
      return list.items.map(({ label }) => (typeof label === 'string' ? label : label.label));
    };
    await eventually(
      () => labels('instrument: '),
      (found) => found.includes('ollama'),
    );
    await eventually(
      () => labels('{{ tune | '),
      (found) => found.includes('upper'),
    );
    await eventually(
      () => labels('Write a {{ '),
      (found) => found.includes('tune') && found.includes('sheet_num'),
    );
  });

  it('explains, shows the outline and finds definitions', async () => {
    const document = await open(score);
    const hovers = await eventually(
      () =>
        vscode.commands.executeCommand<vscode.Hover[]>(
          'vscode.executeHoverProvider',
          document.uri,
          behind(document, 'total_it'),
        ),
      (found) => found.length > 0,
    );
    assert.match(
      hovers
        .flatMap(({ contents }) => contents.map((each) => (typeof each === 'string' ? each : each.value)))
        .join(),
      /number of stages/,
    );
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      'vscode.executeDocumentSymbolProvider',
      document.uri,
    );
    assert.ok(symbols.some(({ name }) => name === 'movements'));
    const definitions = await vscode.commands.executeCommand<vscode.Location[]>(
      'vscode.executeDefinitionProvider',
      document.uri,
      behind(document, 'Write a {{ tu'),
    );
    assert.equal(document.getText(definitions[0]?.range), 'tune');
  });

  const lensesOf = (document: vscode.TextDocument): Thenable<vscode.CodeLens[]> =>
    vscode.commands.executeCommand<vscode.CodeLens[]>('vscode.executeCodeLensProvider', document.uri, 100);

  it('offers to run sheets where they stand, with the version of the text', async () => {
    const document = await open(score);
    const lenses = await eventually(
      () => lensesOf(document),
      (found) => found.some(({ command }) => command?.command === 'marianne.previewPrompt'),
    );
    const branch = behind(document, '{% else').line;
    const preview = lenses.find(
      ({ range, command }) => range.start.line === branch && command?.command === 'marianne.previewPrompt',
    );
    const [target] = (preview?.command?.arguments ?? []) as SheetTarget[];
    assert.equal(target?.sheet, 2);
    assert.equal(target.version, document.version);
    assert.equal(target.uri.toString(), document.uri.toString());
  });

  it('keeps lenses at their lines while the text is broken', async () => {
    const document = await open(score);
    const isThere = (found: vscode.CodeLens[]): boolean => {
      const line = behind(document, '{% else').line;
      return found.some(
        ({ range, command }) => range.start.line === line && command?.command === 'marianne.previewPrompt',
      );
    };
    await eventually(() => lensesOf(document), isThere);
    await edit(document, 'sheet:\n', '\n\nsheet: [\n');
    await eventually(() => lensesOf(document), isThere);
  });

  it('serves the template file of an open score, with the sheets of that score', async function () {
    this.timeout(40_000);
    const text = score.replace(/ {2}template: \|\n(?: {4}.*\n)+/, "  template_file: 'sing [1].j2'\n");
    await writeFile(
      join(folder, 'sing [1].j2'),
      '😀 {% if stage == 1 %}\r\n{{ tune | title }}\r\n{% elif stage in [2] %}\r\n{{ 1 }}\r\n{% endif %}\r\n',
    );
    const owner = await open(text);
    await eventually(
      () => vscode.languages.getDiagnostics(owner.uri).length,
      () => true,
    );
    const template = await vscode.workspace.openTextDocument(join(folder, 'sing [1].j2'));
    await vscode.window.showTextDocument(template);
    const lenses = await eventually(
      () => lensesOf(template),
      (found) => found.length > 0,
    );
    const previews = lenses.filter(({ command }) => command?.command === 'marianne.previewPrompt');
    assert.deepEqual(
      previews.map(({ range, command }) => {
        const [target] = (command?.arguments ?? []) as SheetTarget[];
        return [range.start.line, range.start.character, target?.sheet, target?.uri.toString()];
      }),
      [
        [0, 3, 1, owner.uri.toString()],
        [2, 0, 2, owner.uri.toString()],
      ],
    );
    const list = await vscode.commands.executeCommand<vscode.CompletionList>(
      'vscode.executeCompletionItemProvider',
      template.uri,
      behind(template, '{{ 1').translate(0, -1),
    );
    const labels = list.items.map(({ label }) => (typeof label === 'string' ? label : label.label));
    assert.ok(labels.includes('tune') && labels.includes('sheet_num'), labels.join());
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      template.uri,
      behind(template, '| tit'),
    );
    assert.ok(hovers.length > 0);
    const [definition] = await vscode.commands.executeCommand<vscode.Location[]>(
      'vscode.executeDefinitionProvider',
      template.uri,
      behind(template, '{{ tu'),
    );
    assert.equal(definition && owner.getText(definition.range), 'tune');
    // The lenses follow the text, and stay while it is broken.
    const follow = async (): Promise<void> => {
      await eventually(
        () => lensesOf(template),
        (found) => [2, 4].every((line) => found.some(({ range }) => range.start.line === line)),
      );
    };
    await edit(template, '😀 ', '😀\n\n');
    await follow();
    await edit(template, '{{ tune', '{% tune');
    await follow();
  });

  it('finds scores by content and leaves other YAML alone', async () => {
    const byContent = await open(score, 'plain.yaml');
    await eventually(
      () => lensesOf(byContent),
      (found) => found.length > 0,
    );
    const other = await open('kind: Deployment\nspec: {}\n', 'other.yaml');
    assert.deepEqual(await lensesOf(other), []);
    assert.deepEqual(problems(other), []);
  });

  it('does not say a second time what another YAML extension says', async () => {
    const document = await open(score);
    await edit(document, 'name: song', 'name: [song');
    // Before the edit there may be others: of a program that is not on this machine, for instance.
    const [syntax] = await eventually(
      () => problems(document).filter(({ message }) => message.startsWith('YAML:')),
      (found) => found.length > 0,
    );
    assert.ok(syntax);
    const other = vscode.languages.createDiagnosticCollection('other');
    try {
      const theirs = new vscode.Diagnostic(syntax.range, 'Flow sequence is not closed');
      theirs.source = 'YAML';
      other.set(document.uri, [theirs]);
      await eventually(
        () => problems(document).filter(({ range }) => range.start.line === syntax.range.start.line).length,
        (left) => left === 0,
      );
      other.clear();
      await eventually(
        () => problems(document),
        (found) => found.some(({ message }) => message === syntax.message),
      );
    } finally {
      other.dispose();
    }
  });

  describe('lenses of its own', () => {
    const titles = async (more: Partial<ScoreLanguageDeps>): Promise<string[]> => {
      const document = await open(score);
      const documents = new ScoreDocuments({ ...deps, ...more }, () => true);
      const lenses = new ScoreLenses({ ...deps, ...more }, documents);
      try {
        const found = await lenses.provideCodeLenses(document);
        return found.map((lens) => lenses.resolveCodeLens(lens).command?.title ?? '');
      } finally {
        lenses.dispose();
        documents.dispose();
      }
    };

    it('tell what a sheet is doing, and for how long', async () => {
      const states: Readonly<Record<number, SheetLiveState>> = {
        1: { status: 'completed', durationSeconds: 41 },
        2: { status: 'running', startedAt: Date.now() - 190_000 },
      };
      const found = await titles({
        liveState: (_, sheet) => states[sheet],
        lastResult: () => ({ status: 'failed', detail: '1/2' }),
      });
      assert.ok(found.includes('$(pass)\u00a0completed 41 s'), found.join('\n'));
      assert.ok(
        found.some((title) => /^\$\(sync~spin\)\u00a0running 3 min 1[0-2] s$/.test(title)),
        found.join('\n'),
      );
      assert.ok(found.includes('$(error)\u00a0failed · 1/2'));
      assert.ok(found.includes('Run with what it needs'));
    });

    it('offer nothing that runs in Restricted Mode', async () => {
      const found = await titles({ isTrusted: () => false });
      assert.deepEqual(found, [], 'no command of a lens can be used there');
      const told = await titles({ isTrusted: () => false, lastResult: () => ({ status: 'failed' }) });
      assert.deepEqual(told, ['$(error)\u00a0failed']);
    });

    it('obey the setting', async () => {
      assert.deepEqual(await titles({ setting: <T>() => 'off' as T }), []);
      assert.equal((await titles({ setting: <T>() => 'top' as T })).length, 2);
    });
  });
});
