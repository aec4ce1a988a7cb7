import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile, chmod } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Command } from 'commander';
import { allCommands } from '../../../src/cli/commands';
import { sheetList } from '../../../src/cli/command';
import { isNamedGroup, settings } from '../../../src/cli/config-settings';
import { nodeFinding } from '../../../src/cli/commands/doctor';
import { tellFailure } from '../../../src/cli/failure';
import { wantsColor } from '../../../src/cli/output';
import { launchdPlist, systemdUnit, unitPath } from '../../../src/cli/service-files';
import { submitEnvironment } from '../../../src/instruments/submit-environment';
import { ConductorNotRunning } from '../../../src/client/errors';
import { parseConfig } from '../../../src/conductor/config';
import { InstrumentCatalogue } from '../../../src/instruments/catalogue';
import { profileSchema } from '../../../src/instruments/schema';
import { InvalidParamsError, JobSubmissionError } from '../../../src/protocol/errors';
import { CollectingSink, makeHome } from '../../support/cli-context';
import type { CliHome } from '../../support/cli-context';

const GOOD = `name: good
instrument: cli
sheet: { size: 1, total_items: 2 }
prompt:
  template: |
    echo {{ sheet_num }}
validations:
  - { type: command_succeeds, command: "true", description: It holds }
`;

describe('cli commands', () => {
  let home: CliHome;
  beforeEach(async () => {
    home = await makeHome();
  });
  afterEach(() => home.remove());

  const write = (name: string, text: string) => writeFile(join(home.folder, name), text);

  it('explains every command with an example or a sentence, and offers the common options', async () => {
    const names = allCommands.flatMap(({ commands }) => commands.map(({ name }) => name));
    const help = await home.run('--help');
    assert.equal(help.code, 0);
    for (const name of names) {
      assert.match(help.stdout, new RegExp(`^  ${name} `, 'm'));
      const own = await home.run(name, '--help');
      assert.equal(own.code, 0, name);
      assert.match(own.stdout, /Usage: mzt /, name);
      if (!['config', 'instruments', 'service'].includes(name)) assert.match(own.stdout, /--no-start/, name);
    }
    assert.equal(new Set(names).size, names.length);
    assert.match((await home.run()).stdout, /Start here:/);
  });

  it('has every command in its reference', async () => {
    const reference = await readFile('docs/cli.md', 'utf8');
    for (const { commands } of allCommands) {
      for (const { name } of commands) assert.match(reference, new RegExp(`\`(mzt )?${name}[ \`]`), name);
    }
  });

  it('prints its version', async () => {
    for (const flag of ['--version', '-V']) {
      const run = await home.run(flag);
      assert.deepEqual([run.code, run.stderr], [0, '']);
      assert.match(run.stdout, /^mzt \S+ \(build \S+\)\n$/);
    }
  });

  it('refuses bad usage with code 2, in words and as JSON', async () => {
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [['frob'], /unknown command 'frob'/],
      [['statu'], /Did you mean status/],
      [['run'], /missing required argument 'score'/],
      [['run', 'x.yaml', '--nope'], /unknown option '--nope'/],
      [['run', 'x.yaml', '-s', '0'], /--start-sheet must be a whole number/],
      [['run', 'x.yaml', '--only', '3-1'], /not a list of sheets/],
      [['run', 'x.yaml', '-e'], /--escalation is not supported here/],
      [['run', 'x.yaml', '--escalation'], /mzt pause/],
      [['--conductor-clone', 'status'], /MARIANNE_HOME/],
      [['pause', 'x', '--force'], /mzt cancel/],
      [['top'], /mzt status -W/],
      [['config', 'frob'], /unknown command 'frob'/],
      [['logs', 'j', '--attempt', '1'], /needs the number of a sheet/],
      [['completion', 'tcsh'], /no completion for "tcsh"/],
      [['clear', '--json'], /--json needs --yes/],
      [['list', '-s', 'odd'], /no such state: odd/],
    ];
    for (const [args, expected] of cases) {
      const run = await home.run(...args);
      assert.equal(run.code, 2, `${args.join(' ')}: ${run.stderr}${run.stdout}`);
      if (!args.includes('--json')) assert.match(run.stderr, expected);
      assert.doesNotMatch(run.stderr, /\n\s+at /, 'no stack');
    }
    const json = await home.run('run', '--json');
    assert.equal(json.code, 2);
    assert.equal(json.stderr, '');
    const told = JSON.parse(json.stdout) as Record<string, unknown>;
    assert.equal(told['success'], false);
    assert.equal(told['error_code'], 'usage');
    assert.ok(!existsSync(join(home.folder, 'state')), 'nothing was started');
  });

  it('finds no conductor with --no-start: code 3, and nothing is made', async () => {
    for (const args of [['status'], ['list'], ['pause', 'x'], ['logs', 'x'], ['cancel', 'x']]) {
      const run = await home.run(...args, '--no-start');
      assert.equal(run.code, 3, args.join(' '));
      assert.match(run.stderr, /error: the conductor is not running\nhint: /);
    }
    for (const args of [['conductor-status'], ['stop']]) assert.equal((await home.run(...args)).code, 3);
    const json = await home.run('conductor-status', '--json');
    assert.deepEqual([json.code, (JSON.parse(json.stdout) as { running: boolean }).running], [3, false]);
    assert.ok(!existsSync(join(home.folder, 'state')));
  });

  it('tells a state directory and a socket that cannot be, with code 3', async () => {
    await write('a-file', '');
    home.env['MARIANNE_HOME'] = join(home.folder, 'a-file');
    for (const args of [['status'], ['start'], ['conductor-status']]) {
      const run = await home.run(...args);
      assert.equal(run.code, 3, run.stderr);
      assert.match(run.stderr, /state directory cannot be used[^]*MARIANNE_HOME/);
    }
    home.env['MARIANNE_HOME'] = join(home.folder, 'state');
    home.env['MARIANNE_SOCKET'] = `/tmp/${'x'.repeat(120)}`;
    const run = await home.run('start');
    assert.equal(run.code, 3);
    assert.match(run.stderr, /MARIANNE_SOCKET has 125 bytes[^]*hint: Choose a shorter path/);
    assert.ok(!existsSync(join(home.folder, 'state')));
  });

  it('validates: golden output', async () => {
    await write('good.yaml', GOOD);
    const run = await home.run('validate', 'good.yaml');
    assert.equal(run.code, 0, run.stderr);
    assert.equal(run.stderr, '');
    assert.equal(
      run.stdout,
      `good.yaml: valid
  name        good
  sheets      2 in 2 stages, 2 checks
  instruments cli
  workspace   ${home.folder}/workspace
  at once     1
  order       one after another

Sheet 1 (stage 1)
  instrument cli
  check      It holds
    echo 1
`,
    );
    assert.match(
      (await home.run('validate', 'good.yaml', '-v')).stdout,
      /Sheet 2 \(stage 2\)\n(.*\n){3} {4}echo 2\n$/,
    );
    assert.equal((await home.run('validate', 'good.yaml', '-q')).stdout, 'good.yaml: valid\n');
  });

  it('validates: errors with place, excerpt and remedy; code 1 for a score, 2 for what is none', async () => {
    await write('bad.yaml', GOOD.replace('{{ sheet_num }}', '{{ nobody }}'));
    const bad = await home.run('validate', 'bad.yaml');
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /^bad\.yaml:6:\d+: error V430: .*nobody/m);
    assert.match(bad.stderr, /^ {3}6 | {5}echo \{\{ nobody \}\}$/m);
    assert.match(bad.stdout, /^bad\.yaml: not valid \(1 error/);
    await write('field.yaml', `${GOOD}retries: 3\n`);
    await write('broken.yaml', 'a: [1\n');
    await write('empty.yaml', '');
    for (const name of ['field.yaml', 'broken.yaml', 'empty.yaml', 'missing.yaml', '.']) {
      const run = await home.run('validate', name);
      assert.equal(run.code, 2, `${name}: ${run.stderr}`);
      assert.match(run.stderr, /error [A-Z]\d{3}: /, name);
      const json = await home.run('validate', name, '--json');
      assert.equal(json.code, 2);
      assert.equal((JSON.parse(json.stdout) as { success: boolean }).success, false);
    }
  });

  it('validates as JSON in the shape of the Python system', async () => {
    await write('good.yaml', GOOD.replace('total_items: 2', 'total_items: 2, fan_out: { 2: 3 }'));
    await write(
      'path.yaml',
      GOOD.replace('command_succeeds, command: "true"', 'file_exists, path: "{workspace}/{sheet_num}.md"'),
    );
    const paths = JSON.parse((await home.run('validate', 'path.yaml', '--json', '-w', '/w')).stdout) as {
      rendering: { sheets: { validations: { expanded_path: string }[] }[] };
    };
    assert.equal(paths.rendering.sheets[1]?.validations[0]?.expanded_path, '/w/2.md');
    const run = await home.run('validate', 'good.yaml', '--json');
    const report = JSON.parse(run.stdout) as {
      valid: boolean;
      error_count: number;
      issues: { check_id: string; severity: string; line: number; suggestion: string | null }[];
      rendering: { total_sheets: number; has_fan_out: boolean; sheets: { prompt_snippet: string }[] };
    };
    assert.deepEqual([run.code, run.stderr, report.valid, report.error_count], [0, '', true, 0]);
    assert.deepEqual([report.rendering.total_sheets, report.rendering.has_fan_out], [4, true]);
    assert.equal(report.rendering.sheets[3]?.prompt_snippet, 'echo 4\n');
    assert.ok(report.issues.every((issue) => issue.check_id !== '' && issue.line >= 1));
  });

  it('dry-runs without a conductor', async () => {
    await write('good.yaml', GOOD);
    const run = await home.run('run', 'good.yaml', '-n', '--json', '-w', 'elsewhere');
    const told = JSON.parse(run.stdout) as {
      status: string;
      plan: { workspace: string };
      rendering: unknown[];
    };
    assert.deepEqual([run.code, told.status, told.rendering.length], [0, 'dry_run', 2]);
    assert.equal(told.plan.workspace, join(home.folder, 'elsewhere'));
    assert.match((await home.run('run', 'good.yaml', '-n')).stdout, /echo 2\n\ndry run: nothing was started/);
    const only = await home.run('run', 'good.yaml', '-n', '--only', '2');
    assert.doesNotMatch(only.stdout, /echo 1/);
    assert.ok(!existsSync(join(home.folder, 'state')) && !existsSync(join(home.folder, 'elsewhere')));
  });

  it('plans as the conductor does, with the command that may skip a sheet', async () => {
    await write(
      'skips.yaml',
      GOOD.replace('total_items: 2', "total_items: 2, skip_when_command: { 2: { command: 'test -f done' } }"),
    );
    const run = await home.run('run', 'skips.yaml', '-n', '--json');
    const { plan } = JSON.parse(run.stdout) as { plan: { sheets: { skip_when: string | null }[] } };
    assert.deepEqual(
      plan.sheets.map(({ skip_when: skip }) => skip),
      [null, 'test -f done'],
    );
  });

  it('refuses an invalid score before any conductor is started', async () => {
    const run = await home.run('run', 'missing.yaml', '--json');
    assert.equal(run.code, 2);
    const told = JSON.parse(run.stdout) as { error_code: string; hints: string[] };
    assert.equal(told.error_code, 'invalid_score');
    assert.match(told.hints.join(), /there is no file/);
    assert.ok(!existsSync(join(home.folder, 'state')));
  });

  it('writes first scores that are valid, for an agent and for a shell', async () => {
    const shell = await home.run('init', 'first');
    assert.equal(shell.code, 0, shell.stderr);
    assert.match(shell.stdout, /instrument cli: no agent is installed/);
    assert.equal((await home.run('validate', 'first.yaml', '-q')).stdout, 'first.yaml: valid\n');
    const again = await home.run('init', 'first');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /is there already/);
    assert.equal((await home.run('init', 'first', '-f')).code, 0);

    const bin = join(home.folder, 'bin');
    await mkdir(bin);
    await writeFile(join(bin, 'gemini'), '#!/bin/sh\n');
    await chmod(join(bin, 'gemini'), 0o755);
    home.env['PATH'] = `${bin}:/usr/bin:/bin`;
    const agent = await home.run('init', 'second', '--json');
    const told = JSON.parse(agent.stdout) as { instrument: string; reason: string };
    assert.equal(told.instrument, 'gemini-cli');
    assert.match(told.reason, /bin\/gemini$/);
    const valid = await home.run('validate', 'second.yaml');
    assert.equal(valid.code, 0, valid.stderr);
    assert.doesNotMatch(valid.stderr, /error/);
    assert.equal((await home.run('init', '../evil')).code, 2);
    assert.match((await home.run('init', 'x', '-i', 'gemini')).stderr, /Did you mean gemini-cli/);
  });

  it('lists and shows instruments without a conductor', async () => {
    const list = await home.run('instruments', 'list', '--json');
    const { instruments } = JSON.parse(list.stdout) as { instruments: { name: string; status: string }[] };
    assert.equal(instruments.find(({ name }) => name === 'cli')?.status, 'ready');
    assert.equal(instruments.find(({ name }) => name === 'aider')?.status, 'missing');
    const show = await home.run('instruments', 'show', 'cli');
    assert.match(show.stdout, /^# ready: \S*bash\n# variables: /);
    const prices = (await home.run('instruments', 'show', 'claude-code')).stdout;
    assert.match(prices, /# model claude-opus-5-5: unpriced, .*as of \d{4}-\d\d/);
    assert.match(prices, /# model claude-sonnet-4-6: \$3 in, \$15 out for 1M tokens/);
    assert.match(show.stdout, /^name: cli$/m);
    assert.match((await home.run('instruments', 'show', 'claude_code')).stderr, /Did you mean claude-code/);
    await mkdir(join(home.folder, 'state', 'instruments'), { recursive: true });
    await writeFile(join(home.folder, 'state', 'instruments', 'mine.yaml'), 'name: mine\nkind: what\n');
    assert.match((await home.run('instruments', 'list')).stderr, /mine\.yaml:\d+: /);
  });

  it('doctor tells what is there; code 1 when nothing is usable', async () => {
    const fine = await home.run('doctor', '--json');
    assert.equal(fine.code, 0, fine.stdout);
    home.env['MARIANNE_HOME'] = join(home.folder, 'a-file');
    await write('a-file', '');
    const broken = await home.run('doctor');
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /is not a folder/);
    assert.deepEqual(
      ['18.20.0', '20.18.3', '20.19.0', '22.1.0'].map((version) => nodeFinding(version).level),
      ['error', 'error', 'ok', 'ok'],
    );
  });

  it('doctor judges each key file of the keyring, and shows no key', async () => {
    const paths = ['good', 'shared'].map((name) => join(home.folder, name));
    for (const [i, path] of paths.entries()) {
      await writeFile(path, 'sk-of-the-doctor');
      await chmod(path, i === 0 ? 0o600 : 0o644);
    }
    const ring = (listed: string[]) =>
      `{ instruments: { openrouter: { keys: [${listed.map((path) => `{ path: ${path}, label: of ${basename(path)} }`).join(', ')}] } } }`;
    assert.equal((await home.run('config', 'set', 'keyring', ring(paths))).code, 0);
    const mixed = await home.run('doctor');
    assert.equal(mixed.code, 0, mixed.stdout);
    assert.match(mixed.stdout, /openrouter, key "of good": its file can be used/);
    assert.match(
      mixed.stdout,
      /! keyring +openrouter, key "of shared": .*shared can be read by others\n.*chmod 600/,
    );
    assert.match(mixed.stdout, /openrouter +its keys are in the keyring/);
    assert.doesNotMatch(mixed.stdout, /sk-of-the-doctor/);
    await home.run('config', 'set', 'keyring', ring(paths.slice(1)));
    assert.equal((await home.run('doctor')).code, 1, 'no key is left');
    const refused = await home.run(
      'config',
      'set',
      'keyring',
      '{ instruments: { openrouter: { keys: [] } } }',
    );
    assert.equal(refused.code, 2);
  });

  it('changes one setting and keeps the rest of the file', async () => {
    assert.equal((await home.run('config', 'init')).code, 0);
    assert.equal((await home.run('config', 'init')).code, 1);
    const path = (await home.run('config', 'path')).stdout.trim();
    for (const args of [
      ['max_concurrent_sheets', '4'],
      ['socket.permissions', '0660'],
      ['executables.claude.exe', '/opt/claude'],
      ['base_urls.ollama', 'http://127.0.0.1:9'],
      ['mcp_servers.files', '{ command: mcp-files, args: ["."] }'],
      ['max_concurrent_sheets', '5'],
    ]) {
      const run = await home.run('config', 'set', ...args);
      assert.equal(run.code, 0, run.stderr);
    }
    const text = await readFile(path, 'utf8');
    assert.match(text, /^# Settings of the Marianne conductor/);
    const { config, notices } = parseConfig(text);
    assert.deepEqual(notices, []);
    assert.equal(config.max_concurrent_sheets, 5);
    assert.equal(config.socket.permissions, 0o660);
    assert.deepEqual(config.executables, { 'claude.exe': '/opt/claude' });
    assert.deepEqual(config.base_urls, { ollama: 'http://127.0.0.1:9' });
    assert.equal(config.mcp_servers['files']?.command, 'mcp-files');
    assert.match((await home.run('config', 'show')).stdout, /base_urls\.\* +\{"ollama":"http/);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await home.run('config', 'check')).code, 0);
    assert.equal((await home.run('config', 'set', 'max_concurrent_sheets', '400')).code, 2);
    assert.equal((await home.run('config', 'set', 'nonsense', '1')).code, 2);
    assert.equal((await home.run('config', 'set', 'mcp_servers.files', '{ args: [.] }')).code, 2);
    await writeFile(path, 'max_concurrent_jobs: many\nlearning: {}\n');
    const check = await home.run('config', 'check');
    assert.equal(check.code, 1);
    assert.match(check.stderr, /conductor\.yaml:1: error: max_concurrent_jobs/);
    assert.match(check.stderr, /conductor\.yaml:2: warning: learning/);
    await writeFile(path, 'a: [\n');
    assert.equal((await home.run('config', 'set', 'log_level', 'debug')).code, 1);
    assert.equal(await readFile(path, 'utf8'), 'a: [\n', 'a broken file is left alone');
  });

  it('knows exactly the settings that the conductor obeys', () => {
    const written = settings
      .filter(({ key }) => !key.includes('.'))
      .map(({ key, byDefault }) => `${key}: ${byDefault ?? 'null'}`);
    const socket = settings.filter(({ key }) => key.startsWith('socket.'));
    const text = [
      ...written,
      'socket:',
      ...socket.map(({ key, byDefault }) => `  ${key.slice(7)}: ${byDefault ?? 'null'}`),
    ]
      .join('\n')
      .replace('0o600', '0600');
    const { config, notices } = parseConfig(text);
    assert.deepEqual(notices, [], 'the conductor knows all of ours');
    const byDefault = parseConfig('').config;
    assert.deepEqual(config, byDefault, 'with the same defaults');
    const keys = Object.entries(byDefault).flatMap(([key, value]) =>
      key === 'socket' && typeof value === 'object' && value !== null
        ? Object.keys(value).map((inner) => `socket.${inner}`)
        : [isNamedGroup(key) ? `${key}.*` : key],
    );
    assert.deepEqual(settings.map(({ key }) => key).sort(), keys.sort(), 'and we know all of its');
  });

  it('makes completion scripts that shells can read', async () => {
    const bash = await home.run('completion', 'bash');
    execFileSync('bash', ['--norc', '-n'], { input: bash.stdout });
    const complete = (line: string) =>
      execFileSync(
        'bash',
        [
          '--norc',
          '-c',
          `${bash.stdout}\nCOMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _mzt; echo "\${COMPREPLY[@]}"`,
        ],
        { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } },
      ).trim();
    assert.equal(complete('mzt val'), 'validate');
    assert.equal(complete('mzt config s'), 'show set');
    assert.match(complete('mzt run --fo'), /^--follow$/);
    assert.match(
      (await home.run('completion', 'fish')).stdout,
      /-n '__fish_seen_subcommand_from run' -s f -l follow/,
    );
    assert.match((await home.run('completion', 'zsh')).stdout, /^#compdef mzt\n/);
  });

  it('installs and removes a service through the tools of the system', async () => {
    const bin = join(home.folder, 'bin');
    await mkdir(bin);
    const log = join(home.folder, 'calls');
    await writeFile(join(bin, 'systemctl'), `#!/bin/sh\necho "$@" >> '${log}'\n`);
    await chmod(join(bin, 'systemctl'), 0o755);
    home.env['PATH'] = `${bin}:/usr/bin:/bin`;
    const install = await home.run('service', 'install');
    assert.equal(install.code, 0, install.stderr);
    const unit = await readFile(unitPath(home.folder, undefined), 'utf8');
    assert.match(unit, /KillMode=process/);
    assert.match(unit, new RegExp(`^ExecStart=.*/state/runtime/[0-9a-f]+/cli\\.js" start --quiet$`, 'm'));
    assert.equal((await home.run('service', 'status')).code, 0);
    assert.equal((await home.run('service', 'uninstall')).code, 0);
    assert.equal((await home.run('service', 'status')).code, 1);
    assert.deepEqual((await readFile(log, 'utf8')).trim().split('\n'), [
      '--user daemon-reload',
      '--user enable --now marianne.service',
      '--user is-enabled marianne.service',
      '--user disable --now marianne.service',
    ]);
    await writeFile(join(bin, 'systemctl'), '#!/bin/sh\necho "no bus" >&2; exit 1\n');
    const failed = await home.run('service', 'install');
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /no bus/);
    assert.match(failed.stdout, /systemctl --user enable --now/);
  });

  it('quotes what it writes into service files', () => {
    const facts = { node: '/a b/node', script: '/x"$y%/cli.js', stateDir: '/s<&>', home: '/h', path: '/bin' };
    assert.match(systemdUnit(facts), /^ExecStart="\/a b\/node" "\/x\\"\$\$y%%\/cli\.js" start/m);
    assert.match(launchdPlist(facts), /<string>\/s&lt;&amp;&gt;<\/string>/);
  });

  it('needs a home, a folder and a system that it knows', async () => {
    const homeless = await makeHome({ home: '' });
    delete homeless.env['MARIANNE_HOME'];
    const run = await homeless.run('conductor-status');
    await homeless.remove();
    assert.equal(run.code, 2);
    assert.match(run.stderr, /Set MARIANNE_HOME/);
    const windows = await makeHome({ platform: 'win32' });
    const refused = await windows.run('status');
    await windows.remove();
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /WSL/);
  });
});

describe('cli parts', () => {
  it('sends keys only in the secret part, whatever a profile calls them', () => {
    const profile = (name: string, plain: string[], secret: string[]) =>
      profileSchema.parse({
        name,
        display_name: name,
        kind: 'cli',
        cli: { command: { executable: 'x', required_env: plain, secret_env: secret } },
      });
    const entry = (one: ReturnType<typeof profile>) => ({
      profile: one,
      source: 'user' as const,
      file: '/x',
      supported: true,
      note: null,
    });
    const catalogue = new InstrumentCatalogue([
      entry(profile('a', ['MODE', 'SHARED'], ['A_TOKEN'])),
      entry(profile('b', ['B_API_KEY', 'NODE_OPTIONS'], ['SHARED'])),
    ]);
    const env = {
      PATH: '/bin',
      LC_ALL: 'C',
      MODE: 'm',
      SHARED: 's',
      A_TOKEN: 't',
      B_API_KEY: 'k',
      NODE_OPTIONS: '--x',
      VSCODE_PID: '1',
      OTHER: 'o',
    };
    assert.deepEqual(submitEnvironment(env, catalogue), {
      env: { PATH: '/bin', LC_ALL: 'C', MODE: 'm' },
      secrets: { SHARED: 's', A_TOKEN: 't', B_API_KEY: 'k' },
      secretNames: ['A_TOKEN', 'B_API_KEY', 'SHARED'],
    });
  });

  it('gives every kind of error its exit code', () => {
    assert.equal(tellFailure(new ConductorNotRunning()).exitCode, 3);
    assert.equal(tellFailure(new InvalidParamsError('x')).exitCode, 2);
    assert.equal(tellFailure(new JobSubmissionError('x', { remedy: 'do' })).exitCode, 1);
    assert.deepEqual(tellFailure(new JobSubmissionError('x', { remedy: 'do' })).hints, ['do']);
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC' });
    assert.match(tellFailure(full).hints.join(), /free some space/);
    assert.equal(tellFailure('odd').message, 'odd');
  });

  it('reads lists of sheets', () => {
    assert.deepEqual(sheetList('5,2-3, 2'), [2, 3, 5]);
    assert.deepEqual(sheetList('1', [4]), [1, 4]);
    for (const text of ['', '0', '3-2', 'x', '1-99999', '1,,2'])
      assert.throws(() => sheetList(text), /not a list/);
  });

  it('colours only what wants colours', () => {
    const terminal = new CollectingSink(true);
    assert.equal(wantsColor(terminal, {}, true), true);
    assert.equal(wantsColor(terminal, { NO_COLOR: '1' }, true), false);
    assert.equal(wantsColor(terminal, { NO_COLOR: '' }, true), true);
    assert.equal(wantsColor(terminal, {}, false), false);
    assert.equal(wantsColor(terminal, { TERM: 'dumb' }, true), false);
    assert.equal(wantsColor(new CollectingSink(), {}, true), false);
    assert.equal(wantsColor(new CollectingSink(), { FORCE_COLOR: '1' }, true), true);
  });

  it('has no two commands of one name in a group', () => {
    const program = new Command();
    const session = { context: null as never, exitCode: 0 as const, output: null };
    for (const { commands } of allCommands)
      for (const command of commands) command.configure(program, session);
    for (const group of [program, ...program.commands]) {
      const names = group.commands.map((command) => command.name());
      assert.equal(new Set(names).size, names.length);
    }
  });
});
