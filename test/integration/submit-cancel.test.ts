/** A submit that is taken back: nothing of it runs, or it is found by its key. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { findConductor } from '../../src/client/find';
import { connectJsonRpc } from '../../src/client/json-rpc-link';
import type { Link } from '../../src/client/link';
import { CancelledError } from '../../src/protocol/errors';
import type { ParamsOf } from '../../src/protocol/methods';
import { fateOf, sendSubmit } from '../../src/views/submit/cancellable-submit';
import { TestConductor } from '../support/conductor';

const score = `name: taken-back
instrument: cli
sheet: { size: 1, total_items: 40 }
pause_between_sheets_seconds: 0
prompt: { template: "true {{ sheet_num }}" }
validations: []
`;

describe('a submit that is taken back', function () {
  this.timeout(60_000);
  const conductor = new TestConductor();
  let link: Link;
  let path: string;
  before(async () => {
    await conductor.start();
    path = conductor.score('taken-back', score);
    const found = await findConductor(conductor.home, { name: 'test', version: '0', kind: 'test' });
    assert.ok(found);
    link = await connectJsonRpc(found.record.socket);
  });
  after(async () => {
    link.close();
    await conductor.dispose();
  });
  const params = () => ({
    config_path: path,
    workspace: conductor.workspace,
    client_cwd: conductor.root,
    submit_key: randomUUID(),
    again: true,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
  });
  const runs = async () => (await link.call('job.list', {})).map((row) => row.job_id);

  it('is told as none when it was taken back in time, and nothing of it is kept', async () => {
    const submit = params();
    const given = new AbortController();
    const sent = sendSubmit(link, submit, { signal: given.signal });
    given.abort();
    await assert.rejects(sent, CancelledError);
    assert.deepEqual(await fateOf(link, submit.submit_key), { kind: 'none' });
    assert.deepEqual(await runs(), []);
    assert.deepEqual(
      conductor.records().filter(({ type }) => type === 'job.submitted'),
      [],
    );
  });

  it('is found by its key when it was not', async () => {
    const submit = params();
    const { run } = await sendSubmit(link, submit, {});
    assert.deepEqual(await fateOf(link, submit.submit_key), { kind: 'accepted', run });
    assert.deepEqual(await fateOf(link, randomUUID()), { kind: 'none' });
  });

  it('is told the truth of, whenever the cancellation comes', async () => {
    let none = 0;
    for (let wait = 0; wait < 16; wait += 1) {
      const submit = params();
      const before = await runs();
      const given = new AbortController();
      const sent = sendSubmit(link, submit, { signal: given.signal });
      const timer = setTimeout(() => given.abort(), wait * 3);
      const outcome = await sent.then(
        ({ run }) => run,
        () => null,
      );
      clearTimeout(timer);
      const fate = await fateOf(link, submit.submit_key);
      const added = (await runs()).filter((run) => !before.includes(run));
      if (fate.kind === 'none') none += 1;
      assert.deepEqual(added, fate.kind === 'accepted' ? [fate.run] : [], `after ${wait * 3} ms`);
      if (outcome !== null) assert.deepEqual(fate, { kind: 'accepted', run: outcome });
    }
    assert.ok(none > 0, 'some were taken back in time');
  });

  it('is still told after the conductor was killed', async () => {
    const submit: ParamsOf<'job.submit'> & { submit_key: string } = {
      ...params(),
      config_path: conductor.score('kept', score.replace('true', 'sleep 60; true')),
    };
    const { run } = await sendSubmit(link, submit, {});
    await conductor.kill();
    const lost = await fateOf(link, submit.submit_key);
    assert.equal(lost.kind, 'unknown');
    await conductor.start();
    const found = await findConductor(conductor.home, { name: 'test', version: '0', kind: 'test' });
    link = await connectJsonRpc(found?.record.socket ?? join(conductor.home, 'none'));
    assert.deepEqual(await fateOf(link, submit.submit_key), { kind: 'accepted', run });
  });
});
