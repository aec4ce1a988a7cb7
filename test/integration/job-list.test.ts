import assert from 'node:assert/strict';
import { allJobs, jobPages } from '../../src/client/list-jobs';
import { TestConductor } from '../support/conductor';
import { makeCrowd } from '../support/crowd';

describe('a conductor with many finished jobs', () => {
  const conductor = new TestConductor();
  const jobs = 320;
  const name = (number: number) => `night-${String(number).padStart(4, '0')}`;
  const call = conductor.call.bind(conductor);

  before(async function () {
    this.timeout(30_000);
    await makeCrowd(conductor.home, conductor.workspace, jobs);
    await conductor.start();
  });
  after(() => conductor.dispose());

  it('lists the newest 50 of them to those who ask for no more, as the Python system does', async () => {
    const rows = await call('job.list', {});
    assert.deepEqual(
      rows.map(({ job_id: id }) => id),
      Array.from({ length: 50 }, (_, index) => name(jobs - index)),
    );
    assert.equal(rows.find(({ job_id: id }) => id === name(310))?.status, 'failed');
    assert.equal(rows[1]?.progress_completed, 2);
    assert.equal(rows[1]?.workspace, conductor.workspace);
  });

  it('lists all of them page by page, with what lives in the first', async () => {
    const live = await conductor.submit(
      'awake',
      "name: awake\ninstrument: cli\nsheet: { size: 1, total_items: 1 }\nprompt: { template: 'sleep 600' }\n",
    );
    await conductor.untilSheet(live, 1, 'dispatched');
    const pages: string[][] = [];
    for await (const page of jobPages(call)) pages.push(page.map(({ job_id: id }) => id));
    assert.deepEqual(
      pages.map((page) => page.length),
      [251, 70],
    );
    assert.equal(pages[0]?.[0], live);
    assert.deepEqual(
      pages.flat().slice(1),
      Array.from({ length: jobs }, (_, index) => name(jobs - index)),
    );
    assert.deepEqual(
      (await call('job.list', { finished: 2, finished_offset: 1 })).map(({ job_id: id }) => id),
      [name(319), name(318)],
      'a later page has nothing that lives',
    );
    await call('job.cancel', { job_id: live });
    await conductor.until(live);
  });

  it('finds any of them by name, and forgets those that are deleted', async () => {
    const first = await call('job.status', { job_id: name(1), sheets: false });
    assert.equal(first.status, 'completed');
    assert.deepEqual(await call('job.clear', { job_ids: [name(1), name(300)] }), { deleted: 2 });
    const rows = await allJobs(call);
    // The one that was cancelled is over by now.
    assert.equal(rows.length, jobs - 2 + 1);
    assert.ok(!rows.some(({ job_id: id }) => id === name(1) || id === name(300)));
    await assert.rejects(call('job.status', { job_id: name(1) }), /no job/);
  });

  it('lists a job once that is played again', async () => {
    const reply = await call('job.resume', { job_id: name(310) });
    assert.equal(reply.status, 'accepted', reply.message);
    await conductor.until(name(310));
    const rows = await allJobs(call);
    assert.equal(rows.filter(({ job_id: id }) => id === name(310)).length, 1);
    const [newest] = await call('job.list', { finished: 1 });
    assert.equal(newest?.job_id, name(310), 'it ended last');
  });
});
