import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { probeAttempt, readClaim, type ShimIdentity } from '../../src/process/attempt';
import { isSameProcess, processStartTime } from '../../src/process/identity';
import { launchAttempt, type LaunchSpec } from '../../src/process/launch';
import { findMarked, listProcesses } from '../../src/process/table';
import { endProcessTree, isGroupAlive } from '../../src/process/tree';
import { bash, exitStatus, newStage, until, type Stage } from '../support/process-kit';

async function launch(
  stage: Stage,
  spec: LaunchSpec,
): Promise<{ shim: ShimIdentity; exited: Promise<void> }> {
  const { exited } = await launchAttempt(spec);
  const shim = await until('claim', () => {
    const claim = readClaim(stage.base);
    return claim.kind === 'shim' ? claim : null;
  });
  return { shim: { pid: shim.pid, startTime: shim.startTime }, exited };
}

const output = (stage: Stage) => readFileSync(`${stage.base}.out.spool`, 'utf8');
/** Waits for the agent's word that everything has been started. */
const ready = (stage: Stage) => until('ready', () => output(stage).includes('ready'));

describe('endProcessTree', function () {
  this.timeout(30_000);

  it('ends a polite agent by TERM and keeps its own status', async () => {
    await using stage = newStage();
    const run = await launch(
      stage,
      stage.spec('trap "echo bye; exit 143" TERM; echo ready; while :; do sleep 0.02; done'),
    );
    await ready(stage);
    const ended = await endProcessTree({ shim: run.shim, marker: stage.marker });
    assert.equal(ended.lastSignal, 15);
    assert.equal(ended.killed, 0);
    assert.deepEqual(ended.survivors, []);
    await run.exited;
    assert.equal(await exitStatus(stage.base), 143);
    assert.match(output(stage), /bye/);
  });

  it('kills an agent that ignores TERM, after the grace, and the shim records 137', async () => {
    await using stage = newStage();
    const run = await launch(
      stage,
      stage.spec('trap "" TERM INT HUP; echo ready; while :; do sleep 0.05; done'),
    );
    await ready(stage);
    const began = performance.now();
    const ended = await endProcessTree({ shim: run.shim, marker: stage.marker, graceMs: 300 });
    assert.ok(performance.now() - began >= 300);
    assert.equal(ended.lastSignal, 9);
    assert.ok(ended.killed >= 1);
    assert.deepEqual(ended.survivors, []);
    assert.equal(await exitStatus(stage.base), 137);
    assert.equal(await isGroupAlive(run.shim.pid), false);
  });

  it('finds children in sessions of their own, forked twice, that ignore TERM', async () => {
    await using stage = newStage();
    const stray = `trap "" TERM; while :; do sleep 0.05; done`;
    const run = await launch(
      stage,
      stage.spec(`( ( setsid ${bash} -c '${stray}' & ) & ); sleep 0.2; echo ready; sleep 60`),
    );
    await ready(stage);
    assert.ok((await stage.strays()).length >= 4);
    const ended = await endProcessTree({ shim: run.shim, marker: stage.marker, graceMs: 300 });
    assert.equal(ended.lastSignal, 15, 'the agent itself was ended by TERM; only its stray was killed');
    assert.ok(ended.killed >= 1);
    assert.deepEqual(await stage.strays(), []);
    assert.equal(await exitStatus(stage.base), 143);
  });

  it('finds children that emptied their environment, by session, by group and by parent', async () => {
    await using stage = newStage();
    const run = await launch(
      stage,
      stage.spec(
        `env -i sleep 61.5 & (env -i setsid ${bash} -c 'sleep 62.5; :' &) ; setsid ${bash} -c 'env -i ${bash} -c "sleep 63.5; :" & sleep 64.5' & sleep 0.3; echo ready; sleep 60`,
      ),
    );
    await ready(stage);
    // The second has no tie but its parent, which is gone: nothing can find it. Its own session is known when it was seen before.
    const before = await sleepers(['61.5', '63.5', '64.5']);
    assert.equal(before.length, 3);
    await endProcessTree({ shim: run.shim, marker: stage.marker, graceMs: 1000 });
    assert.equal((await sleepers(['61.5', '63.5', '64.5'])).length, 0);
    for (const pid of await sleepers(['62.5'])) process.kill(pid, 'SIGKILL');
  });

  it('ends a family that forks all the time', async () => {
    await using stage = newStage();
    const run = await launch(
      stage,
      stage.spec(
        `f() { trap "" TERM; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 0.02; (setsid ${bash} -c 'sleep 0.05' &); done; [ $1 -gt 200 ] || (f $(($1+1)) &) ; }; f 0 & echo ready; wait`,
      ),
    );
    await ready(stage);
    const ended = await endProcessTree({ shim: run.shim, marker: stage.marker, graceMs: 200 });
    assert.deepEqual(ended.survivors, []);
    assert.deepEqual(await stage.strays(), []);
  });

  it('ends a stopped agent', async () => {
    await using stage = newStage();
    const run = await launch(stage, stage.spec('echo ready; kill -STOP 0; sleep 60'));
    await ready(stage);
    await until('stopped shim', () => stateOf(run.shim.pid) === 'T');
    const ended = await endProcessTree({ shim: run.shim, marker: stage.marker, graceMs: 5000 });
    assert.equal(ended.killed, 0);
    assert.equal(await exitStatus(stage.base), 143);
  });

  it('ends the group of a shim that was killed, and says that it is lost', async () => {
    await using stage = newStage();
    const run = await launch(stage, stage.spec('echo ready; sleep 60 & sleep 60'));
    await ready(stage);
    process.kill(run.shim.pid, 'SIGKILL');
    await run.exited;
    assert.deepEqual(await probeAttempt(stage.base, stage.marker), {
      state: 'shim_lost',
      shim: run.shim,
      strays: true,
    });
    assert.equal(await isGroupAlive(run.shim.pid), true);
    const ended = await endProcessTree({ shim: run.shim, marker: stage.marker });
    assert.deepEqual(ended.survivors, []);
    assert.deepEqual(await probeAttempt(stage.base, stage.marker), {
      state: 'shim_lost',
      shim: run.shim,
      strays: false,
    });
  });

  it('does nothing to a process that has the pid but not the start time, nor the marker', async () => {
    await using stage = newStage();
    const innocent = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    const pid = innocent.pid ?? 0;
    try {
      const startTime = await until('start time', () => processStartTime(pid));
      const ended = await endProcessTree({
        shim: { pid, startTime: `${startTime}1` },
        marker: stage.marker,
        graceMs: 0,
      });
      assert.deepEqual(ended, { lastSignal: null, killed: 0, survivors: [] });
      if (process.platform === 'linux') {
        await endProcessTree({ shim: { pid, startTime }, marker: stage.marker, graceMs: 0 });
      }
      assert.ok(isSameProcess(pid, startTime));
    } finally {
      innocent.kill('SIGKILL');
      await once(innocent, 'exit');
    }
  });

  it('never ends itself, though it carries the marker and lives in the group', async () => {
    await using stage = newStage();
    // An agent that ends its own attempt (as a conductor that an agent started would): all but itself and its ancestors.
    const code = `
      const { endProcessTree } = require(${JSON.stringify(join(__dirname, '../../src/process/tree.js'))});
      endProcessTree({ shim: null, marker: ${JSON.stringify(stage.marker)}, graceMs: 100 }).then((ended) => console.log('ready ' + JSON.stringify(ended.survivors)));`;
    const spec = stage.spec('');
    const run = await launch(stage, {
      ...spec,
      argv: [bash, '-c', `sleep 60 & "$@"; exit 6`, 'agent', process.execPath, '-e', code],
    });
    await run.exited;
    assert.equal(await exitStatus(stage.base), 6);
    assert.equal(output(stage), 'ready []\n');
    assert.deepEqual(await stage.strays(), []);
  });

  it('matches the whole marker, or its beginning when told so', async () => {
    await using stage = newStage();
    const run = await launch(stage, stage.spec('echo ready; sleep 60'));
    await ready(stage);
    const shorter = stage.marker.slice(0, -1);
    assert.deepEqual(await findMarked(shorter), []);
    const found = await findMarked(shorter, undefined, 'prefix');
    assert.ok(found.some((row) => row.pid === run.shim.pid));
    await endProcessTree({ shim: run.shim, marker: stage.marker });
    assert.deepEqual(await findMarked(stage.marker), []);
  });

  it('ends many at once', async () => {
    const stages = Array.from({ length: 8 }, newStage);
    const runs = await Promise.all(stages.map((stage) => launch(stage, stage.spec('echo ready; sleep 60'))));
    await Promise.all(stages.map(ready));
    const ended = await Promise.all(
      runs.map((run, i) => endProcessTree({ shim: run.shim, marker: stages[i]?.marker ?? '' })),
    );
    assert.ok(ended.every((end) => end.lastSignal === 15 && end.survivors.length === 0));
    for (const stage of stages) await stage[Symbol.asyncDispose]();
  });
});

function stateOf(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '')[0] ?? '';
}

async function sleepers(times: readonly string[]): Promise<number[]> {
  return [...(await listProcesses()).keys()].filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words[0] === 'sleep' && times.includes(words[1] ?? '');
    } catch {
      return false;
    }
  });
}
