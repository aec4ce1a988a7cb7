import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareTrees, hasTree, readBlob } from '../../../src/conductor/changes/compare';
import { git } from '../../../src/conductor/changes/git';
import { ChangeRecorder } from '../../../src/conductor/changes/recorder';
import { takeTree, TooLargeError, usualLimits } from '../../../src/conductor/changes/snapshot';
import { keepTree, openStore, type ChangeStore } from '../../../src/conductor/changes/store';

describe('trees of a workspace', () => {
  let root: string;
  let workspace: string;
  let store: ChangeStore;
  const patient = () => AbortSignal.timeout(20_000);
  const put = (name: string, text: string) => writeFileSync(join(workspace, name), text);

  beforeEach(async () => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'mzt-changes-')));
    workspace = join(root, 'ws');
    mkdirSync(workspace);
    execFileSync('git', ['init', '-q'], { cwd: workspace });
    const opened = await openStore(join(root, 'changes'), workspace);
    assert.ok(opened);
    store = opened;
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('outlive git’s upkeep while their job is kept, and no longer', async () => {
    put('a', 'one\n');
    const { tree: before } = await takeTree(store, patient());
    await keepTree(store, 'a..strange.lock', '1.1.before', before);
    put('a', 'two\n');
    const { tree: unkept } = await takeTree(store, patient());
    put('a', 'three\n');
    const { tree: after } = await takeTree(store, patient());
    await git(store, ['gc', '--quiet', '--prune=now']);
    const [changed] = await compareTrees(store, before, after);
    assert.equal((await readBlob(store, changed?.before?.blob ?? '')).toString(), 'one\n');
    assert.equal(await hasTree(store, unkept), false);
  });

  it('leave out what is too large, and are not made of too much', async () => {
    put('small', 'x');
    put('large', 'x'.repeat(2000));
    const limits = { ...usualLimits, fileBytes: 1000 };
    const first = await takeTree(store, patient(), limits);
    assert.deepEqual(first.leftOut, ['large']);
    put('small', 'x'.repeat(2000));
    const second = await takeTree(store, patient(), limits);
    assert.deepEqual(second.leftOut, ['large', 'small']);
    await assert.rejects(takeTree(store, patient(), { ...usualLimits, bytes: 1000 }), TooLargeError);
    await assert.rejects(takeTree(store, patient(), { ...limits, leftOut: 1 }), TooLargeError);
    for (let i = 0; i < 20; i += 1) put(`n${i}`, 'x');
    await assert.rejects(takeTree(store, patient(), { ...usualLimits, files: 10 }), TooLargeError);
  });

  it('see through a file that becomes a folder and back, and strange names', async () => {
    put('thing', 'file');
    put('-n [x] *', 'strange');
    put(':(top)', 'magic');
    const first = await takeTree(store, patient());
    rmSync(join(workspace, 'thing'));
    mkdirSync(join(workspace, 'thing'));
    put('thing/in', 'folder');
    const second = await takeTree(store, patient());
    rmSync(join(workspace, 'thing'), { recursive: true });
    put('thing', 'file');
    const third = await takeTree(store, patient());
    assert.equal(third.tree, first.tree);
    assert.deepEqual(
      (await compareTrees(store, first.tree, second.tree)).map(({ path }) => path),
      ['thing', 'thing/in'],
    );
  });

  it('are taken after a git that was killed', async () => {
    put('a', 'one\n');
    await takeTree(store, patient());
    writeFileSync(join(store.gitDir, 'index.lock'), '');
    put('a', 'two\n');
    assert.equal((await takeTree(store, patient())).leftOut.length, 0);
  });

  it('that take too long are told as such, and leave nothing behind', async () => {
    const recorder = new ChangeRecorder({
      folder: join(root, 'changes'),
      enabled: true,
      report: () => undefined,
    });
    // A pipe where git looks for its rules: it waits for a writer, for ever.
    execFileSync('mkfifo', [join(workspace, '.gitignore')]);
    const timer = setTimeout(() => recorder.stop(), 300);
    const record = await recorder.record('run', workspace, '1.1.before');
    clearTimeout(timer);
    assert.deepEqual([record.tree, record.reason], [null, 'too_slow']);
    assert.deepEqual(readdirSync(join(root, 'changes')), []);
  });
});
