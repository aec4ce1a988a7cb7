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

/** As above, for output that has no spool: room comes back (the limit is raised from outside) after the answer is whole. */
const spoolless = `
const { limitFileSize } = require(${JSON.stringify(resolve(__dirname, '../support/system-limits.js'))});
const { attemptLogOpener } = require(${JSON.stringify(resolve(modules, '../attempts/attempt-log.js'))});
const { Redaction } = require(${JSON.stringify(join(modules, 'redact.js'))});
(async () => {
  const troubles = [];
  let waited = 0;
  const open = attemptLogOpener({
    redaction: new Redaction({ secrets: ['secret-of-the-test'] }),
    trouble: (base, { code }) => troubles.push(code),
    async roomAgain() {
      waited += 1;
      if (waited === 2) limitFileSize(process.pid, 'unlimited');
      return true;
    },
  });
  const log = await open(process.argv[1], () => undefined);
  for (let i = 0; i < 100; i++) await log.write('stdout', ('line ' + i + ' secret-of-the-test').padEnd(999) + '\\n');
  await log.end();
  process.stdout.write(JSON.stringify({ troubles, waited }));
})();
`;

describe('logs of an HTTP answer on a full disk', () => {
  it('are written anew, whole, when there is room', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'mzt-full-'));
    try {
      const base = join(dir, '1.1');
      const child = spawnSync(
        'bash',
        ['-c', 'trap "" XFSZ; ulimit -S -f 16; exec "$0" -e "$1" "$2"', process.execPath, spoolless, base],
        { encoding: 'utf8' },
      );
      assert.equal(child.status, 0, child.stderr);
      const { troubles, waited } = JSON.parse(child.stdout) as { troubles: string[]; waited: number };
      assert.deepEqual([troubles, waited], [['EFBIG', 'EFBIG'], 2]);
      const lines = (await readFile(`${base}.stdout.log`, 'utf8')).split('\n');
      assert.equal(lines.length, 101);
      for (const [i, line] of lines.slice(0, 100).entries())
        assert.ok(line.startsWith(`line ${i} [REDACTED_SECRET]`), line);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
