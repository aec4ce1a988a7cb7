import assert from 'node:assert/strict';
import { JobStore } from '../../../src/views/store/job-store';
import { jobFromStatus, needsPerson } from '../../../src/views/store/model';
import type { JobModel } from '../../../src/views/store/model';
import { attemptRow } from '../../../src/views/trees/attempt-row';
import { brief, cost, countdown, duration } from '../../../src/views/trees/format';
import { groupRow } from '../../../src/views/trees/group-row';
import { instrumentRow } from '../../../src/views/trees/instrument-row';
import { passes } from '../../../src/views/trees/job-filter';
import type { JobFilter } from '../../../src/views/trees/job-filter';
import { code, jobRow, jobTooltip } from '../../../src/views/trees/job-row';
import {
  childNodes,
  isSameNode,
  nodeId,
  pageOfJobs,
  parentNode,
  rootNodes,
} from '../../../src/views/trees/jobs-nodes';
import type { JobsNode, JobsShape } from '../../../src/views/trees/jobs-nodes';
import { connectionMessage, limitMessage } from '../../../src/views/trees/messages';
import { plannedRow } from '../../../src/views/trees/planned-row';
import { stateIcons } from '../../../src/views/trees/row';
import { sheetRow } from '../../../src/views/trees/sheet-row';
import { Ticker } from '../../../src/views/trees/ticker';
import { NOW, attempt, checkpoint, job, sheet } from './kit';

describe('the row of a job', () => {
  it('says in red that an agent acts without asking, and who pays', () => {
    const agents = { unasked: ['claude-code'], mcpOff: ['claude-code'] };
    const payers = [{ instrument: 'claude-code', paidBy: 'subscription' as const }];
    const covered = job('demo', { ...agents, payers, listPriceUsd: 0.5, unpriced: true });
    const row = jobRow(covered, NOW);
    assert.equal(row.alarm, true);
    assert.match(row.description, /unpriced · subscription \(list price \$0\.50\) · acts without asking/);
    const tooltip = jobTooltip(covered, NOW);
    assert.match(tooltip, /MCP servers: off for `claude-code` \(disable_mcp\)/);
    assert.match(tooltip, /Paid by: the subscription of its login/);
    assert.notEqual(jobRow(job('demo'), NOW).alarm, true);
  });

  it('calls for a person when a limit paused a job for good', () => {
    const reason = { code: 'rate_limit', message: 'limited', until: null };
    assert.ok(needsPerson(job('demo', { status: 'paused', reason })));
    assert.ok(!needsPerson(job('demo', { status: 'running', reason })));
  });

  it('names the instrument that a fallback plays for', () => {
    const played = sheet(1, { instrument: 'codex-cli', fallbackFrom: 'claude-code' });
    assert.match(sheetRow(job('demo'), played, NOW).description, /codex-cli, fallback for claude-code/);
  });

  it('shows progress, time, cost and instrument while it runs', () => {
    const row = jobRow(
      job('demo', { completed: 7, total: 12, costUsd: 0.42, instruments: ['claude-code'] }),
      NOW,
    );
    assert.equal(row.description, '7/12 · 50s · $0.42 · claude-code');
    assert.equal(row.icon.id, 'sync~spin');
    assert.ok(row.context.includes('pausable') && row.context.includes('cancelable'));
    assert.ok(!row.context.includes('deletable'));
  });

  it('says that tokens are unpriced, and never calls that nothing', () => {
    assert.equal(cost(0, true), 'unpriced');
    assert.equal(cost(0.42, true), '$0.42 + unpriced');
    assert.match(jobRow(job('demo', { unpriced: true }), NOW).description, / · unpriced/);
    assert.match(jobTooltip(job('demo', { unpriced: true }), NOW), /Cost: unpriced/);
  });

  it('says why it failed, in the row and to a screen reader', () => {
    const row = jobRow(
      job('demo', { status: 'failed', endedAt: NOW, error: 'sheet 3: exit code 1\nmore' }),
      NOW,
    );
    assert.match(row.description, /failed: sheet 3: exit code 1 ·/);
    const told = jobRow(job('demo', { status: 'failed', error: 'sheet 3 failed: exit code 1' }), NOW);
    assert.match(told.description, /· sheet 3 failed: exit code 1/);
    assert.match(row.spoken, /failed/);
    assert.deepEqual(
      row.context.filter((word) => ['retryable', 'deletable', 'pausable', 'cancelable'].includes(word)),
      ['retryable', 'deletable'],
    );
  });

  it('says how many sheets will never play, in row, tooltip and to a screen reader', () => {
    const skipping = job('demo', { completed: 7, total: 12, skipped: 2 });
    assert.match(jobRow(skipping, NOW).description, /^7\/12, 2 skipped · /);
    assert.match(jobRow(skipping, NOW).spoken, /7 of 12 sheets done, 2 skipped · /);
    assert.match(jobTooltip(skipping, NOW), /Sheets: 7\/12, 2 skipped/);
    const none = jobRow(job('demo', { completed: 7, total: 12 }), NOW);
    assert.ok(!/skipped/.test(none.description + none.spoken));
    const told = jobFromStatus(checkpoint('demo', { progress_skipped: 2 }), undefined);
    assert.equal(told.skipped, 2);
    assert.equal(jobFromStatus(checkpoint('demo'), told).skipped, 2, 'an older conductor does not say');
  });

  it('counts down to the end of a rate limit', () => {
    const row = jobRow(job('demo', { resumeAt: NOW + 42_000 }), NOW);
    assert.match(
      row.description,
      /^0\/3 · rate limited, 42s left, until /,
      'a narrow view shows what is left',
    );
    assert.equal(row.icon.id, 'clock');
  });

  it('says that it is paused, whatever limit there is beside', () => {
    const reason = { code: 'user_paused', message: 'paused by request', until: null };
    const row = jobRow(job('demo', { status: 'paused', reason, resumeAt: NOW + 42_000 }), NOW);
    assert.match(row.description, /^0\/3 · paused ·/);
    assert.equal(row.icon.id, 'debug-pause');
    const limit = { code: 'rate_limit', message: 'slow down', until: NOW + 42_000 };
    const held = jobRow(job('demo', { status: 'paused', reason: limit }), NOW);
    assert.match(held.description, /paused: rate limited, 42s left/);
  });

  it('does not spin while all it does is wait for the next retry', () => {
    const reason = { code: 'retrying', message: 'sheet 1 is retried', until: NOW + 40_000 };
    const row = jobRow(job('demo', { reason }), NOW);
    assert.match(row.description, /^0\/3 · sheet 1 is retried in 40s/);
    assert.equal(row.icon.id, 'debug-restart');
  });

  it('draws each state with an icon of its own, not only with a colour', () => {
    // VS Code draws these two alike.
    const ids = Object.values(stateIcons).map(({ id }): string => id);
    const drawn = ids.map((id) => (id === 'history' ? 'clock' : id));
    assert.equal(new Set(drawn).size, drawn.length);
  });

  it('draws what waits for a person apart', () => {
    const waits = job('demo', {
      reason: { code: 'waiting_for_key', message: 'needs ANTHROPIC_API_KEY', until: null },
    });
    const row = jobRow(waits, NOW);
    assert.match(row.description, /needs ANTHROPIC_API_KEY/);
    assert.equal(row.icon.id, 'bell-dot');
    assert.ok(row.context.includes('person') && row.context.includes('needsKey'));
  });

  it('lets no text of a score be Markdown in a tooltip', () => {
    const text = jobTooltip(job('a*b', { error: 'x `y` [z](command:evil)', workspace: '/w' }), NOW);
    assert.ok(text.includes('a\\*b'));
    assert.ok(text.includes('`` x `y` [z](command:evil) ``'));
    assert.equal(code('``'), '``` `` ```');
  });
});

describe('the row of a sheet', () => {
  const demo = job('demo');

  it('shows attempt and time while it runs', () => {
    const row = sheetRow(demo, sheet(3, { status: 'dispatched', attempts: [attempt(1), attempt(2)] }), NOW);
    assert.equal(row.description, '30s · attempt 2 · cli');
    assert.equal(row.collapsible, 'collapsed');
    assert.ok(row.context.includes('hasLog') && !row.context.includes('rerunnable'));
  });

  it('says why it failed', () => {
    const failed = { status: 'failed' as const, attempts: [attempt(1, { outcome: 'failed' })] };
    assert.match(
      sheetRow(demo, sheet(1, { ...failed, errorMessage: 'no network' }), NOW).description,
      /failed: no network/,
    );
    assert.match(
      sheetRow(demo, sheet(1, { ...failed, exitCode: 3 }), NOW).description,
      /failed: exit code 3/,
    );
    const invalid = sheet(1, { ...failed, failedValidations: ['file_exists'] });
    assert.match(sheetRow(demo, invalid, NOW).description, /failed: validation file_exists/);
  });

  it('counts down to a retry and to the end of a limit', () => {
    const retry = sheet(1, { status: 'retry_scheduled', dueAt: NOW + 1500, errorMessage: 'boom' });
    assert.match(sheetRow(demo, retry, NOW).description, /retries in 2s: boom/);
    const waits = sheet(1, { status: 'waiting', dueAt: NOW + 90_000 });
    assert.match(sheetRow(demo, waits, NOW).description, /rate limited, 1m 30s left, until /);
  });

  it('is said once to a screen reader', () => {
    const failed = sheet(1, { status: 'failed', errorMessage: 'boom', durationSeconds: 3 });
    assert.equal(sheetRow(demo, failed, NOW).spoken, 'sheet 1, failed: boom, 3s');
    const named = sheet(2, { status: 'completed', description: 'Outline' });
    assert.equal(sheetRow(demo, named, NOW).spoken, 'sheet 2, Outline, completed');
  });

  it('offers a session only where there may be one', () => {
    const plain = sheetRow(demo, sheet(1, { attempts: [attempt(1)] }), NOW);
    assert.ok(!plain.context.includes('resumableSession'));
    const claude = sheetRow(demo, sheet(1, { attempts: [attempt(1, { instrument: 'claude-code' })] }), NOW);
    assert.ok(claude.context.includes('resumableSession'));
  });

  it('is shown before it ran and after, for a score', () => {
    const planned = {
      num: 2,
      stage: 1,
      movementName: null,
      description: 'Two',
      instrument: 'cli',
      dependsOn: [1],
    };
    const before = plannedRow('/w/a.yaml', planned, null, NOW);
    assert.equal(before.description, 'cli · after 1');
    const last = {
      job: demo,
      sheet: sheet(2, { status: 'completed', endedAt: NOW - 120_000, attempts: [attempt(1)] }),
    };
    const after = plannedRow('/w/a.yaml', planned, last, NOW);
    assert.equal(after.description, 'completed · 2 min ago · demo · cli');
    assert.equal(after.id, before.id);
  });
});

describe('other rows', () => {
  it('tell how an attempt ended', () => {
    const row = attemptRow(
      'demo',
      1,
      attempt(1, { outcome: 'timeout', errorMessage: 'no output', durationSeconds: 61 }),
      NOW,
    );
    assert.equal(row.description, 'timed out · no output · 1m 1s · cli');
    assert.equal(row.id, 'job/demo/sheet/1/attempt/1');
  });

  it('sum up groups by the worst of them', () => {
    const sheets = [
      sheet(1, { status: 'completed' }),
      sheet(2, { status: 'failed' }),
      sheet(3, { status: 'dispatched' }),
    ];
    const row = groupRow('g', 'Movement 1', sheets, 'movement');
    assert.equal(row.description, '1/3 · 1 failed · 1 running');
    assert.equal(row.icon.id, 'error');
  });

  it('tell whether an instrument can be used', () => {
    const base = {
      name: 'x',
      display_name: 'X',
      description: null,
      kind: 'cli' as const,
      source: 'built-in' as const,
      path: null,
      detail: null,
      default_model: null,
      models: [],
      capabilities: [],
    };
    assert.equal(instrumentRow({ ...base, status: 'ready' }, undefined, NOW).description, 'ready');
    const limited = instrumentRow({ ...base, status: 'ready' }, { until: NOW + 5000 }, NOW);
    assert.match(limited.description, /^rate limited, 5s left, until /);
    assert.equal(instrumentRow({ ...base, status: 'ready' }, { until: NOW - 1 }, NOW).icon.id, 'pass');
    const told = (status: 'unknown' | 'needs_key' | 'missing', detail: string) =>
      instrumentRow({ ...base, kind: 'http', status, detail }, undefined, NOW).description;
    assert.equal(told('needs_key', 'Set X_KEY.'), 'needs a key · Set X_KEY.');
    assert.equal(
      told('unknown', 'needs no key; its server was not asked'),
      'needs no key; its server was not asked',
    );
    assert.equal(told('missing', '"x" was not found; npm install x'), 'missing');
  });
});

describe('numbers in rows', () => {
  it('are short', () => {
    assert.equal(duration(59_999), '59s');
    assert.equal(duration(61_000), '1m 1s');
    assert.equal(duration(78_000, { steps: true }), '1m 10s');
    assert.equal(duration(3_600_000 * 25), '1d 1h');
    assert.equal(countdown(NOW + 10, NOW), '1s');
    assert.equal(countdown(NOW - 10, NOW), '0s');
    assert.equal(cost(0), '');
    assert.equal(cost(0.001), '<$0.01');
    assert.equal(cost(12.3), '$12.30');
    assert.equal(brief('one\ntwo'), 'one');
    assert.equal(brief('x'.repeat(200)).length, 120);
  });
});

describe('the Jobs tree', () => {
  function shapeOf(
    jobs: readonly JobModel[],
    here: (job: JobModel) => boolean = () => true,
  ): JobsShape & { store: JobStore } {
    const store = new JobStore();
    store.putJobs(jobs);
    return { store, isHere: here };
  }

  it('puts the jobs of this window first', () => {
    const shape = shapeOf([job('a'), job('b', { workspace: '/x' })], (one) => one.workspace === '/w');
    assert.deepEqual(rootNodes(shape), [{ kind: 'job', job: 'a' }, { kind: 'elsewhere' }]);
    assert.deepEqual(childNodes({ kind: 'elsewhere' }, shape), [{ kind: 'job', job: 'b' }]);
    assert.deepEqual(parentNode({ kind: 'job', job: 'b' }, shape), { kind: 'elsewhere' });
  });

  it('shows the jobs that the filter lets through, and finds their place among those', () => {
    const many = Array.from({ length: 250 }, (_, at) =>
      job(`j${at}`, { submittedAt: at, status: at % 2 === 0 ? 'failed' : 'completed' }),
    );
    const away = job('away', { workspace: '/x', status: 'running' });
    const shape = shapeOf([...many, away], (one) => one.workspace === '/w');
    const of = (filter: JobFilter) => ({ ...shape, shows: (one: JobModel) => passes(filter, one) });
    assert.deepEqual(
      rootNodes(of('active')),
      [{ kind: 'job', job: 'away' }],
      'nothing of this window: no group',
    );
    assert.equal(rootNodes(of('attention')).length, 125, 'one page, and no other folders');
    assert.deepEqual(parentNode({ kind: 'job', job: 'j0' }, of('all')), {
      kind: 'more',
      where: 'here',
      from: 200,
    });
    assert.equal(parentNode({ kind: 'job', job: 'j0' }, of('attention')), undefined);
    assert.ok(rootNodes(of('done')).every((node) => node.kind === 'job'));
  });

  it('needs no group when all jobs are of other folders', () => {
    const shape = shapeOf([job('a')], () => false);
    assert.deepEqual(rootNodes(shape), [{ kind: 'job', job: 'a' }]);
    assert.equal(parentNode({ kind: 'job', job: 'a' }, shape), undefined);
  });

  it('shows movements only where there are several, and they have several sheets', () => {
    const shape = shapeOf([job('a')]);
    const node: JobsNode = { kind: 'job', job: 'a' };
    assert.equal(childNodes(node, shape), null);
    shape.store.putSheets('a', [sheet(1), sheet(2)], 2);
    assert.equal(childNodes(node, shape)?.[0]?.kind, 'sheet');
    shape.store.putSheets('a', [sheet(2, { movement: 2 })], 2);
    assert.equal(childNodes(node, shape)?.[0]?.kind, 'sheet');
    assert.deepEqual(parentNode({ kind: 'sheet', job: 'a', sheet: 2 }, shape), node);
    shape.store.putSheets('a', [sheet(3, { movement: 2 })], 3);
    assert.deepEqual(childNodes(node, shape), [
      { kind: 'movement', job: 'a', movement: 1 },
      { kind: 'movement', job: 'a', movement: 2 },
    ]);
    assert.deepEqual(parentNode({ kind: 'sheet', job: 'a', sheet: 2 }, shape), {
      kind: 'movement',
      job: 'a',
      movement: 2,
    });
  });

  it('shows attempts only where there are several, newest first', () => {
    const shape = shapeOf([job('a')]);
    shape.store.putSheets(
      'a',
      [sheet(1, { attempts: [attempt(1)] }), sheet(2, { attempts: [attempt(1), attempt(2)] })],
      2,
    );
    assert.deepEqual(childNodes({ kind: 'sheet', job: 'a', sheet: 1 }, shape), []);
    assert.deepEqual(
      childNodes({ kind: 'sheet', job: 'a', sheet: 2 }, shape)?.map(
        (node) => node.kind === 'attempt' && node.attempt,
      ),
      [2, 1],
    );
  });

  it('pages 10,000 sheets and 1,000 jobs, with unique ids and the right parents', () => {
    const shape = shapeOf(
      Array.from({ length: 1000 }, (_, index) => job(`j${index}`, { submittedAt: 1000 - index })),
    );
    shape.store.putSheets(
      'j0',
      Array.from({ length: 10_000 }, (_, index) => sheet(index + 1)),
      10_000,
    );
    const ids = new Set<string>();
    let rows = 0;
    const walk = (nodes: readonly JobsNode[], parent: JobsNode | undefined) => {
      assert.ok(nodes.length <= 204, String(nodes.length));
      for (const node of nodes) {
        rows += 1;
        ids.add(nodeId(node));
        if (node.kind === 'more' || rows % 97 === 0) assert.deepEqual(parentNode(node, shape), parent);
        const children = childNodes(node, shape) ?? [];
        if (node.kind === 'more') assert.ok(children.length > 0);
        if (node.kind !== 'job' || node.job === 'j0') walk(children, node);
      }
    };
    walk(rootNodes(shape), undefined);
    assert.equal(ids.size, rows);
    assert.equal([...ids].filter((id) => /^job\/j0\/sheet\/\d+$/.test(id)).length, 10_000);
    assert.equal([...ids].filter((id) => /^job\/j\d+$/.test(id)).length, 1000);
    assert.deepEqual(pageOfJobs({ kind: 'more', where: 'here', from: 800 }, shape), {
      ...{ first: 801, last: 1000, newest: 200, oldest: 1 },
    });
  });

  it('takes a range that grew while its sheets were loaded for another node of the same id', () => {
    const shape = shapeOf([job('a')]);
    const sheets = Array.from({ length: 1000 }, (_, index) => sheet(index + 1));
    const rangesOf = () => childNodes({ kind: 'job', job: 'a' }, shape) ?? [];
    shape.store.putSheets('a', sheets.slice(0, 500), 1000);
    const before = rangesOf();
    shape.store.putSheets('a', sheets.slice(500), 1000);
    const after = rangesOf();
    assert.deepEqual(before.map(nodeId), after.slice(0, 3).map(nodeId));
    assert.deepEqual(
      before.map((node, index) => isSameNode(node, after[index] ?? node)),
      [true, true, false],
    );
  });
});

describe('what stands above the rows', () => {
  it('names the limited instruments, the first to be free first, as long as they are', () => {
    const limits = new Map([
      ['slow', { until: NOW + 120_000 }],
      ['free', { until: NOW - 1 }],
      ['soon', { until: NOW + 1_000 }],
      ['open', { until: null }],
    ]);
    const told = limitMessage(limits, NOW);
    assert.match(told, /^soon is limited until \S.* · slow is limited until \S.* · open is limited$/);
    assert.match(limitMessage(limits, NOW + 1_000), /^slow/);
    assert.equal(limitMessage(new Map([['free', { until: NOW }]]), NOW), '');
    limits.set('fourth', { until: NOW + 3_000 });
    assert.match(limitMessage(limits, NOW), / · 1 more are limited$/);
  });

  it('says that the conductor is gone', () => {
    assert.equal(connectionMessage('connected'), '');
    assert.match(connectionMessage('stopped'), /does not run/);
  });

  it('ticks only while it is needed, once however often that is said', () => {
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const running = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length - before;
    const ticker = new Ticker(() => undefined, 60_000);
    ticker.keep(true);
    ticker.keep(true);
    assert.equal(running(), 1);
    ticker.keep(false);
    assert.equal(running(), 0);
    ticker.keep(true);
    ticker.dispose();
    assert.equal(running(), 0);
  });
});
