import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { writeAgent } from '../support/scripted-agent';

/** A score of one sheet on the shell, in a few lines. */
function shell(body: string, script: string): string {
  return `
name: shell
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
${body}
prompt:
  template: |
${script
  .split('\n')
  .map((line) => `    ${line}`)
  .join('\n')}
`;
}

const quick = 'base_delay_seconds: 0.05, jitter: false';

describe('retries, completion mode and validations', () => {
  const conductor = new TestConductor();
  before(async () => {
    writeAgent(conductor, 'agent');
    await conductor.start();
  });
  after(() => conductor.dispose());

  const play = async (name: string, score: string) => {
    const run = await conductor.submit(name, score);
    return conductor.until(run);
  };
  const attemptsOf = async (run: string, sheet = 1) =>
    (await conductor.call('job.attempts', { job_id: run, sheet })).attempts;
  const ledger = (name: string) =>
    existsSync(join(conductor.workspace, name))
      ? readFileSync(join(conductor.workspace, name), 'utf8').trim().split('\n')
      : [];

  it('says of a job that nothing of it runs until the next retry', async () => {
    const score = shell('retry: { max_retries: 1, base_delay_seconds: 600, jitter: false }', 'exit 3');
    const run = await conductor.submit('patient', score);
    let job = await conductor.call('job.status', { job_id: run });
    while (job.sheets['1']?.status !== 'retry_scheduled')
      job = await conductor.call('job.status', { job_id: run });
    assert.equal(job.status_reason?.code, 'retrying');
    assert.equal(job.status_reason.message, 'sheet 1 is retried');
    assert.equal(job.status_reason.until, job.sheets['1'].fire_at);
    await conductor.call('job.cancel', { job_id: run });
    const over = await conductor.until(run);
    assert.notEqual(over.status_reason?.code, 'retrying');
  });

  it('retries max_retries times after the first attempt, waiting longer each time', async () => {
    const score = (retries: number) =>
      shell(
        `retry: { max_retries: ${retries}, base_delay_seconds: 0.1, exponential_base: 2, max_delay_seconds: 0.3, jitter: false }`,
        'exit 3',
      );
    const [none, one, three] = await Promise.all([
      play('none', score(0)),
      play('one', score(1)),
      play('three', score(3)),
    ]);
    assert.deepEqual(
      [none, one, three].map((job) => [job.status, job.sheets['1']?.attempt_count]),
      [
        ['failed', 1],
        ['failed', 2],
        ['failed', 4],
      ],
    );
    assert.equal(three.sheets['1']?.exit_code, 3);
    assert.equal(three.sheets['1'].max_retries, 3);
    assert.match(three.error_message ?? '', /sheet 1 failed/);
    const attempts = await attemptsOf('three');
    const gaps = attempts
      .slice(1)
      .map((attempt, i) => Date.parse(attempt.started_at) - Date.parse(attempts[i]?.completed_at ?? ''));
    [100, 200, 300].forEach((least, i) => {
      const gap = gaps[i] ?? 0;
      assert.ok(gap >= least - 5 && gap < least + 1500, `gap ${i} was ${gap} ms`);
    });
    assert.deepEqual(
      attempts.map((attempt) => attempt.decision),
      ['retry_scheduled', 'retry_scheduled', 'retry_scheduled', 'failed'],
    );
  });

  it('heals on a retry, and says so', async () => {
    const job = await play(
      'heals',
      shell(`retry: { max_retries: 2, ${quick} }`, 'if [ -e healed ]; then exit 0; fi\ntouch healed; exit 1'),
    );
    assert.equal(job.status, 'completed');
    assert.equal(job.sheets['1']?.attempt_count, 2);
    assert.equal(job.sheets['1'].success_without_retry, false);
    assert.equal(job.sheets['1'].error_message, null);
  });

  it('completes what is half done: says what failed, keeps what passed, spends its own budget', async () => {
    const score = `
name: half
instrument: agent
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 3, ${quick}, max_completion_attempts: 2, completion_delay_seconds: 0, completion_threshold_percent: 50 }
prompt:
  template: |
    RUN: touch half-a half-b; echo x >> half-count
validations:
  - { type: file_exists, path: "{workspace}/half-a", description: the first part, retry_count: 0 }
  - { type: file_exists, path: "{workspace}/half-b", description: the second part, retry_count: 0 }
  - { type: file_exists, path: "{workspace}/half-never", description: the third part, retry_count: 0 }
`;
    const job = await play('half', score);
    assert.equal(job.status, 'failed');
    const sheet = job.sheets['1'];
    assert.ok(sheet);
    // One normal attempt, two completions; no second round through max_retries.
    assert.equal(ledger('half-count').length, 3);
    assert.equal(sheet.completion_attempts, 2);
    assert.equal(sheet.normal_attempts, 0);
    assert.deepEqual(
      (await attemptsOf('half')).map((attempt) => attempt.mode),
      ['normal', 'completion', 'completion'],
    );
    assert.ok(Math.abs((sheet.last_pass_percentage ?? 0) - 66.67) < 0.1);
    assert.deepEqual(sheet.passed_validations.length, 2);
    const first = await conductor.call('job.prompt', { job_id: 'half', sheet: 1, attempt: 1 });
    const second = await conductor.call('job.prompt', { job_id: 'half', sheet: 1, attempt: 2 });
    const added = second.prompt.slice(second.prompt.lastIndexOf('Success Requirements'));
    assert.match(added, /half-never|the third part/);
    assert.ok(second.prompt.length > first.prompt.length);
    assert.match(second.prompt, /RUN: touch half-a half-b/, 'the task is still there');
    assert.match(second.prompt, /1 of 2/);
  });

  it('retries normally when too little holds', async () => {
    const job = await play(
      'little',
      shell(
        `retry: { max_retries: 1, ${quick}, completion_threshold_percent: 60, completion_delay_seconds: 0 }
validations:
  - { type: file_exists, path: "{workspace}/little-a", retry_count: 0 }
  - { type: file_exists, path: "{workspace}/little-b", retry_count: 0 }`,
        'touch little-a',
      ),
    );
    assert.equal(job.sheets['1']?.attempt_count, 2);
    assert.equal(job.sheets['1'].completion_attempts, 0);
    assert.equal(job.sheets['1'].error_code, 'E209');
  });

  it('keeps completing after an interruption, with the list of what failed', async () => {
    const score = `
name: cut
instrument: agent
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0, ${quick}, max_completion_attempts: 2, completion_delay_seconds: 0 }
prompt:
  template: |
    RUN: echo x >> cut-count; n=$(wc -l < cut-count); touch cut-a cut-b
    RUN: if [ $n = 2 ]; then kill -9 $PPID $$; fi; if [ $n = 3 ]; then touch cut-c; fi
validations:
  - { type: file_exists, path: "{workspace}/cut-a", retry_count: 0 }
  - { type: file_exists, path: "{workspace}/cut-b", retry_count: 0 }
  - { type: file_exists, path: "{workspace}/cut-c", description: the last part, retry_count: 0 }
`;
    const job = await play('cut', score);
    assert.equal(job.status, 'completed', JSON.stringify(job.sheets['1']?.attempts));
    const attempts = await attemptsOf('cut');
    assert.deepEqual(
      attempts.map((attempt) => [attempt.mode, attempt.outcome]),
      [
        ['normal', 'partial'],
        ['completion', 'interrupted'],
        ['completion', 'completed'],
      ],
    );
    const third = await conductor.call('job.prompt', { job_id: 'cut', sheet: 1, attempt: 3 });
    assert.match(third.prompt.slice(third.prompt.lastIndexOf('Success Requirements')), /cut-c|the last part/);
  });

  it('stops at the first stage that fails, and does not run commands again', async () => {
    const job = await play(
      'stages',
      shell(
        `retry: { max_retries: 0, max_completion_attempts: 0 }
validations:
  - { type: command_succeeds, command: "echo three >> stages-ledger", stage: 3 }
  - { type: command_succeeds, command: "echo one >> stages-ledger", stage: 1 }
  - { type: command_succeeds, command: "echo two >> stages-ledger; exit 1", stage: 2, description: the second stage }`,
        'true',
      ),
    );
    assert.deepEqual(ledger('stages-ledger'), ['one', 'two']);
    assert.equal(job.status, 'failed');
    const sheet = job.sheets['1'];
    assert.ok(sheet);
    assert.match(sheet.error_message ?? '', /echo two/);
    assert.equal(sheet.validation_details?.length, 3);
    assert.ok(Math.abs((sheet.last_pass_percentage ?? 0) - 33.33) < 0.1);
  });

  it('applies conditions, inline flags, and values quoted for the shell', async () => {
    writeFileSync(join(conductor.workspace, 'rules.txt'), 'first line\nALL TESTS PASSED\n');
    const job = await play(
      'rules',
      `
name: rules
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 2 }
retry: { max_retries: 0, max_completion_attempts: 0 }
prompt:
  variables:
    title: "it's; touch rules-injected $(touch rules-injected)"
  template: |
    true
validations:
  - { type: content_regex, path: "{workspace}/rules.txt", pattern: "(?i)^all tests (passed|held)$" }
  - { type: command_succeeds, command: 'test {title} = "$(cat rules-title)"', condition: "sheet_num == 2" }
  - { type: file_exists, path: "{workspace}/rules-missing", condition: "sheet_num == 3", retry_count: 0 }
`.replace('true\n', `printf '%s' "it's; touch rules-injected \\$(touch rules-injected)" > rules-title\n`),
    );
    assert.equal(job.status, 'completed', JSON.stringify(job.sheets['2']?.validation_details));
    assert.equal(job.sheets['1']?.validation_details?.length, 1);
    assert.equal(job.sheets['2']?.validation_details?.length, 2);
    assert.ok(!existsSync(join(conductor.workspace, 'rules-injected')));
  });

  it('asks whether a file was modified by this attempt', async () => {
    writeFileSync(join(conductor.workspace, 'old.txt'), 'was there before\n');
    const [stale, fresh] = await Promise.all([
      play(
        'stale',
        shell(
          `retry: { max_retries: 0 }
validations: [{ type: file_modified, path: "{workspace}/old.txt", retry_count: 0 }]`,
          'cat old.txt',
        ),
      ),
      play(
        'fresh',
        shell(
          `retry: { max_retries: 0 }
validations: [{ type: file_modified, path: "{workspace}/new.txt", retry_count: 0 }]`,
          'echo now > new.txt',
        ),
      ),
    ]);
    assert.equal(stale.status, 'failed');
    assert.equal(stale.sheets['1']?.validation_details?.[0]?.failure_category, 'stale');
    assert.equal(fresh.status, 'completed');
  });
});
