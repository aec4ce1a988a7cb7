import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listProcesses } from '../../src/process/table';
import { attemptFiles } from '../../src/protocol/paths';
import { TestConductor } from '../support/conductor';
import { assertSound, ended, eventually, ledger, ledgerAgent } from '../support/kill-kit';

/** A score of one sheet that runs this script. */
function one(name: string, script: string, more = ''): string {
  return `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0 }
${more}
prompt:
  template: |
${script.replace(/^/gm, '    ')}
`;
}

const stubborn = `trap '' TERM INT HUP
setsid bash -c 'trap "" TERM; setsid bash -c "trap \\"\\" TERM; sleep 60 & wait; sleep 60" & sleep 60' &
echo "here"
while :; do sleep 1; done`;

describe('agents of every kind', function () {
  this.timeout(30_000);
  // Some agents here ignore the polite signal: they are killed after this.
  const conductor = new TestConductor({ politeEndMs: 1000 });

  before(async () => {
    const instruments = join(conductor.home, 'instruments');
    mkdirSync(instruments, { recursive: true, mode: 0o700 });
    const profile = (name: string, times: string) => `
name: ${name}
display_name: ${name}
kind: cli
raw_prompt: true
${times}
cli:
  command: { executable: bash, prompt_flag: -c, prompt_via_stdin: false, inherit_env: true }
`;
    const profiles = {
      hasty: 'default_timeout_seconds: 0.4',
      silent: 'first_output_timeout_seconds: 0.4',
      stale: 'idle_timeout_seconds: 0.4',
    };
    for (const [name, times] of Object.entries(profiles))
      writeFileSync(join(instruments, `${name}.yaml`), profile(name, times));
    await conductor.start();
  });
  after(() => conductor.dispose());

  const logOf = (run: string, stream: 'stdoutLog' | 'stderrLog' = 'stdoutLog') =>
    attemptFiles(join(conductor.home, 'jobs', run, '1.1'))[stream];
  const nobodyLeft = () =>
    eventually('nobody is left', async () => (await conductor.strays()).length === 0, 10_000);
  const playing = (run: string) =>
    eventually(`${run} plays`, () => statSync(logOf(run), { throwIfNoEntry: false })?.size);

  it('one that never reads its stdin, and one that ends within a millisecond', async () => {
    const quick = await conductor.submit('quick', one('quick', 'exit 0'));
    const deaf = await conductor.submit('deaf', one('deaf', 'exec 0<&-; sleep 0.1; echo done'));
    assert.equal((await conductor.until(quick)).status, 'completed');
    assert.equal((await conductor.until(deaf)).status, 'completed');
    assert.equal(readFileSync(logOf(quick), 'utf8'), '');
    assert.equal(readFileSync(logOf(deaf), 'utf8'), 'done\n');
  });

  it('one that prints 20 MB: all of it is in the log', async () => {
    const run = await conductor.submit(
      'loud',
      one('loud', `head -c 20971520 /dev/zero | tr '\\0' 'x' | fold -w 79; echo; echo last`),
    );
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    const lines = Math.ceil(20_971_520 / 79);
    assert.equal(statSync(logOf(run)).size, 20_971_520 + (lines - 1) + '\nlast\n'.length);
    assert.ok(readFileSync(logOf(run), 'utf8').endsWith('x\nlast\n'));
  });

  it('one whose output is no UTF-8', async () => {
    const run = await conductor.submit(
      'bytes',
      one('bytes', `printf 'a\\377\\300b\\n'; printf 'end\\303' >&2`),
    );
    assert.equal((await conductor.until(run)).status, 'completed');
    assert.equal(readFileSync(logOf(run), 'utf8'), 'a\ufffd\ufffdb\n');
    assert.equal(readFileSync(logOf(run, 'stderrLog'), 'utf8'), 'end\ufffd');
    const page = await conductor.call('log.read', { job_id: run, sheet: 1, stream: 'stdout' });
    assert.equal(page.data, 'a\ufffd\ufffdb\n');
  });

  it('one that ends but leaves children in sessions of their own: they are gone with the job', async () => {
    const run = await conductor.submit(
      'parent',
      one('parent', `setsid setsid sleep 60 & setsid sleep 60 & echo left`),
    );
    assert.equal((await conductor.until(run)).status, 'completed');
    await nobodyLeft();
  });

  it('cancel: the whole tree is gone, also what ignores SIGTERM in a session of its own', async () => {
    const run = await conductor.submit('stubborn', one('stubborn', stubborn));
    await playing(run);
    const reply = await conductor.call('job.cancel', { job_id: run });
    assert.deepEqual(reply, { cancelled: true });
    const job = await conductor.call('job.status', { job_id: run });
    assert.equal(job.status, 'cancelled');
    assert.equal(job.sheets['1']?.status, 'cancelled');
    assert.deepEqual(await conductor.strays(), []);
    assert.equal(readFileSync(logOf(run), 'utf8'), 'here\n');
  });

  for (const [instrument, script] of [
    ['hasty', 'echo begin; sleep 60'],
    ['silent', 'sleep 60'],
    ['stale', 'echo begin; sleep 60'],
  ] as const) {
    it(`the time limit of the instrument "${instrument}" ends it and says so`, async () => {
      const run = await conductor.submit(
        instrument,
        one(instrument, script).replace('instrument: cli', `instrument: ${instrument}`),
      );
      const job = await conductor.until(run);
      assert.equal(job.status, 'failed');
      const sheet = job.sheets['1'];
      assert.equal(sheet?.exit_reason, 'timeout', JSON.stringify(sheet));
      assert.match(
        sheet.error_message ?? '',
        { hasty: /total|limit|0\.4/i, silent: /printed nothing/i, stale: /idle|silen|output/i }[instrument],
      );
      await nobodyLeft();
    });
  }

  it('pause: what runs comes to its end, nothing more starts until resume', async () => {
    const score = one('pausing', ledgerAgent('sleep 0.3')).replace('total_items: 1', 'total_items: 2');
    const run = await conductor.submit('pausing', score);
    await eventually('the first plays', () => ledger(conductor).some((line) => line.run === run));
    assert.deepEqual(await conductor.call('job.pause', { job_id: run }), { paused: true });
    await eventually('the first is done', async () => {
      const { sheets } = await conductor.call('job.status', { job_id: run });
      return sheets['1']?.status === 'completed';
    });
    const paused = await conductor.call('job.status', { job_id: run });
    assert.deepEqual([paused.status, paused.sheets['2']?.status], ['paused', 'pending']);
    assert.equal((await conductor.call('job.resume', { job_id: run })).status, 'accepted');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    await assertSound(conductor, job, 'paused');
  });

  it('a launcher that is killed takes nothing with it, and the next launch has another', async () => {
    const run = await conductor.submit('launched', one('launched', ledgerAgent('sleep 0.5')));
    await playing(run);
    const launchers = [...(await listProcesses()).values()].filter(
      ({ ppid }) => ppid === conductor.child?.pid,
    );
    assert.equal(launchers.length, 1);
    for (const { pid } of launchers) process.kill(pid, 'SIGKILL');
    const next = await conductor.submit('relaunched', one('relaunched', ledgerAgent('true')));
    for (const name of [run, next]) {
      const job = await conductor.until(name);
      assert.equal(job.status, 'completed');
      assert.equal(job.sheets['1']?.attempt_count, 1);
    }
    await assertSound(conductor, await conductor.until(run), 'launcher killed');
  });

  it('an agent whose instrument is gone at the next start is ended before anything else is tried', async () => {
    const score = one('orphan', ledgerAgent('sleep 60')).replace('instrument: cli', 'instrument: fleeting');
    const profile = join(conductor.home, 'instruments/fleeting.yaml');
    const text = readFileSync(join(conductor.home, 'instruments/hasty.yaml'), 'utf8');
    writeFileSync(profile, text.replaceAll('hasty', 'fleeting').replace('0.4', '60'));
    const run = await conductor.submit('orphan', score);
    await playing(run);
    await conductor.kill();
    rmSync(profile);
    await conductor.start();
    const job = await conductor.until(run);
    assert.equal(job.status, 'failed');
    assert.match(job.sheets['1']?.error_message ?? '', /fleeting/);
    assert.deepEqual(await conductor.strays(), []);
    assert.equal(ledger(conductor).filter((line) => line.run === run).length, 1);
  });

  it('stop with agents running: they run on, and the next start adopts them with all they said', async () => {
    const slow = await conductor.submit('slow', one('slow', ledgerAgent('sleep 1.5')));
    // Ends while the conductor is about to stop, or just has.
    const close = await conductor.submit('close', one('close', ledgerAgent('sleep 0.2')));
    await eventually('both play', () => {
      const runs = ledger(conductor).map(({ run }) => run);
      return runs.includes(slow) && runs.includes(close);
    });
    await playing(close);
    const { child } = conductor;
    assert.ok(child);
    assert.deepEqual(await conductor.call('daemon.shutdown', {}), { shutting_down: true });
    assert.equal(await ended(child), 0);
    assert.ok((await conductor.strays()).length > 0, 'the agent was ended with the conductor');
    await eventually('the second comes to its end without a conductor', () =>
      ledger(conductor).some(({ run, what }) => run === close && what === 'end'),
    );
    await conductor.start();
    for (const run of [slow, close]) {
      const job = await conductor.until(run);
      assert.equal(job.status, 'completed');
      assert.equal(job.sheets['1']?.attempt_count, 1);
      await assertSound(conductor, job, run);
    }
  });

  it('stop with cancel: everything is ended and recorded before the conductor goes', async () => {
    const run = await conductor.submit('ending', one('ending', stubborn));
    await playing(run);
    const { child } = conductor;
    assert.ok(child);
    await conductor.call('daemon.shutdown', { cancel: true });
    assert.equal(await ended(child), 0);
    assert.deepEqual(await conductor.strays(), []);
    await conductor.start();
    const job = await conductor.call('job.status', { job_id: run });
    assert.deepEqual([job.status, job.sheets['1']?.status], ['cancelled', 'cancelled']);
  });

  it('stop again and again while an agent talks: nothing of what it says is lost', async () => {
    const talk = `for i in $(seq 1 300); do echo "line $i"; sleep 0.01; done`;
    const run = await conductor.submit('talk', one('talk', talk));
    for (let round = 0; round < 4; round += 1) {
      await playing(run);
      const { child } = conductor;
      assert.ok(child);
      await conductor.call('daemon.shutdown', {});
      await ended(child);
      await conductor.start();
    }
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    assert.equal(job.sheets['1']?.attempt_count, 1);
    const said = Array.from({ length: 300 }, (_, i) => `line ${i + 1}\n`).join('');
    assert.equal(readFileSync(logOf(run), 'utf8'), said);
  });

  it('an agent that ends between "stop" and the last breath of the conductor is adopted, with its output', async () => {
    // A client with a request in work holds the stopping conductor for a moment: long enough for the agent to end.
    const waits = 'while [ ! -e go ]; do sleep 0.02; done';
    const run = await conductor.submit('breath', one('breath', ledgerAgent(waits)));
    await playing(run);
    const { child } = conductor;
    assert.ok(child);
    const other = await conductor.submit('held', one('held', stubborn));
    await playing(other);
    // The cancel takes as long as the polite request to an agent that ignores it.
    const cancelled = conductor.call('job.cancel', { job_id: other }).catch(() => undefined);
    await conductor.call('daemon.shutdown', {});
    writeFileSync(join(conductor.workspace, 'go'), '');
    assert.equal(await ended(child), 0);
    assert.ok(
      ledger(conductor).some((line) => line.run === run && line.what === 'end'),
      'it ended while the conductor did',
    );
    await cancelled;
    await conductor.start();
    for (const [name, status] of [
      [run, 'completed'],
      [other, 'cancelled'],
    ] as const) {
      const job = await conductor.until(name);
      assert.equal(job.status, status);
      assert.equal(job.sheets['1']?.attempt_count, 1);
    }
    await assertSound(conductor, await conductor.until(run), 'breath');
  });
});
