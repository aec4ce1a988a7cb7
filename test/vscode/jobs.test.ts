import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { answering, cliScore, eventually, extensionApi, scoreFile } from './kit';

const state = () => process.env['MARIANNE_HOME'] ?? '';

/** The process of the conductor in force. */
function conductorPid(): number {
  const name = readdirSync(join(state(), 'owner')).sort().at(-1) ?? '';
  return (JSON.parse(readFileSync(join(state(), 'owner', name), 'utf8')) as { pid: number }).pid;
}

describe('activation', () => {
  it('takes no time and starts no conductor', async () => {
    const { activationMs } = await extensionApi();
    // scripts/size.mjs reads this line.
    console.log(`activate() took ${activationMs.toFixed(1)} ms`);
    assert.ok(activationMs < 50, `${activationMs} ms`);
    assert.throws(() => readdirSync(join(state(), 'owner')), /ENOENT/);
  });

  it('registers exactly the commands of the manifest', async () => {
    await extensionApi();
    const extension = vscode.extensions.getExtension('marianne.marianne');
    const manifest = extension?.packageJSON as { contributes: { commands: { command: string }[] } };
    const declared = manifest.contributes.commands.map(({ command }) => command).sort();
    const views = /^marianne\.(jobs|sheets|instruments)\./;
    const registered = (await vscode.commands.getCommands(true))
      .filter((id) => id.startsWith('marianne.') && !views.test(id))
      .sort();
    assert.deepEqual(registered, declared);
  });
});

describe('a job', () => {
  before(async () => {
    await vscode.workspace
      .getConfiguration('marianne')
      .update('submit.ask', false, vscode.ConfigurationTarget.Global);
  });

  it('is submitted from its file and plays to green, in the folder of the window', async function () {
    this.timeout(40_000);
    const api = await extensionApi();
    const uri = await scoreFile(
      'green.yaml',
      cliScore('green', 'echo "$PWD" > "made-{{ sheet_num }}.txt"', 2),
    );
    await vscode.commands.executeCommand('marianne.submitScore', uri);
    const job = await eventually('green is done', () =>
      api.jobs().find(({ id, status }) => id === 'green' && status === 'completed'),
    );
    assert.equal(job.completed, 2);
    assert.equal(job.workspace, vscode.workspace.workspaceFolders?.[0]?.uri.fsPath);
    const sheets = await eventually('its sheets are known', () => {
      const known = api.sheets('green');
      return known.length === 2 && known.every(({ status }) => status === 'completed') && known;
    });
    assert.ok(sheets.every(({ attempts }) => attempts.length === 1));
  });

  it('runs one sheet alone', async function () {
    this.timeout(30_000);
    const api = await extensionApi();
    const uri = await scoreFile('one.yaml', cliScore('one', 'echo {{ sheet_num }}', 3));
    await vscode.commands.executeCommand('marianne.runSheet', { uri, sheet: 2 });
    await eventually('one is done', () =>
      api.jobs().find(({ id, status }) => id === 'one' && status === 'completed'),
    );
    const sheets = await eventually('its sheets', () => {
      const known = api.sheets('one');
      return known.length === 3 && known[1]?.status === 'completed' && known;
    });
    assert.deepEqual(
      sheets.map(({ attempts }) => attempts.length),
      [0, 1, 0],
    );
  });

  it('shows an attempt as a document with outline and folding', async function () {
    this.timeout(30_000);
    await vscode.commands.executeCommand('marianne.openAttempt', { job: 'green', sheet: 1 });
    const document = vscode.window.activeTextEditor?.document;
    assert.equal(document?.uri.scheme, 'marianne-attempt');
    assert.match(document.getText(), /made-1\.txt/);
    const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
      'vscode.executeDocumentSymbolProvider',
      document.uri,
    );
    assert.ok(symbols.some(({ name }) => name === 'Prompt'));
    await vscode.commands.executeCommand('workbench.action.closeActiveEditor');
  });

  it('previews the prompt of a text that is being edited', async function () {
    this.timeout(30_000);
    const uri = await scoreFile('preview.yaml', cliScore('preview', 'echo first'));
    const editor = await vscode.window.showTextDocument(uri);
    await vscode.commands.executeCommand('marianne.previewPrompt', { uri, sheet: 1 });
    const preview = () =>
      vscode.workspace.textDocuments.find(({ uri: { scheme } }) => scheme === 'marianne-preview');
    await eventually('the prompt is shown', () => preview()?.getText().includes('echo first'));
    const at = editor.document.positionAt(editor.document.getText().indexOf('first'));
    const edit = new vscode.WorkspaceEdit();
    edit.replace(uri, new vscode.Range(at, at.translate(0, 5)), 'second');
    await vscode.workspace.applyEdit(edit);
    await eventually('it follows the text', () => preview()?.getText().includes('echo second'));
    await vscode.commands.executeCommand('workbench.action.files.revert');
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('is cancelled once the question is answered', async function () {
    this.timeout(30_000);
    const api = await extensionApi();
    const uri = await scoreFile('long.yaml', cliScore('long', 'echo begun; sleep 600'));
    await vscode.commands.executeCommand('marianne.submitScore', uri);
    await eventually('it runs', () => api.sheets('long')[0]?.status === 'dispatched');
    const status = () => api.jobs().find(({ id }) => id === 'long')?.status;
    await eventually('the job is known to run', () => status() === 'running');
    await answering('Nothing', () => vscode.commands.executeCommand('marianne.cancelJob', { job: 'long' }));
    assert.equal(status(), 'running');
    const asked = await answering('Cancel Job', () =>
      vscode.commands.executeCommand('marianne.cancelJob', { job: 'long' }),
    );
    assert.deepEqual(asked, ['Cancel long?']);
    await eventually('it is cancelled', () =>
      api.jobs().find(({ id, status }) => id === 'long' && status === 'cancelled'),
    );
  });

  it('goes on when its conductor is killed', async function () {
    this.timeout(60_000);
    const api = await extensionApi();
    const script = 'echo begun; while [ ! -e go-on ]; do sleep 0.2; done; echo ended';
    const uri = await scoreFile('survivor.yaml', cliScore('survivor', script));
    await vscode.commands.executeCommand('marianne.submitScore', uri);
    await eventually('it runs', () => api.sheets('survivor')[0]?.status === 'dispatched');
    const killed = conductorPid();
    process.kill(killed, 'SIGKILL');
    await eventually('another conductor is in force', () => conductorPid() !== killed);
    await scoreFile('go-on', '');
    const job = await eventually(
      'it is done',
      () => api.jobs().find(({ id, status }) => id === 'survivor' && status === 'completed'),
      40_000,
    );
    assert.equal(job.completed, 1);
    await eventually('with one attempt', () => api.sheets('survivor')[0]?.attempts.length === 1);
  });

  it('is deleted with its record', async function () {
    this.timeout(30_000);
    const api = await extensionApi();
    await answering('Delete', () => vscode.commands.executeCommand('marianne.deleteJob', { job: 'one' }));
    await eventually('it is gone', () => !api.jobs().some(({ id }) => id === 'one'));
  });

  it('goes with others that are selected, after one question', async function () {
    this.timeout(30_000);
    const api = await extensionApi();
    // As a tree's menu hands them over; a sheet among them counts for nothing.
    const rows = ['long', 'survivor'].map((job) => ({ kind: 'job', job }));
    const asked = await answering('Delete', () =>
      vscode.commands.executeCommand('marianne.deleteJob', rows[0], [
        ...rows,
        { kind: 'sheet', job: 'green', sheet: 1 },
      ]),
    );
    assert.deepEqual(asked, ['Delete 2 jobs?']);
    await eventually('both are gone', () => !api.jobs().some(({ id }) => id === 'long' || id === 'survivor'));
    assert.ok(api.jobs().some(({ id }) => id === 'green'));
  });

  it('that cannot be played is told with its first error', async () => {
    const uri = await scoreFile('broken.yaml', 'name: broken\nsheet: { size: 0 }\nprompt: {}\n');
    const told = await answering('Nothing', () =>
      vscode.commands.executeCommand('marianne.submitScore', uri),
    );
    assert.match(told[0] ?? '', /cannot be played: line \d+/);
  });
});

describe('what a sheet changed', () => {
  const folder = () => vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? '';

  it('is shown as one diff, and put back after a question', async function () {
    this.timeout(40_000);
    const api = await extensionApi();
    const garden = join(folder(), 'garden');
    mkdirSync(garden);
    execFileSync('git', ['init', '-q'], { cwd: garden });
    writeFileSync(join(garden, 'bed.txt'), 'weeds\n');
    const script = 'echo roses > bed.txt; printf "\\377\\000" > new.bin';
    const text = cliScore('garden', script).replace(
      'instrument: cli',
      'instrument: cli\nworkspace: ./garden',
    );
    const uri = await scoreFile('garden.yaml', text);
    await vscode.commands.executeCommand('marianne.submitScore', uri);
    await eventually('garden is done', () =>
      api.jobs().find(({ id, status }) => id === 'garden' && status === 'completed'),
    );
    await vscode.commands.executeCommand('marianne.showChanges', { job: 'garden', sheet: 1 });
    const tab = await eventually('the diff is open', () => vscode.window.tabGroups.activeTabGroup.activeTab);
    assert.equal(tab.label.startsWith('garden · sheet 1 · attempt 1'), true, tab.label);
    const version = (file: string, side: 'before' | 'after') =>
      vscode.workspace.fs.readFile(
        vscode.Uri.from({
          scheme: 'marianne-changes',
          path: join(garden, file),
          query: new URLSearchParams({ job: 'garden', sheet: '1', attempt: '1', side, file }).toString(),
        }),
      );
    assert.equal(Buffer.from(await version('bed.txt', 'before')).toString(), 'weeds\n');
    assert.equal(Buffer.from(await version('bed.txt', 'after')).toString(), 'roses\n');
    assert.deepEqual([...(await version('new.bin', 'after'))], [0xff, 0]);
    await assert.rejects(async () => version('new.bin', 'before'), /./);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');

    const asked = await answering('Undo', () =>
      vscode.commands.executeCommand('marianne.undoSheet', { job: 'garden', sheet: 1 }),
    );
    assert.match(
      asked.join('\n'),
      /^Undo what attempt 1 of sheet 1 of garden changed\?\n2 files are as they were/,
    );
    assert.equal(readFileSync(join(garden, 'bed.txt'), 'utf8'), 'weeds\n');
    assert.deepEqual(readdirSync(garden).sort(), ['.git', 'bed.txt']);
    const again = await answering('Undo', () =>
      vscode.commands.executeCommand('marianne.undoSheet', { job: 'garden', sheet: 1 }),
    );
    assert.match(again[0] ?? '', /nothing to undo/);
  });

  it('is said not to be known outside a repository', async () => {
    const told = await answering('Nothing', () =>
      vscode.commands.executeCommand('marianne.showChanges', { job: 'green', sheet: 1 }),
    );
    assert.match(told[0] ?? '', /git repository/);
  });
});
