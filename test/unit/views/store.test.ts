import assert from 'node:assert/strict';
import { ConnectionLost } from '../../../src/client/errors';
import { JobSubmissionError, ResourceExhaustedError } from '../../../src/protocol/errors';
import type { WireEvent } from '../../../src/protocol/events';
import type { MethodName, ParamsOf, ResultOf } from '../../../src/protocol/methods';
import { readConductorState } from '../../../src/views/store/conductor-state';
import { JobFeed, accountLimits, spans } from '../../../src/views/store/job-feed';
import { JobStore } from '../../../src/views/store/job-store';
import type { StoreChange } from '../../../src/views/store/job-store';
import { endedSince, summarise, waitingJobs } from '../../../src/views/store/summary';
import { NOW, checkpoint, job, row, sheet, wireSheet } from './kit';

function recorded(store: JobStore): StoreChange[] {
  const changes: StoreChange[] = [];
  store.onChange((change) => changes.push(change));
  return changes;
}

describe('the store of jobs', () => {
  it('tells only what changed', () => {
    const store = new JobStore();
    store.putJobs([job('a'), job('b')]);
    const changes = recorded(store);
    store.putJobs([job('a'), job('b', { completed: 1 })]);
    store.putJob(job('a'));
    store.keepJobs(new Set(['a', 'b']));
    assert.deepEqual(changes, [{ list: false, jobs: ['b'], sheetLists: [], sheets: [] }]);
  });

  it('tells when jobs come and go, and forgets the sheets of those that went', () => {
    const store = new JobStore();
    store.putJobs([job('a')]);
    store.putSheets('a', [sheet(1)], 1);
    const changes = recorded(store);
    store.putJobs([job('b')]);
    assert.equal(changes[0]?.list, true);
    store.keepJobs(new Set(['b']));
    assert.equal(changes[1]?.list, true);
    assert.equal(store.sheets('a'), undefined);
    store.removeJob('b');
    assert.equal(changes[2]?.list, true);
    assert.deepEqual(store.list(), []);
  });

  it('keeps newest jobs first, whatever their order in a snapshot', () => {
    const store = new JobStore();
    store.putJobs([
      job('old', { submittedAt: 1 }),
      job('new', { submittedAt: 3 }),
      job('mid', { submittedAt: 2 }),
    ]);
    assert.deepEqual(
      store.list().map(({ id }) => id),
      ['new', 'mid', 'old'],
    );
  });

  it('finds the newest run of a score, without looking through all jobs for each of its sheets', () => {
    const store = new JobStore();
    const runs = Array.from({ length: 1000 }, (_, index) =>
      job(`j-${index}`, { scorePath: `/w/${index % 2}.yaml`, submittedAt: index }),
    );
    store.putJobs(runs);
    const began = performance.now();
    for (let sheets = 0; sheets < 10_000; sheets += 1) store.latestOf('/w/0.yaml');
    assert.ok(performance.now() - began < 100, `${performance.now() - began} ms`);
    assert.equal(store.latestOf('/w/0.yaml')?.id, 'j-998');
    store.putJob(job('new', { scorePath: '/w/0.yaml', submittedAt: 5_000 }));
    assert.equal(store.latestOf('/w/0.yaml')?.id, 'new');
    store.removeJob('new');
    assert.equal(store.latestOf('/w/0.yaml')?.id, 'j-998');
    assert.equal(store.latestOf('/w/none.yaml'), undefined);
  });

  it('puts pages of sheets together and names the ones that changed', () => {
    const store = new JobStore();
    store.putSheets('a', [sheet(1), sheet(2)], 4);
    store.putSheets('a', [sheet(3), sheet(4)], 4);
    const changes = recorded(store);
    store.putSheets('a', [sheet(2), sheet(3, { status: 'completed' })], 4);
    assert.deepEqual(changes, [{ list: false, jobs: [], sheetLists: [], sheets: [{ job: 'a', sheet: 3 }] }]);
    assert.equal(store.sheets('a')?.length, 4);
  });

  it('leaves no hole when a sheet is told before the page before it', () => {
    const store = new JobStore();
    store.putSheets('a', [sheet(1)], 10);
    store.putSheets('a', [sheet(7)], 10);
    assert.equal(store.sheets('a')?.length, 1);
  });
});

/** A conductor of which only the answers count. */
function feedOf(answers: { status?: () => ReturnType<typeof checkpoint>; total?: number }) {
  const store = new JobStore();
  const calls: [string, unknown][] = [];
  const waiting: (() => void)[] = [];
  const lists: ReturnType<typeof row>[][] = [];
  const call = <M extends MethodName>(method: M, params: ParamsOf<M>): Promise<ResultOf<M>> => {
    calls.push([method, params]);
    const answer = (): unknown => {
      if (method === 'job.list') return lists.shift() ?? [];
      if (method === 'job.status') return answers.status?.() ?? checkpoint('a');
      const { offset, limit } = params as { offset: number; limit: number };
      const total = answers.total ?? 3;
      const last = Math.min(total, offset + limit);
      return {
        job_id: 'a',
        total,
        offset,
        next_offset: last < total ? last : null,
        sheets: Array.from({ length: last - offset }, (_, index) => wireSheet(offset + index + 1)),
        seq: 1,
      };
    };
    return new Promise((resolve) => resolve(answer() as ResultOf<M>));
  };
  const errors: unknown[] = [];
  const feed = new JobFeed({
    store,
    call,
    later: (work) => waiting.push(work),
    onError: (error) => errors.push(error),
  });
  const settle = async () => {
    for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
      work();
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
    }
  };
  /** Ends the pauses that wait now, not those that come of it. */
  const turn = async () => {
    for (const work of waiting.splice(0)) work();
    for (let round = 0; round < 20; round += 1) await Promise.resolve();
  };
  return { store, feed, calls, errors, settle, turn, lists };
}

function event(type: string, changes: Partial<WireEvent> = {}): WireEvent {
  return { seq: 1, type, job_id: 'a', t: NOW, data: {}, ...changes };
}

describe('the feed of the store', () => {
  it('answers a burst of events of one job with one question', async () => {
    const { feed, calls, settle, store } = feedOf({});
    for (let sheetNum = 1; sheetNum <= 3; sheetNum += 1)
      feed.onEvent(event('sheet.started', { sheet: sheetNum }));
    await settle();
    assert.deepEqual(
      calls.map(([method]) => method),
      ['job.status'],
    );
    assert.equal(store.job('a')?.status, 'running');
  });

  it('asks about many jobs in turn, not all at once, and first about the one whose sheets are shown', async () => {
    const { feed, store, calls, turn } = feedOf({});
    const names = Array.from({ length: 30 }, (_, index) => `job-${index}`);
    store.putJobs(names.map((name) => job(name)));
    store.putSheets('job-20', [sheet(1)], 1);
    const asked = () => calls.splice(0).map(([, params]) => (params as { job_id: string }).job_id);
    for (const name of names) feed.onEvent(event('sheet.started', { job_id: name, sheet: 1 }));
    await turn();
    assert.deepEqual(asked(), names.slice(0, 6));
    await turn();
    assert.deepEqual(asked(), ['job-20', ...names.slice(6, 11), 'job-20']);
    for (let round = 0; round < 10; round += 1) await turn();
    assert.equal(asked().length, 30 - 12);
    // One that goes on changing is asked about once a rest.
    for (let round = 0; round < 5; round += 1) {
      for (let news = 0; news < 10; news += 1)
        feed.onEvent(event('sheet.started', { job_id: 'job-3', sheet: 1 }));
      await turn();
    }
    assert.ok(asked().length <= 5);
  });

  it('takes a long list page by page, and drops what is in none of them', async () => {
    const { feed, store, calls, lists } = feedOf({});
    store.putJobs([job('gone')]);
    const changes = recorded(store);
    const ended = (id: string) => row(id, { status: 'completed', completed_at: NOW / 1000 });
    const rows = Array.from({ length: 510 }, (_, index) => ended(`old-${index}`));
    lists.push([row('a'), ...rows.slice(0, 250)], rows.slice(250, 500), rows.slice(499));
    await feed.onSnapshot([row('a')]);
    assert.equal(store.list().length, 511);
    assert.deepEqual(calls, [
      ['job.list', { finished: 250, finished_offset: 0 }],
      ['job.list', { finished: 250, finished_offset: 250 }],
      ['job.list', { finished: 250, finished_offset: 500 }],
    ]);
    assert.equal(changes.filter(({ list }) => list).length, 4, 'live, first page, the rest, what went');
  });

  it('keeps what it knows when the list cannot be had', async () => {
    const { feed, store, errors, lists } = feedOf({});
    store.putJobs([job('b', { status: 'completed' })]);
    Object.defineProperty(lists, 'shift', {
      value: () => {
        throw new Error('gone');
      },
    });
    await feed.onSnapshot([row('a')]);
    assert.deepEqual(
      store
        .list()
        .map(({ id }) => id)
        .sort(),
      ['a', 'b'],
    );
    assert.equal(errors.length, 1);
  });

  it('asks only for the sheets that changed, once they are shown', async () => {
    const { feed, calls, settle } = feedOf({ total: 1200 });
    await feed.openSheets('a');
    calls.length = 0;
    feed.onEvent(event('sheet.completed', { sheet: 3 }));
    feed.onEvent(event('sheet.started', { sheet: 4 }));
    feed.onEvent(event('sheet.started', { sheet: 900 }));
    await settle();
    assert.deepEqual(calls, [
      ['job.status', { job_id: 'a', sheets: false }],
      ['job.sheets', { job_id: 'a', offset: 2, limit: 2 }],
      ['job.sheets', { job_id: 'a', offset: 899, limit: 1 }],
    ]);
  });

  it('pages through all sheets of a large job', async () => {
    const { feed, store, calls } = feedOf({ total: 10_000 });
    store.putJob(job('a'));
    await feed.openSheets('a');
    assert.equal(store.sheets('a')?.length, 10_000);
    assert.equal(calls.length, 20);
  });

  it('asks again for shown sheets after a new snapshot, and drops jobs that are gone', async () => {
    const { feed, store, calls, settle, lists } = feedOf({});
    lists.push([row('a'), row('b', { status: 'completed' })]);
    await feed.onSnapshot([row('a')]);
    await settle();
    assert.equal(store.job('b')?.status, 'completed', 'a snapshot has no job that ended');
    await feed.openSheets('a');
    calls.length = 0;
    lists.push([row('a')]);
    await feed.onSnapshot([row('a')]);
    await settle();
    assert.deepEqual(
      calls.map(([method]) => method),
      ['job.list', 'job.status', 'job.sheets'],
    );
    assert.equal(store.job('b'), undefined);
  });

  it('removes a job that the conductor does not know any more', async () => {
    const { feed, store, settle, errors } = feedOf({
      status: () => {
        throw new JobSubmissionError('no such job');
      },
    });
    store.putJob(job('a'));
    feed.onEvent(event('sheet.started', { sheet: 1 }));
    await settle();
    assert.equal(store.job('a'), undefined);
    assert.deepEqual(errors, []);
  });

  it('frees an instrument when the last of its accounts is free', () => {
    const { feed, store } = feedOf({});
    const tell = (type: 'active' | 'cleared', account: string, until?: number) =>
      feed.onEvent(
        event(`rate_limit.${type}`, { job_id: null, data: { account, instrument: 'openrouter', until } }),
      );
    const limit = () => store.limits().get('openrouter');
    tell('active', 'openrouter#a', NOW + 5);
    tell('active', 'openrouter#b', NOW + 9);
    assert.deepEqual(limit(), { until: NOW + 9 });
    tell('active', 'openrouter#b', NOW + 2);
    assert.deepEqual(limit(), { until: NOW + 5 }, 'a later word about an account replaces the earlier');
    tell('cleared', 'openrouter#b');
    assert.deepEqual(limit(), { until: NOW + 5 }, 'the other account is limited still');
    assert.ok(store.isLimited(NOW + 4) && !store.isLimited(NOW + 5));
    tell('cleared', 'openrouter#a');
    assert.equal(limit(), undefined);
  });

  it('takes the limits in force from a snapshot, by account or from an older conductor', () => {
    const store = new JobStore();
    const account = (name: string, seconds: number) => ({
      ...{ account: `o#${name}`, instrument: 'o', stated: true, message: '', hits: 1 },
      ...{ until: new Date(NOW + seconds * 1000).toISOString(), seconds_remaining: seconds },
    });
    const rest = { backends: { o: { seconds_remaining: 60 } }, active_limits: 1, recent_events_count: 1 };
    store.setLimits(
      accountLimits({ ...rest, accounts: [account('a', 60), account('b', 30), account('over', 0)] }),
    );
    assert.deepEqual(store.limits().get('o'), { until: NOW + 60_000 });
    store.clearLimit('o#a');
    assert.deepEqual(store.limits().get('o'), { until: NOW + 30_000 });
    store.setLimits(accountLimits(rest));
    const until = store.limits().get('o')?.until ?? 0;
    assert.ok(Math.abs(until - Date.now() - 60_000) < 5_000);
    store.setLimits(accountLimits({ ...rest, accounts: [] }));
    assert.equal(store.limits().size, 0);
  });

  it('keeps limits of instruments and trouble of the journal', () => {
    const { feed, store } = feedOf({});
    feed.onEvent(
      event('rate_limit.active', { job_id: null, data: { instrument: 'claude-code', until: NOW } }),
    );
    assert.deepEqual(store.limits().get('claude-code'), { until: NOW });
    feed.onEvent(event('rate_limit.cleared', { job_id: null, data: { instrument: 'claude-code' } }));
    assert.equal(store.limits().size, 0);
    const changes = recorded(store);
    feed.onEvent(event('storage.failed', { job_id: null, data: { message: 'disk full' } }));
    assert.match(store.notice ?? '', /disk full/);
    assert.deepEqual(changes, [{ list: false, jobs: [], sheetLists: [], sheets: [] }], 'no row is redrawn');
    feed.onEvent(event('storage.recovered', { job_id: null }));
    assert.equal(store.notice, null);
  });

  it('skips events of types that it does not know but for their job', async () => {
    const { feed, settle, calls } = feedOf({});
    feed.onEvent(event('something.new', { job_id: null }));
    await settle();
    assert.deepEqual(calls, []);
  });

  it('asks for near sheets together', () => {
    assert.deepEqual(spans([9, 1, 3, 200, 49]), [
      [1, 49],
      [200, 200],
    ]);
    assert.deepEqual(spans([]), []);
  });
});

describe('questions that had no answer', () => {
  const ended = (id: string) => row(id, { status: 'completed', completed_at: NOW / 1000 });

  it('are asked again with the next connection: what told of the change does not come twice', async () => {
    let away = false;
    const { feed, store, settle, errors } = feedOf({
      status: () => {
        if (away) throw new ConnectionLost();
        return checkpoint('a', { status: 'completed' });
      },
    });
    store.putJobs([job('a'), job('b')]);
    away = true;
    feed.onEvent(event('job.completed'));
    await settle();
    assert.deepEqual([store.job('a')?.status, errors.length], ['running', 1]);
    away = false;
    feed.resume();
    await settle();
    assert.equal(store.job('a')?.status, 'completed');
  });

  it('are asked again after a while when the conductor was too busy', async () => {
    let busy = true;
    const { feed, store, settle } = feedOf({
      status: () => {
        if (!busy) return checkpoint('a', { status: 'completed' });
        busy = false;
        throw new ResourceExhaustedError('50 requests are in work');
      },
    });
    store.putJobs([job('a')]);
    feed.onEvent(event('job.completed'));
    await settle();
    assert.equal(store.job('a')?.status, 'completed');
  });

  it('about the list are asked again, so that no job is missed for good', async () => {
    const { feed, store, lists, settle } = feedOf({});
    const answers = lists.shift.bind(lists);
    Object.defineProperty(lists, 'shift', {
      configurable: true,
      value: () => {
        throw new ConnectionLost();
      },
    });
    await feed.onSnapshot([row('a')]);
    Object.defineProperty(lists, 'shift', { value: answers });
    lists.push([row('a'), ended('old')]);
    feed.resume();
    await settle();
    assert.deepEqual(
      store
        .list()
        .map(({ id }) => id)
        .sort(),
      ['a', 'old'],
    );
  });

  it('about pages of sheets leave no job with half of them', async () => {
    const { feed, store, calls } = feedOf({ total: 1200 });
    store.putJobs([job('a')]);
    const push = calls.push.bind(calls);
    // The connection breaks between the first page and the second.
    Object.defineProperty(calls, 'push', {
      configurable: true,
      value: (call: (typeof calls)[number]) => {
        if ((call[1] as { offset?: number }).offset === 500) throw new ConnectionLost();
        return push(call);
      },
    });
    await assert.rejects(feed.openSheets('a'), ConnectionLost);
    assert.equal(store.sheets('a')?.length, 500);
    Object.defineProperty(calls, 'push', { value: push });
    await feed.openSheets('a');
    assert.equal(store.sheets('a')?.length, 1200);
  });

  it('bring back no job that was deleted meanwhile', async () => {
    const { feed, store, lists } = feedOf({});
    lists.push([row('a'), ended('old')], [row('a')]);
    const listing = feed.onSnapshot([row('a')]);
    feed.onEvent(event('job.deleted', { job_id: 'old' }));
    await listing;
    assert.deepEqual(
      store.list().map(({ id }) => id),
      ['a'],
    );
  });
});

describe('what the conductor says of itself', () => {
  it('replaces what an earlier connection has left behind', async () => {
    const store = new JobStore();
    const answers = {
      'daemon.rate_limits': { backends: {}, active_limits: 0 },
      'daemon.status': { status_reason: null as { code: string; message: string } | null },
    };
    const read = () =>
      readConductorState(store, <M extends MethodName>(method: M) =>
        Promise.resolve(answers[method as keyof typeof answers] as unknown as ResultOf<M>),
      );
    store.setNotice('The conductor cannot write its journal: ENOSPC');
    store.setLimit({ account: 'o', instrument: 'o', until: null });
    await read();
    assert.equal(store.notice, null);
    assert.equal(store.limits().size, 0);
    answers['daemon.status'].status_reason = { code: 'storage_failed', message: 'the disk is full' };
    await read();
    assert.match(store.notice ?? '', /the disk is full/);
  });
});

describe('numbers over all jobs', () => {
  const jobs = [
    job('run', { costUsd: 1, unpriced: true }),
    job('waits', { reason: { code: 'waiting_for_key', message: '', until: null } }),
    job('paused', { status: 'paused' }),
    job('bad', { status: 'failed', endedAt: NOW, costUsd: 0.5 }),
    job('old', {
      status: 'failed',
      startedAt: NOW - 3 * 86_400_000,
      endedAt: NOW - 2 * 86_400_000,
      costUsd: 9,
    }),
  ];

  it('counts what runs, waits, failed today and its cost', () => {
    assert.deepEqual(summarise(jobs, NOW), {
      running: 1,
      waiting: 2,
      needing: 1,
      failed: 1,
      costToday: 1.5,
      unpricedToday: true,
    });
  });

  it('says what ended since somebody watched, and nothing when nothing did', () => {
    const known = new Set(['waits', 'paused']);
    assert.equal(endedSince(jobs, NOW, known), null);
    const work = endedSince(jobs, NOW - 1000, known);
    assert.deepEqual(
      work?.failed.map(({ id }) => id),
      ['bad'],
    );
    assert.equal(work?.waiting.length, 2);
    assert.equal(work?.costUsd, 0.5);
  });

  it('tells of a job that has begun to wait, although nothing ended', () => {
    const limited = job('limited', { resumeAt: NOW + 60_000 });
    assert.deepEqual(endedSince([limited], NOW, new Set())?.waiting, [limited]);
    assert.equal(endedSince([limited], NOW, new Set(waitingJobs([limited]))), null);
  });

  it('counts a limited job as one that waits, which needs nobody', () => {
    const { running, waiting, needing } = summarise([job('limited', { resumeAt: NOW + 60_000 })], NOW);
    assert.deepEqual({ running, waiting, needing }, { running: 0, waiting: 1, needing: 0 });
  });
});
