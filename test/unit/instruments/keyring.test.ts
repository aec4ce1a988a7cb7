import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '../../../src/conductor/config';
import { keyVariable, readKeyFile } from '../../../src/instruments/keyring';
import { NO_TRUST } from '../../../src/instruments/trust';
import { loadCatalogue } from '../../../src/instruments/catalogue';
import { profileFolder } from '../../support/profiles';

describe('key files', () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), 'mzt-keys-'));
  });
  after(() => rmSync(home, { recursive: true, force: true }));
  const read = (path: string, env: Record<string, string> = {}) => readKeyFile(path, { home, env });
  const problem = (path: string, env?: Record<string, string>) => {
    const file = read(path, env);
    assert.ok(!file.ok, 'it is refused');
    assert.ok(file.remedy.length > 0);
    return file.problem;
  };
  const put = (name: string, text: string | Buffer, mode = 0o600) => {
    const path = join(home, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };

  it('are read by home, variables and links, and trimmed', () => {
    put('good', '\n  sk-0123456789\n\n');
    symlinkSync('good', join(home, 'link'));
    for (const path of ['~/good', '$SECRETS_DIR/good', '${SECRETS_DIR}/good', '~/link', join(home, 'good')])
      assert.deepEqual(read(path, { SECRETS_DIR: home }), { ok: true, value: 'sk-0123456789' }, path);
  });

  it('are refused with a reason and a remedy when they are not right, and never waited for', () => {
    assert.equal(problem('~/none'), 'does not exist');
    assert.equal(problem('$SECRETS_DIR/good'), "$SECRETS_DIR is not set in the conductor's environment");
    assert.equal(problem('good'), 'is not an absolute path');
    assert.equal(problem(put('shared', 'sk-1', 0o640)), 'can be read by others');
    assert.equal(problem(put('public', 'sk-1', 0o604)), 'can be read by others');
    assert.equal(problem(put('empty', ' \n')), 'is empty');
    assert.equal(problem(put('large', 'x'.repeat(20_000))), 'is too large for a key');
    assert.equal(problem(put('lines', 'sk-1\nx-evil: header')), 'does not hold a key');
    assert.equal(problem(put('binary', Buffer.from([0x73, 0, 0x6b]))), 'does not hold a key');
    mkdirSync(join(home, 'folder'), { mode: 0o700 });
    assert.equal(problem('~/folder'), 'is not a regular file');
    // A pipe that nobody writes to: reading it would hang.
    execFileSync('mkfifo', ['-m', '600', join(home, 'pipe')]);
    assert.equal(problem('~/pipe'), 'is not a regular file');
    assert.equal(problem('/dev/null'), 'is not a regular file');
  });

  it('never tell what is in them', () => {
    const refused = read(put('told', 'sk-secret one', 0o600));
    assert.doesNotMatch(JSON.stringify(refused), /sk-secret/);
  });
});

describe('keyring of conductor.yaml', () => {
  const ring = (text: string) => parseConfig(`keyring: { instruments: { chat: ${text} } }`);

  it('is the format of the Python system, with its default rotation; a label may be left out', () => {
    const { config, notices } = ring('{ keys: [{ path: ~/k/one, label: first }, { path: /k/two }] }');
    assert.deepEqual(notices, []);
    assert.deepEqual(config.keyring.instruments['chat'], {
      keys: [
        { path: '~/k/one', label: 'first' },
        { path: '/k/two', label: 'two' },
      ],
      rotation: 'least-recently-rate-limited',
    });
  });

  it('is refused where it cannot be meant', () => {
    const bad = [
      '{ keys: [] }',
      '{ keys: [{ path: /a, label: x }, { path: /b, label: x }] }',
      '{ keys: [{ path: /a, label: "a\\u001b[2J" }] }',
      '{ keys: [{ path: /a, key: sk-1 }] }',
      '{ keys: [{ path: /a }], rotation: random }',
    ];
    for (const text of bad) assert.equal(ring(text).notices[0]?.severity, 'error', text);
  });

  it('puts keys where the profile says', async () => {
    const catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace: null,
      trust: NO_TRUST,
    });
    const variable = (name: string) => {
      const profile = catalogue.get(name);
      assert.ok(profile);
      return keyVariable(profile);
    };
    assert.equal(variable('claude-code'), 'ANTHROPIC_API_KEY');
    assert.equal(variable('anthropic_api'), 'ANTHROPIC_API_KEY');
    assert.equal(variable('openrouter'), 'OPENROUTER_API_KEY');
    assert.equal(variable('ollama'), null);
    assert.equal(variable('cli'), null);
  });
});
