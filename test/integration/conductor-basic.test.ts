import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';

const twoSheets = `
name: two
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    echo "sheet {{ sheet_num }} says hello"
    echo done > "$MARIANNE_WORKSPACE/out-{{ sheet_num }}.txt"
validations:
  - { type: file_exists, path: "{workspace}/out-{sheet_num}.txt", description: the file }
`;

describe('a conductor plays a score', () => {
  const conductor = new TestConductor();
  before(() => conductor.start());
  after(() => conductor.dispose());

  it('from the file to a truthful record', async () => {
    const run = await conductor.submit('two', twoSheets);
    assert.equal(run, 'two');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    const sheet = job.sheets['2'];
    assert.ok(sheet);
    assert.equal(sheet.attempt_count, 1);
    assert.equal(sheet.exit_code, 0);
    assert.equal(sheet.validation_passed, true);
    assert.equal(sheet.validation_details?.[0]?.description, 'the file');
    assert.equal(sheet.instrument_name, 'cli');
    assert.ok(sheet.started_at && sheet.completed_at && sheet.started_at <= sheet.completed_at);
    const log = await conductor.call('log.read', { job_id: run, sheet: 2, stream: 'stdout' });
    assert.equal(log.data, 'sheet 2 says hello\n');
    assert.equal(readFileSync(join(conductor.workspace, 'out-1.txt'), 'utf8'), 'done\n');
  });

  it('gives every submit a run of its own and keeps the older one', async () => {
    const second = await conductor.submit('two', twoSheets);
    assert.equal(second, 'two-2');
    await conductor.until(second);
    const first = await conductor.call('job.attempts', { job_id: 'two-2', sheet: 1 });
    assert.equal(first.attempts.length, 1);
    const latest = await conductor.call('job.status', { job_id: 'two' });
    assert.equal(latest.job_id, 'two-2');
    const list = await conductor.call('job.list', {});
    assert.deepEqual(list.map((row) => row.job_id).sort(), ['two', 'two-2']);
  });
});
