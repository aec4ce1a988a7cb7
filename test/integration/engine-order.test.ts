import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { mostAtOnce, noted, readLedger } from '../support/ledger';
import { writeAgent } from '../support/scripted-agent';

const head = (name: string, rest = '') => `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 0, max_completion_attempts: 0 }
${rest}`;

describe('the order of sheets', () => {
  const conductor = new TestConductor();
  before(async () => {
    writeAgent(conductor, 'narrow', {
      profile: 'default_model: small\nmodels: [{ name: small, max_concurrent: 2 }]',
      command: 'model_flag: "--model"',
    });
    await conductor.start();
  });
  after(() => conductor.dispose());

  const play = async (name: string, score: string, params: Parameters<TestConductor['submit']>[2] = {}) => {
    const run = await conductor.submit(name, score, params);
    return conductor.until(run);
  };
  const ledger = (name: string) => readLedger(join(conductor.workspace, name));

  it('fans out, at most max_concurrent at once, and gathers', async () => {
    const job = await play(
      'fan',
      `${head('fan', 'parallel: { enabled: true, max_concurrent: 2 }')}
sheet: { size: 1, total_items: 3, fan_out: { 2: 5 } }
prompt:
  template: |
    ${noted('fan.ledger', 'sleep 0.15')}
`,
    );
    assert.equal(job.status, 'completed');
    const played = ledger('fan.ledger');
    assert.equal(played.length, 7);
    assert.equal(mostAtOnce(played), 2);
    assert.equal(played[0]?.sheet, 1);
    assert.equal(played.at(-1)?.sheet, 7);
    assert.ok((played[0]?.end ?? 0) <= (played[1]?.begin ?? 0), 'the fan waits for its stage');
    assert.deepEqual(job.sheets['7']?.depends_on, [2, 3, 4, 5, 6]);
  });

  it('plays one at a time unless parallel is enabled', async () => {
    const job = await play(
      'single',
      `${head('single')}
sheet: { size: 1, total_items: 3, dependencies: { 3: [1] } }
prompt:
  template: |
    ${noted('single.ledger', 'sleep 0.05')}
`,
    );
    assert.equal(job.status, 'completed');
    assert.equal(mostAtOnce(ledger('single.ledger')), 1);
  });

  it('lets an independent branch go on after a failure, and skips what is behind it', async () => {
    const score = (
      failFast: boolean,
    ) => `${head('branch', `parallel: { enabled: true, fail_fast: ${failFast} }`)}
sheet: { size: 1, total_items: 5, dependencies: { 2: [1], 3: [2], 5: [4] } }
prompt:
  template: |
    test {{ sheet_num }} != 1 || exit 9
    test {{ sheet_num }} != 4 || while [ ! -e branch.gate ]; do sleep 0.02; done
`;
    const runs = [
      await conductor.submit('branch', score(false)),
      await conductor.submit('branch-fast', score(true)),
    ];
    // The independent branch is under way while the other fails, and ends afterwards.
    for (const run of runs) {
      let job = await conductor.call('job.status', { job_id: run });
      while (job.sheets['1']?.status !== 'failed' || job.sheets['4']?.status !== 'dispatched')
        job = await conductor.call('job.status', { job_id: run });
    }
    writeFileSync(join(conductor.workspace, 'branch.gate'), '');
    const [goesOn, stops] = await Promise.all(runs.map((run) => conductor.until(run)));
    assert.ok(goesOn && stops);
    assert.equal(goesOn.status, 'failed');
    const statuses = (job: typeof goesOn) => Object.values(job.sheets).map((sheet) => sheet.status);
    assert.deepEqual(statuses(goesOn), ['failed', 'skipped', 'skipped', 'completed', 'completed']);
    const behind = goesOn.sheets['3'];
    assert.equal(behind?.error_code, 'E999');
    assert.equal(behind.status_reason?.code, 'upstream_failed');
    assert.match(behind.status_reason.message, /sheet 2/);
    assert.equal(behind.attempt_count, 0);
    assert.match(goesOn.error_message ?? '', /sheet 1 failed/);
    // With fail_fast what runs comes to its end, and nothing starts after it.
    assert.deepEqual(statuses(stops), ['failed', 'skipped', 'skipped', 'completed', 'skipped']);
    assert.equal(stops.sheets['5']?.status_reason?.code, 'fail_fast');
    assert.equal(stops.sheets['5'].error_code, 'E999');
  });

  it('launches with stagger_delay_ms between, and pauses between sheets', async () => {
    const [staggered, paced] = await Promise.all([
      play(
        'stagger',
        `${head('stagger', 'parallel: { enabled: true, max_concurrent: 3, stagger_delay_ms: 200 }')}
sheet: { size: 1, total_items: 3, dependencies: { 3: [] } }
prompt:
  template: |
    ${noted('stagger.ledger', 'sleep 0.7')}
`,
      ),
      play(
        'paced',
        `${head('paced').replace('sheets_seconds: 0', 'sheets_seconds: 1')}
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    ${noted('paced.ledger', 'true')}
`,
      ),
    ]);
    assert.equal(staggered.status, 'completed', staggered.error_message ?? '');
    assert.equal(paced.status, 'completed');
    const starts = Object.values(staggered.sheets).map((sheet) => Date.parse(sheet.started_at ?? ''));
    assert.ok((starts[1] ?? 0) - (starts[0] ?? 0) >= 150 && (starts[2] ?? 0) - (starts[1] ?? 0) >= 150);
    assert.ok(mostAtOnce(ledger('stagger.ledger')) >= 2);
    const [first, second] = ledger('paced.ledger');
    assert.ok((second?.begin ?? 0) - (first?.end ?? 0) >= 980);
  });

  it('holds an instrument to its max_concurrent over all jobs', async () => {
    const score = `
name: narrow
instrument: narrow
pause_between_sheets_seconds: 0
parallel: { enabled: true, max_concurrent: 4 }
sheet: { size: 1, total_items: 1, fan_out: { 1: 4 } }
prompt:
  template: |
    RUN: ${noted('narrow.ledger', 'sleep 0.1')}
`;
    const jobs = await Promise.all([play('narrow-a', score), play('narrow-b', score)]);
    assert.deepEqual(
      jobs.map((job) => job.status),
      ['completed', 'completed'],
    );
    assert.equal(ledger('narrow.ledger').length, 8);
    assert.equal(mostAtOnce(ledger('narrow.ledger')), 2);
  });

  it('skips by rule and by command, and neither blocks nor fails the job', async () => {
    writeFileSync(join(conductor.workspace, 'done.txt'), 'DONE\n');
    const job = await play(
      'skips',
      `${head('skips')}
sheet:
  size: 1
  total_items: 4
  skip_when: { 2: "sheets[1].status == 'completed'" }
  skip_when_command:
    3: { command: "grep -q DONE {workspace}/done.txt", description: it is done }
    4: { command: "false" }
prompt:
  template: |
    echo {{ sheet_num }} >> skips.ran
`,
    );
    assert.equal(job.status, 'completed');
    assert.deepEqual(
      Object.values(job.sheets).map((sheet) => sheet.status),
      ['completed', 'skipped', 'skipped', 'completed'],
    );
    assert.match(job.sheets['2']?.status_reason?.message ?? '', /sheets\[1\]/);
    assert.match(job.sheets['3']?.status_reason?.message ?? '', /it is done/);
    assert.equal(job.sheets['3']?.error_code, null);
  });

  it('plays from start_sheet, or only_sheets, and the rest is skipped on purpose', async () => {
    const score = `${head('part')}
sheet: { size: 1, total_items: 4 }
prompt:
  template: |
    true
`;
    const [from, only] = await Promise.all([
      play('part-from', score, { start_sheet: 3 }),
      play('part-only', score, { only_sheets: [2, 4] }),
    ]);
    const statuses = (job: typeof from) => Object.values(job.sheets).map((sheet) => sheet.status);
    assert.deepEqual([from.status, only.status], ['completed', 'completed']);
    assert.deepEqual(statuses(from), ['skipped', 'skipped', 'completed', 'completed']);
    assert.deepEqual(statuses(only), ['skipped', 'completed', 'skipped', 'completed']);
    const refused = await conductor.call('job.submit', {
      config_path: conductor.score('part-none', score),
      workspace: conductor.workspace,
      start_sheet: 5,
    });
    assert.equal(refused.status, 'rejected');
    assert.match(refused.message, /no sheet 5/);
    // The choice is one with the submit: no crash can come between and play what was not asked for.
    const submitted = conductor
      .records()
      .find(({ type, run }) => type === 'job.submitted' && run === 'part-only');
    assert.match(JSON.stringify(submitted?.body), /not_selected/);
  });
});

describe('limits over all jobs', () => {
  const conductor = new TestConductor();
  before(async () => {
    mkdirSync(conductor.home, { recursive: true });
    writeFileSync(
      join(conductor.home, 'conductor.yaml'),
      'max_concurrent_sheets: 2\nmax_concurrent_jobs: 2\n',
    );
    await conductor.start();
  });
  after(() => conductor.dispose());

  it('keeps max_concurrent_sheets and max_concurrent_jobs, and is fair to a narrow job', async () => {
    const wide = `${head('wide', 'parallel: { enabled: true, max_concurrent: 10 }')}
sheet: { size: 1, total_items: 1, fan_out: { 1: 10 } }
prompt:
  template: |
    ${noted('all.ledger', 'sleep 0.1')}
`;
    const narrow = `${head('narrow')}
sheet: { size: 1, total_items: 3 }
prompt:
  template: |
    ${noted('all.ledger', 'sleep 0.1')}
`;
    const a = await conductor.submit('wide', wide);
    const b = await conductor.submit('narrow', narrow);
    const c = await conductor.submit('third', narrow);
    const jobs = await Promise.all([conductor.until(a), conductor.until(b), conductor.until(c)]);
    assert.deepEqual(
      jobs.map((job) => job.status),
      ['completed', 'completed', 'completed'],
    );
    const played = readLedger(join(conductor.workspace, 'all.ledger'));
    assert.equal(played.length, 16);
    assert.equal(mostAtOnce(played), 2);
    const endOf = (run: string) =>
      Math.max(...played.filter((entry) => entry.run === run).map(({ end }) => end));
    assert.ok(endOf(b) < endOf(a), 'the narrow job is not starved by the wide one');
    // A resumed job takes its place in the queue like any other.
    const gate = `${head('gate')}
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    while [ ! -e all.gate ]; do sleep 0.02; done
`;
    const d = await conductor.submit('gate-d', gate);
    await conductor.until(d, new Set(['running']));
    await conductor.call('job.pause', { job_id: d });
    const others = [await conductor.submit('gate-e', gate), await conductor.submit('gate-f', gate)];
    for (const run of others) await conductor.until(run, new Set(['running']));
    await conductor.call('job.resume', { job_id: d });
    assert.equal((await conductor.call('job.status', { job_id: d })).status, 'queued');
    writeFileSync(join(conductor.workspace, 'all.gate'), '');
    for (const run of [d, ...others]) assert.equal((await conductor.until(run)).status, 'completed');
  });
});
