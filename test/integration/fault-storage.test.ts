import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { limitFileSize, onSmallDisk } from '../support/system-limits';
import { assertSound, ended, eventually, inFlight, ledger, ledgerAgent } from '../support/kill-kit';

const chain = (name: string, sheets: number, work: string) => `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: ${sheets} }
retry: { max_retries: 0 }
prompt:
  template: |
${ledgerAgent(work).replace(/^/gm, '    ')}
`;

/** Waits in the agent until the test makes this file. */
const untilGo = 'while [ ! -e "$MARIANNE_WORKSPACE/go" ]; do sleep 0.05; done';

const newestSegment = (conductor: TestConductor): string => {
  const folder = join(conductor.home, 'journal');
  const name = readdirSync(folder)
    .filter((entry) => entry.endsWith('.jsonl'))
    .sort()
    .at(-1);
  assert.ok(name);
  return join(folder, name);
};

describe('faults of storage', function () {
  this.timeout(40_000);
  let conductor: TestConductor;

  beforeEach(() => {
    conductor = new TestConductor();
  });
  afterEach(() => conductor.dispose());

  const reasonOf = async (method: 'daemon.status' | 'daemon.ready') =>
    (await conductor.call(method, {})).status_reason?.code ?? null;
  const plays = (run: string) =>
    eventually(`${run} plays`, () => ledger(conductor).some((line) => line.run === run));

  it('files that cannot grow: nothing starts, everybody is told; then the job goes on and nothing is lost', async () => {
    await conductor.start();
    const run = await conductor.submit('limited', chain('limited', 2, untilGo));
    await plays(run);
    const pid = conductor.child?.pid;
    assert.ok(pid);
    limitFileSize(pid, 0);
    writeFileSync(join(conductor.workspace, 'go'), '');
    await eventually('told', async () => (await reasonOf('daemon.status')) === 'storage_failed');
    assert.equal(await reasonOf('daemon.ready'), 'storage_failed');
    const held = await conductor.call('job.status', { job_id: run });
    assert.equal(held.sheets['2']?.status, 'pending');
    assert.equal(held.sheets['1']?.status, 'dispatched', 'what is not durable is not told');
    assert.equal(ledger(conductor).filter(({ what }) => what === 'start').length, 1);
    limitFileSize(pid, 'unlimited');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    assert.equal(await reasonOf('daemon.status'), null);
    assert.equal(ledger(conductor).filter(({ what }) => what === 'start').length, 2);
  });

  it('a full disk: told, and when it has room again the job goes on', async function () {
    mkdirSync(conductor.home, { mode: 0o700 });
    await onSmallDisk(this, conductor.home, '4m', async () => {
      try {
        await conductor.start();
        const run = await conductor.submit('full', chain('full', 40, 'sleep 0.02'));
        await plays(run);
        const filler = join(conductor.home, 'filler');
        const fill = () => {
          const { bavail, bsize } = statfsSync(conductor.home);
          try {
            appendFileSync(filler, Buffer.alloc(bavail * bsize));
          } catch (error) {
            // Somebody else took the last of it.
            assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
          }
        };
        // Again and again: the conductor gives space back as it goes.
        await eventually('told', async () => {
          fill();
          return (await reasonOf('daemon.status')) === 'storage_failed';
        });
        const before = ledger(conductor).length;
        await new Promise((done) => setTimeout(done, 300));
        assert.ok(ledger(conductor).length <= before + 1, 'something was started on a full disk');
        truncateSync(filler, 0);
        const job = await conductor.until(run);
        assert.equal(job.status, 'completed', JSON.stringify(job.sheets).slice(0, 2000));
        const starts = ledger(conductor).filter(({ what }) => what === 'start');
        const names = starts.map(({ sheet, attempt }) => `${sheet}.${attempt}`);
        assert.equal(new Set(names).size, names.length, 'an attempt ran twice');
        assert.equal(new Set(starts.map(({ sheet }) => sheet)).size, 40);
      } finally {
        await conductor.kill();
      }
    });
  });

  it('an agent whose output the disk takes away: told, not a success', async function () {
    mkdirSync(conductor.home, { mode: 0o700 });
    await onSmallDisk(this, conductor.home, '8m', async () => {
      try {
        await conductor.start();
        const filler = join(conductor.home, 'filler');
        // What stands in a block already can be written on: so its complaint gets through, and its answer does not.
        const work = `echo hm >&2; cat /dev/zero > ${filler} 2>/dev/null; seq 1 5000; exit 0`;
        const run = await conductor.submit('taken', chain('taken', 1, work));
        await eventually('told', async () => (await reasonOf('daemon.status')) === 'storage_failed');
        truncateSync(filler, 0);
        const job = await conductor.until(run);
        const [sheet] = Object.values(job.sheets);
        assert.deepEqual(
          [job.status, sheet?.exit_reason],
          ['failed', 'error'],
          JSON.stringify(sheet?.attempts),
        );
        assert.match(
          sheet?.error_message ?? '',
          /disk .* was full when CLI \(Shell\) ended: what it printed was lost/,
        );
      } finally {
        await conductor.kill();
      }
    });
  });

  it('a folder for prompts that takes none: the sheet says why it waits, and starts when it does', async () => {
    await conductor.start();
    const prompts = join(conductor.home, 'prompts');
    writeFileSync(prompts, 'in the way');
    const run = await conductor.submit('unwritten', chain('unwritten', 1, 'true'));
    await eventually('told', async () => {
      const { sheets } = await conductor.call('job.status', { job_id: run });
      return sheets['1']?.status_reason?.code === 'storage_failed';
    });
    const tries = conductor.log().split('internal error').length;
    assert.ok(tries < 4, `tried ${tries} times within moments`);
    rmSync(prompts);
    assert.equal((await conductor.until(run)).status, 'completed');
  });

  it('a torn journal tail is cut off, kept, and costs nothing that was promised', async () => {
    await conductor.start();
    const run = await conductor.submit('torn', chain('torn', 2, untilGo));
    await plays(run);
    await conductor.kill();
    appendFileSync(
      newestSegment(conductor),
      '{"seq":99,"epoch":1,"t":1,"type":"job.status","run":"torn","bo',
    );
    await conductor.start();
    writeFileSync(join(conductor.workspace, 'go'), '');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    await assertSound(conductor, job, 'torn');
    assert.match(readFileSync(join(conductor.home, 'log/conductor.log'), 'utf8'), /journal\.cut/);
    assert.ok(readdirSync(join(conductor.home, 'journal')).some((name) => name.startsWith('cut-')));
  });

  it('a deleted socket is made again', async () => {
    await conductor.start();
    const run = await conductor.submit('socket', chain('socket', 1, untilGo));
    await plays(run);
    rmSync(join(conductor.home, 'run/s'));
    await eventually('the socket', () => existsSync(join(conductor.home, 'run/s')));
    await conductor.ready();
    writeFileSync(join(conductor.workspace, 'go'), '');
    assert.equal((await conductor.until(run)).status, 'completed');
  });

  for (const [what, spoil] of [
    ['deleted', (path: string) => rmSync(path, { force: true })],
    ['of garbage', (path: string) => writeFileSync(path, 'no database '.repeat(1000))],
    ['empty', (path: string) => writeFileSync(path, '')],
  ] as const) {
    it(`an index that is ${what} is made anew`, async () => {
      await conductor.start();
      const first = await conductor.submit('first', chain('first', 1, 'true'));
      await conductor.until(first);
      const { child } = conductor;
      await conductor.call('daemon.shutdown', {});
      assert.ok(child);
      assert.equal(await ended(child), 0);
      spoil(join(conductor.home, 'index.db'));
      await conductor.start();
      const second = await conductor.submit('second', chain('second', 1, 'true'));
      assert.equal((await conductor.until(second)).status, 'completed');
      const list = await conductor.call('job.list', {});
      assert.deepEqual(list.map(({ job_id }) => job_id).sort(), ['first', 'second']);
      const history = await conductor.call('job.history', { job_id: 'first' });
      assert.equal(history.records.length, 1);
    });
  }

  it('a stored score that is damaged or missing fails its own job, clearly; the others go on', async () => {
    await conductor.start();
    const bundles = () => readdirSync(join(conductor.home, 'scores'));
    const broken = await conductor.submit('broken', chain('broken', 2, 'sleep 30'));
    await plays(broken);
    const [damaged = ''] = bundles();
    const lost = await conductor.submit('lost', chain('lost', 1, 'sleep 30'));
    await plays(lost);
    const missing = bundles().find((name) => name !== damaged) ?? '';
    const sound = await conductor.submit('sound', chain('sound', 2, untilGo));
    await plays(sound);
    assert.equal(inFlight(conductor, broken).length, 1);
    await conductor.kill();
    truncateSync(join(conductor.home, 'scores', damaged), 100);
    renameSync(join(conductor.home, 'scores', missing), join(conductor.root, 'kept'));
    await conductor.start();
    for (const run of [broken, lost]) {
      const job = await conductor.until(run);
      assert.equal(job.status, 'failed', JSON.stringify(job));
      assert.match(job.error_message ?? '', /stored copy of its score/);
      assert.deepEqual(new Set(Object.values(job.sheets).map(({ status }) => status)), new Set(['failed']));
    }
    await eventually('their agents are gone', () => inFlight(conductor, broken).length === 0);
    writeFileSync(join(conductor.workspace, 'go'), '');
    assert.equal((await conductor.until(sound)).status, 'completed');
    // Once the file is back, the job can be resumed.
    renameSync(join(conductor.root, 'kept'), join(conductor.home, 'scores', missing));
    const before = ledger(conductor).length;
    assert.equal((await conductor.call('job.resume', { job_id: lost })).status, 'accepted');
    await eventually('it plays again', () => ledger(conductor).length > before);
    await conductor.call('job.cancel', { job_id: lost });
  });

  it('a lost score whose attempt cannot even be given up fails no start', async () => {
    await conductor.start();
    const run = await conductor.submit('stuck', chain('stuck', 1, 'sleep 30'));
    await plays(run);
    await conductor.kill();
    const [score = ''] = readdirSync(join(conductor.home, 'scores'));
    truncateSync(join(conductor.home, 'scores', score), 10);
    // No claim can be made here: as on a disk without room for one.
    renameSync(join(conductor.home, 'jobs', run), join(conductor.root, 'away'));
    writeFileSync(join(conductor.home, 'jobs', run), '');
    await conductor.start();
    const job = await conductor.until(run);
    assert.equal(job.status, 'failed');
    assert.match(job.error_message ?? '', /stored copy of its score/);
    await eventually('its agent is gone', async () => (await conductor.strays()).length === 0);
  });

  it('a stop with a full disk ends in order, and the next start repeats what could not be written', async () => {
    await conductor.start();
    const run = await conductor.submit('stopping', chain('stopping', 1, untilGo));
    await plays(run);
    const { child } = conductor;
    assert.ok(child?.pid);
    limitFileSize(child.pid, 0);
    writeFileSync(join(conductor.workspace, 'go'), '');
    await eventually('told', async () => (await reasonOf('daemon.status')) === 'storage_failed');
    const gone = once(child, 'exit');
    await conductor.call('daemon.shutdown', {});
    await gone;
    await conductor.start();
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed');
    await assertSound(conductor, job, 'stopped');
    assert.equal(ledger(conductor).filter(({ what }) => what === 'start').length, 1);
  });

  it('a start without room for the record of ownership: said, exit 3, nothing half done; and it starts when there is room', () => {
    const mzt = (limited: boolean, ...args: string[]) =>
      // A file size limit of the process: what a full disk does, without root. Nothing can be written, its log neither.
      spawnSync(
        'bash',
        [
          '-c',
          `${limited ? 'trap "" XFSZ; ulimit -S -f 0; ' : ''}exec "$@"`,
          'bash',
          process.execPath,
          'dist/cli.js',
          ...args,
        ],
        {
          encoding: 'utf8',
          env: {
            PATH: process.env['PATH'],
            HOME: conductor.root,
            MARIANNE_HOME: conductor.home,
            NO_COLOR: '1',
          },
        },
      );
    assert.equal(mzt(false, 'start').status, 0);
    assert.equal(mzt(false, 'stop').status, 0);
    const before = readdirSync(join(conductor.home, 'owner'));
    const full = mzt(true, 'status');
    assert.equal(full.status, 3, full.stdout + full.stderr);
    assert.match(
      full.stderr,
      /^error: the conductor could not be started: the disk of .* is full\nhint: Free some space there/,
    );
    assert.deepEqual(readdirSync(join(conductor.home, 'owner')), before, 'no half record');
    assert.equal(mzt(false, 'start').status, 0);
    assert.equal(mzt(false, 'stop').status, 0);
  });
});
