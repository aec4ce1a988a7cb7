import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aliasBomb } from '../../support/alias-bomb';
import { loadConfig, parseConfig } from '../../../src/conductor/config';

describe('a hostile or broken conductor.yaml', () => {
  for (const [what, text] of [
    ['an alias bomb', aliasBomb('abcdefgh')],
    ['an alias of nothing', 'log_level: *nothing'],
    ['a list', '[1, 2]'],
    ['a wrong type', 'socket: {permissions: all}'],
    ['half a file', 'socket: {perm'],
  ] as const) {
    it(`${what} leaves the defaults in force and says so`, () => {
      const { config, notices } = parseConfig(text);
      assert.equal(config.socket.permissions, 0o600);
      assert.ok(notices.some(({ severity }) => severity === 'error'));
    });
  }

  it('a pipe in its place does not hold up the start', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'));
    try {
      const path = join(folder, 'conductor.yaml');
      execFileSync('mkfifo', [path]);
      assert.match(loadConfig(path).notices[0]?.message ?? '', /not a regular file/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
