import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import {
  bootId,
  isSameProcess,
  parseProcStat,
  parsePsRows,
  processStartTime,
  readProcess,
} from '../../../src/process/identity';
import { environmentHolds, psLineHolds } from '../../../src/process/table';

const rest = (state: string, start: string) =>
  `${state} 7 8 9 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 ${start} 1000 200 18446744073709551615 1 1`;

describe('process identity', () => {
  it('reads stat lines whatever the name holds', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), fc.nat(), (name, start) => {
        const row = parseProcStat(`42 (${name}) ${rest('S', String(start))}\n`);
        assert.deepEqual(row, { pid: 42, ppid: 7, pgid: 8, sid: 9, startTime: String(start), zombie: false });
      }),
    );
    assert.equal(parseProcStat(`42 (a) Z (b) 1) ${rest('S', '5')}`)?.zombie, false);
    assert.equal(parseProcStat(`42 (x) ${rest('Z', '5')}`)?.zombie, true);
    for (const bad of [
      '',
      '42',
      '42 (x',
      '42 (x) S 1 2',
      'x (x) ' + rest('S', '5'),
      '42 (x) ' + rest('S', '-'),
    ]) {
      assert.equal(parseProcStat(bad), null, bad);
    }
  });

  it('reads the rows of ps as macOS prints them', () => {
    const rows = parsePsRows(
      '  501     1   501 Ss   Sat Nov  7 02:32:55 2026    \n   77  501   501 Z+   Sat Nov 21 12:00:00 2026\n\nnoise\n',
    );
    assert.deepEqual(rows, [
      { pid: 501, ppid: 1, pgid: 501, sid: 0, startTime: 'Sat Nov 7 02:32:55 2026', zombie: false },
      { pid: 77, ppid: 501, pgid: 501, sid: 0, startTime: 'Sat Nov 21 12:00:00 2026', zombie: true },
    ]);
  });

  it('knows this process, and no other start time', () => {
    const start = processStartTime(process.pid);
    assert.ok(start);
    assert.ok(isSameProcess(process.pid, start));
    assert.ok(!isSameProcess(process.pid, `${start}0`));
    for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 40]) assert.equal(processStartTime(pid), null);
    assert.match(bootId(), /^[0-9a-fA-F-]{36}$/);
    assert.equal(bootId(), bootId());
  });

  it('does not take a zombie for alive', async () => {
    // The parent stops, so that its child stays a zombie when it ends.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.01 & echo $!; kill -STOP $$; wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(chunk.toString());
      while (readProcess(pid)?.zombie !== true) await new Promise(setImmediate);
      assert.equal(process.kill(pid, 0), true);
      assert.equal(processStartTime(pid), null);
      assert.ok(!isSameProcess(pid, readProcess(pid)?.startTime ?? ''));
    } finally {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    }
  });
});

describe('marker', () => {
  const env = (...variables: string[]) => Buffer.from(variables.map((variable) => `${variable}\0`).join(''));

  it('is matched as a whole variable', () => {
    assert.ok(environmentHolds(env('A=1', 'MARIANNE_MARKER=x:run:1.1', 'B=2'), 'x:run:1.1', 'exact'));
    assert.ok(environmentHolds(env('MARIANNE_MARKER=x:run:1.1'), 'x:run:1.1', 'exact'));
    assert.ok(!environmentHolds(env('MARIANNE_MARKER=x:run:1.10'), 'x:run:1.1', 'exact'));
    assert.ok(environmentHolds(env('MARIANNE_MARKER=x:run:1.10'), 'x:run:', 'prefix'));
    assert.ok(!environmentHolds(env('MY_MARIANNE_MARKER=x', 'A=MARIANNE_MARKER=x'), 'x', 'exact'));
    assert.ok(environmentHolds(env('A=MARIANNE_MARKER=x', 'MARIANNE_MARKER=x'), 'x', 'exact'));
    assert.ok(!environmentHolds(Buffer.alloc(0), 'x', 'prefix'));
  });

  it('is matched in a line of ps -E', () => {
    assert.ok(psLineHolds('12 sleep 60 A=1 MARIANNE_MARKER=x:r:1.1 B=2', 'x:r:1.1', 'exact'));
    assert.ok(psLineHolds('12 sleep 60 MARIANNE_MARKER=x:r:1.1', 'x:r:1.1', 'exact'));
    assert.ok(!psLineHolds('12 sleep 60 MARIANNE_MARKER=x:r:1.12', 'x:r:1.1', 'exact'));
    assert.ok(psLineHolds('12 sleep 60 MARIANNE_MARKER=x:r:1.12', 'x:r:', 'prefix'));
  });
});
