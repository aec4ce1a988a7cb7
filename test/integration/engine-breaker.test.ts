import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';

/** Sheets whose program fails as long as there is a file `broken`. */
function score(name: string, breaker: string, more: string): string {
  return `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 5, base_delay_seconds: 0.01, jitter: false }
circuit_breaker: ${breaker}
${more}
prompt: { template: 'if [ -e broken ]; then exit 1; fi; sleep 0.1; echo played' }
`;
}
const one = 'sheet: { size: 1, total_items: 1 }';

describe('an instrument that fails again and again', () => {
  const conductor = new TestConductor();
  const broken = join(conductor.workspace, 'broken');
  before(async () => {
    const folder = join(conductor.home, 'instruments');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(
      join(folder, 'steady.yaml'),
      'name: steady\ndisplay_name: Steady\nkind: cli\ncli: { command: { executable: /bin/cat } }\n',
    );
    await conductor.start();
  });
  beforeEach(() => writeFileSync(broken, ''));
  after(() => conductor.dispose());

  /** Starts and ends of a run's attempts, in the order of the journal. */
  const story = (run: string) =>
    conductor
      .records()
      .filter((record) => record.run === run && /^attempt\./.test(record.type))
      .map(({ type, t, body }) => ({
        what: type === 'attempt.started' ? 'start' : String(body['outcome']),
        sheet: Number(body['sheet']),
        instrument: String(body['instrument']),
        t,
      }));

  const held = async (run: string) => {
    for (;;) {
      const { sheets } = await conductor.call('job.status', { job_id: run });
      const reason = sheets['1']?.status_reason;
      if (reason?.code === 'circuit_open') return reason;
      await new Promise((later) => setTimeout(later, 10));
    }
  };

  it('is left alone for a while, and then tried again', async () => {
    const breaker = '{ failure_threshold: 2, recovery_timeout_seconds: 1 }';
    const run = await conductor.submit('alone', score('alone', breaker, one));
    while (story(run).length < 4) await new Promise((later) => setTimeout(later, 10));
    rmSync(broken);
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    const told = story(run);
    const last = told.findLastIndex(({ what }) => what === 'failed');
    assert.ok(last >= 3, JSON.stringify(told));
    assert.ok((told[last + 1]?.t ?? 0) - (told[last]?.t ?? 0) >= 1000, JSON.stringify(told));
    assert.ok((told[4]?.t ?? 0) - (told[3]?.t ?? 0) >= 1000, JSON.stringify(told));
  });

  it('is left alone over a restart, until a person has the failed sheets tried again', async () => {
    const breaker = '{ failure_threshold: 2, recovery_timeout_seconds: 600 }';
    const run = await conductor.submit('kept', score('kept', breaker, one));
    const { message, until } = await held(run);
    assert.match(message, /^cli failed 2 times in a row \(circuit_breaker\)/);
    assert.ok(until);
    await conductor.kill();
    await conductor.start();
    assert.equal((await held(run)).until, until);
    rmSync(broken);
    await conductor.call('job.cancel', { job_id: run });
    await conductor.call('job.resume', { job_id: run });
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    assert.equal(job.sheets['1']?.attempt_count, 3);
  });

  it('is tried by one sheet, and by the others once that went well', async () => {
    const breaker = '{ failure_threshold: 1, recovery_timeout_seconds: 0.5 }';
    const wide =
      'sheet: { size: 1, total_items: 1, fan_out: { 1: 3 } }\nparallel: { enabled: true, max_concurrent: 3 }';
    const run = await conductor.submit('wide', score('wide', breaker, wide));
    // Nobody is under way who could still find the file gone.
    const count = (wanted: string) => story(run).filter(({ what }) => what === wanted).length;
    while (count('failed') === 0 || count('failed') < count('start'))
      await new Promise((later) => setTimeout(later, 10));
    rmSync(broken);
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    const told = story(run);
    const after = told.slice(told.findLastIndex(({ what }) => what === 'failed') + 1);
    assert.deepEqual(
      after.slice(0, 4).map(({ what }) => what),
      ['start', 'success', 'start', 'start'],
      JSON.stringify(told),
    );
  });

  it('gives way to the fallbacks, with fresh budgets, of sheets that have not begun too', async () => {
    const breaker = '{ failure_threshold: 2, recovery_timeout_seconds: 60 }';
    const more = 'sheet: { size: 1, total_items: 2 }\ninstrument_fallbacks: [steady]';
    const run = await conductor.submit('falls', score('falls', breaker, more));
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    assert.deepEqual(
      story(run)
        .filter(({ what }) => what === 'start')
        .map(({ sheet, instrument }) => `${sheet} ${instrument}`),
      ['1 cli', '1 cli', '1 steady', '2 steady'],
    );
    assert.equal(job.sheets['1']?.normal_attempts, 0);
  });

  it('is not judged where the score does not write the block, or switches it off', async () => {
    for (const [name, text] of [
      ['switched', score('switched', '{ enabled: false, failure_threshold: 1 }', one)],
      ['silent', score('silent', '{}', one).replace(/circuit_breaker.*\n/, '')],
    ] as const) {
      const run = await conductor.submit(name, text);
      const job = await conductor.until(run);
      assert.deepEqual([job.status, job.sheets['1']?.attempt_count], ['failed', 6]);
    }
  });
});
