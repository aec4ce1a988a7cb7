// The window's words against the probe extension: they are what journeys are written in.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { processesOf, until } from '../../../scripts/vscode/processes.mjs';
import { editionNames } from '../../../scripts/vscode/server.mjs';
import { Session } from '../../../scripts/vscode/session.mjs';

const extension = resolve('test/fixtures/probe-extension');
/** A zombie, which waits for its parent, is not alive. */
const alive = (pid) =>
  /^[^Z]/.test(
    spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .stdout.toString()
      .trim(),
  );

for (const version of editionNames(process.env.MZT_SELF_TEST_VERSIONS ?? '1.139')) {
  describe(`a window of VS Code ${version}`, function () {
    this.timeout(60_000);
    let session;
    let window;
    before(async () => {
      // Hosts must end because they were told, not because a grace time ran out.
      session = await Session.start({ version, extension, graceSeconds: 120 });
      await writeFile(join(session.folder, 'a.probe'), 'first line\n');
      window = await session.openWindow();
    });
    after(() => session?.close());

    const written = (text) => until(async () => (await session.output('Probe')).includes(text), 15_000);

    it('runs commands from the palette, and output channels are read exactly', async () => {
      await window.command('Probe: Say Hello');
      assert.ok(await written('hello'));
      assert.equal(await session.output('Probe'), 'activated\nhello\n');
      assert.equal(await window.offersCommand('Probe: Say Hello'), true);
      assert.equal(await window.offersCommand('Probe: Say Goodbye'), false);
    });

    it('reads and works a tree', async () => {
      await window.showContainer('Probe');
      const pane = window.pane('Things');
      await window.expand(window.row(pane, 'fruit'));
      await window.row(pane, 'pear').waitFor();
      const shown = (await window.rows(pane)).map(({ label, level, expanded }) => [label, level, expanded]);
      assert.deepEqual(shown, [
        ['fruit', 1, true],
        ['apple', 2, undefined],
        ['pear', 2, undefined],
        ['stone', 1, undefined],
      ]);
      await window.inlineAction(window.row(pane, 'apple'), 'Mark');
      await window.row(pane, 'apple').locator('.label-description', { hasText: 'marked' }).waitFor();
    });

    it('opens files and finds CodeLenses, status items', async () => {
      await window.openFile('a.probe');
      assert.match(await window.editorText(), /first line/);
      await window.codeLens('Probe this').waitFor();
      await window.statusItem('marianne-test.probe.state').waitFor();
    });

    it('takes pictures in every theme, which differ', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'mzt-pictures-'));
      const files = await window.screenshot('probe', { themes: ['light', 'dark', 'high-contrast'], folder });
      const pictures = new Set(files.map((file) => readFileSync(file).toString('base64')));
      assert.equal(pictures.size, 3);
      if (process.env.MZT_SELF_TEST_PICTURES)
        spawnSync('cp', ['-r', `${folder}/.`, process.env.MZT_SELF_TEST_PICTURES]);
      rmSync(folder, { recursive: true });
    });

    it('reloads, opens a second window and another folder, and hosts come and go', async () => {
      const [host] = session.extensionHosts();
      await window.reload();
      assert.ok(await until(() => !session.extensionHosts().includes(host), 15_000), 'the old host is gone');
      const second = await session.openWindow();
      assert.ok(await until(() => session.extensionHosts().length === 2, 15_000), 'two windows, two hosts');
      await second.close();
      assert.ok(
        await until(() => session.extensionHosts().length === 1, 15_000),
        'closing one ends its host',
      );
      const other = await mkdtemp(join(tmpdir(), 'mzt-other-'));
      await window.openFolder(other);
      assert.ok((await window.page.title()).includes(other.split('/').at(-1)));
      await rm(other, { recursive: true });
    });

    it('ends the conductor by its ownership record when it closes', async () => {
      await window.command('Probe: Start Daemon');
      assert.ok(await written('daemon '));
      const pid = Number(/daemon (\d+)/.exec(await session.output('Probe'))[1]);
      const { base } = session.folders;
      assert.ok(alive(pid));
      const outcome = await session.close();
      assert.equal(outcome.conductor, pid);
      assert.equal(alive(pid), false);
      assert.deepEqual(await processesOf(base), []);
    });
  });

  describe(`a packaged extension in VS Code ${version}`, function () {
    this.timeout(60_000);
    it('is installed and works without a test mode; a stray process is found, killed and told', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'mzt-vsix-'));
      const vsix = join(folder, 'probe.vsix');
      const packed = spawnSync(
        process.execPath,
        [resolve('node_modules/@vscode/vsce/vsce'), 'package', '--no-dependencies', '-o', vsix],
        { cwd: extension },
      );
      assert.equal(packed.status, 0, String(packed.stderr));
      const session = await Session.start({ version, vsix: [vsix] });
      try {
        const window = await session.openWindow();
        await window.command('Probe: Start Stray');
        assert.ok(await until(async () => (await session.output('Probe')).includes('stray '), 15_000));
        const pid = Number(/stray (\d+)/.exec(await session.output('Probe'))[1]);
        await assert.rejects(
          session.close(),
          new RegExp(`left running after everything was closed:\\s+${pid} `),
        );
        assert.equal(alive(pid), false);
      } finally {
        await session.close().catch(() => undefined);
        await rm(folder, { recursive: true });
      }
    });
  });
}
