import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { noted, readLedger } from '../support/ledger';
import { writeAgent } from '../support/scripted-agent';

const policy = 'retry: { max_retries: 0, max_completion_attempts: 0 }\npause_between_sheets_seconds: 0';
const limitPattern = 'rate_limit_patterns: ["usage limit reached"]';

describe('instruments: limits, fallbacks, captured outputs, costs', () => {
  const conductor = new TestConductor();
  before(async () => {
    for (const name of ['limited', 'limited-b', 'limited-c', 'limited-d'])
      writeAgent(conductor, name, { errors: limitPattern });
    writeAgent(conductor, 'plain');
    writeAgent(conductor, 'refusing', { errors: 'auth_error_patterns: ["not logged in"]' });
    writeAgent(conductor, 'absent', { executable: 'no-such-program-anywhere' });
    writeAgent(conductor, 'modelled', { command: 'model_flag: "--model"', profile: 'default_model: base' });
    const json = 'format: json\nresult_path: text\ninput_tokens_path: in\noutput_tokens_path: out';
    writeAgent(conductor, 'priced', {
      output: json,
      profile:
        'default_model: dear\nmodels: [{ name: dear, cost_per_1k_input: 1, cost_per_1k_output: 2 }, { name: unknown-price }]',
    });
    await conductor.start();
  });
  after(() => conductor.dispose());

  const play = async (name: string, score: string, params: Parameters<TestConductor['submit']>[2] = {}) => {
    const run = await conductor.submit(name, score, params);
    return conductor.until(run);
  };
  const inWorkspace = (name: string) => join(conductor.workspace, name);

  it('waits out a stated limit with all that use the instrument, then sends one probe', async () => {
    const score = (name: string, width: number) => `
name: ${name}
instrument: limited
${policy}
parallel: { enabled: true, max_concurrent: 4 }
sheet: { size: 1, total_items: 1, fan_out: { 1: ${width} } }
prompt:
  template: |
    RUN: if mkdir limit.first 2>/dev/null; then echo "usage limit reached, try again in 2 seconds" >&2; exit 1; fi
    RUN: ${noted('limit.ledger', 'sleep 0.1')}
`;
    const first = await conductor.submit('limit', score('limit', 1));
    let waiting = await conductor.call('job.status', { job_id: first });
    while (waiting.sheets['1']?.status !== 'waiting')
      waiting = await conductor.call('job.status', { job_id: first });
    const until = Date.parse(waiting.sheets['1'].rate_limit_expires_at ?? '');
    assert.ok(until - Date.now() > 1000 && until - Date.now() <= 2000);
    assert.equal(waiting.sheets['1'].status_reason?.code, 'rate_limit');
    assert.ok(waiting.resume_at);
    const limits = await conductor.call('daemon.rate_limits', {});
    assert.equal(limits.active_limits, 1);
    assert.ok((limits.backends['limited']?.seconds_remaining ?? 0) > 0);
    // A job that comes meanwhile is held behind the limit, and says why.
    const second = await conductor.submit('behind', score('behind', 4));
    const held = await conductor.until(second, new Set(['running']));
    assert.equal(held.sheets['1']?.status, 'pending');
    assert.equal(held.sheets['1'].status_reason?.code, 'rate_limit');
    const [a, b] = await Promise.all([conductor.until(first), conductor.until(second)]);
    assert.deepEqual([a.status, b.status], ['completed', 'completed']);
    assert.equal(a.sheets['1']?.normal_attempts, 0, 'a limit costs no retry');
    assert.equal(a.sheets['1'].attempt_count, 2);
    assert.equal(a.rate_limit_waits, 1);
    const played = readLedger(inWorkspace('limit.ledger'));
    assert.equal(played.length, 5);
    assert.ok((played[0]?.begin ?? 0) >= until, 'nobody starts before the limit ends');
    assert.ok((played[1]?.begin ?? 0) >= (played[0]?.end ?? Infinity), 'the probe goes alone');
    const types = conductor.records().map(({ type }) => type);
    assert.ok(types.includes('limit.set') && types.includes('limit.cleared'));
  });

  it('keeps a limit over a restart, and lets it be cleared', async () => {
    const run = await conductor.submit(
      'cleared',
      `
name: cleared
instrument: limited-b
${policy}
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
    RUN: if mkdir cleared.first 2>/dev/null; then echo "usage limit reached, try again in 2 hours" >&2; exit 1; fi
`,
    );
    let job = await conductor.call('job.status', { job_id: run });
    while (job.sheets['1']?.status !== 'waiting') job = await conductor.call('job.status', { job_id: run });
    const until = job.sheets['1'].rate_limit_expires_at;
    await conductor.kill();
    await conductor.start();
    job = await conductor.call('job.status', { job_id: run });
    assert.equal(job.sheets['1']?.status, 'waiting');
    assert.equal(job.sheets['1'].rate_limit_expires_at, until);
    const limits = await conductor.call('daemon.rate_limits', {});
    assert.ok((limits.backends['limited-b']?.seconds_remaining ?? 0) > 7000);
    const cleared = await conductor.call('daemon.clear_rate_limits', { instrument: 'limited-b' });
    assert.deepEqual(cleared, { cleared: 1, instrument: 'limited-b' });
    assert.equal((await conductor.until(run)).status, 'completed');
    assert.equal((await conductor.call('daemon.rate_limits', {})).active_limits, 0);
  });

  it('pauses instead when the submit says so, and waits after the resume', async () => {
    const run = await conductor.submit(
      'asks',
      `
name: asks
instrument: limited-c
${policy}
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
    RUN: if mkdir asks.first 2>/dev/null; then echo "usage limit reached, try again in 1 second" >&2; exit 1; fi
`,
      { auto_continue: false },
    );
    const paused = await conductor.until(run, new Set(['paused']));
    assert.equal(paused.status_reason?.code, 'rate_limit');
    assert.equal((await conductor.call('job.resume', { job_id: run })).status, 'accepted');
    const job = await conductor.until(run, new Set(['completed', 'failed', 'paused']));
    assert.equal(job.status, 'completed');
    assert.equal(job.sheets['1']?.attempt_count, 2);
  });

  it('gives up after max_waits, and takes the fallback', async () => {
    const job = await play(
      'waits',
      `
name: waits
instrument: limited-d
instrument_fallbacks: [plain]
rate_limit: { max_waits: 1 }
${policy}
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
    RUN: echo x >> waits.count; test $(wc -l < waits.count) -ge 3 || { echo "usage limit reached, try again in 50 ms" >&2; exit 1; }
`,
    );
    assert.equal(job.status, 'completed', job.error_message ?? '');
    assert.deepEqual(
      job.sheets['1']?.attempts.map((attempt) => [attempt.instrument, attempt.outcome]),
      [
        ['limited-d', 'rate_limited'],
        ['limited-d', 'rate_limited'],
        ['plain', 'completed'],
      ],
    );
  });

  it('takes fallbacks in order, aliases too, each with its own model, and records who did what', async () => {
    const job = await play(
      'falls',
      `
name: falls
instrument: refusing
instrument_fallbacks: [absent, second]
instruments:
  second: { profile: modelled, config: { model: special } }
instrument_config: { model: first-model }
retry: { max_retries: 3, base_delay_seconds: 0.05 }
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
    RUN: if [ $# = 0 ]; then echo "not logged in" >&2; exit 1; fi; echo "$@" > falls.args
`,
    );
    assert.equal(job.status, 'completed', JSON.stringify(job.sheets['1']?.attempts));
    const attempts = job.sheets['1']?.attempts ?? [];
    assert.deepEqual(
      attempts.map((attempt) => [attempt.instrument, attempt.error_code]),
      [
        ['refusing', 'E502'],
        ['absent', 'E505'],
        ['modelled', null],
      ],
    );
    assert.equal(readFileSync(inWorkspace('falls.args'), 'utf8').trim(), '--model special');
    assert.equal(attempts[2]?.model, 'special');
    assert.deepEqual(
      job.sheets['1']?.instrument_fallback_history.map(({ from, to }) => [from, to]),
      [
        ['refusing', 'absent'],
        ['absent', 'modelled'],
      ],
    );
    assert.deepEqual(job.sheets['1']?.fallback_chain, ['absent', 'modelled']);
  });

  it('fails at once, with a remedy, when the program is nowhere', async () => {
    const job = await play(
      'nowhere',
      `
name: nowhere
instrument: absent
retry: { max_retries: 3 }
sheet: { size: 1, total_items: 1 }
prompt: { template: "x" }
`,
    );
    assert.equal(job.status, 'failed');
    assert.equal(job.sheets['1']?.attempt_count, 1);
    assert.equal(job.sheets['1'].error_code, 'E505');
    assert.match(job.sheets['1'].error_message ?? '', /no-such-program-anywhere.*(install|executables)/i);
  });

  it('hands earlier outputs and files on, cut as the score says', async () => {
    const job = await play(
      'cross',
      `
name: cross
instrument: cli
${policy}
cross_sheet: { auto_capture_stdout: true, max_output_chars: 1500, lookback_sheets: 2, capture_files: ["cross-*.md"] }
sheet: { size: 1, total_items: 5, skip_when_command: { 3: { command: "true" } } }
prompt:
  template: |
    {% if sheet_num == 1 %}printf 'a%.0s' $(seq 1 1000); printf 'body of one' > cross-1.md
    {% elif sheet_num == 2 %}printf 'b%.0s' $(seq 1 3000)
    {% elif sheet_num == 4 %}cat > cross.four <<'END'
    {% for n, text in previous_outputs.items() %}{{ n }}:{{ text | length }}:{{ text[-15:] }}|{% endfor %}
    {% for path, text in previous_files.items() %}{{ path }}={{ text }}{% endfor %}
    END
    {% elif sheet_num == 5 %}cat > cross.five <<'END'
    {{ previous_outputs.keys() | list }}
    END
    {% endif %}
`,
    );
    assert.equal(job.status, 'completed', job.error_message ?? '');
    const four = readFileSync(inWorkspace('cross.four'), 'utf8');
    assert.match(
      four,
      /2:1516:[^|]*\.\.\. \[truncated\]\|/,
      'all that max_output_chars allows, then the mark',
    );
    assert.match(four, /3:9:\[SKIPPED\]\|/);
    assert.doesNotMatch(four, /\b1:/, 'sheet 1 is beyond the lookback');
    assert.ok(four.includes(`${inWorkspace('cross-1.md')}=body of one`));
    assert.match(readFileSync(inWorkspace('cross.five'), 'utf8'), /\[3, 4\]/);
  });

  it('keeps of an answer what max_output_capture_bytes allows, and the log whole', async () => {
    const job = await play(
      'capture',
      `
name: capture
backend: { max_output_capture_bytes: 6 }
instrument: cli
${policy}
cross_sheet: { auto_capture_stdout: true }
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    {% if sheet_num == 1 %}printf '0123456789'
    {% else %}printf '%s' '{{ previous_outputs[1] }}' > captured.txt
    {% endif %}
`,
    );
    assert.equal(job.status, 'completed', job.error_message ?? '');
    assert.equal(readFileSync(inWorkspace('captured.txt'), 'utf8'), '012345\n... [truncated]');
    const log = await conductor.call('log.read', { job_id: 'capture', sheet: 1, stream: 'stdout' });
    assert.equal(log.data, '0123456789');
  });

  it('counts cost, pauses a job and fails a sheet that spend too much, and invents no price', async () => {
    const score = (name: string, limits: string, config = '') => `
name: ${name}
instrument: priced
${config}
retry: { max_retries: 2, base_delay_seconds: 0.05 }
pause_between_sheets_seconds: 0
${limits}
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    RUN: printf '{"text": "ok", "in": 1000, "out": 500}'; test ! -e ${name}.fail
`;
    writeFileSync(inWorkspace('sheet-cost.fail'), '');
    const [unpriced, sheet, jobRun] = await Promise.all([
      play('unpriced', score('unpriced', '', 'instrument_config: { model: unknown-price }')),
      play('sheet-cost', score('sheet-cost', 'cost_limits: { max_cost_per_sheet: 1 }')),
      conductor.submit('job-cost', score('job-cost', 'cost_limits: { max_cost_per_job: 1.5 }')),
    ]);
    assert.equal(unpriced.status, 'completed');
    assert.equal(unpriced.sheets['1']?.input_tokens, 1000);
    assert.equal(unpriced.sheets['1'].estimated_cost, null);
    assert.equal(unpriced.sheets['1'].attempts[0]?.cost_usd, null);
    assert.equal(sheet.status, 'failed');
    assert.equal(sheet.sheets['1']?.attempt_count, 1, 'no retry beyond the budget');
    assert.equal(sheet.sheets['1'].status_reason?.code, 'cost_limit');
    const paused = await conductor.until(jobRun, new Set(['paused']));
    assert.equal(paused.status_reason?.code, 'cost_limit');
    assert.equal(paused.cost_limit_reached, true);
    assert.equal(paused.total_estimated_cost, 2);
    assert.equal(paused.total_input_tokens, 1000);
    const resumed = await conductor.call('job.resume', { job_id: jobRun });
    assert.equal(resumed.status, 'rejected');
    assert.match(resumed.message, /max_cost_per_job/);
    const path = conductor.score('job-cost-more', score('job-cost', 'cost_limits: { max_cost_per_job: 5 }'));
    const raised = await conductor.call('job.resume', { job_id: jobRun, config_path: path });
    assert.equal(raised.status, 'accepted', raised.message);
    assert.equal((await conductor.until(jobRun)).status, 'completed');
  });
});

describe('secrets', () => {
  const conductor = new TestConductor();
  const secret = 'correct-horse-battery-staple-7731';
  /** A key that a client put among the plain values. */
  const stray = 'purple-monkey-dishwasher-1188';
  before(async () => {
    writeAgent(conductor, 'keyed', { command: 'required_env: [PLAIN_NAME, MZT_TEST_KEY]' });
    writeAgent(conductor, 'keyless');
    await conductor.start();
  });
  after(() => conductor.dispose());

  it('reach the agent that lists them, and nothing else; a restart makes a sheet wait for its key', async () => {
    const run = await conductor.submit(
      'secret',
      `
name: secret
instrument: keyed
pause_between_sheets_seconds: 0
retry: { max_retries: 0 }
sheet: { size: 1, total_items: 3, per_sheet_instruments: { 3: keyless } }
prompt:
  template: |
    RUN: printf '%s' "$MZT_TEST_KEY" | sha256sum > secret.{{ sheet_num }}; echo "I say $MZT_TEST_KEY and $PLAIN_NAME"
    RUN: echo "error $MZT_TEST_KEY" >&2
    RUN: test {{ sheet_num }} != 1 || { touch secret.in; while [ ! -e secret.gate ]; do sleep 0.02; done; }
validations:
  - { type: command_succeeds, command: "test -z \\"$MZT_TEST_KEY\\"" }
`,
      {
        env: {
          PATH: process.env['PATH'] ?? '',
          HOME: conductor.root,
          PLAIN_NAME: 'plain-value',
          STRAY_API_KEY: stray,
        },
        secrets: { MZT_TEST_KEY: secret },
      },
    );
    const inWorkspace = (name: string) => join(conductor.workspace, name);
    while (!existsSync(inWorkspace('secret.in'))) await conductor.call('daemon.health', {});
    const shown = (await conductor.strays()).flatMap((pid) => {
      const path = `/proc/${pid}/cmdline`;
      try {
        return [readFileSync(path, 'utf8')];
      } catch {
        // A `sleep` of the agent's that has ended meanwhile.
        return [];
      }
    });
    assert.ok(shown.length > 0 && !shown.join('').includes(secret), 'no command line shows it');
    await conductor.kill();
    await conductor.start();
    writeFileSync(inWorkspace('secret.gate'), '');
    let job = await conductor.call('job.status', { job_id: run });
    while (job.sheets['1']?.status !== 'completed' || !job.sheets['2']?.status_reason) {
      assert.ok(job.status === 'running');
      job = await conductor.call('job.status', { job_id: run });
    }
    assert.equal(job.sheets['1'].attempt_count, 1, 'the running agent was adopted with its key');
    assert.equal(job.sheets['2'].status, 'pending');
    assert.equal(job.sheets['2'].status_reason.code, 'waiting_for_key');
    assert.match(job.sheets['2'].status_reason.message, /MZT_TEST_KEY/);
    assert.equal(job.status_reason?.code, 'waiting_for_key', 'who sees only the job is told too');
    assert.deepEqual(await conductor.call('secrets.wanted', {}), {
      names: ['MZT_TEST_KEY', 'STRAY_API_KEY'],
    });
    const offer = await conductor.call('secrets.offer', { values: { MZT_TEST_KEY: secret, OTHER: 'x' } });
    assert.deepEqual(offer.accepted, ['MZT_TEST_KEY']);
    job = await conductor.until(run);
    assert.equal(job.status, 'completed', job.error_message ?? '');
    assert.equal(job.sheets['2']?.attempt_count, 1, 'waiting cost no retry');
    const digests = [1, 2, 3].map((n) => readFileSync(inWorkspace(`secret.${n}`), 'utf8'));
    assert.equal(digests[0], digests[1]);
    assert.notEqual(digests[0], digests[2], 'an agent whose profile does not list it does not get it');
    const log = await conductor.call('log.read', { job_id: run, sheet: 2, stream: 'stdout' });
    assert.match(log.data, /^I say .*REDACTED.* and plain-value\n$/i);
    // Stopping writes the index out.
    await conductor.call('daemon.shutdown', {});
    await new Promise((done) => conductor.child?.once('exit', done));
    const told = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) return told(path);
        const text = entry.isFile() ? readFileSync(path) : '';
        return text.includes(secret) || text.includes(stray) ? [path] : [];
      });
    assert.deepEqual(told(conductor.home), []);
    rmSync(inWorkspace('secret.gate'));
  });
});
