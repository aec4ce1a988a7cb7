import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isSameProcess, processStartTime } from '../../../src/process/identity';
import { resolveExecutable, type LoginPathCache } from '../../../src/process/resolve';
import { readLoginPath } from '../../../src/protocol/login-path';
import { knownFolders, pathFolders } from '../../../src/protocol/program-places';

describe('resolveExecutable', () => {
  let home = '';
  const program = (path: string, mode = 0o755, text = '#!/bin/sh\n') => {
    const full = join(home, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    chmodSync(full, mode);
    return full;
  };
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'mzt-resolve-'))));
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  it('takes the setting, and only the setting, when there is one', async () => {
    const set = program('own/agent');
    program('path/agent');
    const path = join(home, 'path');
    assert.equal((await resolveExecutable('agent', { setting: set, path, home, shell: null })).found, true);
    const viaHome = await resolveExecutable('agent', { setting: '~/own/agent', path, home, shell: null });
    assert.ok(viaHome.found && viaHome.path === set && viaHome.source === 'setting');
    for (const setting of [join(home, 'gone'), 'own/agent', home, '']) {
      const none = await resolveExecutable('agent', { setting, path, home, shell: null });
      assert.equal(none.found, false, setting);
      assert.equal(none.tried.length, 1);
    }
  });

  it('searches PATH in order, passes over what is no program, and never the current directory', async () => {
    program('a/agent', 0o644);
    mkdirSync(join(home, 'b/agent'), { recursive: true });
    const real = program('c/real');
    mkdirSync(join(home, 'd'));
    symlinkSync(real, join(home, 'd/agent'));
    const path = ['', '.', 'relative', 'a', 'b', 'c', 'd']
      .map((folder) => (/^[a-d]$/.test(folder) ? join(home, folder) : folder))
      .join(':');
    const found = await resolveExecutable('agent', { path, home, shell: null });
    assert.ok(found.found);
    assert.equal(found.path, join(home, 'd/agent'));
    assert.equal(found.source, 'path');
    assert.deepEqual(
      found.tried.map((tried) => tried.place),
      ['a', 'b', 'c', 'd'].map((folder) => join(home, folder, 'agent')),
    );
    assert.deepEqual(pathFolders(':.:bin:/bin:'), ['/bin']);
    for (const name of ['', '.', '..', './agent', 'c/real', 'a\0b', '../x']) {
      assert.deepEqual(await resolveExecutable(name, { path, home, shell: null }), {
        found: false,
        tried: [],
      });
    }
  });

  it('asks the login shell once, whatever else it prints', async () => {
    const shell = program(
      'shell',
      0o755,
      `#!/bin/sh\necho x >>"$HOME/asked"\necho "motd __marianne_path__ noise"\nPATH="$HOME/from shell:$PATH"\neval "$2"\n`,
    );
    const agent = program('from shell/agent');
    const cache: LoginPathCache = {};
    for (let i = 0; i < 2; i++) {
      const found = await resolveExecutable('agent', { home, shell, cache, path: '' });
      assert.ok(found.found && found.path === agent && found.source === 'login_shell');
    }
    assert.equal(readFileSync(join(home, 'asked'), 'utf8'), 'x\n');
  });

  it('ends a login shell that hangs, with what it started', async () => {
    const shell = program(
      'shell',
      0o755,
      '#!/bin/sh\nsleep 60 & echo $! >"$HOME/child"\ntrap "" TERM\nsleep 60\n',
    );
    const asked = readLoginPath(shell, home, 400);
    while (!existsSync(join(home, 'child')) || readFileSync(join(home, 'child'), 'utf8') === '')
      await new Promise(setImmediate);
    const child = Number(readFileSync(join(home, 'child'), 'utf8'));
    const startTime = processStartTime(child) ?? '';
    assert.ok(isSameProcess(child, startTime));
    assert.match(JSON.stringify(await asked), /did not answer within 400 ms/);
    while (isSameProcess(child, startTime)) await new Promise(setImmediate);
  });

  it('says why the login shell told nothing, and looks in known places then', async () => {
    const shell = program('shell', 0o755, '#!/bin/sh\nexit 1\n');
    const agent = program('.nvm/versions/node/v20.9.0/bin/agent');
    program('.nvm/versions/node/v9.11.2/bin/agent');
    program('.nvm/versions/node/system/bin/agent');
    const found = await resolveExecutable('agent', { home, shell, cache: {} });
    assert.ok(found.found && found.path === agent && found.source === 'known_place');
    assert.match(found.tried[0]?.place ?? '', /told no PATH/);
    const nvm = knownFolders(home).filter((folder) => folder.includes('.nvm'));
    assert.deepEqual(
      nvm,
      ['v20.9.0', 'v9.11.2'].map((version) => join(home, '.nvm/versions/node', version, 'bin')),
    );
    const none = await resolveExecutable('no-such-agent-anywhere', {
      home,
      shell: join(home, 'gone'),
      cache: {},
    });
    assert.equal(none.found, false);
    assert.match(none.tried[0]?.place ?? '', /not an executable file/);
    assert.ok(none.tried.length > 8);
  });
});
