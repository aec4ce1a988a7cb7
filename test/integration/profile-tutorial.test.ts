import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';

const page = readFileSync('docs/writing-a-profile.md', 'utf8');

/** The block of the page with this language and name. */
function block(head: string): string {
  const found = new RegExp(`\`\`\`${head}\n([\\s\\S]*?)\n\`\`\``).exec(page)?.[1];
  assert.ok(found, `docs/writing-a-profile.md has no block "${head}"`);
  return `${found}\n`;
}

/** What docs/writing-a-profile.md promises, with the very texts that stand there. */
describe('the tutorial for writing a profile', () => {
  const conductor = new TestConductor();
  const secrets = { SCRIBE_API_KEY: 'open-sesame' };
  before(async () => {
    const bin = join(conductor.root, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'scribe'), block('js scribe'));
    chmodSync(join(bin, 'scribe'), 0o755);
    mkdirSync(join(conductor.home, 'instruments'), { recursive: true, mode: 0o700 });
    writeFileSync(join(conductor.home, 'instruments/scribe.yaml'), block('yaml profile'));
    writeFileSync(
      join(conductor.home, 'conductor.yaml'),
      `executables: { scribe: ${join(bin, 'scribe')} }\n`,
    );
    await conductor.start();
  });
  after(() => conductor.dispose());

  it('makes an instrument that works, is checked, and costs what its profile says', async () => {
    const { instruments } = await conductor.call('instruments.list', {});
    assert.equal(instruments.find(({ name }) => name === 'scribe')?.status, 'ready');
    const { PATH = '' } = process.env;
    const check = await conductor.call('instruments.check', {
      name: 'scribe',
      quota: true,
      env: { PATH },
      secrets,
    });
    assert.equal(check.ok, true, JSON.stringify(check));
    assert.match(check.version ?? '', /scribe 1\.0/);

    const run = await conductor.submit('scribe-works', block('yaml score'), { secrets });
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(readFileSync(join(conductor.workspace, 'hello.txt'), 'utf8'), 'hello from a sheet\n');
    const sheet = end.sheets['1'];
    assert.equal(sheet?.stdout_tail, 'wrote 1 files in earth');
    const { input_tokens: read = 0, output_tokens: written = 0 } = sheet;
    assert.equal(written, 1);
    assert.ok(Math.abs(end.total_estimated_cost - ((read ?? 0) * 0.003 + 0.015) / 1000) < 1e-12);
  });

  it('fails as the page says', async () => {
    const score = block('yaml score');
    const wrong = await conductor.submit('wrong', score.replace('scribe-works', 'wrong'), {
      secrets: { SCRIBE_API_KEY: 'shut' },
    });
    assert.equal((await conductor.until(wrong)).sheets['1']?.error_code, 'E502');
    const hurried = score.replace('scribe-works', 'hurried').replace('write hello', 'hurry\n    write hello');
    const run = await conductor.submit('hurried', hurried, { secrets });
    const over = new Set(['completed', 'failed', 'cancelled']);
    let now = await conductor.call('job.status', { job_id: run });
    while (now.sheets['1']?.status !== 'waiting' && !over.has(now.status))
      now = await conductor.call('job.status', { job_id: run });
    const until = Date.parse(now.sheets['1']?.rate_limit_expires_at ?? '') - Date.now();
    assert.ok(until > 60_000 && until < 120_000, String(until));
    const { instruments } = await conductor.call('instruments.list', {});
    assert.ok(instruments.find(({ name }) => name === 'scribe')?.limited_until);
    await conductor.call('job.cancel', { job_id: run });
    await conductor.call('daemon.clear_rate_limits', { instrument: 'scribe' });
  });

  it('leaves a model without a price unpriced', async () => {
    const score = block('yaml score').replace('scribe-works', 'small');
    const run = await conductor.submit('small', `${score}instrument_config: { model: scribe-small }\n`, {
      secrets,
    });
    const end = await conductor.until(run);
    assert.deepEqual([end.status, end.unpriced, end.sheets['1']?.estimated_cost], ['completed', true, null]);
  });
});
