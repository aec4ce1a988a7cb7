import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { LineClient } from '../support/line-client';
import { TestConductor } from '../support/conductor';

/** What one ended command said. */
interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const score = (instrument: string) => `
name: small
instrument: ${instrument}
sheet: { size: 1, total_items: 3 }
prompt: { template: 'true' }
`;

describe('what mzt says of the conductor, and of what it cannot play', function () {
  this.timeout(30_000);
  let conductor: TestConductor;

  const mzt = async (...args: string[]): Promise<Ended> => {
    const child = spawn(process.execPath, ['dist/cli.js', ...args], {
      env: { PATH: process.env['PATH'], HOME: conductor.root, MARIANNE_HOME: conductor.home, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...texts };
  };

  before(async () => {
    conductor = new TestConductor();
    await conductor.start();
  });
  after(() => conductor.dispose());

  it('the status counts who listens, and neither itself nor single calls', async () => {
    const clients = async () => {
      const { stdout } = await mzt('conductor-status', '--json');
      return (JSON.parse(stdout) as { clients: number }).clients;
    };
    assert.equal(await clients(), 0);
    assert.match((await mzt('conductor-status')).stdout, /^ {2}clients +nobody watches$/m);
    const [one, two] = await Promise.all([
      LineClient.connect(join(conductor.home, 'run/s')),
      LineClient.connect(join(conductor.home, 'run/s')),
    ]);
    try {
      assert.ok(one && two);
      await one.result('events.subscribe', { since: null });
      await two.result('daemon.health');
      assert.equal(await clients(), 1);
      assert.equal((await one.result('daemon.status'))['clients'], 0, 'the others only');
      assert.match((await mzt('conductor-status')).stdout, /^ {2}clients +1 watching$/m);
    } finally {
      one?.close();
      two?.close();
    }
  });

  describe('a score that cannot be played as asked: exit 2, whoever finds it', () => {
    const cases: readonly (readonly [string, string, readonly string[], string, RegExp])[] = [
      [
        'an unknown instrument',
        'claude-cod',
        [],
        'unknown_instrument',
        /no instrument "claude-cod".*claude-code/,
      ],
      [
        'a sheet beyond the score',
        'cli',
        ['--only', '9'],
        'unknown_sheet',
        /the score has no sheet 9: it has 3/,
      ],
      ['a start beyond the score', 'cli', ['-s', '4'], 'unknown_sheet', /the score has no sheet 4: it has 3/],
      ['nothing that is left', 'cli', ['-s', '3', '--only', '1'], 'unknown_sheet', /none is left to play/],
    ];
    for (const [what, instrument, options, errorCode, says] of cases) {
      it(what, async () => {
        const file = join(conductor.root, 'small.yaml');
        writeFileSync(file, score(instrument));
        const common = ['run', file, '-w', conductor.workspace, '--json', ...options];
        for (const args of [common, [...common, '--dry-run']]) {
          const { code, stdout } = await mzt(...args);
          const told = JSON.parse(stdout) as { message: string; error_code: string };
          assert.deepEqual([code, told.error_code], [2, errorCode], `${args.join(' ')}: ${stdout}`);
          assert.match(told.message, says);
        }
        const range = /^-s$/.test(options[0] ?? '') ? Number(options[1]) : null;
        const only = options.indexOf('--only');
        const answer = await conductor.call('job.submit', {
          config_path: file,
          workspace: conductor.workspace,
          dry_run: true,
          start_sheet: range,
          only_sheets: only < 0 ? null : [Number(options[only + 1])],
        });
        assert.deepEqual([answer.status, answer.error_code], ['rejected', errorCode]);
        assert.deepEqual(await conductor.call('job.list', {}), []);
      });
    }

    it('sheets that were not asked for are told as skipped, in the record and in the list', async () => {
      const file = join(conductor.root, 'part.yaml');
      writeFileSync(file, score('cli'));
      const run = await mzt('run', file, '-w', conductor.workspace, '--only', '2', '--wait');
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /completed {2}1\/3 sheets, 2 skipped/);
      assert.match(run.stdout, /^ +(█{30}|#{30})$/m, 'nothing is left to play');
      assert.match((await mzt('list', '-a')).stdout, /part +.*completed +1\/3, 2 skipped/);
      assert.match((await mzt('status')).stdout, /part +.*1\/3, 2 skipped/);
      await conductor.call('job.clear', { job_ids: ['part'] });
    });

    it('a dry run shows what would be played', async () => {
      const file = join(conductor.root, 'small.yaml');
      writeFileSync(file, score('cli'));
      const { stdout } = await mzt('run', file, '-w', conductor.workspace, '-n', '--json', '-s', '2');
      const { rendering } = JSON.parse(stdout) as { rendering: { sheet: number }[] };
      assert.deepEqual(
        rendering.map(({ sheet }) => sheet),
        [2, 3],
      );
    });
  });
});
