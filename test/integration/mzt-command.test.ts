/** `mzt` for login shells: what the extension puts there, and that it works without the extension. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { existsSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import {
  foundMzt,
  installMzt,
  loginFolders,
  refreshMzt,
  uninstallMzt,
} from '../../src/views/terminal-command/install';
import type { Place } from '../../src/views/terminal-command/install';

const run = promisify(execFile);

describe('mzt for login shells', function () {
  this.timeout(20_000);
  let home: string;
  let place: Place & { folders: readonly string[] };
  const local = () => join(home, '.local/bin');
  const shim = () => join(place.stateDir, 'bin/mzt');
  /** A program that says what it is. */
  const program = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  };
  /** What a login shell of this home says; nothing of this process's PATH is in it. */
  const login = (command: string, more: Record<string, string> = {}) =>
    run('/bin/bash', ['-lc', command], { env: { HOME: home, PATH: '/usr/bin:/bin', ...more }, cwd: home });

  const builtNow = () => (JSON.parse(readFileSync('dist/build.json', 'utf8')) as { build: string }).build;

  beforeEach(() => {
    home = realpathSync(mkdtempSync(join(tmpdir(), "mzt home's ")));
    const distDir = join(home, 'extension/dist');
    cpSync(resolve('dist'), distDir, { recursive: true });
    place = {
      stateDir: join(home, '.marianne'),
      distDir,
      node: process.execPath,
      home,
      folders: [local(), '/usr/bin', '/bin'],
    };
    writeFileSync(join(home, '.bash_profile'), 'PATH="$HOME/.local/bin:$PATH"\n');
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('goes on when the extension’s folder is gone, and is taken away whole', async () => {
    assert.deepEqual(await installMzt(place), { kind: 'found', link: join(local(), 'mzt') });
    rmSync(join(home, 'extension'), { recursive: true });
    const { version, build } = JSON.parse(readFileSync('dist/build.json', 'utf8')) as Record<string, string>;
    const told = await login('mzt --version');
    assert.match(told.stdout, new RegExp(`${version}.*${build}`));
    const { stdout } = await login('mzt doctor; true');
    assert.match(stdout, /state +\S.*\.marianne/);
    const seen = (await login('mzt doctor; true', { SHELL: '/bin/bash' })).stdout;
    assert.match(seen, /mzt +the login shell runs .*\/\.local\/bin\/mzt \(.*\/\.marianne\/bin\/mzt\)/);
    assert.deepEqual(await foundMzt(place.stateDir, place.folders), {
      path: join(local(), 'mzt'),
      ours: true,
    });
    assert.deepEqual(await uninstallMzt(place), [join(local(), 'mzt'), shim()]);
    assert.equal(existsSync(dirname(shim())), false);
    await assert.rejects(login('mzt --version'), { code: 127 });
    assert.deepEqual(await uninstallMzt(place), []);
  });

  it('runs with VS Code’s own Node where the machine has none, or an old one', async () => {
    program(join(home, 'code'), `echo "electron as node: $ELECTRON_RUN_AS_NODE $1"`);
    await installMzt({ ...place, node: join(home, 'code') });
    // A PATH on which there is no Node at all.
    const bare = join(home, 'bare');
    mkdirSync(bare);
    const cli = join(place.stateDir, 'runtime', builtNow(), 'cli.js');
    const env = { env: { HOME: home, PATH: bare } };
    assert.equal((await run(shim(), [], env)).stdout, `electron as node: 1 ${cli}\n`);
    program(join(bare, 'node'), 'echo v20.18.9');
    assert.equal((await run(shim(), [], env)).stdout, `electron as node: 1 ${cli}\n`);
    program(join(bare, 'node'), '[ "$1" = --version ] && echo v20.19.0 || echo "machine: $1"');
    assert.equal((await run(shim(), [], env)).stdout, `machine: ${cli}\n`);
    rmSync(join(bare, 'node'));
    rmSync(join(home, 'code'));
    await assert.rejects(run(shim(), [], env), (error: { code?: number; stderr?: string }) => {
      assert.equal(error.code, 127);
      assert.match(error.stderr ?? '', /Node 20\.19 or newer/);
      return true;
    });
  });

  it('runs the newest build, passing over what is no whole one', async () => {
    await installMzt(place);
    const build = (name: string, info: string, cli: string | null) => {
      const folder = join(place.stateDir, 'runtime', name);
      mkdirSync(folder);
      writeFileSync(join(folder, 'build.json'), info);
      if (cli !== null) writeFileSync(join(folder, 'cli.js'), `console.log(${JSON.stringify(cli)})`);
    };
    build('older', '{"version":"0.0.1","build":"older","built_at":5}\n', 'older');
    build('torn', '', 'torn');
    build('half', '{"version":"9","build":"half","built_at":9999999999999}', null);
    build('evil', '{"built_at":$(touch pwned)}', 'evil');
    assert.match((await login('mzt --version')).stdout, /^mzt|\d+\.\d+/);
    build('newer', '{"version":"9.0.0","build":"newer","built_at":9999999999998}', 'newer');
    assert.equal((await login('mzt')).stdout, 'newer\n');
    rmSync(join(place.stateDir, 'runtime'), { recursive: true });
    await assert.rejects(login('mzt'), { code: 127 });
    assert.equal(existsSync(join(home, 'pwned')), false);
  });

  it('names a state directory that is not the usual one, unless the caller names another', async () => {
    const stateDir = join(home, 'elsewhere');
    await installMzt({ ...place, stateDir });
    assert.match((await login('mzt config path')).stdout, /elsewhere/);
    assert.match((await login('mzt config path', { MARIANNE_HOME: join(home, 'third') })).stdout, /third/);
  });

  it('never touches a program of the same name that is not ours', async () => {
    const bin = join(home, 'bin');
    program(join(local(), 'mzt'), 'echo python');
    const folders = [local(), bin, '/usr/bin'];
    assert.deepEqual(await installMzt({ ...place, folders }), {
      kind: 'in_the_way',
      other: join(local(), 'mzt'),
    });
    assert.equal((await login('mzt')).stdout, 'python\n');
    // A folder that comes before it is fine.
    const first = { ...place, folders: [bin, local()] };
    assert.deepEqual(await installMzt(first), { kind: 'found', link: join(bin, 'mzt') });
    assert.deepEqual(await uninstallMzt(first), [join(bin, 'mzt'), shim()]);
    assert.equal((await login('mzt')).stdout, 'python\n');
    // A link of somebody else's, also one that leads nowhere.
    rmSync(join(local(), 'mzt'));
    symlinkSync(join(home, 'nowhere'), join(local(), 'mzt'));
    assert.equal((await installMzt(place)).kind, 'in_the_way');
    assert.equal(readlinkSync(join(local(), 'mzt')), join(home, 'nowhere'));
    mkdirSync(dirname(shim()), { recursive: true });
    writeFileSync(shim(), 'mine');
    await assert.rejects(installMzt(place), /not Marianne’s/);
    assert.equal(readFileSync(shim(), 'utf8'), 'mine');
  });

  it('is linked all the same when the login shell does not look there, or does not say', async () => {
    const link = join(local(), 'mzt');
    const unseen = { kind: 'unseen', link } as const;
    assert.deepEqual(await installMzt({ ...place, folders: ['/usr/bin'] }), { ...unseen, known: true });
    assert.deepEqual(await installMzt({ ...place, folders: null }), { ...unseen, known: false });
    assert.equal(readlinkSync(link), shim());
  });

  it('is written again for another VS Code only while it is there', async () => {
    assert.equal(await refreshMzt(place), false);
    assert.equal(existsSync(shim()), false);
    await installMzt(place);
    assert.equal(await refreshMzt({ ...place, node: "/new/it's code" }), true);
    assert.match(readFileSync(shim(), 'utf8'), /code='\/new\/it'\\''s code'/);
    assert.match((await login('mzt --version')).stdout, /\d/);
  });

  it('asks the login shell itself, with nothing of the editor’s PATH', async () => {
    const { SHELL, PATH } = process.env;
    process.env['SHELL'] = '/bin/bash';
    process.env['PATH'] = ['/only/in/the/editor', PATH].join(delimiter);
    try {
      writeFileSync(join(home, '.bash_profile'), 'echo noise; PATH="$HOME/.local/bin:$PATH"\n');
      const folders = await loginFolders(home);
      assert.ok(folders?.includes(local()));
      assert.equal(folders?.includes('/only/in/the/editor'), false);
    } finally {
      process.env['SHELL'] = SHELL;
      if (SHELL === undefined) delete process.env['SHELL'];
      process.env['PATH'] = PATH;
    }
  });
});
