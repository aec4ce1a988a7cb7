import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOwner } from '../../src/protocol/owner-record';
import { acquireOwnership } from '../../src/conductor/ownership/ownership';
import { identity } from '../support/wire-identity';
import type { StarterAnswer } from '../support/wire-starter';

const starter = join(__dirname, '../support/wire-starter.js');

async function answerOf(child: ChildProcess): Promise<StarterAnswer> {
  const [message] = (await once(child, 'message')) as [StarterAnswer];
  return message;
}

function assertOneOwner(answers: readonly StarterAnswer[], where: string): void {
  const owners = answers.filter((answer) => answer.kind === 'owner');
  assert.equal(owners.length, 1, where);
  for (const answer of answers) assert.equal(answer.pid, owners[0]?.pid, where);
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

describe('ownership of a state directory', function () {
  this.timeout(60_000);
  let root: string;
  before(async () => (root = await mkdtemp(join(tmpdir(), 'own-'))));
  after(() => rm(root, { recursive: true, force: true }));

  it('goes to exactly one of 20 starters, 100 times', async () => {
    const children = Array.from({ length: 20 }, () => fork(starter));
    await Promise.all(children.map((child) => once(child, 'message')));
    for (let round = 0; round < 100; round += 1) {
      const dir = join(root, `race-${round}`);
      await mkdir(dir, { mode: 0o700 });
      const answers = children.map(answerOf);
      for (const child of children) child.send({ race: dir });
      assertOneOwner(await Promise.all(answers), `round ${round}`);
    }
    // The same with a released record in force, and the owner changing all the time.
    const dir = join(root, 'changing');
    let epoch = 0;
    for (let round = 0; round < 20; round += 1) {
      const answers = children.map(answerOf);
      for (const child of children) child.send({ race: dir });
      const settled = await Promise.all(answers);
      assertOneOwner(settled, `change ${round}`);
      const owner = settled.find((answer) => answer.kind === 'owner');
      assert.ok((owner?.epoch ?? 0) > epoch);
      epoch = owner?.epoch ?? 0;
      const winner = children.find((child) => child.pid === owner?.pid);
      assert.ok(winner);
      const released = once(winner, 'message');
      winner.send({ release: true });
      await released;
    }
    assert.ok((await readdir(join(dir, 'owner'))).length < 10, 'old records are removed');
    await Promise.all(children.map(kill));
  });

  it('goes to exactly one of 20 processes that start at once, over a killed owner', async () => {
    const dir = join(root, 'fresh');
    for (let round = 0; round < 3; round += 1) {
      const children = Array.from({ length: 20 }, () => fork(starter, [dir]));
      const answers = await Promise.all(children.map(answerOf));
      assertOneOwner(answers, `round ${round}`);
      assert.equal((await readOwner(dir))?.record.pid, answers[0]?.pid);
      await Promise.all(children.map(kill));
    }
    const taken = await acquireOwnership({
      stateDir: dir,
      build: 'b',
      version: '1',
      builtAt: 0,
      socketPath: '/x',
      identity,
      clock: { now: () => 0 },
    });
    assert.equal(taken.kind === 'owner' && taken.ownership.epoch, 4);
  });
});
