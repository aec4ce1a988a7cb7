import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { giveUp, probeAttempt, readClaim, readExit, removeAttemptFiles } from '../../../src/process/attempt';
import { processStartTime } from '../../../src/process/identity';
import { AdoptionWatcher, type AdoptedEnd } from '../../../src/process/watcher';

describe('attempt files', () => {
  let folder = '';
  let base = '';
  const write = (name: string, text: string) => writeFileSync(`${base}${name}`, text);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mzt-attempt-'));
    base = join(folder, 'jobs', 'run', '3.2');
    mkdirSync(dirname(base), { recursive: true, mode: 0o700 });
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('reads claims, and takes nothing else for one', () => {
    assert.deepEqual(readClaim(base), { kind: 'none' });
    for (const text of [
      '',
      '12',
      '12 ',
      '12 34',
      'given-up',
      '0 34\n',
      '-1 34\n',
      '1e3 4\n',
      '12 34\n\n',
      '12 34\n56',
      'x'.repeat(9000),
    ]) {
      write('.claim', text);
      assert.deepEqual(readClaim(base), { kind: 'incomplete' }, JSON.stringify(text.slice(0, 20)));
    }
    write('.claim', '12 34\n');
    assert.deepEqual(readClaim(base), { kind: 'shim', pid: 12, startTime: '34' });
    write('.claim', '12 Sat Nov  7 02:32:55 2026   \n');
    assert.deepEqual(readClaim(base), { kind: 'shim', pid: 12, startTime: 'Sat Nov 7 02:32:55 2026' });
    write('.claim', 'given-up\n');
    assert.deepEqual(readClaim(base), { kind: 'given-up' });
  });

  it('gives up once, also when the folder is not there yet', () => {
    rmSync(join(folder, 'jobs'), { recursive: true });
    assert.equal(giveUp(base), 'given_up');
    assert.deepEqual(readClaim(base), { kind: 'given-up' });
    assert.equal(giveUp(base), 'claimed');
    assert.equal(statSync(`${base}.claim`).mode & 0o777, 0o600);
    assert.equal(statSync(dirname(base)).mode & 0o777, 0o700);
  });

  it('reads exit records only when they are complete', () => {
    assert.equal(readExit(base), null);
    for (const text of ['', '0', '143', '0 ', '0 e', '0 en', '0 end', '\n', '143 e\n']) {
      write('.exit', text);
      assert.equal(readExit(base), null, JSON.stringify(text));
    }
    for (const [text, status, late] of [
      ['0 end\n', 0, false],
      ['255 end\n', 255, false],
      // On a full disk the shim tries again, on a line of its own.
      ['143 e\n143 end\n', 143, true],
      ['\n7 end\n', 7, true],
      ['7 end\n7 end\n', 7, false],
    ] as const) {
      write('.exit', text);
      utimesSync(`${base}.exit`, 1000, 1000);
      assert.deepEqual(readExit(base), { kind: 'ended', status, endedAt: new Date(1_000_000), late });
    }
    for (const text of [
      'x',
      '0 endx',
      '0 end\n1 end\n',
      '256 end\n',
      '-1 end\n',
      '0 end\nrubbish\n',
      '\0\0\0\0',
      '0  end\n',
      '0 end\r\n',
    ]) {
      write('.exit', text);
      assert.equal(readExit(base)?.kind, 'corrupt', JSON.stringify(text));
    }
    rmSync(`${base}.exit`);
    symlinkSync('/etc/hostname', `${base}.exit`);
    assert.throws(() => readExit(base), { code: 'ELOOP' });
  });

  it('probes: nobody, given up, lost, exited, corrupt', async () => {
    assert.deepEqual(await probeAttempt(base, 'm:x:1'), { state: 'unclaimed' });
    write('.claim', '12');
    assert.deepEqual(await probeAttempt(base, 'm:x:1'), { state: 'shim_lost', shim: null, strays: false });
    // A process that lives, but is not the attempt's: another boot gave it pid and start time.
    const startTime = processStartTime(process.pid) ?? '';
    write('.claim', `${process.pid} ${startTime}\n`);
    const lost = { state: 'shim_lost', shim: { pid: process.pid, startTime }, strays: false };
    if (process.platform === 'linux') assert.deepEqual(await probeAttempt(base, 'm:x:1'), lost);
    write('.claim', `${process.pid} 1\n`);
    assert.equal((await probeAttempt(base, 'm:x:1')).state, 'shim_lost');
    write('.exit', '3 end\n');
    const exited = await probeAttempt(base, 'm:x:1');
    assert.ok(exited.state === 'exited' && exited.exit.kind === 'ended' && exited.exit.status === 3);
    write('.exit', 'rubbish');
    const corrupt = await probeAttempt(base, 'm:x:1');
    assert.deepEqual(corrupt, { state: 'exited', exit: { kind: 'corrupt', text: 'rubbish' } });
  });

  it('removes everything of one attempt, and nothing of its neighbours', () => {
    for (const name of ['.claim', '.exit', '.out.spool', '.err.spool', '.stdout.log']) write(name, '');
    writeFileSync(`${base}0.claim`, '');
    removeAttemptFiles(base);
    removeAttemptFiles(base);
    assert.deepEqual(readdirSync(dirname(base)).sort(), ['3.2.stdout.log', '3.20.claim']);
  });

  it('is watched by one tick, which calls back once and then stops', async () => {
    const ticking: { tick?: () => void } = {};
    const ticker = {
      every: (_ms: number, callback: () => void) => {
        assert.equal(ticking.tick, undefined, 'one ticker for all');
        ticking.tick = callback;
        return () => delete ticking.tick;
      },
    };
    using watcher = new AdoptionWatcher({ ticker });
    const errors: string[] = [];
    const ends: AdoptedEnd[] = [];
    const other = join(dirname(base), '4.1');
    // A directory in place of the record cannot be read; it is told once.
    mkdirSync(`${base}.exit`);
    for (const each of [base, other]) {
      if (each === other) writeFileSync(`${other}.claim`, 'given-up\n');
      watcher.add({
        base: each,
        marker: 'm:x:1',
        onEnd: (end) => ends.push(end),
        onError: (error) => errors.push(error.message),
      });
    }
    assert.throws(
      () => watcher.add({ base, marker: '', onEnd: () => {}, onError: () => {} }),
      /already adopted/,
    );
    await new Promise(setImmediate);
    assert.deepEqual(ends, [{ state: 'given_up' }]);
    assert.equal(watcher.size, 1);
    const run = () => ticking.tick?.();
    run();
    run();
    assert.equal(errors.length, 1);
    rmSync(`${base}.exit`, { recursive: true });
    write('.exit', '0 end\n');
    run();
    run();
    await new Promise(setImmediate);
    assert.equal(ends.length, 2);
    assert.equal(ends[1]?.state, 'exited');
    assert.equal(ticking.tick, undefined);
  });
});
