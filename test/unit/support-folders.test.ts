import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

describe('the folders of tests', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'mzt-left-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  for (const [what, then, code] of [
    ['that are never played', '', 0],
    ['that fail', 'throw new Error("half way")', 1],
    ['that are told to end', 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000)', 143],
  ] as const) {
    it(`${what} are not left behind`, async () => {
      const support = resolve(__dirname, '../support/conductor.js');
      const program = `const { TestConductor } = require(${JSON.stringify(support)}); new TestConductor(); ${then}`;
      const child = spawn(process.execPath, ['-e', program], {
        env: { ...process.env, TMPDIR: folder },
        stdio: 'ignore',
      });
      assert.deepEqual((await once(child, 'exit'))[0], code);
      assert.deepEqual(readdirSync(folder), []);
    });
  }
});
