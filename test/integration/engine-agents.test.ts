import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { writeClaudeStandIn } from '../support/claude-stand-in';
import { LineClient } from '../support/line-client';

/** What a progress event shows of the agent's last word. */
function lastLine(params: Readonly<Record<string, unknown>> | undefined): unknown {
  const data = params?.['data'];
  return typeof data === 'object' && data !== null && 'last_line' in data ? data.last_line : null;
}

interface Call {
  readonly argv: string[];
  readonly keys: string[];
  readonly retries: string;
}

describe('agents that act without asking, and who pays for them', () => {
  const conductor = new TestConductor();
  before(async () => {
    writeClaudeStandIn(conductor, 'pretend');
    await conductor.start();
  });
  after(() => conductor.dispose());
  beforeEach(() => rmSync(join(conductor.workspace, 'claude-calls'), { force: true }));

  const score = (name: string, more = '', prompt = 'work') => `
name: ${name}
instrument: pretend
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
${more}
prompt: { template: '${prompt}' }
`;
  const calls = () =>
    readFileSync(join(conductor.workspace, 'claude-calls'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Call);
  const submit = (name: string, text: string, params: object = {}, workspace = conductor.workspace) =>
    conductor.call('job.submit', {
      config_path: conductor.score(name, text),
      workspace,
      client_cwd: conductor.root,
      env: { PATH: process.env['PATH'] ?? '', HOME: conductor.root },
      ...params,
    });

  it('asks once a workspace, and keeps the answer over restarts', async () => {
    const refused = await submit('asked', score('asked'), { consent: 'ask' });
    assert.equal(refused.status, 'rejected');
    assert.deepEqual(refused.consent_needed, {
      workspace: conductor.workspace,
      instruments: ['pretend'],
    });
    assert.match(refused.message, /pretend would act without asking \(skip_permissions\)/);
    const given = await submit('given', score('given'), { consent: 'given' });
    assert.equal(given.status, 'accepted');
    assert.deepEqual(given.agents, [
      { instrument: 'pretend', acts_unasked: true, mcp_off: true, paid_by: 'subscription' },
    ]);
    await conductor.until(given.job_id);
    await conductor.kill();
    await conductor.start();
    assert.equal((await submit('later', score('later'), { consent: 'ask' })).status, 'accepted');
    // Another workspace is another consent.
    const other = join(conductor.root, 'other');
    mkdirSync(other);
    assert.equal((await submit('other', score('other'), { consent: 'ask' }, other)).status, 'rejected');
    // An agent that asks for its tools needs none, and neither does a shell.
    const asking = score('asking', 'instrument_config: { skip_permissions: false }');
    assert.equal((await submit('asking', asking, { consent: 'ask' }, other)).status, 'accepted');
    const shell = score('shell').replace('pretend', 'cli').replace('work', 'true');
    assert.equal((await submit('shell', shell, { consent: 'ask' }, other)).status, 'accepted');
  });

  it('keeps what a subscription covers out of the costs, and says so', async () => {
    const before = (await conductor.call('daemon.status', {})).cost_today_usd ?? 0;
    const covered = await conductor.until((await submit('covered', score('covered'))).job_id);
    assert.equal(covered.total_estimated_cost, 0);
    assert.equal(covered.total_list_price_usd, 0.1);
    assert.equal(covered.sheets['1']?.attempts[0]?.paid_by, 'subscription');
    assert.equal(covered.sheets['1'].attempts[0].cost_usd, 0.1);
    assert.equal(covered.sheets['1'].list_price_usd, 0.1);
    const secrets = { ANTHROPIC_API_KEY: 'sk-ant-a-key-of-a-test' };
    const paid = await conductor.until((await submit('paid', score('paid'), { secrets })).job_id);
    assert.deepEqual([paid.total_estimated_cost, paid.total_list_price_usd], [0.1, 0]);
    assert.equal(paid.sheets['1']?.attempts[0]?.paid_by, 'key');
    const today = (await conductor.call('daemon.status', {})).cost_today_usd ?? 0;
    assert.equal(Math.round((today - before) * 1000) / 1000, 0.1);
  });

  it('gives a stored key to Claude Code only if the user chose it', async () => {
    const secrets = { ANTHROPIC_API_KEY: 'sk-ant-a-key-of-a-test' };
    const stored = { secrets, stored_secrets: ['ANTHROPIC_API_KEY'] };
    const kept = await submit('kept', score('kept'), stored);
    assert.equal(kept.agents?.[0]?.paid_by, 'subscription');
    assert.equal((await conductor.until(kept.job_id)).status, 'completed');
    const chosen = await submit('chosen', score('chosen'), { secrets });
    assert.equal(chosen.agents?.[0]?.paid_by, 'key');
    await conductor.until(chosen.job_id);
    assert.deepEqual(
      calls().map(({ keys }) => keys),
      [[], ['ANTHROPIC_API_KEY']],
    );
    assert.equal(calls()[0]?.retries, '0', 'only the engine retries');
  });

  it('goes on with the session of the attempt before, where the score asks', async () => {
    const retry = 'retry: { max_retries: 1, base_delay_seconds: 0.05, jitter: false }';
    const asks = `${retry}\ninstrument_config: { resume_session: true }`;
    const resumed = await conductor.until((await submit('resumed', score('resumed', asks, 'FAIL'))).job_id);
    assert.equal(resumed.status, 'completed');
    assert.deepEqual(
      calls().map(({ argv }) => argv.includes('--resume') && argv[argv.indexOf('--resume') + 1]),
      [false, 'session-1'],
    );
    rmSync(join(conductor.workspace, 'claude-calls'));
    await conductor.until((await submit('anew', score('anew', retry, 'FAIL'))).job_id);
    assert.ok(calls().every(({ argv }) => !argv.includes('--resume')));
  });

  it('shows its events in words while it works', async () => {
    const { socket } = await conductor.call('daemon.status', {});
    const viewer = await LineClient.connect(socket ?? '');
    await viewer.result('events.subscribe', { since: null, ephemeral: true });
    const run = (await submit('words', score('words', '', 'SLOW'))).job_id;
    const words = await viewer.notified(
      ({ params }) =>
        params?.['type'] === 'attempt.progress' && params['job_id'] === run && lastLine(params) !== null,
    );
    assert.equal(lastLine(words.params), 'Write: a.md');
    viewer.close();
    await conductor.until(run);
  });

  it('warns once when most of a limit is spent, by the prices that the author wrote', async () => {
    const secrets = { ANTHROPIC_API_KEY: 'sk-ant-a-key-of-a-test' };
    const many = `cost_limits: { max_cost_per_job: 0.35, warn_at_percent: 50 }`;
    const text = score('warned', many).replace('total_items: 1', 'total_items: 3');
    const job = await conductor.until((await submit('warned', text, { secrets })).job_id);
    assert.equal(job.status, 'completed');
    // Not 0.30000000000000004.
    assert.equal(job.total_estimated_cost, 0.3);
    assert.equal(job.cost_warning, 'spent $0.30 of $0.35 (cost_limits.max_cost_per_job)');
    // A finished run's records are in its archive and, for a while, in the journal too.
    const warnings = conductor
      .records()
      .filter(
        ({ type, run, seq }, i, all) =>
          type === 'job.cost_warning' &&
          run === 'warned' &&
          all.findIndex((other) => other.seq === seq) === i,
      );
    assert.deepEqual(
      warnings.map(({ body }) => body),
      [{ sheet: null, spent_usd: 0.2, limit_usd: 0.35 }],
    );
  });
});
