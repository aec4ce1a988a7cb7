import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { giveUp, probeAttempt, readClaim, readExit } from '../../src/process/attempt';
import { processStartTime } from '../../src/process/identity';
import { launchAttempt, type LaunchSpec } from '../../src/process/launch';
import { endProcessTree } from '../../src/process/tree';
import { AdoptionWatcher, type AdoptedEnd } from '../../src/process/watcher';
import { exitStatus, newStage, runDriver, settled, shells, until, type Stage } from '../support/process-kit';

const output = (stage: Stage) => readFileSync(`${stage.base}.out.spool`, 'utf8');
/** How often the agent ran: it says so in a file that outlives everything. */
const runs = (stage: Stage) => {
  const path = join(stage.folder, 'runs');
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').length - 1 : 0;
};
const agent = 'echo ran >>../runs; for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.05; done; exit 7';
const fullOutput = [1, 2, 3, 4, 5, 6, 7, 8].map((i) => `line ${i}\n`).join('');

/** What a conductor that comes next does with an attempt: adopt it, take its record, or give it up. */
async function recover(stage: Stage): Promise<'given_up' | AdoptedEnd> {
  const probe = await probeAttempt(stage.base, stage.marker);
  if (probe.state === 'unclaimed' && giveUp(stage.base) === 'given_up') return 'given_up';
  using watcher = new AdoptionWatcher();
  return await new Promise((resolve, reject) =>
    watcher.add({ base: stage.base, marker: stage.marker, onEnd: resolve, onError: reject }),
  );
}

describe('a conductor that is killed at every step', function () {
  this.timeout(20_000);
  for (const shell of shells) {
    for (const dieAt of [
      'before-spool',
      'after-spool',
      'after-spawn',
      'after-claim',
      'running',
      'after-exit',
    ]) {
      it(`${dieAt}, ${shell}`, async () => {
        await using stage = newStage();
        assert.equal(await runDriver(stage.spec(agent, { shell }), dieAt), 'SIGKILL');
        const end = await recover(stage);
        if (end === 'given_up') {
          assert.ok(
            ['before-spool', 'after-spool', 'after-spawn'].includes(dieAt),
            'given up though it had claimed',
          );
          await until('end of the late shim', async () => (await stage.strays()).length === 0);
          assert.equal(runs(stage), 0);
          assert.equal(readExit(stage.base), null);
        } else {
          assert.ok(!['before-spool', 'after-spool'].includes(dieAt));
          assert.ok(end.state === 'exited' && end.exit.kind === 'ended');
          assert.equal(end.exit.status, 7);
          assert.ok(Math.abs(end.exit.endedAt.getTime() - Date.now()) < 30_000);
          assert.equal(runs(stage), 1);
          assert.equal(output(stage), fullOutput);
        }
        await until('nobody left', async () => (await stage.strays()).length === 0);
      });
    }
  }

  it('adopts many attempts with one watcher', async () => {
    const stages = Array.from({ length: 10 }, newStage);
    using watcher = new AdoptionWatcher({ intervalMs: 50 });
    const ends = await Promise.all(
      stages.map(async (stage) => {
        await runDriver(stage.spec(agent), 'after-claim');
        return new Promise<AdoptedEnd>((resolve, reject) =>
          watcher.add({ base: stage.base, marker: stage.marker, onEnd: resolve, onError: reject }),
        );
      }),
    );
    assert.ok(ends.every((end) => end.state === 'exited'));
    assert.equal(watcher.size, 0);
    for (const stage of stages) {
      assert.equal(output(stage), fullOutput);
      await stage[Symbol.asyncDispose]();
    }
  });
});

describe('kills of the shim, the agent, or both, at random moments', function () {
  this.timeout(120_000);
  for (let round = 0; round < 36; round++) {
    const victim = (['shim', 'agent', 'both'] as const)[round % 3] ?? 'both';
    const shell = shells[Math.floor(round / 3) % shells.length] ?? '/bin/sh';
    const wait = Math.floor(Math.random() * 120);
    it(`${victim} after ${wait} ms, ${shell}`, async () => {
      await using stage = newStage();
      const launched = await launchAttempt(stage.spec(agent, { shell }));
      await delay(wait);
      const agents = (await stage.strays()).filter((pid) => pid !== launched.pid);
      if (victim !== 'agent') kill(launched.pid);
      if (victim !== 'shim') agents.forEach(kill);
      if (victim === 'shim') await launched.exited;
      const probe = await settledOrUnclaimed(stage);
      if (probe.state === 'shim_lost') {
        await endProcessTree({ shim: probe.shim, marker: stage.marker, graceMs: 200 });
      } else if (probe.state === 'unclaimed') {
        // It may have been killed before it claimed; nobody else will.
        assert.equal(giveUp(stage.base), 'given_up');
        assert.equal(runs(stage), 0);
      } else {
        assert.ok(probe.state === 'exited' && probe.exit.kind === 'ended');
        assert.ok([7, 137].includes(probe.exit.status), String(probe.exit.status));
        if (probe.exit.status === 7) assert.equal(output(stage), fullOutput);
      }
      assert.ok(runs(stage) <= 1);
      await until('nobody left', async () => (await stage.strays()).length === 0);
    });
  }
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** As `settled`, but an unclaimed attempt whose shim is gone is settled too. */
async function settledOrUnclaimed(stage: Stage) {
  const probe = await probeAttempt(stage.base, stage.marker);
  if (probe.state === 'unclaimed' && (await stage.strays()).length === 0) {
    return probeAttempt(stage.base, stage.marker);
  }
  return settled(stage.base, stage.marker);
}

describe('giving up against a shim that claims', function () {
  this.timeout(120_000);
  it('has exactly one winner in each of 200 rounds, and both sides win some', async () => {
    let shimWon = 0;
    let median = 3;
    for (let round = 0; round < 200; round++) {
      await using stage = newStage();
      const launched = await launchAttempt(
        stage.spec('echo ran >>../runs', { shell: shells[round % shells.length] ?? '/bin/sh' }),
      );
      // Moves towards the instant at which both are equally likely.
      const end = performance.now() + median * (0.5 + Math.random());
      while (performance.now() < end) await delay(0);
      const gaveUp = giveUp(stage.base) === 'given_up';
      median = Math.max(0.1, median * (gaveUp ? 1.1 : 0.9));
      await launched.exited;
      assert.equal(runs(stage), gaveUp ? 0 : 1);
      assert.equal(readExit(stage.base) === null, gaveUp);
      assert.equal(readClaim(stage.base).kind, gaveUp ? 'given-up' : 'shim');
      if (!gaveUp) shimWon++;
    }
    assert.ok(shimWon >= 20 && shimWon <= 180, `the shim won ${shimWon} of 200: no race was tested`);
  });
});

describe('the shim starts a conductor', function () {
  this.timeout(30_000);
  const wakeSpec = (stage: Stage, shell: string, more: Partial<LaunchSpec> = {}): LaunchSpec => {
    const ownerFolder = join(stage.folder, 'owner');
    mkdirSync(ownerFolder);
    const wake = join(stage.folder, 'wake');
    writeFileSync(
      wake,
      `#!/bin/sh\n{ printf '%s|' "$@"; echo; env; pwd; umask; ps -o sid= -p $$; ls -l /proc/$$/fd; } >"${wake}.tmp" 2>&1\nmv "${wake}.tmp" "${wake}.done"\n`,
      { mode: 0o755 },
    );
    return stage.spec('for i in 1 2 3; do echo line; sleep 0.1; done; exit 4', {
      shell,
      wake: {
        ownerFolder,
        argv: [wake, 'start', 'two words', ''],
        env: { MARIANNE_HOME: '/a b', PATH: '/usr/bin:/bin' },
      },
      ...more,
    });
  };
  const woken = (stage: Stage) => join(stage.folder, 'wake.done');

  for (const shell of shells) {
    it(`when the owner was killed, ${shell}`, async () => {
      await using stage = newStage();
      const spec = wakeSpec(stage, shell);
      assert.equal(
        await runDriver({ ...spec, argv: [...spec.argv, 'an argument', '*'] }, 'running'),
        'SIGKILL',
      );
      assert.equal(await exitStatus(stage.base), 4);
      await until('the wake command', () => existsSync(woken(stage)));
      const said = readFileSync(woken(stage), 'utf8').split('\n');
      assert.equal(said[0], 'start|two words||');
      assert.ok(said.includes('MARIANNE_HOME=/a b'));
      assert.ok(
        !said.some((line) => line.startsWith('MARIANNE_MARKER')),
        'a conductor with a marker would be ended as a stray',
      );
      assert.ok(said.includes('/'));
      assert.ok(said.includes(process.umask().toString(8).padStart(4, '0')));
      assert.ok(!said.some((line) => line.includes('.spool')), 'a spool was handed on');
    });

    const owners: [string, string, (stage: Stage) => void, boolean][] = [
      ['not when the owner lives', shell, (stage) => own(stage, 3, {}), false],
      [
        'not when the highest record is alive',
        shell,
        (stage) => (own(stage, 2, { pid: 999_999_999 }), own(stage, 10, {})),
        false,
      ],
      [
        'when the highest record is dead though a lower one lives',
        shell,
        (stage) => (own(stage, 9, {}), own(stage, 10, { pid: 999_999_999 })),
        true,
      ],
      [
        'when the pid lives but started at another time',
        shell,
        (stage) => own(stage, 3, { start_time: '12345' }),
        true,
      ],
      [
        'not after an orderly release',
        shell,
        (stage) => own(stage, 3, { pid: 999_999_999, released: true }),
        false,
      ],
      ['not when there is no record at all', shell, () => undefined, false],
      [
        'when the record is torn',
        shell,
        (stage) => writeFileSync(join(stage.folder, 'owner', 'epoch-000000000001'), '{"pi'),
        true,
      ],
      ['never without a wake command', shell, (stage) => own(stage, 3, { pid: 999_999_999 }), false],
    ];
    const launchers: [string, { pid: number; startTime: string }, boolean][] = [
      [
        'not while the conductor that launched it lives, whatever a record says',
        { pid: process.pid, startTime: processStartTime(process.pid) ?? '' },
        false,
      ],
      [
        'when another process has the pid of the conductor that launched it',
        { pid: process.pid, startTime: '12345' },
        true,
      ],
    ];
    for (const [what, conductor, expected] of launchers) {
      it(`${what}, ${shell}`, async () => {
        await using stage = newStage();
        const spec = wakeSpec(stage, shell);
        own(stage, 3, { pid: 999_999_999 });
        assert.ok(spec.wake);
        const wake = { ...spec.wake, conductor };
        await (
          await launchAttempt({ ...spec, argv: ['/bin/sh', '-c', 'exit 3', 'two words', '*'], wake })
        ).exited;
        assert.equal(await exitStatus(stage.base), 3);
        if (expected) await until('the wake command', () => existsSync(woken(stage)));
        else {
          await delay(60);
          assert.ok(!existsSync(woken(stage)) && !existsSync(join(stage.folder, 'wake.tmp')));
        }
      });
    }

    for (const [what, , prepare, expected] of owners) {
      it(`${what}, ${shell}`, async () => {
        await using stage = newStage();
        let spec = wakeSpec(stage, shell);
        spec = { ...spec, argv: ['/bin/sh', '-c', 'exit 3'] };
        if (what.startsWith('never')) spec = { ...spec, wake: null };
        prepare(stage);
        await (
          await launchAttempt(spec)
        ).exited;
        assert.equal(await exitStatus(stage.base), 3);
        if (expected) await until('the wake command', () => existsSync(woken(stage)));
        else {
          // A wake command would have been forked before the shim ended, and be found by its path.
          await delay(60);
          assert.ok(!existsSync(woken(stage)) && !existsSync(join(stage.folder, 'wake.tmp')));
        }
      });
    }
  }

  function own(stage: Stage, epoch: number, change: Record<string, unknown>): void {
    const record = {
      nonce: 'x',
      pid: process.pid,
      start_time: processStartTime(process.pid),
      build: 'b',
      ...change,
    };
    const text = epoch % 2 === 0 ? JSON.stringify(record, null, 2) : JSON.stringify(record);
    writeFileSync(join(stage.folder, 'owner', `epoch-${String(epoch).padStart(12, '0')}`), `${text}\n`);
  }

  it('needs nothing of the state directory to end', async () => {
    await using stage = newStage();
    const spec = wakeSpec(stage, '/bin/sh');
    const launched = await launchAttempt(spec);
    rmSync(join(stage.folder, 'owner'), { recursive: true });
    await launched.exited;
    assert.equal(await exitStatus(stage.base), 4);
  });
});
