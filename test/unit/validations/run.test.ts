import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { PlannedRule } from '../../../src/score/plan';
import { Redaction } from '../../../src/conductor/output/redact';
import { validationOutcomeSchema } from '../../../src/conductor/validations/result';
import { runValidations, type ValidationOptions } from '../../../src/conductor/validations/run';
import { snapshotSchema, takeSnapshot } from '../../../src/conductor/validations/snapshot';
import { completionLists, describeFailure } from '../../../src/conductor/validations/summary';

let workspace: string;
let sleeps: number[];
let onSleep: () => Promise<void>;

const texts: ValidationOptions['texts'] = {
  expandPath: (path) => {
    const unknown = /\{(?!workspace\})(\w+)\}/.exec(path);
    if (unknown !== null) throw new Error(`unknown variable '${unknown[1] ?? ''}'`);
    return resolve(workspace, path.replaceAll('{workspace}', workspace));
  },
  expandCommand: (command) => command.replaceAll('{workspace}', `'${workspace}'`),
  compileRegex: (pattern) => {
    try {
      return { ok: true, regex: new RegExp(pattern, 'm') };
    } catch (error) {
      return { ok: false, message: String(error) };
    }
  },
};

let nextIndex = 1;
const rule = (fields: Partial<PlannedRule> & Pick<PlannedRule, 'type'>): PlannedRule => ({
  index: nextIndex++,
  description: null,
  path: null,
  pattern: null,
  command: null,
  workingDirectory: null,
  stage: 1,
  retryCount: 0,
  retryDelayMs: 200,
  timeoutSeconds: 3600,
  ...fields,
});

const run = (rules: PlannedRule[], more: Partial<ValidationOptions> = {}) =>
  runValidations({
    rules,
    texts,
    workspace,
    snapshot: {},
    env: {},
    redaction: new Redaction({ secrets: ['hunter2-hunter2'] }),
    endTree: () => Promise.reject(new Error('no command runs here')),
    clock: {
      now: () => 0,
      sleep: async (milliseconds) => {
        sleeps.push(milliseconds);
        await onSleep();
      },
    },
    ...more,
  });
const one = async (fields: Parameters<typeof rule>[0], more: Partial<ValidationOptions> = {}) => {
  const outcome = validationOutcomeSchema.parse(await run([rule(fields)], more));
  const [result] = outcome.results;
  assert.ok(result);
  return result;
};
const write = (name: string, content: string | Buffer = '') => writeFile(join(workspace, name), content);

describe('validations of files', () => {
  beforeEach(async () => {
    workspace = await mkdtemp(join(tmpdir(), 'mzt-val-'));
    sleeps = [];
    onSleep = () => Promise.resolve();
    nextIndex = 1;
  });
  afterEach(() => rm(workspace, { recursive: true }));

  it('file_exists: a regular file, nothing else', async () => {
    await write('a.md');
    await mkdir(join(workspace, 'folder'));
    execFileSync('mkfifo', [join(workspace, 'pipe')]);
    assert.equal((await one({ type: 'file_exists', path: '{workspace}/a.md' })).passed, true);
    for (const path of ['none.md', 'folder', 'pipe', 'a.md/below']) {
      const result = await one({ type: 'file_exists', path });
      assert.equal(result.passed, false, path);
      assert.equal(result.failure_category, 'missing');
      assert.equal(result.path, join(workspace, path));
      assert.ok(result.message?.includes(path) && result.suggested_fix?.includes(path));
    }
  });

  it('file_modified: changed by this attempt, told by time, size or content', async () => {
    for (const name of ['same', 'touched', 'rewritten', 'sly']) await write(name, 'before');
    const past = new Date('2026-01-01T00:00:00Z');
    for (const name of ['same', 'touched', 'rewritten', 'sly'])
      await utimes(join(workspace, name), past, past);
    const rules = ['same', 'touched', 'rewritten', 'sly', 'new', 'never'].map((path) =>
      rule({ type: 'file_modified', path }),
    );
    // As it comes back from the journal.
    const snapshot = snapshotSchema.parse(
      JSON.parse(JSON.stringify(await takeSnapshot(rules, (path) => texts.expandPath(path)))),
    );
    await utimes(join(workspace, 'touched'), past, new Date('2026-01-02T00:00:00Z'));
    await write('rewritten', 'after');
    await write('sly', 'BEFORE');
    await utimes(join(workspace, 'sly'), past, past);
    await write('new', '');
    const outcome = await run(rules, { snapshot });
    assert.deepEqual(
      outcome.results.map(({ passed, failure_category }) => [passed, failure_category]),
      [
        [false, 'stale'],
        [true, null],
        [true, null],
        [true, null],
        [true, null],
        [false, 'missing'],
      ],
    );
  });

  it('file_modified fails when the state before is not known', async () => {
    await write('a');
    const result = await one({ type: 'file_modified', path: 'a', retryCount: 3 });
    assert.equal(result.passed, false);
    assert.equal(result.error_type, 'internal_error');
    assert.deepEqual(sleeps, []);
  });

  it('a snapshot leaves out what cannot be expanded, and notes what is not there', async () => {
    await mkdir(join(workspace, 'folder'));
    const rules = ['{nope}/x', 'absent', 'folder'].map((path) => rule({ type: 'file_modified', path }));
    rules.push(rule({ type: 'file_exists', path: 'other' }));
    assert.deepEqual(await takeSnapshot(rules, (path) => texts.expandPath(path)), {
      [join(workspace, 'absent')]: null,
      [join(workspace, 'folder')]: null,
    });
  });

  it('content_contains: literally, with line ends as Python reads them, bad bytes replaced', async () => {
    await write(
      'a',
      Buffer.concat([Buffer.from('one.*\r\ntwo\rthree '), Buffer.from([0xff]), Buffer.from(' ü')]),
    );
    const contains = async (pattern: string) =>
      (await one({ type: 'content_contains', path: 'a', pattern })).passed;
    assert.equal(await contains('one.*\ntwo\nthree \ufffd ü'), true);
    assert.equal(await contains('o.e'), false);
    const result = await one({ type: 'content_contains', path: 'a', pattern: 'absent' });
    assert.equal(result.failure_category, 'incomplete');
    assert.ok(result.suggested_fix?.includes('absent'));
    const empty = await one({ type: 'content_contains', path: 'a', pattern: '' });
    assert.equal(empty.passed, false);
    assert.match(empty.message ?? '', /no pattern/);
  });

  it('content rules refuse a file above 64 MiB, clearly', async () => {
    execFileSync('truncate', ['-s', String(64 * 1024 * 1024 + 1), join(workspace, 'big')]);
    for (const type of ['content_contains', 'content_regex'] as const) {
      const result = await one({ type, path: 'big', pattern: 'x' });
      assert.equal(result.passed, false);
      assert.match(result.message ?? '', /larger than 64 MiB/);
      assert.equal(result.error_type, 'io_error');
    }
  });

  it('content_regex: searches, per line, on this thread and in a worker', async () => {
    await write('a', 'title\r\n## Result: 42\nend\n');
    for (const pattern of ['^## Result', '^## Result: \\d+$', '^## (\\w+): \\d+$[\\s\\S]*end'])
      assert.equal((await one({ type: 'content_regex', path: 'a', pattern })).passed, true, pattern);
    for (const pattern of ['^Result', '^## (\\w+): [a-z]+$[\\s\\S]*end']) {
      const result = await one({ type: 'content_regex', path: 'a', pattern });
      assert.equal(result.failure_category, 'malformed', pattern);
    }
    const invalid = await one({ type: 'content_regex', path: 'a', pattern: '(', retryCount: 2 });
    assert.equal(invalid.error_type, 'regex_error');
    assert.deepEqual(sleeps, []);
  });

  it('content_regex: a pattern without end fails in time and does not hold up this thread', async () => {
    await write('a', 'a'.repeat(60) + '!');
    let ticks = 0;
    const ticker = setInterval(() => ticks++, 5);
    const result = await one(
      { type: 'content_regex', path: 'a', pattern: '^(a+)+$' },
      { searchLimitMs: 150 },
    );
    clearInterval(ticker);
    assert.equal(result.passed, false);
    assert.equal(result.error_type, 'regex_error');
    assert.match(result.message ?? '', /did not come to an end in 0.15 s/);
    assert.ok(ticks >= 5, `${ticks} ticks`);
  });

  it('an unknown placeholder fails the rule with its name, at once', async () => {
    const result = await one({ type: 'file_exists', path: '{workspace}/{voice}.md', retryCount: 3 });
    assert.equal(result.error_type, 'internal_error');
    assert.match(result.message ?? '', /voice/);
    assert.equal(result.checks, 0);
    assert.deepEqual(sleeps, []);
  });

  it('tells when a path leads out of the workspace, also through a link', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'mzt-out-'));
    try {
      await writeFile(join(outside, 'f'), '');
      await write('inside');
      await symlink(outside, join(workspace, 'link'));
      await symlink(join(outside, 'f'), join(workspace, 'file-link'));
      const look = async (path: string) => (await one({ type: 'file_exists', path })).outside_workspace;
      assert.equal(await look('inside'), false);
      assert.equal(await look('not/yet/there'), false);
      assert.equal(await look('..name'), false);
      for (const path of [join(outside, 'f'), 'link/f', 'link/none', 'file-link', '../x'])
        assert.equal(await look(path), true, path);
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  it('checks again while retries are left, with the pause between', async () => {
    onSleep = async () => {
      if (sleeps.length === 2) await write('late');
    };
    const late = await one({ type: 'file_exists', path: 'late', retryCount: 3, retryDelayMs: 70 });
    assert.equal(late.passed, true);
    assert.equal(late.checks, 3);
    assert.deepEqual(sleeps, [70, 70]);
    sleeps = [];
    const never = await one({ type: 'file_exists', path: 'never', retryCount: 3 });
    assert.equal(never.checks, 4);
    assert.deepEqual(sleeps, [200, 200, 200]);
  });

  it('stops after a failed stage; what is not reached counts as failed', async () => {
    await write('a');
    const rules = [
      rule({ type: 'file_exists', path: 'c', stage: 3 }),
      rule({ type: 'file_exists', path: 'missing.md', stage: 2, description: 'the report' }),
      rule({ type: 'file_exists', path: 'a', stage: 2 }),
      rule({ type: 'file_exists', path: 'a', stage: 1 }),
      rule({ type: 'file_exists', path: 'a', stage: 3 }),
    ];
    const outcome = validationOutcomeSchema.parse(await run(rules));
    assert.deepEqual(
      outcome.results.map(({ index, passed, failure_category }) => [index, passed, failure_category]),
      [
        [4, true, null],
        [2, false, 'missing'],
        [3, true, null],
        [1, false, 'skipped'],
        [5, false, 'skipped'],
      ],
    );
    assert.equal(outcome.passed, false);
    assert.equal(outcome.pass_percent, 40);
    assert.equal(
      describeFailure(outcome),
      '3 of 5 checks failed (2 not reached): file_exists missing.md (missing)',
    );
    const lists = completionLists(outcome);
    assert.deepEqual(lists.passed, ['file_exists a', 'file_exists a']);
    assert.equal(lists.failed.length, 3);
    assert.deepEqual(lists.failed[0], {
      what: 'the report [file_exists missing.md]',
      category: 'missing',
      why: `${join(workspace, 'missing.md')} does not exist`,
      fix: `create the file ${join(workspace, 'missing.md')}`,
    });
  });

  it('without rules passes with nothing proven', async () => {
    const outcome = await run([]);
    assert.deepEqual(outcome, { passed: true, pass_percent: 100, results: [] });
    assert.equal(describeFailure(outcome), null);
  });

  it('redacts what it reports', async () => {
    const result = await one({
      type: 'file_exists',
      path: 'hunter2-hunter2.md',
      description: 'hunter2-hunter2',
    });
    assert.ok(!JSON.stringify(result).includes('hunter2-hunter2'));
  });

  it('ends when the signal is aborted', async () => {
    const controller = new AbortController();
    onSleep = () => {
      controller.abort(new Error('cancelled'));
      return Promise.resolve();
    };
    const rules = [
      rule({ type: 'file_exists', path: 'x', retryCount: 1 }),
      rule({ type: 'file_exists', path: 'x' }),
    ];
    await assert.rejects(run(rules, { signal: controller.signal }), /cancelled/);
  });
});
