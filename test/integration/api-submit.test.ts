import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParamsOf } from '../../src/protocol/methods';
import { TestConductor } from '../support/conductor';

const simple = (script: string, name = 'simple') => `
name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 1 }
prompt:
  template: |
    ${script}
`;

describe('submits and runs', () => {
  const conductor = new TestConductor();
  before(async () => {
    mkdirSync(conductor.home, { recursive: true });
    writeFileSync(join(conductor.home, 'conductor.yaml'), 'max_job_history: 10\n');
    await conductor.start();
  });
  after(() => conductor.dispose());

  const submit = (path: string, params: Partial<ParamsOf<'job.submit'>> = {}) =>
    conductor.call('job.submit', {
      config_path: path,
      workspace: conductor.workspace,
      client_cwd: conductor.root,
      ...params,
    });

  it('refuses every bad score with what is wrong, and starts nothing', async () => {
    const good = simple('true');
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghij'.split('').map((c, i) => {
        const before = 'abcdefghi'[i] ?? 'a';
        return `${c}: &${c} [${Array(9).fill(`*${before}`).join(',')}]`;
      }),
    ].join('\n');
    const cases: [string, string, RegExp][] = [
      ['empty', '', /empty|nothing|mapping/i],
      ['not-yaml', 'name: [unclosed\nsheet: {', /line \d+/],
      ['bomb', bomb, /alias|anchor|reference|expan/i],
      ['unknown-field', `${good}\nno_such_field: 1\n`, /no_such_field/],
      ['wrong-type', good.replace('total_items: 1', 'total_items: many'), /total_items|number|integer/i],
      [
        'cycle',
        good.replace('total_items: 1', 'total_items: 2, dependencies: { 1: [2], 2: [1] }'),
        /wait for each other.*1 → 2 → 1/,
      ],
      ['no-template', good.replace(/ {2}template: \|\n.*\n/, '  template_file: missing.j2\n'), /missing\.j2/],
      ['undefined', good.replace('true', 'true\n    echo {{ nothing_here }}'), /line 10: .*nothing_here/],
      ['instrument', good.replace('instrument: cli', 'instrument: claude-cod'), /claude-cod".*claude-code/],
    ];
    for (const [name, text, expected] of cases) {
      const path = conductor.score(`bad-${name}`, text);
      const reply = await submit(path);
      assert.equal(reply.status, 'rejected', `${name}: ${reply.message}`);
      assert.match(reply.message, expected, name);
      assert.ok(name === 'instrument' || (reply.diagnostics?.length ?? 0) > 0, name);
      const dry = await submit(path, { dry_run: true });
      assert.equal(dry.status, 'rejected', `${name} as dry run: ${dry.message}`);
    }
    const missing = await submit(join(conductor.root, 'bad-none.yaml'));
    assert.match(missing.message, /no file .*bad-none\.yaml/);
    const folder = await submit(conductor.root.replace(/$/, ''));
    assert.equal(folder.status, 'rejected');
    const orphan = await submit(conductor.score('bad-ws', good), { workspace: '/no/such/parent/ws' });
    assert.match(orphan.message, /\/no\/such\/parent/);
    writeFileSync(join(conductor.root, 'file-ws'), '');
    const blocked = await submit(conductor.score('bad-ws', good), {
      workspace: join(conductor.root, 'file-ws'),
    });
    assert.equal(blocked.status, 'rejected');
    assert.match(blocked.message, /file-ws is a file/);
    assert.deepEqual(await conductor.call('job.list', {}), []);
  });

  it('plans and renders everything in a dry run, and starts nothing', async () => {
    const path = conductor.score(
      'dry',
      `
name: dry
instrument: cli
workspace: ./dry-workspace
sheet: { size: 1, total_items: 2, fan_out: { 2: 2 } }
prompt: { template: "echo sheet {{ sheet_num }} of {{ total_sheets }}" }
learning: { enabled: true }
`,
    );
    const reply = await submit(path, { dry_run: true, workspace: null });
    assert.equal(reply.status, 'dry_run');
    assert.deepEqual(
      reply.rendering?.map(({ prompt }) => prompt?.trim()),
      ['echo sheet 1 of 3', 'echo sheet 2 of 3', 'echo sheet 3 of 3'],
    );
    assert.deepEqual(
      reply.plan?.sheets.map((sheet) => sheet.depends_on),
      [[], [1], [1]],
    );
    const warning = reply.diagnostics?.find(({ message }) => message.includes('not obeyed'));
    assert.equal(warning?.range?.line, 7);
    assert.ok(!existsSync(join(conductor.root, 'dry-workspace')));
    assert.deepEqual(await conductor.call('job.list', {}), []);
    const preview = await conductor.call('job.preview', { config_path: path, sheet: 2 });
    assert.equal(preview.prompt?.trim(), 'echo sheet 2 of 3');
  });

  it('answers a submit that is asked again, and refuses the same score twice in one workspace', async () => {
    const gated = simple('while [ ! -e twice.gate ]; do sleep 0.02; done');
    const path = conductor.score('twice', gated);
    const first = await submit(path, { submit_key: 'key-0001' });
    const same = await submit(path, { submit_key: 'key-0001' });
    assert.deepEqual([first.job_id, same.job_id, same.status], ['twice', 'twice', 'accepted']);
    const refused = await submit(path);
    assert.equal(refused.status, 'rejected');
    assert.equal(refused.job_id, 'twice');
    assert.match(refused.message, /twice/);
    const elsewhere = await submit(path, { workspace: join(conductor.root, 'other') });
    const again = await submit(path, { again: true });
    assert.deepEqual([elsewhere.job_id, again.job_id], ['twice-2', 'twice-3']);
    // Known again after a restart, too.
    await conductor.kill();
    await conductor.start();
    const after = await submit(path, { submit_key: 'key-0001' });
    assert.equal(after.job_id, 'twice');
    writeFileSync(join(conductor.workspace, 'twice.gate'), '');
    writeFileSync(join(conductor.root, 'other', 'twice.gate'), '');
    for (const run of ['twice-2', 'twice-3']) assert.equal((await conductor.until(run)).status, 'completed');
  });

  it('finds runs by name, stem and unique prefix', async () => {
    const score = (name: string) => simple('true', name);
    for (const [stem, name] of [
      ['alpha-one', 'First Of All'],
      ['alpha-two', 'Second'],
      ['beta', 'Third'],
    ] as const)
      await conductor.until(await conductor.submit(stem, score(name)));
    await conductor.until(await conductor.submit('beta', score('Third')));
    const found = async (name: string) => (await conductor.call('job.status', { job_id: name })).job_id;
    assert.equal(await found('First Of All'), 'alpha-one');
    assert.equal(await found('alpha-t'), 'alpha-two');
    assert.equal(await found('beta'), 'beta-2');
    assert.equal(await found('bet'), 'beta-2');
    assert.equal(await found('beta-1'), 'beta', 'the first run has an exact name too');
    await assert.rejects(found('alpha'), /could mean alpha-one, alpha-two/);
    await assert.rejects(found('gamma'), /no job "gamma"/);
  });

  it('clears finished runs that are named in full, keeps their numbers, and keeps max_job_history', async () => {
    const gate = join(conductor.workspace, 'live.gate');
    const live = await conductor.submit('live', simple('while [ ! -e live.gate ]; do sleep 0.02; done'));
    const none = await conductor.call('job.clear', { job_ids: [live, 'bet'] });
    assert.deepEqual(none, { deleted: 0 });
    assert.deepEqual(await conductor.call('job.clear', { job_ids: ['beta-2'], older_than_seconds: 3600 }), {
      deleted: 0,
    });
    assert.deepEqual(await conductor.call('job.clear', { job_ids: ['beta-2'] }), { deleted: 1 });
    assert.ok(!existsSync(join(conductor.home, 'jobs/beta-2')));
    assert.equal((await conductor.call('job.status', { job_id: 'beta' })).job_id, 'beta');
    writeFileSync(gate, '');
    await conductor.until(live);
    await conductor.kill();
    await conductor.start();
    const next = await conductor.submit('beta', simple('true', 'Third'));
    assert.equal(next, 'beta-3', 'a run id is never used again');
    await conductor.until(next);
    const many = await Promise.all(
      Array.from({ length: 8 }, (_, i) => conductor.submit(`many-${'abcdefgh'[i]}`, simple('true'))),
    );
    await Promise.all(many.map((run) => conductor.until(run)));
    let rows = await conductor.call('job.list', {});
    while (rows.length > 10) rows = await conductor.call('job.list', {});
    assert.deepEqual(
      rows
        .map((row) => row.job_id)
        .filter((run) => run.startsWith('many'))
        .sort(),
      many.sort(),
    );
    // The files go after the record that says so.
    const kept = () =>
      readdirSync(join(conductor.home, 'archive')).filter((name) => name.endsWith('.jsonl')).length;
    while (kept() > 10) await conductor.call('daemon.health', {});
    assert.equal(kept(), 10);
  });

  it('resumes an archived job after a restart', async () => {
    const run = await conductor.submit(
      'phoenix',
      simple('test -e phoenix.ok || exit 1; while [ ! -e phoenix.gate ]; do sleep 0.02; done'),
    );
    assert.equal((await conductor.until(run)).status, 'failed');
    while (!existsSync(join(conductor.home, 'archive', `${run}.jsonl`)))
      await conductor.call('daemon.health', {});
    await conductor.kill();
    await conductor.start();
    writeFileSync(join(conductor.workspace, 'phoenix.ok'), '');
    assert.equal((await conductor.call('job.resume', { job_id: run })).status, 'accepted');
    // As the oldest of more than max_job_history it would be pruned, were it not live again.
    const others = 'abcdefghijk'
      .split('')
      .map((letter) => conductor.submit(`late-${letter}`, simple('true')));
    await Promise.all(others);
    while ((await conductor.call('daemon.status', {})).total_jobs_active > 1);
    writeFileSync(join(conductor.workspace, 'phoenix.gate'), '');
    const job = await conductor.until(run, new Set(['completed']));
    assert.deepEqual(
      job.sheets['1']?.attempts.map((attempt) => [attempt.attempt, attempt.outcome]),
      [
        [1, 'failed'],
        [2, 'completed'],
      ],
    );
  });
});
