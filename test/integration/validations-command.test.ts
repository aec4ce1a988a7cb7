import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlannedRule } from '../../src/score/plan';
import { Redaction } from '../../src/conductor/output/redact';
import { runValidations, type ValidationOptions } from '../../src/conductor/validations/run';

let workspace: string;
let ended: number[];

/** What the conductor hands in is the process room's; here: TERM, then KILL for the group. */
const endTree = async (pid: number): Promise<void> => {
  ended.push(pid);
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(-pid, signal);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
};

const env = { PATH: process.env['PATH'] ?? '', GIVEN: 'yes' };
const check = async (
  fields: Partial<PlannedRule> & { command: string },
  more: Partial<ValidationOptions> = {},
) => {
  const outcome = await runValidations({
    rules: [
      {
        index: 1,
        type: 'command_succeeds',
        description: null,
        path: null,
        pattern: null,
        workingDirectory: null,
        stage: 1,
        retryCount: 0,
        retryDelayMs: 0,
        timeoutSeconds: 30,
        ...fields,
      },
    ],
    texts: {
      expandPath: (path) => join(workspace, path),
      expandCommand: (command) => command,
      compileRegex: () => ({ ok: false, message: 'unused' }),
    },
    workspace,
    snapshot: {},
    env,
    redaction: new Redaction({ secrets: ['hunter2-hunter2'] }),
    endTree,
    clock: {
      now: () => performance.now(),
      sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    },
    ...more,
  });
  const [result] = outcome.results;
  assert.ok(result);
  return result;
};
/** A zombie that init has not taken yet is dead. */
const alive = (pid: number): boolean =>
  /^[^Z]/.test(spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim());

describe('command_succeeds', () => {
  beforeEach(async () => {
    workspace = await realpath(await mkdtemp(join(tmpdir(), 'mzt-cmd-')));
    ended = [];
  });
  afterEach(() => rm(workspace, { recursive: true }));

  it('runs in bash, in the workspace, with the environment it was given and nothing on stdin', async () => {
    const command = `[[ $PWD == "${workspace}" && $GIVEN == yes && -z $HOME ]] && ! read -r line`;
    assert.equal((await check({ command })).passed, true);
    await check({ command: 'mkdir sub' });
    assert.equal((await check({ command: '[[ $PWD == */sub ]]', workingDirectory: 'sub' })).passed, true);
  });

  it('reports exit code, output and how to mend it; confidence 0.8', async () => {
    const result = await check({ command: 'echo out; echo oops hunter2-hunter2 >&2; exit 3' });
    assert.equal(result.passed, false);
    assert.equal(result.actual, 'exit code 3');
    assert.equal(result.failure_category, 'error');
    assert.equal(result.confidence, 0.8);
    assert.match(result.message ?? '', /exit code 3\n(out\n)?oops \[REDACTED_SECRET\]/);
    assert.equal(result.checks, 1);
    assert.ok(!JSON.stringify(result).includes('hunter2'));
    assert.equal((await check({ command: 'kill -9 $$' })).actual, 'ended by SIGKILL');
  });

  it('keeps beginning and end of a flood', async () => {
    const result = await check({ command: 'echo first; yes | head -c 5000000; echo last; exit 1' });
    assert.match(result.message ?? '', /first\n[\s\S]*last$/);
    assert.ok((result.message ?? '').length < 600);
  });

  it('runs once by default, and again as often as the plan says', async () => {
    await check({ command: 'echo x >> ran; false' });
    assert.equal(await readFile(join(workspace, 'ran'), 'utf8'), 'x\n');
    const result = await check({ command: 'echo x >> again; [[ $(wc -l < again) -ge 3 ]]', retryCount: 5 });
    assert.equal(result.passed, true);
    assert.equal(result.checks, 3);
  });

  it('ends a command that takes too long, with its group', async () => {
    const result = await check({
      command: 'trap "" TERM; sleep 100 & echo $! > child; wait',
      timeoutSeconds: 0.5,
    });
    assert.equal(result.error_type, 'timeout');
    assert.match(result.actual ?? '', /did not end in 0.5 s/);
    assert.equal(alive(Number(await readFile(join(workspace, 'child'), 'utf8'))), false);
    assert.equal(ended.length, 1);
  });

  it('does not wait for what a command leaves behind, and ends it', async () => {
    const started = performance.now();
    const result = await check({ command: 'sleep 100 & echo $! > child' });
    assert.equal(result.passed, true);
    assert.ok(performance.now() - started < 10_000);
    assert.equal(alive(Number(await readFile(join(workspace, 'child'), 'utf8'))), false);
  });

  it('ends the group even when the search for strays fails', async () => {
    const broken = () => Promise.reject(new Error('no /proc'));
    const result = await check(
      { command: 'sleep 100 & echo $! > child; wait', timeoutSeconds: 0.3 },
      { endTree: broken },
    );
    assert.equal(result.passed, false);
    const pid = Number(await readFile(join(workspace, 'child'), 'utf8'));
    for (let i = 0; i < 100 && alive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(alive(pid), false);
  });

  it('ends the command when aborted, then rejects', async () => {
    const controller = new AbortController();
    const running = check({ command: 'echo $$ > pid; sleep 100' }, { signal: controller.signal });
    const rejected = assert.rejects(running, /cancelled/);
    const path = join(workspace, 'pid');
    for (;;) {
      if ((await readFile(path, 'utf8').catch(() => '')).endsWith('\n')) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    controller.abort(new Error('cancelled'));
    await rejected;
    assert.equal(alive(Number(await readFile(path, 'utf8'))), false);
  });

  it('says clearly when bash or the folder is missing', async () => {
    const noBash = await check({ command: 'true' }, { env: { PATH: workspace } });
    assert.match(noBash.message ?? '', /bash was not found/);
    assert.equal(noBash.error_type, 'io_error');
    const noFolder = await check({ command: 'true', workingDirectory: 'nowhere' });
    assert.match(noFolder.message ?? '', /working directory .*nowhere does not exist/);
    await writeFile(join(workspace, 'file'), '');
    assert.equal((await check({ command: 'true', workingDirectory: 'file' })).passed, false);
  });
});
