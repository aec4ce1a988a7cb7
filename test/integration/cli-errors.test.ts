/** What a person gets to read when the input or the machine is wrong: message, place, remedy, exit code, and never a stack. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { chmod, chown, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { conductorEnvironment } from '../../src/client/ensure';
import type { CliHome, CliRun } from '../support/cli-context';
import { onSmallDisk } from '../support/system-limits';
import { makeHome } from '../support/cli-context';

const SCORE = `name: fine
instrument: cli
workspace: ./ws
sheet: { size: 1, total_items: 3 }
prompt:
  template: |
    line one
    echo {{ sheet_num }} > "{{ workspace }}/{{ sheet_num }}.txt"
validations:
  - { type: content_regex, path: "{workspace}/{sheet_num}.txt", pattern: "[0-9]" }
pause_between_sheets_seconds: 0
`;

/** A folder that is there, and in which the system makes none. */
const barren = process.platform === 'linux' ? '/proc' : '/dev/fd';

/** The score with one thing wrong. */
const broken = (from: string, to: string): string => {
  assert.ok(SCORE.includes(from), from);
  return SCORE.replace(from, to);
};
const depending = (on: string) => broken('total_items: 3', `total_items: 3, dependencies: ${on}`);
const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]']
  .concat(
    [...'bcdefghi'].map(
      (name, i) =>
        `${name}: &${name} [${Array(9)
          .fill(`*${'abcdefgh'[i] ?? ''}`)
          .join(',')}]`,
    ),
  )
  .join('\n');

interface BadScore {
  readonly what: string;
  /** Null: no file is written. */
  readonly text: string | Buffer | null;
  /** Exit code of `validate`; `run` ends with 2 for all of them. */
  readonly code: 1 | 2;
  /** On stderr, of both. */
  readonly says: RegExp;
}

const badScores: readonly BadScore[] = [
  {
    what: 'a missing file',
    text: null,
    code: 2,
    says: /there is no file .*bad\.yaml[^]*help: Check the path/,
  },
  {
    what: 'an empty file',
    text: '',
    code: 2,
    says: /bad\.yaml:1:1: error P007: The file is empty[^]*help: A score needs/,
  },
  { what: 'comments only', text: '\n# nothing\n', code: 2, says: /P007: The file is empty/ },
  { what: 'a list', text: '- a\n', code: 2, says: /P006: A score is a mapping[^]*help: Begin with `name/ },
  {
    what: 'what is not YAML',
    text: 'name: [a, b\nfoo: }\n',
    code: 2,
    says: /bad\.yaml:2:1: error P001[^]*help: /,
  },
  {
    what: 'tabs',
    text: 'name: x\nsheet:\n\tsize: 1\n',
    code: 2,
    says: /bad\.yaml:3:1: error P001: .*Tabs[^]*help: Indent with spaces/,
  },
  {
    what: 'bytes that are no text',
    text: Buffer.from([0xff, 0xfe, 0, 1]),
    code: 2,
    says: /is not UTF-8 text[^]*help: Save it as UTF-8/,
  },
  {
    what: 'a YAML bomb',
    text: bomb,
    code: 2,
    says: /P005: With its aliases written out[^]*help: Use fewer aliases/,
  },
  {
    what: 'a file of 2 MB',
    text: `${SCORE}description: ${'x'.repeat(2_000_000)}\n`,
    code: 2,
    says: /P003: The score has 20\d+ characters; at most 1048576[^]*help: Move long texts/,
  },
  {
    what: 'two documents',
    text: `${SCORE}---\nname: y\n`,
    code: 2,
    says: /bad\.yaml:12:1: error P001: .*more than one[^]*help: /,
  },
  {
    what: 'an unknown field',
    text: `${SCORE}promt: y\n`,
    code: 2,
    says: /bad\.yaml:12:1: error P012: `promt`[^]*help: Did you mean `prompt`/,
  },
  {
    what: 'an unknown field within',
    text: broken('size: 1', 'sise: 1'),
    code: 2,
    says: /bad\.yaml:4:10: error P012: `sise`[^]*Did you mean `size`/,
  },
  {
    what: 'a wrong type',
    text: broken('total_items: 3', 'total_items: many'),
    code: 2,
    says: /bad\.yaml:4:32: error P011: `sheet.total_items` must be a number, but is the text "many"/,
  },
  {
    what: 'a number out of bounds',
    text: broken('total_items: 3', 'total_items: -1'),
    code: 2,
    says: /bad\.yaml:4:32: error P014: .* at least 1/,
  },
  {
    what: 'a cycle',
    text: depending('{ 1: [3], 2: [1], 3: [2] }'),
    code: 2,
    says: /bad\.yaml:4:\d+: error P026: .* 1 → 3 → 2 → 1[^]*help: Remove one/,
  },
  {
    what: 'a sheet that waits for itself',
    text: depending('{ 2: [2] }'),
    code: 2,
    says: /P025: Stage 2 waits for itself[^]*help: Remove/,
  },
  {
    what: 'a stage that is not there',
    text: depending('{ 2: [9] }'),
    code: 2,
    says: /P024: Stage 2 waits for stage 9, but the score has only 3/,
  },
  {
    what: 'a missing template file',
    text: SCORE.replace(/template: \|\n.*\n.*\n/, 'template_file: no.j2\n'),
    code: 1,
    says: /bad\.yaml:6:18: error V003: The template file .*\/no\.j2 does not exist[^]*help: Create it/,
  },
  {
    what: 'an undefined variable',
    text: broken('{{ workspace }}', '{{ wrokspace }}'),
    code: 1,
    says: /bad\.yaml:8:32: error V430: .*'wrokspace' is undefined[^]*help: Did you mean 'workspace'/,
  },
  {
    what: 'an unknown filter',
    text: broken('{{ workspace }}', '{{ workspace | uper }}'),
    code: 1,
    says: /bad\.yaml:8:\d+: error V001: .*No filter named 'uper'[^]*help: Did you mean 'upper'/,
  },
  {
    what: 'a template without its end',
    text: broken('line one', '{% if stage %}'),
    code: 1,
    says: /bad\.yaml:\d+:\d+: error V001: .*'endif'/,
  },
  {
    what: 'a bad regular expression',
    text: broken('"[0-9]"', '"("'),
    code: 2,
    says: /bad\.yaml:10:\d+: error V007: .*cannot be used[^]*help: /,
  },
  {
    what: 'a workspace without a parent',
    text: broken('./ws', '/nonexistent/a/b'),
    code: 1,
    says: /bad\.yaml:3:12: error V002: .*\/nonexistent\/a.* does not exist[^]*help: Create it: mkdir -p/,
  },
  {
    what: 'a workspace that is a file',
    text: broken('./ws', './bad.yaml'),
    code: 1,
    says: /bad\.yaml:3:12: error V002: .*\/bad\.yaml is a file[^]*help: Choose another folder/,
  },
  {
    what: 'a workspace below a file',
    text: broken('./ws', './bad.yaml/ws'),
    code: 1,
    says: /bad\.yaml:3:12: error V002: .*\/bad\.yaml is a file[^]*help: Choose another folder/,
  },
];

const isRoot = process.geteuid?.() === 0;

describe('mzt tells what is wrong:', () => {
  let home: CliHome;
  let started: boolean;

  const write = (name: string, text: string | Buffer) => writeFile(join(home.folder, name), text);
  const state = () => home.env['MARIANNE_HOME'] ?? '';
  const clean = (run: CliRun): CliRun => {
    assert.doesNotMatch(run.stdout + run.stderr, /^\s+at \S.*:\d+:\d+\)?$/m, 'a stack trace');
    assert.doesNotMatch(run.stdout + run.stderr, /internal error|\[object /);
    return run;
  };
  /** Runs a command that may start a conductor. */
  const mzt = async (...args: string[]): Promise<CliRun> => {
    started = true;
    return clean(await home.run(...args));
  };
  const conductor = (stateDir: string) =>
    spawnSync(process.execPath, [resolve('dist/conductor.js')], {
      env: conductorEnvironment({ PATH: process.env['PATH'], HOME: home.folder }, stateDir),
      encoding: 'utf8',
      timeout: 10_000,
    });

  beforeEach(async () => {
    home = await makeHome();
    started = false;
  });
  afterEach(async () => {
    if (started) await home.run('stop', '--cancel');
    await home.remove();
  });

  for (const { what, text, code, says } of badScores) {
    it(`${what} as a score`, async () => {
      if (text !== null) await write('bad.yaml', text);
      const validated = clean(await home.run('validate', 'bad.yaml'));
      assert.equal(validated.code, code, validated.stderr);
      assert.match(validated.stderr, says);
      const json = clean(await home.run('validate', 'bad.yaml', '--json'));
      assert.equal(json.code, code);
      assert.equal((JSON.parse(json.stdout) as { valid: boolean }).valid, false);
      const run = clean(await home.run('run', 'bad.yaml', '--dry-run'));
      assert.equal(run.code, 2, run.stderr);
      assert.match(run.stderr, says);
    });
  }

  it('a folder as a score', async () => {
    await mkdir(join(home.folder, 'bad.yaml'));
    for (const command of ['validate', 'run']) {
      const { code, stderr } = clean(await home.run(command, 'bad.yaml'));
      assert.equal(code, 2);
      assert.match(stderr, /bad\.yaml is a folder[^]*help: Name the score file in it/);
    }
    assert.ok(!existsSync(state()), 'nothing was started');
  });

  it('instruments, programs and workspaces that only the conductor can judge', async () => {
    await write('instrument.yaml', broken('instrument: cli', 'instrument: claude-cod'));
    const validated = await mzt('validate', 'instrument.yaml');
    assert.equal(validated.code, 0, 'as the Python system: another machine may have it');
    assert.match(validated.stderr, /instrument\.yaml:2:13: warning V210[^]*Did you mean `claude-code`/);
    const unknown = await mzt('run', 'instrument.yaml');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /error: no instrument "claude-cod" \(sheet 1\); did you mean claude-code/);

    await mkdir(join(state(), 'instruments'), { recursive: true });
    await writeFile(
      join(state(), 'instruments/nowhere.yaml'),
      'name: nowhere\ndisplay_name: Nowhere\nkind: cli\ncli:\n  command: { executable: no-such-program-here }\n',
    );
    await write('program.yaml', broken('instrument: cli', 'instrument: nowhere'));
    const warned = await mzt('validate', 'program.yaml');
    assert.equal(warned.code, 0, warned.stderr);
    assert.match(
      warned.stderr,
      /program\.yaml:2:13: warning V416: `nowhere` is not on this machine: its program `no-such-program-here` was not found/,
    );
    const missing = await mzt('run', 'program.yaml', '--wait');
    assert.match(missing.stderr, /warning V416/, 'submit says it too');
    assert.equal(missing.code, 1, missing.stderr);
    assert.match(missing.stdout, /the program "no-such-program-here" was not found/);

    await write('undefined.yaml', broken('{{ workspace }}', '{{ wrokspace }}'));
    const undefined_ = await mzt('run', 'undefined.yaml');
    assert.equal(undefined_.code, 2);
    assert.match(undefined_.stderr, /undefined\.yaml:8:32: error V430/);

    await write('barren.yaml', broken('./ws', `${barren}/no-such-workspace`));
    const unwritable = await mzt('run', 'barren.yaml');
    assert.equal(unwritable.code, 1);
    assert.match(
      unwritable.stderr,
      /the workspace \/.*\/no-such-workspace cannot be written \(E[A-Z]+\): check/,
    );
    // Root may write everywhere: there is no such folder for it.
    if (!isRoot) {
      await chmod(join(home.folder, 'ws'), 0o500);
      const readonly = await mzt('run', 'program.yaml');
      assert.match(readonly.stderr, /cannot be written \(EACCES\): check its permissions/);
    }
  });

  it('jobs and sheets that are not there', async () => {
    await write('fine.yaml', SCORE);
    const run = await mzt('run', 'fine.yaml', '--wait');
    assert.equal(run.code, 0, run.stdout + run.stderr);
    const named: readonly (readonly string[])[] = [
      ...[
        'status',
        'logs',
        'history',
        'errors',
        'diagnose',
        'report',
        'pause',
        'resume',
        'cancel',
        'recover',
      ].map((command) => [command, 'nojob']),
      ['rerun', 'nojob', '1'],
      ['modify', 'nojob', '-c', 'fine.yaml'],
    ];
    for (const args of named) {
      const { code, stderr } = await mzt(...args);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, /^error: no job "nojob"\nhint: mzt list/m, args.join(' '));
    }
    for (const args of [
      ['history', 'fine', '-b', '9'],
      ['errors', 'fine', '-b', '9'],
      ['diagnose', 'fine', '--sheet', '9'],
      ['logs', 'fine', '9'],
      ['rerun', 'fine', '9'],
    ]) {
      const { code, stderr } = await mzt(...args);
      assert.equal(code, 1, args.join(' '));
      assert.match(stderr, /^error: fine has no sheet 9\nhint: It has /m, args.join(' '));
    }
    assert.match((await mzt('cancel', 'fine')).stderr, /^error: fine is completed already$/m);
    assert.match(
      (await mzt('run', 'fine.yaml', '--only', '7')).stderr,
      /^error: the score has no sheet 7: it has 3$/m,
    );
  });

  it('usage, before anything is started or stopped', async () => {
    const started = await mzt('start', '--json');
    const { pid } = JSON.parse(started.stdout) as { pid: number };
    const restart = await mzt('restart', '--no-start');
    assert.deepEqual(
      [restart.code, restart.stderr.split('\n')[0]],
      [2, 'error: restart --no-start makes no sense'],
    );
    const status = await mzt('conductor-status', '--json');
    assert.equal((JSON.parse(status.stdout) as { pid: number }).pid, pid, 'it was not stopped');
    const help = await mzt('help', 'frob');
    assert.deepEqual([help.code, help.stderr.split('\n')[0]], [2, "error: unknown command 'frob'"]);
    const trust = await mzt('trust', '/nonexistent');
    assert.deepEqual([trust.code, trust.stderr.split('\n')[0]], [2, 'error: /nonexistent does not exist']);
  });

  describe('a state directory', () => {
    const cases: readonly (readonly [string, (path: string) => Promise<unknown>, RegExp])[] = [
      [
        'that is a file',
        (path) => writeFile(path, ''),
        /ENOTDIR[^]*hint: A part of that path is a file[^]*MARIANNE_HOME/,
      ],
      [
        'that is a link to itself',
        (path) => symlink('state', path),
        /ELOOP[^]*hint: A symbolic link in that path/,
      ],
      [
        'that everybody may write',
        (path) => mkdir(path).then(() => chmod(path, 0o777)),
        /everybody may write to it\nhint: .*chmod go-w/,
      ],
    ];
    for (const [what, make, says] of cases) {
      it(what, async () => {
        await make(state());
        for (const args of [['status'], ['start']]) {
          const run = clean(await home.run(...args));
          assert.equal(run.code, 3, run.stderr);
          assert.match(run.stderr, says);
        }
        const json = clean(await home.run('list', '--json'));
        assert.equal(json.code, 3);
        assert.notEqual((JSON.parse(json.stdout) as { error_code: string }).error_code, 'internal');
      });
    }

    it('of somebody else', async () => {
      // Root gives one away; for everybody else `/usr` is such a folder.
      const [folder, owner] = isRoot ? [state(), 12_345] : ['/usr', 0];
      if (isRoot) {
        await mkdir(folder);
        await chown(folder, owner, owner);
      }
      home.env['MARIANNE_HOME'] = folder;
      const run = clean(await home.run('status'));
      assert.equal(run.code, 3);
      const says = `it belongs to user ${owner}, not to ${process.getuid?.() ?? ''}\nhint: Give it back with chown, or set MARIANNE_HOME`;
      assert.ok(run.stderr.includes(says), run.stderr);
      const { status, stderr } = conductor(folder);
      assert.equal(status, 1);
      assert.match(
        stderr,
        new RegExp(`^marianne-conductor: refusing to use .* belongs to user ${owner}.*\\n$`),
      );
    });

    it('where no folder can be made', async () => {
      home.env['MARIANNE_HOME'] = `${barren}/no-such-home`;
      const run = clean(await home.run('status'));
      assert.equal(run.code, 3);
      assert.match(run.stderr, /the state directory cannot be used: E[A-Z]+[^]*MARIANNE_HOME names another/);
    });

    it('below which a file has the place of a folder', async () => {
      await mkdir(state(), { mode: 0o700 });
      await writeFile(join(state(), 'journal'), '');
      started = true;
      const run = clean(await home.run('status'));
      assert.equal(run.code, 3, run.stdout);
      assert.match(run.stderr, /journal/);
    });

    it('on a disk that is full, or becomes full', async function () {
      const disk = join(home.folder, 'disk');
      await mkdir(disk);
      await onSmallDisk(this, disk, '256k', async (remount) => {
        home.env['MARIANNE_HOME'] = join(disk, 'state');
        const small = clean(await home.run('status'));
        assert.equal(small.code, 3);
        assert.match(small.stderr, /ENOSPC[^]*hint: The disk is full: free some space/);
        remount('16m');
        assert.equal((await mzt('start')).code, 0);
        assert.throws(() => writeFileSync(join(disk, 'filling'), Buffer.alloc(17 * 1024 * 1024)), {
          code: 'ENOSPC',
        });
        await write('fine.yaml', SCORE);
        const run = await mzt('run', 'fine.yaml');
        assert.equal(run.code, 1);
        assert.match(
          run.stderr,
          /^error: the disk of the state directory is full \(ENOSPC\)\nhint: Make room/m,
        );
        assert.deepEqual(readdirSync(join(state(), 'scores')), [], 'no half-written file stays');
        await rm(join(disk, 'filling'));
        assert.equal((await mzt('run', 'fine.yaml', '--wait')).code, 0);
        await home.run('stop', '--cancel');
      });
    });
  });

  it('a socket path that is too long', async () => {
    home.env['MARIANNE_SOCKET'] = `/tmp/${'x'.repeat(120)}`;
    const run = clean(await home.run('start'));
    assert.equal(run.code, 3);
    assert.match(
      run.stderr,
      /MARIANNE_SOCKET has 125 bytes; a socket path may have 100[^]*hint: Choose a shorter path/,
    );
  });

  it('a second conductor, and a record of one whose pid somebody else has now', async () => {
    const dir = await realpath(home.folder).then((folder) => join(folder, 'state'));
    const first = JSON.parse((await mzt('start', '--json')).stdout) as { pid: number; epoch: number };
    const second = conductor(dir);
    assert.equal(second.status, 10);
    assert.match(
      second.stderr,
      new RegExp(`^marianne-conductor: another one runs for .*: pid ${first.pid}, `),
    );

    process.kill(first.pid, 'SIGKILL');
    const folder = join(dir, 'owner');
    const record = join(
      folder,
      readdirSync(folder)
        .filter((name) => name.startsWith('epoch-'))
        .sort()
        .at(-1) ?? '',
    );
    // This test's own process: alive, but not what wrote the record.
    const stale = { ...(JSON.parse(readFileSync(record, 'utf8')) as object), pid: process.pid };
    writeFileSync(record, JSON.stringify(stale));
    assert.equal((await mzt('conductor-status')).code, 3);
    const next = JSON.parse((await mzt('start', '--json')).stdout) as { pid: number; epoch: number };
    assert.equal(next.epoch, first.epoch + 1);
    assert.notEqual(next.pid, first.pid);
  });
});
