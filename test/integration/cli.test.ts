/** The terminal command as a process, with a real conductor that it starts by itself. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { conductorEnvironment } from '../../src/client/ensure';
import { OllamaLoopback } from '../support/ollama-server';

const script = resolve('dist/cli.js');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One running `mzt`. */
class Mzt {
  stdout = '';
  stderr = '';
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Ended>;
  private readonly waiters = new Set<() => void>();

  constructor(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [script, ...args], { cwd, env });
    const grow = (name: 'stdout' | 'stderr') =>
      this.child[name].setEncoding('utf8').on('data', (text: string) => {
        this[name] += text;
        for (const wake of this.waiters) wake();
      });
    grow('stdout');
    grow('stderr');
    this.ended = once(this.child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  /** Resolves when its output (both streams) fits. */
  async says(pattern: RegExp): Promise<void> {
    const seen = () => pattern.test(this.stdout) || pattern.test(this.stderr);
    const over = this.ended.then(() => true);
    while (!seen()) {
      let wake: () => void = () => undefined;
      const grown = new Promise<boolean>((resolve) => (wake = () => resolve(false)));
      this.waiters.add(wake);
      const isOver = await Promise.race([grown, over]);
      this.waiters.delete(wake);
      if (isOver && !seen()) assert.fail(`ended without ${String(pattern)}:\n${this.stdout}\n${this.stderr}`);
    }
  }
}

/** Sheet 1 waits for the file `go`, sheet 2 counts; all sheets write a line. */
const GATED = `name: gated
instrument: cli
sheet:
  size: 1
  total_items: 2
  dependencies: { 2: [1] }
pause_between_sheets_seconds: 0
prompt:
  template: |
    echo "sheet {{ sheet_num }} begins"
    {% if sheet_num == 1 %}
    until [ -e "$MARIANNE_WORKSPACE/go" ]; do sleep 0.05; done
    {% endif %}
    echo "sheet {{ sheet_num }} ends" | tee "$MARIANNE_WORKSPACE/{{ sheet_num }}.txt"
validations:
  - { type: file_exists, path: "{workspace}/{sheet_num}.txt", description: Its file }
`;

const FAILING = `name: failing
instrument: cli
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0, max_completion_attempts: 0 }
prompt: { template: 'echo out; echo oops >&2; exit 3' }
validations:
  - { type: file_exists, path: "{workspace}/never.txt" }
`;

interface Sheet {
  status: string;
  exit_code: number | null;
  attempts: { outcome: string; started_at: string; completed_at: string; instrument: string }[];
  validation_details: { passed: boolean }[] | null;
}
interface Record_ {
  job_id: string;
  status: string;
  sheets: Record<string, Sheet>;
  workspace: string;
}

describe('mzt', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  let workspace: string;

  const start = (...args: string[]) => new Mzt(args, folder, env);
  const mzt = (...args: string[]) => start(...args).ended;
  const json = async <T>(...args: string[]): Promise<T> => {
    const run = await mzt(...args, '--json');
    assert.equal(run.code, 0, run.stdout + run.stderr);
    return JSON.parse(run.stdout) as T;
  };

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'mzt-int-')));
    const home = join(folder, 'state');
    env = { ...conductorEnvironment({ PATH: process.env['PATH'], HOME: folder }, home), NO_COLOR: '1' };
    workspace = join(folder, 'ws');
    await writeFile(join(folder, 'gated.yaml'), GATED);
    await writeFile(join(folder, 'failing.yaml'), FAILING);
  });

  afterEach(async () => {
    await mzt('stop', '--cancel', '--force');
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const open = () => writeFile(join(workspace, 'go'), '');

  it('plays a score from nothing, and tells everything about it', async () => {
    assert.equal((await mzt('run', 'gated.yaml', '-w', 'ws', '-q')).stdout, 'gated\n');
    const logs = start('logs', 'gated', '-f');
    await logs.says(/sheet 1 begins/);
    await open();
    assert.match((await logs.ended).stdout, /── sheet 2, attempt 1\nsheet 2 begins\nsheet 2 ends\n$/);
    // The gate is open now: a second run goes through.
    const ended = await mzt('run', 'gated.yaml', '-w', 'ws', '--wait', '--json');
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    const record = JSON.parse(ended.stdout) as Record_;
    assert.equal(record.status, 'completed');
    assert.equal(record.workspace, workspace);
    assert.deepEqual(
      Object.values(record.sheets).map(({ status }) => status),
      ['completed', 'completed'],
    );
    assert.equal(record.sheets['1']?.exit_code, 0);
    assert.equal(record.sheets['1']?.validation_details?.[0]?.passed, true);
    const status = await json<Record_>('status', 'gated-2');
    assert.deepEqual(status.sheets, record.sheets);

    const history = await json<{ records: Record<string, unknown>[] }>('history', 'gated-2');
    assert.equal(history.records.length, 2);
    for (const one of history.records) {
      assert.equal(one['outcome'], 'completed');
      assert.equal(one['instrument'], 'cli');
      assert.equal(one['exit_code'], 0);
      assert.ok(existsSync(String(one['stdout_path'])));
      assert.equal((one['validations'] as unknown[]).length, 1);
      assert.ok(Date.parse(String(one['completed_at'])) >= Date.parse(String(one['started_at'])));
    }
    const log = await mzt('logs', 'gated-2', '1');
    assert.equal(log.stdout, 'sheet 1 begins\nsheet 1 ends\n');
    assert.equal((await mzt('logs', 'gated-2', '1', '-n', '1')).stdout, 'sheet 1 ends\n');
    const path = (await mzt('logs', 'gated-2', '2', '--path')).stdout.trim();
    assert.equal(await readFile(path, 'utf8'), 'sheet 2 begins\nsheet 2 ends\n');
    const overview = await json<{ active_count: number; recent: { job_id: string }[] }>('status');
    assert.deepEqual([overview.active_count, overview.recent[0]?.job_id], [0, 'gated-2']);
    // --verbose takes the full way; both must tell the same.
    const full = JSON.parse((await mzt('status', '--json', '--verbose')).stdout) as typeof overview;
    assert.deepEqual(full.recent, overview.recent);
    assert.equal(
      (await mzt('status', '-v')).stdout.split('\n').length,
      (await mzt('status')).stdout.split('\n').length,
    );
    assert.deepEqual((await mzt('list', '-aq')).stdout.trim().split('\n').sort(), ['gated', 'gated-2']);
    assert.match((await mzt('diagnose', 'gated', '--sheet', '1')).stdout, /command .*bash/);
    const report = (await mzt('report', 'gated')).stdout.trim();
    assert.match(await readFile(report, 'utf8'), /<html/i);
    assert.match((await mzt('logs', '-n', '5')).stdout, /^\{/);
  });

  it('lists the models of an instrument: what its server has, else what its profile knows', async () => {
    // docs/api.md of ollama/ollama, "List local models".
    const server = new OllamaLoopback();
    await server.listen();
    try {
      const url = await mzt('config', 'set', 'base_urls.ollama', server.url);
      assert.equal(url.code, 0, url.stderr);
      const listed = await mzt('instruments', 'models', 'ollama');
      assert.deepEqual(listed, { code: 0, stdout: 'llama3.1:8b\nmistral:latest\n', stderr: listed.stderr });
      assert.ok((await json<{ models: string[] }>('instruments', 'models', 'claude-code')).models.length > 1);
      // A profile that was written while the conductor runs.
      const late = `{ name: late, display_name: Late, kind: http, http: { base_url: '${server.url}', schema_family: ollama } }`;
      await mkdir(join(folder, 'state', 'instruments'), { recursive: true });
      await writeFile(join(folder, 'state', 'instruments', 'late.yaml'), late);
      assert.equal((await mzt('instruments', 'models', 'late')).stdout, 'llama3.1:8b\nmistral:latest\n');
      const bare = await mzt('instruments', 'models', 'cli');
      assert.deepEqual([bare.code, bare.stdout], [0, '']);
      assert.match(bare.stderr, /cli lists no models/);
      const unknown = await mzt('instruments', 'models', 'olama');
      assert.notEqual(unknown.code, 0);
      assert.match(unknown.stderr, /Did you mean ollama/);
    } finally {
      await server.close();
    }
    const gone = await mzt('instruments', 'models', 'ollama');
    assert.deepEqual([gone.code, gone.stdout], [1, 'llama3.1:8b\n']);
    assert.match(gone.stderr, /ollama serve[^]*its profile lists/);
  });

  it('ends by the result of the job', async () => {
    const run = await mzt('run', 'failing.yaml', '-w', 'ws', '-f');
    assert.equal(run.code, 1, run.stdout);
    assert.match(run.stdout, /sheet 1: failed .*E\d+/);
    assert.match(run.stdout, /mzt diagnose failing --sheet 1/);
    const errors = await json<{ errors: { sheet_num: number; stderr_tail: string }[] }>('errors', 'failing');
    assert.match(errors.errors[0]?.stderr_tail ?? '', /oops/);
    assert.match((await mzt('errors', 'failing', '-v')).stdout, /stderr\n {2}oops/);
    assert.equal((await mzt('logs', 'failing', '--stderr')).stdout, 'oops\n');
    const missing = await mzt('status', 'nosuch', '--json');
    assert.equal(missing.code, 1);
    assert.equal((JSON.parse(missing.stdout) as { success: boolean }).success, false);
  });

  it('leaves the job running on Ctrl-C, and can pause, resume, cancel, rerun and clear it', async () => {
    const run = start('run', 'gated.yaml', '-w', 'ws', '-f');
    await run.says(/sheet 1: (started|playing)/);
    run.child.kill('SIGINT');
    const ended = await run.ended;
    assert.equal(ended.code, 130);
    assert.match(ended.stderr, /gated goes on in the background/);
    assert.equal((await json<Record_>('status', 'gated')).status, 'running');
    const twice = await mzt('run', 'gated.yaml', '-w', 'ws');
    assert.equal(twice.code, 1);
    assert.match(twice.stderr, /gated/);

    assert.equal((await mzt('pause', 'gated')).code, 0);
    await open();
    assert.equal((await mzt('pause', 'gated', '--wait')).code, 0);
    const paused = await json<Record_>('status', 'gated');
    assert.deepEqual([paused.status, paused.sheets['2']?.status], ['paused', 'pending']);
    const resumed = await mzt('resume', 'gated', '--wait');
    assert.equal(resumed.code, 0, resumed.stderr);

    const rerun = await mzt('rerun', 'gated', '2', '--hint', 'again', '--wait');
    assert.equal(rerun.code, 0, rerun.stdout + rerun.stderr);
    assert.equal((await json<Record_>('status', 'gated')).sheets['2']?.attempts.length, 2);

    await rm(join(workspace, 'go'));
    assert.equal((await mzt('run', 'gated.yaml', '-w', 'ws', '-q')).stdout, 'gated-2\n');
    assert.equal((await mzt('clear', '-j', 'gated-2', '-y')).code, 1, 'active');
    assert.equal((await mzt('cancel', 'gated-2')).code, 0);
    assert.equal((await mzt('cancel', 'gated-2')).code, 1);
    assert.equal((await mzt('clear', '-j', 'gated-2')).code, 2, 'nobody to ask');
    const cleared = await json<{ deleted: number; job_ids: string[] }>('clear', '-j', 'gated-2', '-y');
    assert.deepEqual(cleared, { deleted: 1, job_ids: ['gated-2'] });
    assert.equal((await mzt('list', '-aq')).stdout, 'gated\n');
  });

  it('follows over the death of the conductor', async () => {
    const run = start('run', 'gated.yaml', '-w', 'ws', '-f', '--json');
    await run.says(/"type":"snapshot"/);
    const { pid } = await json<{ pid: number }>('conductor-status');
    process.kill(pid, 'SIGKILL');
    await run.says(/connected again/);
    await open();
    const ended = await run.ended;
    assert.equal(ended.code, 0, ended.stderr);
    const lines = ended.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(lines[0]?.['status'], 'accepted');
    const seqs = lines.flatMap((line) =>
      typeof line['seq'] === 'number' && 'data' in line ? [line['seq']] : [],
    );
    assert.deepEqual(
      seqs,
      [...seqs].sort((a, b) => a - b),
      'events in order',
    );
    const completions = lines
      .filter((line) => line['type'] === 'sheet.completed')
      .map((line) => line['sheet']);
    assert.deepEqual(completions, [1, 2], 'none twice, none missed');
    assert.equal(lines.at(-1)?.['status'], 'completed');
  });

  it('stops and starts the conductor while a sheet plays', async () => {
    await mzt('run', 'gated.yaml', '-w', 'ws');
    const logs = start('logs', 'gated', '-f');
    await logs.says(/sheet 1 begins/);
    logs.child.kill('SIGINT');
    assert.equal((await logs.ended).code, 130);
    assert.equal((await mzt('stop')).code, 0);
    assert.equal((await mzt('stop')).code, 3);
    assert.equal((await mzt('conductor-status')).code, 3);
    assert.equal((await mzt('status', '--no-start')).code, 3);
    await open();
    const started = await json<{ started: boolean }>('start');
    assert.equal(started.started, true);
    assert.equal((await json<{ started: boolean }>('start')).started, false);
    const watch = await mzt('status', 'gated', '-W');
    assert.equal(watch.code, 0);
    assert.match(watch.stdout, /completed {2}2\/2 sheets/);
  });

  it('ends quietly when nobody reads', async () => {
    const run = start('completion', 'bash');
    run.child.stdout.destroy();
    const { code, stderr } = await run.ended;
    assert.ok(code === 141 || code === 0, String(code));
    assert.equal(stderr, '');
  });
});
