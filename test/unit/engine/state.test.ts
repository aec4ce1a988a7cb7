import assert from 'node:assert/strict';
import { applyRecord, emptyState, jobState } from '../../../src/conductor/engine/state';
import { planOf, Story } from '../../support/fold-story';

describe('state as a fold', () => {
  it('starts what has no prerequisite, and what follows once that is done', () => {
    const story = new Story(planOf([[], [1], [1], [2, 3]]));
    assert.deepEqual(story.ready(), [1]);
    story.set(1, 'completed');
    assert.deepEqual(story.ready(), [2, 3]);
  });

  it('takes a skip on purpose for done, and one behind a failure not', () => {
    const wanted = new Story(planOf([[], [1]]));
    wanted.set(1, 'skipped', 'start_sheet');
    assert.deepEqual(wanted.ready(), [2]);
    wanted.set(2, 'completed');
    wanted.settle();
    assert.equal(wanted.job.status, 'completed');

    const blocked = new Story(planOf([[], [1], [2], []]));
    blocked.set(1, 'failed');
    blocked.settle();
    assert.deepEqual(blocked.statuses(), ['failed', 'skipped', 'skipped', 'pending']);
    assert.equal(blocked.job.status, 'running', 'an independent branch goes on');
    blocked.set(4, 'completed');
    blocked.settle();
    assert.equal(blocked.job.status, 'failed');
    assert.match(blocked.job.error ?? '', /sheet 1 failed/);
  });

  it('with fail_fast starts nothing after a failure and says why', () => {
    const story = new Story(planOf([[], [], []], { enabled: true }));
    story.set(2, 'failed');
    assert.deepEqual(story.ready(), []);
    story.settle();
    assert.deepEqual(story.statuses(), ['skipped', 'failed', 'skipped']);
    assert.equal(story.job.sheets[0]?.reason?.code, 'fail_fast');
  });

  it('ends a cancelled job with a final state for every sheet', () => {
    const story = new Story(planOf([[], [1]]));
    story.set(1, 'completed');
    story.apply({ type: 'job.cancelling', run: 'r', body: {} });
    assert.deepEqual(story.ready(), []);
    story.settle();
    assert.deepEqual(story.statuses(), ['completed', 'cancelled']);
    assert.equal(story.job.status, 'cancelled');
    assert.equal(story.job.cancelling, false);
  });

  it('ignores a record that it has already', () => {
    const story = new Story(planOf([[]]));
    const record = { seq: 99, t: 99, type: 'job.status', run: 'r', body: { status: 'paused' } };
    applyRecord(story.state, record);
    applyRecord(story.state, { ...record, body: { status: 'running' } });
    assert.equal(story.job.status, 'paused');
  });

  it('survives a snapshot: the stored state is the state', () => {
    const story = new Story(planOf([[], [1]]));
    story.set(1, 'completed');
    const stored: unknown = JSON.parse(JSON.stringify(story.job));
    const other = emptyState();
    applyRecord(other, { seq: 1, t: 1, type: 'snapshot.job', run: 'r', body: { state: stored } });
    assert.deepEqual(other.jobs.get('r'), jobState.parse(stored));
    assert.deepEqual(other.jobs.get('r'), story.job);
  });

  it('takes a whole snapshot, of which every record bears the same number, and goes on behind it', () => {
    const story = new Story(planOf([[], [1]]));
    story.set(1, 'completed');
    const state: unknown = JSON.parse(JSON.stringify(story.job));
    const other = emptyState();
    const records = [
      { type: 'snapshot.begin', body: {} },
      { type: 'snapshot.job', run: 'r', body: { state } },
      { type: 'snapshot.job', run: 's', body: { state: { ...story.job, run: 's' } } },
      { type: 'snapshot.limits', body: { limits: [] } },
      { type: 'snapshot.end', body: {} },
    ];
    for (const record of records) applyRecord(other, { seq: 40, t: 1, ...record });
    assert.deepEqual([...other.jobs.keys()], ['r', 's']);
    applyRecord(other, { seq: 41, t: 2, type: 'job.status', run: 'r', body: { status: 'paused' } });
    assert.equal(other.jobs.get('r')?.status, 'paused');
  });

  it('keeps attempts over a reset and forgets budgets', () => {
    const story = new Story(planOf([[]]));
    story.set(1, 'failed');
    story.apply({ type: 'sheet.reset', run: 'r', body: { sheet: 1, hint: 'look again', reason: 'rerun' } });
    assert.equal(story.job.sheets[0]?.status, 'pending');
    assert.equal(story.job.sheets[0]?.hint, 'look again');
  });
});
