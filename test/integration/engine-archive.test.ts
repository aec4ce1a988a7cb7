import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestConductor } from '../support/conductor';
import { eventually } from '../support/kill-kit';

const head = (name: string, instrument: string) => `
name: ${name}
instrument: ${instrument}
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 1 }
retry: { max_retries: 0 }
`;

describe('a finished job that goes on', () => {
  const conductor = new TestConductor({ politeEndMs: 1500 });
  const inWorkspace = (name: string) => join(conductor.workspace, name);
  before(() => conductor.start());
  after(() => conductor.dispose());

  it('while strays of its earlier attempts are being ended: only those are', async () => {
    // The first attempt leaves somebody behind who does not go when asked; the second works until it is told to end.
    const run = await conductor.submit(
      'haunted',
      `${head('haunted', 'cli')}prompt:
  template: |
    if [ ! -e left ]; then
      setsid bash -c 'trap "" TERM; echo $$ > left; while :; do sleep 0.05; done' >/dev/null 2>&1 &
      until [ -s left ]; do sleep 0.02; done
      exit 1
    fi
    touch second
    until [ -e enough ]; do sleep 0.02; done
    echo whole
`,
    );
    await conductor.until(run);
    await conductor.call('job.resume', { job_id: run });
    await eventually('the second attempt works', () => existsSync(inWorkspace('second')));
    // Its stray is gone by then, and whoever ends strays has gone through all attempts that there are.
    const stray = Number(readFileSync(inWorkspace('left'), 'utf8'));
    await eventually('the stray is gone', async () => !(await conductor.strays()).includes(stray));
    await eventually('the first end is archived', () =>
      existsSync(join(conductor.home, 'archive', `${run}.jsonl`)),
    );
    writeFileSync(inWorkspace('enough'), '');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.sheets['1']));
    const said = await conductor.call('log.read', { job_id: run, sheet: 1, stream: 'stdout' });
    assert.equal(said.data, 'whole\n');
    const attempts = conductor.records().filter((r) => r.run === run && r.type === 'attempt.started');
    assert.equal(attempts.length, 2);
  });

  it('with an instrument of its workspace', async () => {
    const folder = join(conductor.workspace, '.marianne', 'instruments');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'own.yaml'),
      'name: own\ndisplay_name: Own\nkind: cli\nraw_prompt: true\ncli: { command: { executable: bash } }\n',
    );
    const { entries } = await conductor.call('trust.list', { dir: conductor.workspace });
    await conductor.call('trust.approve', {
      dir: conductor.workspace,
      digests: entries.map(({ digest }) => digest),
    });
    writeFileSync(inWorkspace('broken'), '');
    const run = await conductor.submit(
      'local',
      `${head('local', 'own')}prompt: { template: 'test ! -e broken && echo mended' }\n`,
    );
    assert.equal((await conductor.until(run)).status, 'failed');
    await eventually('it is archived', () =>
      conductor.records().some((record) => record.run === run && record.type === 'job.archived'),
    );
    rmSync(inWorkspace('broken'));
    await conductor.call('job.resume', { job_id: run });
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.sheets['1']));
  });
});
