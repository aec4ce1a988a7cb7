import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_SOMEONE_ELSE } from '../../src/protocol/paths';
import { readOwner } from '../../src/protocol/owner-record';
import { TestConductor } from '../support/conductor';
import {
  assertSound,
  conductors,
  ended,
  eventually,
  inFlight,
  ledger,
  ledgerAgent,
  spawnConductor,
} from '../support/kill-kit';

const score = `
name: owned
instrument: cli
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
${ledgerAgent('while [ ! -e "$MARIANNE_WORKSPACE/go" ]; do sleep 0.05; done').replace(/^/gm, '    ')}
`;

describe('who is the conductor', function () {
  this.timeout(30_000);
  let conductor: TestConductor;

  beforeEach(() => {
    conductor = new TestConductor();
  });
  afterEach(() => conductor.dispose());

  it('the second of two ends with its own exit code, and the first is not disturbed', async () => {
    await conductor.start();
    const first = conductor.child;
    const second = spawnConductor(conductor);
    conductor.child = first;
    assert.equal(await ended(second), EXIT_SOMEONE_ELSE);
    assert.equal((await conductor.call('daemon.status', {})).pid, first?.pid);
  });

  it('of five that start at once one wins, also when the last owner was killed', async () => {
    for (let round = 0; round < 2; round += 1) {
      const children = Array.from({ length: 5 }, () => spawnConductor(conductor));
      const winner = await conductor.ready();
      const losers = children.filter(({ pid }) => pid !== winner);
      assert.equal(losers.length, 4);
      for (const loser of losers) assert.equal(await ended(loser), EXIT_SOMEONE_ELSE);
      conductor.child = children.find(({ pid }) => pid === winner) ?? null;
      await conductor.kill();
    }
    assert.equal((await readOwner(conductor.home))?.epoch, 2);
  });

  it('a conductor that was stopped is not started again because an agent ends', async () => {
    await conductor.start();
    const run = await conductor.submit('owned', score);
    await eventually('it plays', () => ledger(conductor).length > 0);
    const { child } = conductor;
    assert.ok(child);
    await conductor.call('daemon.shutdown', {});
    assert.equal(await ended(child), 0);
    writeFileSync(join(conductor.workspace, 'go'), '');
    await eventually('the agent and its shim are gone', async () => (await conductor.strays()).length === 0);
    assert.ok(existsSync(join(conductor.home, 'jobs/owned/1.1.exit')));
    assert.deepEqual(conductors(conductor) ?? [], []);
    await conductor.start();
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    await assertSound(conductor, job, 'stopped');
  });

  it('two agents that end at once start one conductor', async () => {
    await conductor.start();
    const runs = [await conductor.submit('a', score), await conductor.submit('b', score)];
    await eventually('both play', () => ledger(conductor).length === 2);
    assert.equal(runs.flatMap((run) => inFlight(conductor, run)).length, 2);
    await conductor.kill();
    writeFileSync(join(conductor.workspace, 'go'), '');
    await conductor.ready();
    for (const run of runs) {
      const job = await conductor.until(run);
      assert.equal(job.status, 'completed');
      assert.equal(job.sheets['1']?.attempt_count, 1);
      await assertSound(conductor, job, run);
    }
  });
});
