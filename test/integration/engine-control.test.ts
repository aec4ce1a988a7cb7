import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { writeAgent } from '../support/scripted-agent';

const running = new Set(['running']);

describe('pause, resume, cancel, rerun and modify', () => {
  const conductor = new TestConductor();
  before(async () => {
    writeAgent(conductor, 'agent');
    await conductor.start();
  });
  after(() => conductor.dispose());

  const inWorkspace = (name: string) => join(conductor.workspace, name);
  const lines = (name: string) =>
    existsSync(inWorkspace(name)) ? readFileSync(inWorkspace(name), 'utf8').trim().split('\n') : [];
  const open = (name: string) => writeFileSync(inWorkspace(name), '');

  /** Resolves when the file is there. */
  async function appeared(name: string): Promise<void> {
    const watcher = watch(conductor.workspace);
    try {
      await new Promise<void>((resolve) => {
        watcher.on('change', () => existsSync(inWorkspace(name)) && resolve());
        if (existsSync(inWorkspace(name))) resolve();
      });
    } finally {
      watcher.close();
    }
  }

  /** Each sheet notes itself, and waits for its gate when it has one. */
  const gated = (name: string, gate: number, extra = '') => `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 3 }
${extra}
prompt:
  template: |
    echo {{ sheet_num }} >> ${name}.ledger
    if [ {{ sheet_num }} = ${gate} ]; then touch ${name}.in; while [ ! -e ${name}.gate ]; do sleep 0.02; done; fi
    test ! -e ${name}.fail-{{ sheet_num }}
`;

  it('pauses without touching what runs, and goes on where it was', async () => {
    const run = await conductor.submit('pausing', gated('pausing', 1));
    await appeared('pausing.in');
    assert.deepEqual(await conductor.call('job.pause', { job_id: run }), { paused: true });
    const paused = await conductor.call('job.status', { job_id: run });
    assert.equal(paused.status, 'paused');
    assert.equal(paused.status_reason?.code, 'user_paused');
    assert.equal(paused.sheets['1']?.status, 'dispatched');
    open('pausing.gate');
    // The sheet that was under way comes to its own end, and nothing else starts.
    let now = paused;
    while (now.sheets['1']?.status === 'dispatched')
      now = await conductor.call('job.status', { job_id: run });
    assert.equal(now.sheets['1']?.status, 'completed');
    assert.equal(now.status, 'paused');
    assert.equal(now.sheets['2']?.status, 'pending');
    const resumed = await conductor.call('job.resume', { job_id: run });
    assert.equal(resumed.status, 'accepted');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    assert.deepEqual(lines('pausing.ledger'), ['1', '2', '3']);
    const again = await conductor.call('job.resume', { job_id: run });
    assert.equal(again.status, 'rejected');
    assert.deepEqual((await conductor.call('job.pause', { job_id: run })).paused, false);
  });

  it('leaves a running sheet alone when resumed at once', async () => {
    const run = await conductor.submit('hasty', gated('hasty', 1));
    await appeared('hasty.in');
    await conductor.call('job.pause', { job_id: run });
    await conductor.call('job.resume', { job_id: run });
    open('hasty.gate');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    assert.equal(job.sheets['1']?.attempt_count, 1);
  });

  it('cancels with a final state for every sheet and no process left', async () => {
    const run = await conductor.submit(
      'ending',
      gated('ending', 2).replace('touch ending.in', 'setsid sleep 300 & touch ending.in'),
    );
    await appeared('ending.in');
    const before = await conductor.strays();
    assert.ok(before.length > 0);
    assert.deepEqual(await conductor.call('job.cancel', { job_id: run }), { cancelled: true });
    const job = await conductor.call('job.status', { job_id: run });
    assert.equal(job.status, 'cancelled');
    assert.deepEqual(
      Object.values(job.sheets).map((sheet) => sheet.status),
      ['completed', 'cancelled', 'cancelled'],
    );
    assert.equal(job.sheets['2']?.attempts.at(-1)?.outcome, 'cancelled');
    assert.ok(job.completed_at);
    assert.deepEqual(await conductor.strays(), []);
    assert.deepEqual(await conductor.call('job.cancel', { job_id: run }), { cancelled: false });
    open('ending.gate');
    assert.equal((await conductor.call('job.resume', { job_id: run })).status, 'accepted');
    const resumed = await conductor.until(run);
    assert.equal(resumed.status, 'completed');
    assert.equal(resumed.sheets['1']?.attempt_count, 1);
    assert.deepEqual(lines('ending.ledger'), ['1', '2', '2', '3']);
  });

  it('resumes a failed job: failed and blocked sheets run, finished ones do not', async () => {
    // A second try of this test begins anew.
    rmSync(inWorkspace('failing.ledger'), { force: true });
    open('failing.fail-2');
    open('failing.gate');
    const run = await conductor.submit('failing', gated('failing', 1));
    const failed = await conductor.until(run);
    assert.equal(failed.status, 'failed');
    assert.equal(failed.sheets['3']?.status, 'skipped');
    rmSync(inWorkspace('failing.fail-2'));
    await conductor.call('job.resume', { job_id: run });
    const job = await conductor.until(run, new Set(['completed']));
    assert.equal(job.error_message, null);
    assert.deepEqual(lines('failing.ledger'), ['1', '2', '2', '3']);
    assert.equal(job.sheets['2']?.attempts.length, 2, 'the failed attempt stays in the record');
    assert.equal(job.sheets['2'].error_message, null);
    assert.equal(job.sheets['3']?.error_code, null);
  });

  it('reruns one sheet with a hint, or all that follows from it', async () => {
    open('again.gate');
    const shell = await conductor.submit(
      'again',
      gated('again', 1).replace('test !', 'echo "hint: $MARIANNE_HINT" >> again.hints; test !'),
    );
    const agent = await conductor.submit(
      'again-agent',
      `
name: again-agent
instrument: agent
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 1, base_delay_seconds: 0.05, jitter: false }
prompt:
  template: |
    RUN: test -e again-agent.ok || { touch again-agent.ok; exit 1; }
`,
    );
    await conductor.until(shell);
    await conductor.until(agent);
    const one = await conductor.call('job.rerun', { job_id: shell, sheet: 2, hint: 'mind the gap' });
    assert.deepEqual(one.sheets, [2]);
    await conductor.until(shell);
    assert.deepEqual(lines('again.ledger'), ['1', '2', '3', '2']);
    assert.equal(lines('again.hints').at(-1), 'hint: mind the gap');
    const all = await conductor.call('job.rerun', { job_id: shell, sheet: 2, cascade: true });
    assert.deepEqual(all.sheets, [2, 3]);
    const job = await conductor.until(shell);
    assert.deepEqual(lines('again.ledger'), ['1', '2', '3', '2', '2', '3']);
    assert.equal(lines('again.hints').at(-1), 'hint:', 'a hint is for one attempt');
    assert.deepEqual(
      job.sheets['2']?.attempts.map((attempt) => attempt.attempt),
      [1, 2, 3],
    );
    await conductor.call('job.rerun', { job_id: agent, sheet: 1, hint: 'use the other file' });
    await conductor.until(agent);
    const prompt = await conductor.call('job.prompt', { job_id: agent, sheet: 1 });
    assert.equal(prompt.attempt, 3);
    assert.match(prompt.prompt, /use the other file/);
    await assert.rejects(conductor.call('job.rerun', { job_id: shell, sheet: 9 }), /no sheet 9/);
  });

  it('modifies what is not done yet, and refuses to change what is', async () => {
    const score = (second: string, first = 'one') => `
name: modify
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 0 }
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    {% if sheet_num == 1 %}echo ${first} >> modify.ledger{% else %}${second}{% endif %}
`;
    const run = await conductor.submit('modify', score('exit 1'));
    assert.equal((await conductor.until(run)).status, 'failed');
    const path = conductor.score('modified', score('echo two >> modify.ledger', 'changed'));
    await assert.rejects(
      conductor.call('job.modify', { job_id: run, config_path: path }),
      /finished or running sheets would change: 1/,
    );
    assert.equal((await conductor.call('job.status', { job_id: run })).status, 'failed');
    writeFileSync(path, score('echo two >> modify.ledger'));
    assert.equal((await conductor.call('job.modify', { job_id: run, config_path: path })).status, 'accepted');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    assert.deepEqual(lines('modify.ledger'), ['one', 'two']);
    assert.equal(job.config_path, path);
    assert.equal((await conductor.call('job.modify', { job_id: run, config_path: null })).status, 'rejected');
  });

  it('resumes with another score, and knows the same sheet though its prompt needs outputs of others', async () => {
    const score = (third: string, second = 'x') => `
name: reload
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 0 }
cross_sheet: { auto_capture_stdout: true }
sheet: { size: 1, total_items: 3 }
prompt:
  template: |
    {% if sheet_num == 1 %}echo first
    {% elif sheet_num == 2 %}echo ${second} {{ previous_outputs[1] | trim }} >> reload.ledger
    {% else %}${third}{% endif %}
`;
    const run = await conductor.submit('reload', score('exit 4'));
    await conductor.until(run);
    const refused = await conductor.call('job.resume', {
      job_id: run,
      config_path: conductor.score('reloaded', score('true', 'y')),
    });
    assert.equal(refused.status, 'rejected');
    assert.match(refused.message, /sheets would change: .*2/);
    const same = await conductor.call('job.resume', {
      job_id: run,
      config_path: conductor.score('reloaded', score('exit 0')),
    });
    assert.equal(same.status, 'accepted', same.message);
    assert.equal((await conductor.until(run)).status, 'completed');
    assert.deepEqual(lines('reload.ledger'), ['x first']);
  });

  it('modifies a paused job while a sheet of it runs', async () => {
    const run = await conductor.submit('live', gated('live', 1));
    await appeared('live.in');
    await conductor.call('job.pause', { job_id: run });
    const path = conductor.score(
      'live-changed',
      gated('live', 1).replace('total_items: 3', 'total_items: 4'),
    );
    assert.equal((await conductor.call('job.modify', { job_id: run, config_path: path })).status, 'accepted');
    await conductor.until(run, running);
    open('live.gate');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    assert.equal(job.total_sheets, 4);
    assert.deepEqual(lines('live.ledger'), ['1', '2', '3', '4']);
  });
});
