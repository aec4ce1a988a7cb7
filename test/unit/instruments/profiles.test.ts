import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  expandKnownPlaces,
  loadCatalogue,
  type InstrumentCatalogue,
} from '../../../src/instruments/catalogue';
import { honouredConfigKeys } from '../../../src/instruments/config-keys';
import { environmentNames } from '../../../src/instruments/environment-names';
import { parseProfile } from '../../../src/instruments/parse';
import { NO_TRUST } from '../../../src/instruments/trust';
import { profileFolder } from '../../support/profiles';

/** As a user of the Python system has it in its home: every key of that system. */
const PYTHON_PROFILE = `
name: my-agent
display_name: My Agent
description: null
kind: cli
capabilities: [tool_use, shell_access]
code_mode:
  interfaces:
    - {name: fs, typescript: 'interface Fs {}', description: null}
  runtime: deno
models:
  - name: m1
    context_window: 1000
    cost_per_1k_input: 0.001
    cost_per_1k_output: 0
    max_output_tokens: null
    max_concurrent: 2
default_model: m1
default_timeout_seconds: 60
raw_prompt: no
cli:
  command:
    executable: my-agent
    subcommand: run
    prompt_flag: -p
    model_flag: --model
    auto_approve_flag: --yes
    output_format_flag: --format
    output_format_value: json
    system_prompt_flag: null
    allowed_tools_flag: --tools
    mcp_config_flag: --mcp
    mcp_disable_args: [--no-mcp]
    timeout_flag: --timeout
    working_dir_flag: --cwd
    extra_flags: [-v]
    env: {LEVEL: 'x\${MY_KEY}'}
    prompt_via_stdin: yes
    stdin_sentinel: '-'
    start_new_session: true
    required_env: [MY_KEY, MY_REGION]
  output:
    format: jsonl
    result_path: a.b[0]
    error_path: error.message
    completion_event_type: done
    completion_event_filter: {kind: final, n: 1}
    input_tokens_path: usage.*.in
    output_tokens_path: usage.*.out
    aggregate_tokens: true
  errors:
    success_exit_codes: [0, 3]
    rate_limit_patterns: ['(?i)rate.?limit', '(?P<code>429)']
    auth_error_patterns: []
    capacity_patterns: []
    timeout_patterns: []
    crash_patterns: []
    stale_patterns: []
    rate_limit_event_type: limit
    rate_limit_event_filter: {status: hit}
`;

describe('profiles', () => {
  it('reads a profile of the Python system with all its keys', () => {
    const { profile, problems } = parseProfile(PYTHON_PROFILE, 'p.yaml', {});
    assert.deepEqual(problems, []);
    assert.equal(profile?.raw_prompt, false);
    assert.equal(profile?.cli?.command.prompt_via_stdin, true);
    assert.deepEqual(profile?.cli?.errors.rate_limit_patterns, ['rate.?limit', '(?<code>429)']);
    assert.deepEqual(environmentNames(profile), { plain: ['MY_REGION'], secret: ['MY_KEY'] });
  });

  it('reads a minimal one', () => {
    const text = 'name: a\ndisplay_name: A\nkind: cli\ncli: {command: {executable: a}}\n';
    const { profile, problems } = parseProfile(text, 'p.yaml', {});
    assert.equal(profile?.cli?.output.format, 'text');
    assert.deepEqual(profile?.cli?.errors.success_exit_codes, [0]);
    assert.equal(profile?.default_timeout_seconds, 1800);
    assert.deepEqual(
      problems.map((problem) => [problem.severity, problem.line]),
      [['warning', 4]],
    );
    assert.match(problems[0]?.message ?? '', /no required_env/);
  });

  const refused: readonly (readonly [string, string, number, RegExp])[] = [
    [
      'an unknown key at the top',
      'naem: x\nname: a\ndisplay_name: A\nkind: cli\ncli: {command: {executable: a}}',
      1,
      /unknown key "naem"/,
    ],
    [
      'an unknown key deep inside',
      'name: a\ndisplay_name: A\nkind: cli\ncli:\n  command:\n    executable: a\n    promt_flag: -p\n',
      7,
      /unknown key "cli.command.promt_flag"/,
    ],
    [
      'a wrong type',
      'name: a\ndisplay_name: A\nkind: cli\ncli:\n  command:\n    executable: 7\n',
      6,
      /cli.command.executable/,
    ],
    ['a missing section', 'name: a\ndisplay_name: A\nkind: http\n', 3, /needs a section "http"/],
    ['a missing name', 'display_name: A\nkind: cli\ncli: {command: {executable: a}}\n', 1, /name/],
    ['broken YAML', 'name: a\nkind: "cli\n', 3, /./],
    [
      'a broken pattern',
      'name: a\ndisplay_name: A\nkind: cli\ncli:\n  command: {executable: a}\n  errors:\n    crash_patterns:\n      - ok\n      - "("\n',
      9,
      /not a regular expression/,
    ],
    [
      'an unknown model list',
      'name: a\nmodel_list: none\ndisplay_name: A\nkind: cli\ncli: {command: {executable: a}}',
      2,
      /no model list "none"/,
    ],
    [
      'a model list from the prototype',
      'name: a\nmodel_list: constructor\ndisplay_name: A\nkind: cli\ncli: {command: {executable: a}}',
      2,
      /no model list/,
    ],
    [
      'an address that is no web address',
      'name: a\ndisplay_name: A\nkind: http\nhttp: {base_url: "file:///etc", schema_family: openai}',
      4,
      /base_url/,
    ],
    ['no map at all', '- 1\n', 1, /./],
    [
      'an alias bomb',
      `a: &a [${'x,'.repeat(50)}]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(50)}]\n`,
      1,
      /./,
    ],
  ];
  for (const [what, text, line, message] of refused) {
    it(`refuses ${what}, with its line`, () => {
      const { profile, problems } = parseProfile(text, 'p.yaml', {});
      assert.equal(profile, null);
      const found = problems.find((problem) => problem.severity === 'error' && message.test(problem.message));
      assert(found, JSON.stringify(problems));
      assert.equal(found.line, line);
      assert.equal(found.file, 'p.yaml');
    });
  }

  it('warns of variables that an agent will not get', () => {
    const text = PYTHON_PROFILE.replace("LEVEL: 'x${MY_KEY}'", "LEVEL: '$OTHER', CLAUDECODE: '1'").replace(
      'MY_REGION',
      'NODE_OPTIONS',
    );
    const { profile, problems } = parseProfile(text, 'p.yaml', {});
    assert.notEqual(profile, null);
    assert.deepEqual(
      problems.map((problem) => problem.severity),
      ['warning', 'warning', 'warning'],
    );
    for (const word of ['OTHER', 'CLAUDECODE', 'NODE_OPTIONS']) {
      assert(
        problems.some((problem) => problem.message.includes(word)),
        word,
      );
    }
  });
});

describe('the built-in profiles', () => {
  it('all load without a word, and say how to get and enter each agent', async () => {
    const catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace: null,
      trust: NO_TRUST,
    });
    assert.deepEqual(catalogue.problems, []);
    assert.deepEqual(catalogue.names(), [
      'aider',
      'anthropic_api',
      'claude-code',
      'claude_cli',
      'cli',
      'cline-cli',
      'codex-cli',
      'crush',
      'gemini-cli',
      'goose',
      'ollama',
      'opencode',
      'openrouter',
      'recursive_light',
    ]);
    for (const { profile, source, supported } of catalogue.list()) {
      assert.equal(source, 'built-in');
      const families = ['anthropic', 'openai', 'ollama', 'recursive_light'];
      assert.equal(supported, profile.kind === 'cli' || families.includes(profile.http?.schema_family ?? ''));
      if (profile.cli) assert.notEqual(profile.install_hint, null, profile.name);
      for (const name of environmentNames(profile).plain) assert.doesNotMatch(name, /KEY|TOKEN(?!S)|SECRET/);
    }
  });

  it('price a model or leave it unpriced, never by guess: free is only what is called free or runs here', async () => {
    const catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace: null,
      trust: NO_TRUST,
    });
    for (const { profile } of catalogue.list()) {
      for (const model of profile.models) {
        assert.equal(model.cost_per_1k_input === null, model.cost_per_1k_output === null, model.name);
        if (model.cost_per_1k_input === 0)
          assert(model.name.endsWith(':free') || profile.name === 'ollama', model.name);
      }
    }
    const opus = catalogue.get('claude-code')?.models.find((model) => model.name === 'claude-opus-5-5');
    assert.equal(opus?.cost_per_1k_input, null);
  });

  it('heed every option of the score in Claude Code, and say which others heed', async () => {
    const catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace: null,
      trust: NO_TRUST,
    });
    const keys = (name: string): readonly string[] => {
      const profile = catalogue.get(name);
      assert(profile);
      return honouredConfigKeys(profile);
    };
    for (const key of [
      'skip_permissions',
      'disable_mcp',
      'output_format',
      'allowed_tools',
      'system_prompt_file',
      'cli_extra_args',
    ]) {
      assert(keys('claude_cli').includes(key), key);
    }
    assert(!keys('cli').includes('model'));
    assert(!keys('aider').includes('allowed_tools'));
    assert(keys('anthropic_api').includes('temperature'));
  });
});

describe('the catalogue', () => {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mzt-instruments-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const load = (): Promise<InstrumentCatalogue> =>
    loadCatalogue({ builtInFolder: profileFolder, userFolder: folder, workspace: null, trust: NO_TRUST });
  const minimal = (name: string): string =>
    `name: ${name}\ndisplay_name: Mine\nkind: cli\ncli: {command: {executable: x, required_env: []}}\n`;

  it('lets a user profile replace a built-in one whole, and keeps the good beside the bad', async () => {
    await writeFile(join(folder, 'goose.yml'), minimal('goose'));
    await writeFile(join(folder, 'bad.yaml'), 'name: bad\nkind: cli\n');
    await writeFile(join(folder, 'notes.txt'), 'not a profile');
    await mkdir(join(folder, 'folder.yaml'));
    await writeFile(join(folder, 'big.yaml'), '#'.repeat(300_000));
    const catalogue = await load();
    const goose = catalogue.entry('goose');
    assert.deepEqual([goose?.source, goose?.profile.cli?.command.subcommand], ['user', null]);
    assert.equal(catalogue.get('bad'), null);
    assert.deepEqual(
      catalogue.problems.map((problem) => problem.file.slice(folder.length + 1)),
      ['big.yaml', 'folder.yaml', 'bad.yaml'],
    );
  });

  it('follows a link of the user, and tells of two files with one name', async () => {
    await writeFile(join(folder, 'target'), minimal('linked'));
    await symlink(join(folder, 'target'), join(folder, 'a.yaml'));
    await writeFile(join(folder, 'b.yaml'), minimal('linked'));
    const catalogue = await load();
    assert.equal(catalogue.entry('linked')?.file, join(folder, 'b.yaml'));
    assert.match(catalogue.problems[0]?.message ?? '', /replaces the profile "linked" of a.yaml/);
  });

  it('is a snapshot', async () => {
    const catalogue = await load();
    await writeFile(join(folder, 'late.yaml'), minimal('late'));
    assert.equal(catalogue.get('late'), null);
    assert.notEqual((await load()).get('late'), null);
  });

  it('knows what a mistyped name may have meant', async () => {
    const catalogue = await load();
    assert.equal(catalogue.nearest('claude_code')[0], 'claude-code');
    assert.equal(catalogue.nearest('claudecli')[0], 'claude_cli');
    assert.equal(catalogue.nearest('codex')[0], 'codex-cli');
    assert.equal(catalogue.nearest('gosse')[0], 'goose');
    assert.deepEqual(catalogue.nearest('zzzzzz'), []);
  });

  it('works without a user folder', async () => {
    await rm(folder, { recursive: true });
    assert.deepEqual((await load()).problems, []);
  });

  it('expands known places', () => {
    assert.deepEqual(expandKnownPlaces(['~/bin', '/opt', '~'], '/h'), ['/h/bin', '/opt', '/h']);
  });
});
