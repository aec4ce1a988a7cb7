import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../../src/cli/program';
import { CollectingSink, contextOf } from '../support/cli-context';
import { TestConductor } from '../support/conductor';

/** One sheet for each piece of shell; they run one after another unless `parallel`. */
function score(name: string, sheets: readonly string[], more = ''): string {
  const branches = sheets
    .map((text, i) => `    {% ${i === 0 ? 'if' : 'elif'} sheet_num == ${i + 1} %}\n    ${text}`)
    .join('\n');
  return `name: ${name}
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: ${sheets.length} }
${more}
prompt:
  template: |
${branches}
    {% endif %}
validations: []
`;
}

function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], {
    cwd,
    encoding: 'utf8',
  });
}

/** A digest over everything under a folder: names, modes, times of change, contents. */
function digest(folder: string): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    const found = lstatSync(path);
    hash.update(`${name} ${found.mode} ${found.mtimeMs}\n`);
    if (found.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

describe('what an attempt changes', function () {
  this.timeout(60_000);
  const conductor = new TestConductor();
  const { workspace } = conductor;
  const at = (...names: string[]) => join(workspace, ...names);
  const put = (name: string, text: string) => writeFileSync(at(name), text);
  const get = (name: string) => readFileSync(at(name), 'utf8');
  const paths = async (run: string, sheet: number, attempt?: number) => {
    const { files } = await conductor.call('job.changes', { job_id: run, sheet, attempt: attempt ?? null });
    return files.map(({ path, status }) => `${status} ${path}`);
  };

  before(() => conductor.start());
  after(() => conductor.dispose());
  beforeEach(() => {
    for (const name of readdirSync(workspace)) rmSync(at(name), { recursive: true, force: true });
    git(workspace, 'init', '-q');
    put('kept.txt', 'one\n');
    put('gone.txt', 'to be deleted\n');
    put('.gitignore', 'ignored/\n*.log\n');
    git(workspace, 'add', '-A');
    git(workspace, 'commit', '-qm', 'first');
  });

  it('is told by file, with both contents, and leaves the repository as it was', async () => {
    put('untracked.txt', 'here before\n');
    put('crlf.txt', 'a\r\nb\r\n');
    const repository = digest(at('.git'));
    const run = await conductor.submit(
      'all-kinds',
      score('all-kinds', [
        'echo two >> kept.txt; rm gone.txt; mkdir -p new/deep; printf "a\\0b" > new/deep/file.bin; ln -s kept.txt link; chmod +x untracked.txt; mkdir ignored; echo x > ignored/x; echo y > y.log',
        'true',
      ]),
    );
    await conductor.until(run);
    const answer = await conductor.call('job.changes', { job_id: run, sheet: 1 });
    assert.equal(answer.unrecorded, null);
    assert.equal(answer.mixed, false);
    assert.deepEqual(
      answer.files.map(({ path, status, before, after }) => [path, status, before?.mode, after?.mode]),
      [
        ['gone.txt', 'deleted', '100644', undefined],
        ['kept.txt', 'modified', '100644', '100644'],
        ['link', 'added', undefined, '120000'],
        ['new/deep/file.bin', 'added', undefined, '100644'],
        ['untracked.txt', 'modified', '100644', '100755'],
      ],
    );
    const side = (path: string, which: 'before' | 'after') =>
      conductor.call('job.changed_file', { job_id: run, sheet: 1, path, side: which });
    const text = async (path: string, which: 'before' | 'after') =>
      Buffer.from((await side(path, which)).data, 'base64').toString();
    assert.equal(await text('kept.txt', 'before'), 'one\n');
    assert.equal(await text('kept.txt', 'after'), 'one\ntwo\n');
    assert.equal(await text('new/deep/file.bin', 'after'), 'a\0b');
    assert.equal(await text('link', 'after'), 'kept.txt');
    assert.equal((await side('new/deep/file.bin', 'before')).exists, false);
    assert.equal((await side('../all-kinds.yaml', 'before')).exists, false);
    const page = await conductor.call('job.changed_file', {
      ...{ job_id: run, sheet: 1, path: 'kept.txt', side: 'after', offset: 4, max_bytes: 2 },
    });
    assert.deepEqual(
      [Buffer.from(page.data, 'base64').toString(), page.next_offset, page.eof],
      ['tw', 6, false],
    );
    // A sheet that did nothing says so, and rows know it without asking.
    assert.deepEqual(await paths(run, 2), []);
    const status = await conductor.call('job.status', { job_id: run });
    assert.deepEqual(
      [status.sheets['1']?.attempts[0]?.changes, status.sheets['2']?.attempts[0]?.changes],
      ['some', 'none'],
    );
    assert.equal(digest(at('.git')), repository);
  });

  it('is undone: contents, modes, links, deletions and line endings; and once only', async () => {
    put('crlf.txt', 'a\r\nb\r\n');
    put('run.sh', '#!/bin/sh\n');
    chmodSync(at('run.sh'), 0o755);
    symlinkSync('kept.txt', at('link'));
    chmodSync(at('kept.txt'), 0o640);
    const run = await conductor.submit(
      'undone',
      score('undone', [
        'printf "a\\nb\\n" > crlf.txt; chmod -x run.sh; rm link; mkdir link; echo x > link/x; rm gone.txt; echo no > kept.txt; mkdir -p new/deep; echo n > new/deep/n; echo mine > kept.log',
      ]),
    );
    await conductor.until(run);
    const dry = await conductor.call('job.undo', { job_id: run, sheet: 1, dry_run: true });
    assert.equal(dry.status, 'would_undo');
    assert.equal(get('kept.txt'), 'no\n');
    const answer = await conductor.call('job.undo', { job_id: run, sheet: 1 });
    assert.equal(answer.status, 'undone', answer.message);
    assert.equal(get('crlf.txt'), 'a\r\nb\r\n');
    assert.equal(get('kept.txt'), 'one\n');
    assert.equal(get('gone.txt'), 'to be deleted\n');
    assert.equal(readlinkSync(at('link')), 'kept.txt');
    assert.equal(statSync(at('run.sh')).mode & 0o111, 0o111);
    assert.equal(statSync(at('kept.txt')).mode & 0o777, 0o640);
    assert.equal(statSync(at('gone.txt')).mode & 0o044, 0o044, 'the mode of a new file is the person’s');
    assert.equal(existsSync(at('new')), false);
    assert.equal(get('kept.log'), 'mine\n', 'what the repository ignores is nobody’s to undo');
    assert.equal((await conductor.call('job.undo', { job_id: run, sheet: 1 })).status, 'nothing');
    assert.deepEqual(await paths(run, 1), [
      ...['modified crlf.txt', 'deleted gone.txt', 'modified kept.txt', 'deleted link', 'added link/x'],
      ...['added new/deep/n', 'modified run.sh'],
    ]);
  });

  it('is not undone where somebody has changed a file since: it is named, and nothing is touched', async () => {
    const run = await conductor.submit(
      'since',
      score('since', ['echo no > kept.txt; rm gone.txt; echo n > new.txt']),
    );
    await conductor.until(run);
    put('kept.txt', 'mine\n');
    put('gone.txt', 'mine too\n');
    const answer = await conductor.call('job.undo', { job_id: run, sheet: 1 });
    assert.equal(answer.status, 'refused');
    assert.deepEqual(answer.conflicts, ['gone.txt', 'kept.txt']);
    assert.match(answer.message, /gone\.txt, kept\.txt/);
    assert.equal(get('kept.txt'), 'mine\n');
    assert.equal(existsSync(at('new.txt')), true);
    // Put back by hand, it is undone for the rest.
    put('kept.txt', 'one\n');
    put('gone.txt', 'to be deleted\n');
    const again = await conductor.call('job.undo', { job_id: run, sheet: 1 });
    assert.deepEqual([again.status, again.files], ['undone', [{ path: 'new.txt', action: 'deleted' }]]);
  });

  it('does not follow a folder that has become a link out of the workspace', async () => {
    mkdirSync(at('folder'));
    put('folder/file', 'before\n');
    const run = await conductor.submit('link-out', score('link-out', ['echo after > folder/file']));
    await conductor.until(run);
    const outside = join(conductor.root, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'after\n');
    rmSync(at('folder'), { recursive: true });
    symlinkSync(outside, at('folder'));
    const answer = await conductor.call('job.undo', { job_id: run, sheet: 1 });
    assert.deepEqual([answer.status, answer.conflicts], ['refused', ['folder/file']]);
    assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'after\n');
  });

  it('runs nothing that the repository names: no hook, filter, monitor, attribute or nested repository', async () => {
    const proof = join(conductor.root, 'proof');
    const evil = join(conductor.root, 'evil.sh');
    writeFileSync(evil, `#!/bin/sh\necho ran "$@" >> ${proof}\ncat\n`);
    chmodSync(evil, 0o755);
    mkdirSync(at('hooks'));
    for (const hook of ['post-index-change', 'reference-transaction', 'pre-auto-gc', 'pre-commit'])
      execFileSync('cp', [evil, at('hooks', hook)]);
    mkdirSync(at('sub'));
    git(at('sub'), 'init', '-q');
    writeFileSync(at('sub', 'a'), 'a\n');
    git(at('sub'), 'add', '-A');
    git(at('sub'), 'commit', '-qm', 'sub');
    put('.gitattributes', '* filter=evil text eol=crlf ident diff=evil working-tree-encoding=UTF-16\n');
    for (const repository of [workspace, at('sub')]) {
      for (const [key, value] of [
        ['filter.evil.clean', evil],
        ['filter.evil.smudge', evil],
        ['filter.evil.process', evil],
        ['core.fsmonitor', evil],
        ['core.hooksPath', at('hooks')],
        ['diff.external', evil],
        ['diff.evil.textconv', evil],
        ['core.sshCommand', evil],
        ['gc.recentObjectsHook', evil],
      ] as const)
        git(repository, 'config', key, value);
    }
    put('id.txt', '$Id$\n');
    rmSync(proof, { force: true });
    const run = await conductor.submit(
      'hostile',
      score('hostile', ['echo two >> kept.txt; echo b > sub/b; printf "x\\ny\\n" > lf.txt']),
    );
    await conductor.until(run);
    assert.deepEqual(await paths(run, 1), ['modified kept.txt', 'added lf.txt']);
    const file = await conductor.call('job.changed_file', {
      ...{ job_id: run, sheet: 1, path: 'lf.txt', side: 'after' },
    });
    assert.equal(Buffer.from(file.data, 'base64').toString(), 'x\ny\n');
    assert.equal((await conductor.call('job.undo', { job_id: run, sheet: 1 })).status, 'undone');
    assert.equal(get('id.txt'), '$Id$\n');
    assert.equal(existsSync(proof), false, existsSync(proof) ? readFileSync(proof, 'utf8') : '');
  });

  it('of sheets that ran side by side is told as mixed, and undone only when that is said', async () => {
    const meet =
      'touch here-{{ sheet_num }}; while [ ! -e here-1 ] || [ ! -e here-2 ]; do sleep 0.05; done; ';
    const run = await conductor.submit(
      'side',
      score(
        'side',
        [`${meet} echo 1 > one.txt`, `${meet} echo 2 > two.txt`, 'echo 3 > three.txt'],
        'parallel: { enabled: true, max_concurrent: 2 }',
      ).replace('total_items: 3 }', 'total_items: 3, dependencies: { 3: [1, 2] } }'),
    );
    await conductor.until(run);
    const mixed = await Promise.all(
      [1, 2, 3].map(async (sheet) => (await conductor.call('job.changes', { job_id: run, sheet })).mixed),
    );
    assert.deepEqual(mixed, [true, true, false]);
    const refused = await conductor.call('job.undo', { job_id: run, sheet: 1 });
    assert.match(refused.message, /others ran in/);
    assert.equal((await conductor.call('job.undo', { job_id: run, sheet: 3 })).status, 'undone');
    const undone = await conductor.call('job.undo', { job_id: run, sheet: 1, mixed: true });
    assert.equal(undone.status, 'undone', undone.message);
  });

  it('is shown while it runs; then it is not undone, nor is another that worked there', async () => {
    const first = await conductor.submit('first', score('first', ['echo 1 > one.txt']));
    await conductor.until(first);
    const run = await conductor.submit(
      'slow',
      score('slow', ['echo half > half.txt; while [ ! -e go-on ]; do sleep 0.05; done']),
    );
    const deadline = Date.now() + 20_000;
    while (!existsSync(at('half.txt')) && Date.now() < deadline)
      await new Promise((done) => setTimeout(done, 20));
    const answer = await conductor.call('job.changes', { job_id: run, sheet: 1 });
    assert.deepEqual([answer.running, answer.files.map(({ path }) => path)], [true, ['half.txt']]);
    await assert.rejects(conductor.call('job.undo', { job_id: run, sheet: 1 }), /still runs/);
    const other = await conductor.call('job.undo', { job_id: first, sheet: 1 });
    assert.match(other.message, /sheet 1 of slow works in/);
    put('go-on', '');
    await conductor.until(run);
    assert.deepEqual(await paths(run, 1), ['added go-on', 'added half.txt']);
  });

  it('is recorded over a conductor that is killed', async () => {
    const run = await conductor.submit(
      'adopted',
      score('adopted', ['echo a > a.txt; while [ ! -e go-on.log ]; do sleep 0.05; done; echo b > b.txt']),
    );
    const deadline = Date.now() + 20_000;
    while (!existsSync(at('a.txt')) && Date.now() < deadline)
      await new Promise((done) => setTimeout(done, 20));
    await conductor.kill();
    await conductor.start();
    put('go-on.log', '');
    await conductor.until(run);
    assert.deepEqual(await paths(run, 1), ['added a.txt', 'added b.txt']);
    assert.equal((await conductor.call('job.undo', { job_id: run, sheet: 1 })).status, 'undone');
  });

  it('keeps to a workspace inside a repository, and says where nothing is recorded', async () => {
    mkdirSync(at('packages', 'a'), { recursive: true });
    put('packages/a/.gitignore', 'build\n');
    put('packages/a/x', 'x\n');
    mkdirSync(at('ignored'));
    const inside = await conductor.submit(
      'inside',
      score('inside', ['echo y > y; rm x; echo z > ../z; mkdir build; echo b > build/b']),
      { workspace: at('packages', 'a') },
    );
    await conductor.until(inside);
    assert.deepEqual(await paths(inside, 1), ['deleted x', 'added y']);
    assert.equal((await conductor.call('job.undo', { job_id: inside, sheet: 1 })).status, 'undone');
    assert.equal(get('packages/a/x'), 'x\n');

    const ignored = await conductor.submit('ignored', score('ignored', ['echo y > y']), {
      workspace: at('ignored'),
    });
    await conductor.until(ignored);
    assert.equal((await conductor.call('job.changes', { job_id: ignored, sheet: 1 })).unrecorded, 'ignored');

    const plain = join(conductor.root, 'plain');
    mkdirSync(plain);
    const bare = await conductor.submit('bare', score('bare', ['echo y > y']), { workspace: plain });
    await conductor.until(bare);
    const answer = await conductor.call('job.changes', { job_id: bare, sheet: 1 });
    assert.equal(answer.unrecorded, 'not_git');
    assert.match(answer.message ?? '', /no git repository/);
    assert.equal((await conductor.call('job.undo', { job_id: bare, sheet: 1 })).status, 'refused');
  });

  it('is listed and undone from the terminal, after a question', async () => {
    const run = await conductor.submit('typed', score('typed', ['echo two >> kept.txt; echo n > new.txt']));
    await conductor.until(run);
    const mzt = async (...args: string[]) => {
      const stdout = new CollectingSink();
      const stderr = new CollectingSink();
      const env = { PATH: '/usr/bin:/bin', HOME: conductor.root, MARIANNE_HOME: conductor.home };
      const context = contextOf(conductor.root, env, { stdout, stderr }, { ask: () => Promise.resolve('y') });
      const code = await runCli(args, context);
      return [code, stdout.text, stderr.text];
    };
    const [code, listed = ''] = await mzt('changes', run, '1');
    assert.equal(code, 0);
    assert.match(String(listed), /^M kept\.txt\nA new\.txt\n/);
    put('kept.txt', 'mine\n');
    const [refused, , why] = await mzt('undo', run, '1');
    assert.equal(refused, 1);
    assert.match(String(why), /kept\.txt/);
    put('kept.txt', 'one\ntwo\n');
    const [undone, told] = await mzt('undo', run, '1');
    assert.equal(undone, 0);
    assert.match(String(told), /restored kept\.txt\ndeleted {2}new\.txt\n2 files are as before/);
    assert.equal(existsSync(at('new.txt')), false);
  });

  it('goes with its job', async () => {
    const run = await conductor.submit('cleared', score('cleared', ['echo y > y']));
    await conductor.until(run);
    const folder = join(conductor.home, 'changes');
    assert.equal(readdirSync(folder).length > 0, true);
    const jobs = await conductor.call('job.list', {});
    await conductor.call('job.clear', { job_ids: jobs.map(({ job_id }) => job_id) });
    const deadline = Date.now() + 10_000;
    while (readdirSync(folder).length > 0 && Date.now() < deadline)
      await new Promise((done) => setTimeout(done, 20));
    assert.deepEqual(readdirSync(folder), []);
  });
});
