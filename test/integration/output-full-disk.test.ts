import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { AttemptLogs } from '../../src/conductor/output/logs';
import { Redaction } from '../../src/conductor/output/redact';

const modules = resolve(__dirname, '../../src/conductor/output');

/** Runs where no file may grow beyond 16 KiB: a write error that needs no privileges. */
const program = `
const { AttemptLogs } = require(${JSON.stringify(join(modules, 'logs.js'))});
const { Redaction } = require(${JSON.stringify(join(modules, 'redact.js'))});
(async () => {
  const troubles = [];
  const logs = await AttemptLogs.open({ base: process.argv[1], redaction: new Redaction(), onTrouble: (t) => troubles.push(t.code) });
  for (let i = 0; i < 100; i++) await logs.write('stdout', Buffer.from(('line ' + i).padEnd(999) + '\\n'));
  process.stdout.write(JSON.stringify({ troubles, stats: (await logs.finish()).stdout }));
})();
`;

describe('logs on a full disk', () => {
  it('drains on, says so once, and an adopting conductor mends the log', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'mzt-full-'));
    try {
      const base = join(dir, '1.1');
      const child = spawnSync(
        'bash',
        ['-c', 'trap "" XFSZ; ulimit -f 16; exec "$0" -e "$1" "$2"', process.execPath, program, base],
        { encoding: 'utf8' },
      );
      assert.equal(child.status, 0, child.stderr);
      const { troubles, stats } = JSON.parse(child.stdout) as {
        troubles: string[];
        stats: { rawBytes: number; lostBytes: number; failedWrites: number; logBytes: number };
      };
      assert.deepEqual(troubles, ['EFBIG']);
      assert.equal(stats.rawBytes, 100_000);
      assert.ok(stats.failedWrites > 10);
      assert.equal(stats.logBytes + stats.lostBytes, 100_000);
      assert.equal((await readFile(`${base}.stdout.log`)).length, 16_384);

      const logs = await AttemptLogs.open({ base, redaction: new Redaction() });
      const whole = Buffer.from(
        Array.from({ length: 100 }, (_, i) => `line ${i}`.padEnd(999) + '\n').join(''),
      );
      await logs.write('stdout', whole);
      await logs.finish();
      assert.ok((await readFile(`${base}.stdout.log`)).equals(whole));
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
