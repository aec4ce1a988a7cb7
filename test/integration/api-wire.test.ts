import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LineClient } from '../support/line-client';
import { TestConductor } from '../support/conductor';
import { writeAgent } from '../support/scripted-agent';

/** Keys as the Python clients read them, from the documented protocol. */
const checkpointKeys =
  'job_id job_name config_hash config_snapshot config_path created_at updated_at started_at completed_at total_sheets last_completed_sheet current_sheet status sheets instruments_used total_movements pid error_message total_retry_count rate_limit_waits quota_waits resume_at total_input_tokens total_output_tokens total_estimated_cost cost_limit_reached worktree_path worktree_branch worktree_locked worktree_base_commit isolation_mode isolation_fallback_used parallel_enabled parallel_max_concurrent parallel_batches_executed sheets_in_progress synthesis_results hook_results spec_corpus_hash circuit_breaker_history';
const sheetKeys =
  'sheet_num status started_at completed_at attempt_count exit_code error_message error_category error_code validation_passed validation_details instrument_name instrument_model movement voice exit_signal exit_reason execution_duration_seconds completion_attempts passed_validations failed_validations last_pass_percentage execution_mode outcome_data confidence_score learned_patterns similar_outcomes_count success_without_retry outcome_category stdout_tail stderr_tail output_truncated prompt_metrics preflight_warnings progress_snapshots last_activity_at error_history instrument_fallback_history fire_at rate_limit_expires_at healing_attempts normal_attempts max_retries max_completion total_cost_usd total_duration_seconds model fallback_chain current_instrument_index fallback_attempts sheet_timeout_seconds display_status applied_patterns grounding_passed grounding_confidence grounding_guidance input_tokens output_tokens estimated_cost cost_confidence agent_feedback';
const rowKeys =
  'job_id status config_path workspace submitted_at started_at progress_completed progress_total current_sheet total_sheets completed_at pid';

function hasKeys(value: unknown, keys: string): void {
  assert.ok(typeof value === 'object' && value !== null);
  const missing = keys.split(' ').filter((key) => !Object.hasOwn(value, key));
  assert.deepEqual(missing, []);
}

const simple = (name: string, script: string, more = '') => `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 1 }
${more}
prompt:
  template: |
    ${script}
`;

describe('the wire of the Python system', () => {
  const conductor = new TestConductor();
  const compat = join(conductor.root, 'tmp-marianne.sock');
  let client: LineClient;
  before(async () => {
    mkdirSync(conductor.home, { recursive: true });
    writeFileSync(
      join(conductor.home, 'conductor.yaml'),
      [
        'socket:',
        '  path: /tmp/marianne.sock',
        '  permissions: 0640',
        `  compat_path: ${compat}`,
        'pid_file: /tmp/marianne.pid',
        'max_job_history: 10',
        'no_such_setting: 1',
        '',
      ].join('\n'),
    );
    // What the Python system keeps in the same folder stays as it is.
    writeFileSync(join(conductor.home, 'daemon-state.db'), 'not ours');
    writeAgent(conductor, 'limited', { errors: 'rate_limit_patterns: ["usage limit reached"]' });
    await conductor.start();
    client = await LineClient.connect(compat);
  });
  after(async () => {
    client.close();
    await conductor.dispose();
  });

  it('obeys the configuration of the Python home, and says what it does not', async () => {
    assert.equal(statSync(compat).mode & 0o777, 0o600);
    assert.equal(statSync(join(conductor.home, 'run/s')).mode & 0o777, 0o640);
    assert.equal(readFileSync(join(conductor.home, 'daemon-state.db'), 'utf8'), 'not ours');
    const log = await conductor.call('daemon.log', {});
    const warned = log.data
      .split('\n')
      .filter((line) => line.includes('"configuration"'))
      .map((line) => JSON.parse(line) as { key: string; line: number })
      .map(({ key, line }) => [key, line]);
    assert.deepEqual(warned, [
      ['socket.path', 2],
      ['pid_file', 5],
      ['no_such_setting', 7],
    ]);
  });

  it('answers every job method with the keys and times that its clients read', async () => {
    const config = conductor.score('wire', simple('A Display Name', 'echo out; echo err >&2; exit 3'));
    const submitted = await client.result('job.submit', {
      config_path: config,
      workspace: conductor.workspace,
      fresh: false,
      self_healing: false,
      self_healing_auto_confirm: false,
      dry_run: false,
      chain_depth: null,
      client_cwd: conductor.root,
      start_sheet: null,
    });
    assert.deepEqual([submitted['job_id'], submitted['status']], ['wire', 'accepted']);
    assert.equal(typeof submitted['message'], 'string');
    await conductor.until('wire');
    const status = await client.result('job.status', { job_id: 'wire', workspace: null });
    hasKeys(status, checkpointKeys);
    assert.equal(status['job_name'], 'A Display Name');
    for (const key of ['created_at', 'updated_at', 'started_at', 'completed_at'])
      assert.match(String(status[key]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|\+00:00)$/);
    const sheet = (status['sheets'] as Record<string, Record<string, unknown>>)['1'];
    assert.ok(sheet);
    hasKeys(sheet, sheetKeys);
    assert.deepEqual([sheet['exit_code'], sheet['stdout_tail'], sheet['stderr_tail']], [3, 'out\n', 'err\n']);
    assert.equal((sheet['error_history'] as unknown[]).length, 1);
    const rows = (await client.request('job.list')).result as Record<string, unknown>[];
    const row = rows.find((candidate) => candidate['job_id'] === 'wire');
    hasKeys(row, rowKeys);
    assert.ok(Math.abs(Number(row?.['submitted_at']) - Date.now() / 1000) < 60);
    assert.deepEqual(Object.keys(await client.result('job.errors', { job_id: 'wire' })), ['state']);
    const diagnosed = await client.result('job.diagnose', { job_id: 'wire', workspace: null });
    assert.equal(diagnosed['workspace'], conductor.workspace);
    const history = await client.result('job.history', { job_id: 'wire', sheet_num: null, limit: 50 });
    assert.equal(history['has_history'], true);
    hasKeys(
      (history['records'] as unknown[])[0],
      'id job_id sheet_num attempt_num prompt output exit_code duration_seconds executed_at',
    );
    const recovered = await client.result('job.recover', { job_id: 'wire', dry_run: true });
    hasKeys(recovered, 'state workspace dry_run sheet_num');
    assert.deepEqual(await client.result('job.cancel', { job_id: 'wire' }), { cancelled: false });
    assert.deepEqual(await client.result('job.cancel', { job_id: 'nobody' }), { cancelled: false });
    const paused = await client.result('job.pause', { job_id: 'wire' });
    assert.equal(paused['paused'], false);
    assert.equal(typeof paused['error'], 'string');
    hasKeys(await client.result('job.resume', { job_id: 'wire', no_reload: false }), 'job_id status message');
    await conductor.until('wire');
    const modified = await client.result('job.modify', { job_id: 'wire' });
    assert.deepEqual([modified['status'], modified['message']], ['rejected', 'config_path required']);
    const unknown = await client.request('job.status', { job_id: 'nobody' });
    assert.equal(unknown.error?.code, -32000);
    assert.equal((await client.request('job.nothing', {})).error?.code, -32601);
    assert.equal((await client.request('job.status', { job_id: 7 })).error?.code, -32602);
    assert.deepEqual(
      await client.result('job.clear', { statuses: null, older_than_seconds: null, job_ids: ['wire'] }),
      { deleted: 1 },
    );
    assert.equal((await client.request('job.status', { job_id: 'wire' })).error?.code, -32000);
  });

  it('says what it accepts and does not do', async () => {
    const submitted = await client.result('job.submit', {
      config_path: conductor.score('notes', simple('notes', 'true')),
      workspace: conductor.workspace,
      self_healing_auto_confirm: true,
      chain_depth: 2,
    });
    const warnings = submitted['warnings'] as { code: string; message: string }[];
    assert.deepEqual(
      warnings.filter(({ code }) => code === 'V400').map(({ message }) => message.split(' ')[0]),
      ['self_healing', 'chain_depth'],
    );
    await conductor.until('notes');
  });

  it('answers every daemon method', async () => {
    const keys: Record<string, string> = {
      'daemon.health': 'status pid uptime_seconds shutting_down',
      'daemon.ready':
        'status running_jobs memory_mb child_processes accepting_work shutting_down failure_rate_elevated notifications_degraded uptime_seconds',
      'daemon.status': 'pid uptime_seconds running_jobs total_jobs_active memory_usage_mb version',
      'daemon.config': 'socket max_concurrent_jobs max_concurrent_sheets max_job_history log_level',
      'daemon.rate_limits': 'backends active_limits recent_events_count',
      'daemon.clear_rate_limits': 'cleared instrument',
      'daemon.learning.patterns': 'patterns',
      'daemon.top':
        'timestamp daemon_pid system_memory_total_mb system_memory_available_mb system_memory_used_mb daemon_rss_mb load_avg_1 load_avg_5 load_avg_15 processes gpus pressure_level running_jobs active_sheets zombie_count zombie_pids job_progress conductor_uptime_seconds',
      'daemon.top.stream': 'error',
      'daemon.events': 'events',
      'daemon.observer_events': 'events',
    };
    for (const [method, expected] of Object.entries(keys)) hasKeys(await client.result(method, {}), expected);
    const config = await client.result('daemon.config');
    assert.equal((config['socket'] as Record<string, unknown>)['permissions'], 0o640);
  });

  it('streams events in the Python form, and numbered ones with replay', async () => {
    const monitor = await LineClient.connect(compat);
    const follower = await LineClient.connect(compat);
    const late = await LineClient.connect(compat);
    try {
      void monitor.request('daemon.monitor.stream', { job_id: null });
      const start = await follower.result('events.subscribe', { since: null });
      assert.equal(start['resync'], true);
      const run = await conductor.submit('stream', simple('stream', 'echo hello; test -e here'));
      await conductor.until(run);
      const told = await monitor.notified(
        ({ params }) => params?.['event'] === 'job.failed' && params['job_id'] === run,
      );
      assert.equal(told.method, 'monitor.event');
      hasKeys(told.params, 'job_id sheet_num event data timestamp');
      assert.ok(Math.abs(Number(told.params?.['timestamp']) - Date.now() / 1000) < 60);
      const python = monitor.notifications
        .filter(({ params }) => params?.['job_id'] === run)
        .map(({ params }) => [params?.['event'], params?.['sheet_num']]);
      for (const event of [
        ['job.started', 0],
        ['sheet.started', 1],
        ['sheet.failed', 1],
        ['job.failed', 0],
      ])
        assert.ok(
          python.some(([name, sheet]) => name === event[0] && sheet === event[1]),
          `${event[0]}`,
        );
      const began = monitor.notifications.find(
        ({ params }) => params?.['job_id'] === run && params['event'] === 'job.started',
      );
      const data = began?.params?.['data'] as Record<string, unknown> | undefined;
      assert.deepEqual([data?.['sheet_count'], data?.['instrument']], [1, 'cli']);
      await follower.notified(({ params }) => params?.['type'] === 'job.failed' && params['job_id'] === run);
      const numbered = follower.notifications
        .filter(({ method, params }) => method === 'event' && params?.['seq'] !== undefined)
        .map(({ params }) => [params?.['seq'], params?.['type']] as [number, string]);
      const seqs = numbered.map(([seq]) => seq);
      assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => a - b),
      );
      // Who comes back with the number it had gets exactly what it missed.
      const [first] = numbered;
      assert.ok(first);
      const back = await late.result('events.subscribe', { since: first[0] });
      assert.equal(back['resync'], false);
      await late.notified(({ params }) => params?.['type'] === 'job.failed' && params['job_id'] === run);
      const replayed = late.notifications
        .filter(({ params }) => params?.['seq'] !== undefined)
        .map(({ params }) => [params?.['seq'], params?.['type']]);
      const missed = numbered.filter(([seq]) => seq > first[0]);
      assert.deepEqual(replayed.slice(0, missed.length), missed);
      const far = await late.result('events.subscribe', { since: 999_999_999 });
      assert.equal(far['resync'], true);
      assert.ok(far['snapshot']);
    } finally {
      monitor.close();
      follower.close();
      late.close();
    }
  });

  it('tells of a rate limit and of its end', async () => {
    const follower = await LineClient.connect(compat);
    try {
      await follower.result('events.subscribe', { since: null });
      const script =
        'RUN: if mkdir told.first 2>/dev/null; then echo "usage limit reached, try again in 100 ms" >&2; exit 1; fi';
      const run = await conductor.submit(
        'told',
        simple('told', script).replace('instrument: cli', 'instrument: limited'),
      );
      const active = await follower.notified(({ params }) => params?.['type'] === 'rate_limit.active');
      const data = active.params?.['data'] as Record<string, unknown>;
      assert.equal(data['instrument'], 'limited');
      assert.ok(Number(data['until']) > Date.now() - 60_000);
      await follower.notified(({ params }) => params?.['type'] === 'rate_limit.cleared');
      assert.equal((await conductor.until(run)).status, 'completed');
      const waiting = follower.notifications.find(({ params }) => params?.['type'] === 'sheet.waiting');
      assert.equal(waiting?.params?.['job_id'], run);
    } finally {
      follower.close();
    }
  });

  it('gives a growing log by offset, without a gap or a repeat', async () => {
    const run = await conductor.submit(
      'growing',
      simple(
        'growing',
        'for i in $(seq 1 400); do echo "line $i äöü €"; test $((i % 40)) != 0 || sleep 0.03; done',
      ),
    );
    let text = '';
    let offset = 0;
    for (;;) {
      const page = await client.result('log.read', {
        job_id: run,
        sheet: 1,
        stream: 'stdout',
        offset,
        max_bytes: 1000,
      });
      assert.equal(page['offset'], offset);
      text += String(page['data']);
      offset = Number(page['next_offset']);
      if (page['eof'] === true && page['running'] === false) break;
    }
    const expected = Array.from({ length: 400 }, (_, i) => `line ${i + 1} äöü €\n`).join('');
    assert.equal(text, expected);
    assert.equal(offset, Buffer.byteLength(expected));
    const tail = await client.result('log.read', { job_id: run, sheet: 1, stream: 'stdout', tail_bytes: 20 });
    assert.ok(expected.endsWith(String(tail['data'])));
    assert.ok(!existsSync(join(conductor.workspace, '.marianne')));
  });
});
