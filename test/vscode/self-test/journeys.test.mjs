import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sessionsFolder } from '../../../scripts/vscode/environment.mjs';
import { processesOf, until } from '../../../scripts/vscode/processes.mjs';

const run = (...args) =>
  spawnSync(process.execPath, ['scripts/vscode/run-journeys.mjs', ...args], {
    encoding: 'utf8',
    timeout: 80_000,
  });

describe('journeys', function () {
  this.timeout(90_000);

  it('pass with screenshots in light and dark', () => {
    const pictures = ['light', 'dark'].map((theme) => `out/screenshots/probe-look-at-a-file-${theme}.png`);
    for (const file of pictures) rmSync(file, { force: true });
    const { status, stdout, stderr } = run('test/fixtures/probe-journeys/passes.mjs');
    assert.equal(status, 0, stdout + stderr);
    for (const file of pictures) assert.ok(existsSync(file), file);
  });

  it('fail with pictures and logs of what was there', () => {
    const { status, stdout, stderr } = run('test/fixtures/probe-journeys/fails.mjs');
    assert.equal(status, 1, stdout + stderr);
    const [, folder] = /pictures and logs of the failure: (.*)/.exec(stdout + stderr);
    for (const file of ['window-1.png', 'window.log', 'server.log', 'vscode'])
      assert.ok(existsSync(resolve(folder, file)), file);
  });

  it('leave nothing behind when they are broken off', async () => {
    const sessions = async () =>
      (await readdir(sessionsFolder())).filter((name) => /^mzt-vs-\w{6}$/.test(name));
    const before = new Set(await sessions());
    const child = spawn(
      process.execPath,
      ['scripts/vscode/run-journeys.mjs', 'test/fixtures/probe-journeys/passes.mjs'],
      { stdio: 'ignore' },
    );
    const mine = async () =>
      (await sessions()).filter((name) => !before.has(name)).map((name) => join(sessionsFolder(), name));
    let folder;
    const started = await until(async () => {
      [folder] = await mine();
      return (
        folder !== undefined &&
        (await processesOf(folder)).some(({ command }) => command.includes('type=extensionHost'))
      );
    }, 20_000);
    assert.ok(started, 'an extension host runs');
    child.kill('SIGTERM');
    await new Promise((settle) => child.once('exit', settle));
    assert.deepEqual(await processesOf(folder), []);
    assert.equal(existsSync(folder), false);
  });
});
