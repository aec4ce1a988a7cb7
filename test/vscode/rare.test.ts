/** Commands that few people run: `mzt` for login shells, doctor, a report. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { answering, cliScore, eventually, extensionApi, scoreFile } from './kit';

const run = (command: string, ...given: unknown[]) =>
  vscode.commands.executeCommand(`marianne.${command}`, ...given);

/** The text of the document that a command opened; it is closed. */
async function documentOf(work: () => Thenable<unknown>): Promise<string> {
  await work();
  const text = vscode.window.activeTextEditor?.document.getText() ?? '';
  await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  return text;
}

describe('mzt for login shells, in VS Code', function () {
  this.timeout(40_000);
  const link = join(homedir(), '.local/bin/mzt');
  const { SHELL } = process.env;
  before(async () => {
    await extensionApi();
    assert.match(homedir(), /mzt-vs-/, 'a home of its own');
    process.env['SHELL'] = '/bin/bash';
    writeFileSync(join(homedir(), '.bash_profile'), 'PATH="$HOME/.local/bin:/usr/bin:/bin"\n');
  });
  after(() => {
    if (SHELL === undefined) delete process.env['SHELL'];
    else process.env['SHELL'] = SHELL;
  });

  it('is not there before, as the doctor says', async () => {
    assert.match(await documentOf(() => run('doctor')), /login shell finds no mzt/);
  });

  it('is installed, works in a login shell, and is taken away', async () => {
    const told = await answering('Nothing', () => run('installMzt'));
    assert.match(told[0] ?? '', /installed as ~\/\.local\/bin\/mzt\. Shells that start/);
    const shell = (command: string) =>
      execFileSync('/bin/bash', ['-lc', command], { encoding: 'utf8', env: { HOME: homedir() } });
    assert.equal(shell('command -v mzt').trim(), link);
    assert.match(shell('mzt status'), /./);
    assert.match(shell('mzt config path'), new RegExp(process.env['MARIANNE_HOME'] ?? 'no state directory'));
    assert.match(await documentOf(() => run('doctor')), /login shell runs \S+\/\.local\/bin\/mzt\n/);
    const removed = await answering('Nothing', () => run('uninstallMzt'));
    assert.match(removed[0] ?? '', /^Removed: ~\/\.local\/bin\/mzt, /);
    assert.equal(existsSync(link), false);
  });

  it('is not put over another program', async () => {
    mkdirSync(join(homedir(), '.local/bin'), { recursive: true });
    writeFileSync(link, '#!/bin/sh\necho other\n', { mode: 0o755 });
    const told = await answering('Copy Path', () => run('installMzt'));
    assert.match(told[0] ?? '', /~\/\.local\/bin\/mzt is another program called mzt; it was left alone/);
    assert.equal(await vscode.env.clipboard.readText(), join(process.env['MARIANNE_HOME'] ?? '', 'bin/mzt'));
    assert.match(await documentOf(() => run('doctor')), /which is not this extension’s/);
    assert.equal(execFileSync(link, { encoding: 'utf8' }), 'other\n');
    await answering('Nothing', () => run('uninstallMzt'));
    assert.ok(existsSync(link));
  });
});

describe('a report', function () {
  this.timeout(40_000);

  it('shows everything first, without keys, home and what scores say, and copies what the person left of it', async () => {
    const api = await extensionApi();
    await vscode.workspace
      .getConfiguration('marianne')
      .update('submit.ask', false, vscode.ConfigurationTarget.Global);
    process.env['OPENROUTER_API_KEY'] = 'or-secret-of-the-test';
    const uri = await scoreFile(
      'reported.yaml',
      cliScore('reported', 'echo our secret plan or-secret-of-the-test'),
    );
    await run('submitScore', uri);
    await eventually('it is done', () =>
      api.jobs().find(({ id, status }) => id === 'reported' && status === 'completed'),
    );
    const broken = await scoreFile('leaky.yaml', 'name: leaky\nour secret plan: 1\n');
    await answering('Nothing', () => run('validateScore', broken));
    let shown = '';
    const said = await answering('Copy', async () => {
      const reporting = run('reportIssue');
      await reporting;
      shown = vscode.window.activeTextEditor?.document.getText() ?? '';
    });
    delete process.env['OPENROUTER_API_KEY'];
    assert.match(said[0] ?? '', /nothing was sent/);
    assert.match(said[1] ?? '', /in the clipboard/);
    assert.equal(await vscode.env.clipboard.readText(), shown);
    assert.match(shown, /^# What happened\?/);
    for (const part of [
      /VS Code: 1\.\d+/,
      /- cli: ready/,
      /submit \S+reported\.yaml: accepted/,
      /info /,
      /Remote/,
    ])
      assert.match(shown, part);
    for (const part of ['secret', homedir()])
      assert.equal(shown.includes(part), false, `${part} in\n${shown}`);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  });
});
