/** What commands say and open, beyond what they do to a job. */
import assert from 'node:assert/strict';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { answering, cliScore, eventually, extensionApi, scoreFile } from './kit';

/** Restricted Mode for the time of `work`: this test's window trusts every folder. */
async function untrusted(work: () => Thenable<void>): Promise<void> {
  const before = Object.getOwnPropertyDescriptor(vscode.workspace, 'isTrusted');
  Object.defineProperty(vscode.workspace, 'isTrusted', { get: () => false, configurable: true });
  try {
    await work();
  } finally {
    if (before !== undefined) Object.defineProperty(vscode.workspace, 'isTrusted', before);
  }
}

const pages = () => vscode.workspace.textDocuments.filter(({ uri }) => uri.scheme === 'marianne-page');

describe('commands', () => {
  before(async () => {
    await vscode.workspace
      .getConfiguration('marianne')
      .update('submit.ask', false, vscode.ConfigurationTarget.Global);
  });

  it('run nothing in Restricted Mode, also where a conductor runs and a link or message starts them', async function () {
    this.timeout(30_000);
    const api = await extensionApi();
    const uri = await scoreFile('strange.yaml', cliScore('strange', 'touch never'));
    await vscode.commands.executeCommand('marianne.startConductor');
    await untrusted(async () => {
      for (const command of ['submitScore', 'runSheet', 'dryRunScore', 'validateScore']) {
        const said = await answering('', () =>
          vscode.commands.executeCommand(`marianne.${command}`, { uri, sheet: 1 }),
        );
        assert.deepEqual(said, ['Marianne starts and changes nothing in a folder that is not trusted.']);
      }
    });
    assert.ok(!api.jobs().some(({ id }) => id === 'strange'));
  });

  it('show texts as documents that nobody is asked to save', async function () {
    this.timeout(30_000);
    const uri = await scoreFile('dry.yaml', cliScore('dry', 'echo {{ sheet_num }}', 2));
    await vscode.commands.executeCommand('marianne.dryRunScore', uri);
    await vscode.commands.executeCommand('marianne.doctor');
    const shown = await eventually('both pages', () => pages().length === 2 && pages());
    assert.ok(shown.every(({ isDirty, isUntitled }) => !isDirty && !isUntitled));
    assert.match(shown.map((document) => document.getText()).join('\n'), /Dry run of dry[^]*echo 2/);
    // The same again shows what is so now.
    await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(cliScore('dry', 'echo anew')));
    await vscode.commands.executeCommand('marianne.dryRunScore', uri);
    await eventually('the page follows', () =>
      pages().some((document) => document.getText().includes('echo anew')),
    );
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('say what is so, once and in the right number', async function () {
    this.timeout(30_000);
    const uri = await scoreFile(
      'torn.yaml',
      'name: torn\ninstrument: cli\nsheet: { size: 1, total_items: 1 }\nprompt:\n  template: "{{ nope"\n',
    );
    const [said = ''] = await answering('Open Score', () =>
      vscode.commands.executeCommand('marianne.submitScore', uri),
    );
    assert.match(said, /^torn was not submitted: line 5: /);
    assert.equal(said.match(/cannot be read/g)?.length, 1, said);
    assert.equal(vscode.window.activeTextEditor?.selection.active.line, 4, 'it leads to the place');
    const one = await scoreFile('single.yaml', cliScore('single', 'true').replace('validations: []\n', ''));
    const valid = await answering('', () => vscode.commands.executeCommand('marianne.validateScore', one));
    assert.match(valid.join(), /^single\.yaml has 1 warning\. The score has no/);
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
  });

  it('name the setting when it leads the job nowhere', async function () {
    this.timeout(30_000);
    const uri = await scoreFile('lost.yaml', cliScore('lost', 'true'));
    const config = vscode.workspace.getConfiguration('marianne');
    await config.update('jobWorkspace', 'no/such/folder', vscode.ConfigurationTarget.Global);
    try {
      const said = await answering('', () => vscode.commands.executeCommand('marianne.submitScore', uri));
      assert.match(said.join(), /Setting marianne\.jobWorkspace: The folder .*no\/such.* does not exist/);
    } finally {
      await config.update('jobWorkspace', undefined, vscode.ConfigurationTarget.Global);
    }
  });

  it('say of a job that it waits for a key, with what helps', async function () {
    this.timeout(30_000);
    const api = await extensionApi();
    const uri = await scoreFile('locked.yaml', cliScore('locked', 'go').replace(': cli', ': anthropic_api'));
    const waits = () =>
      api.jobs().find(({ id, reason }) => id === 'locked' && reason?.code === 'waiting_for_key');
    const said = await answering('', async () => {
      await vscode.commands.executeCommand('marianne.submitScore', uri);
      await eventually('the job says what it waits for', waits);
    });
    assert.equal(
      said.filter((text) => /^Marianne: locked: waits for ANTHROPIC_API_KEY/.test(text)).length,
      1,
    );
    await answering('Cancel Job', () => vscode.commands.executeCommand('marianne.cancelJob', 'locked'));
    await eventually('it is cancelled', () =>
      api.jobs().find(({ id, status }) => id === 'locked' && status === 'cancelled'),
    );
  });

  it('ask to save a score that is in no file yet, instead of offering others', async () => {
    const document = await vscode.workspace.openTextDocument({
      language: 'yaml',
      content: cliScore('unsaved', 'true'),
    });
    await vscode.window.showTextDocument(document);
    const said = await answering('', () => vscode.commands.executeCommand('marianne.submitScore'));
    assert.deepEqual(said, ['This score is in no file yet. Save it first.']);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  });

  it('say that the window has to be reloaded when an update removed the extension', async () => {
    await extensionApi();
    const uri = await scoreFile('late.yaml', cliScore('late', 'true'));
    const dist = join(vscode.extensions.getExtension('marianne.marianne')?.extensionPath ?? '', 'dist');
    renameSync(join(dist, 'conductor.js'), join(dist, 'conductor.js.away'));
    renameSync(join(dist, 'profiles'), join(dist, 'profiles.away'));
    try {
      const said = await answering('', () => vscode.commands.executeCommand('marianne.submitScore', uri));
      assert.deepEqual(said, ['Marianne was updated. Reload this window to go on; jobs run meanwhile.']);
    } finally {
      renameSync(join(dist, 'conductor.js.away'), join(dist, 'conductor.js'));
      renameSync(join(dist, 'profiles.away'), join(dist, 'profiles'));
    }
  });
});
