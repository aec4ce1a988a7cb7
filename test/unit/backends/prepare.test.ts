import assert from 'node:assert/strict';
import { prepareClaude } from '../../../src/backends/claude/prepare';
import { describePrepared } from '../../../src/backends/describe';
import { PrepareError, prepareCli, type PrepareInput } from '../../../src/backends/generic/prepare';
import { builtIn } from '../../support/backends-runner';
import { SILENT_CONFIG } from '../../../src/score/plan';

async function input(profile: string, more: Partial<PrepareInput> = {}): Promise<PrepareInput> {
  return {
    profile: await builtIn(profile),
    config: SILENT_CONFIG,
    overrides: {},
    executable: '/bin/agent',
    cwd: '/work space',
    environment: { plain: { PATH: '/bin', HOME: '/home/u' }, secret: {}, own: {} },
    prompt: 'Say PONG',
    preamble: null,
    extensions: [],
    timeoutSeconds: null,
    ...more,
  };
}

describe('prepare: generic profiles', () => {
  const expected: Readonly<Record<string, string[]>> = {
    cli: ['-c', 'Say PONG'],
    'codex-cli': [
      'exec',
      '--dangerously-bypass-approvals-and-sandbox',
      '--json',
      '--model',
      'm',
      '-',
      '--skip-git-repo-check',
      '--disable',
      'unbounded_connection_retries',
    ],
    'gemini-cli': ['--yolo', '-o', 'json', '-m', 'm'],
    opencode: ['run', '--dangerously-skip-permissions', '--format', 'json', '--model', 'm'],
    aider: [
      '--yes-always',
      '--model',
      'm',
      '--message-file',
      '/dev/stdin',
      '--no-stream',
      '--no-pretty',
      '--no-check-update',
      '--no-show-model-warnings',
    ],
    goose: ['run', '--output-format', 'json', '--model', 'm', '-i', '-', '--no-session', '--quiet'],
    'cline-cli': ['--auto-approve=true', '--json', '-m', 'm', '--timeout', '1800', 'Say PONG'],
    crush: ['run', '--model', 'm', '--cwd', '/work space', '--quiet'],
  };
  for (const [name, args] of Object.entries(expected)) {
    it(`calls ${name} as its current version wants it`, async () => {
      const prepared = prepareCli(await input(name, { config: { ...SILENT_CONFIG, model: 'm' } }));
      assert.deepEqual(prepared.argv, ['/bin/agent', ...args]);
      assert.equal(prepared.stdin, ['cli', 'cline-cli'].includes(name) ? null : 'Say PONG');
    });
  }

  it('takes model and time limit in order: call, score, profile', async () => {
    const config = { ...SILENT_CONFIG, model: 'score', timeoutSeconds: 20.5 };
    const byCall = prepareCli(
      await input('cline-cli', { config, overrides: { model: 'call' }, timeoutSeconds: 7 }),
    );
    assert.deepEqual(byCall.argv.slice(3, 7), ['-m', 'call', '--timeout', '7']);
    assert.equal(byCall.timers.totalSeconds, 7);
    const byScore = prepareCli(await input('cline-cli', { config }));
    assert.deepEqual(byScore.argv.slice(3, 7), ['-m', 'score', '--timeout', '21']);
    assert.equal(byScore.timers.totalSeconds, 20.5);
    const byProfile = prepareCli(await input('gemini-cli'));
    assert.equal(byProfile.argv[5], 'gemini-3.1-pro-preview');
    assert.deepEqual(byProfile.timers, { firstOutputSeconds: null, idleSeconds: null, totalSeconds: 1800 });
  });

  it('narrows rights when the score says so, and refuses what it cannot narrow', async () => {
    const restricted = prepareCli(
      await input('codex-cli', { config: { ...SILENT_CONFIG, skipPermissions: false } }),
    );
    assert.deepEqual(restricted.argv.slice(1, 5), ['exec', '--sandbox', 'workspace-write', '--json']);
    const tools = await input('aider', { config: { ...SILENT_CONFIG, allowedTools: ['Read'] } });
    assert.throws(() => prepareCli(tools), PrepareError);
    const system = await input('aider', { config: { ...SILENT_CONFIG, systemPromptFile: '/s' } });
    assert.throws(() => prepareCli(system), PrepareError);
  });

  it('sends a prompt to stdin above 32,768 bytes, not characters', async () => {
    const at = prepareCli(await input('cli', { prompt: 'é'.repeat(16_384) }));
    assert.equal(at.argv.length, 3);
    assert.equal(at.stdin, null);
    const above = prepareCli(await input('cli', { prompt: 'é'.repeat(16_384) + 'x' }));
    assert.deepEqual(above.argv, ['/bin/agent']);
    assert.equal(Buffer.byteLength(above.stdin ?? ''), 32_769);
    assert.equal(prepareCli(await input('cli', { prompt: 'a\0b' })).stdin, 'a\0b');
  });

  it('keeps a prompt that begins with a dash from being an option', async () => {
    const prompt = '- [ ] item';
    assert.deepEqual(prepareCli(await input('cli', { prompt })).argv, ['/bin/agent', '-c', '--', prompt]);
    const profile = await builtIn('aider');
    const asArgument = (flag: string | null): PrepareInput['profile'] => ({
      ...profile,
      cli: {
        ...profile.cli,
        command: {
          ...profile.cli.command,
          prompt_via_stdin: false,
          prompt_flag: flag,
          stdin_sentinel: null,
          extra_flags: [],
        },
      },
    });
    const long = prepareCli(await input('aider', { profile: asArgument('--message'), prompt }));
    assert.deepEqual(long.argv.slice(2), [`--message=${prompt}`]);
    for (const flag of ['-m', null]) {
      const short = prepareCli(await input('aider', { profile: asArgument(flag), prompt }));
      assert.deepEqual([short.argv.slice(2), short.stdin], [[], prompt]);
    }
  });

  it('joins preamble, prompt and extensions with blank lines, and nothing for raw prompts', async () => {
    const texts = { preamble: 'PRE', extensions: ['ONE', '  ', 'TWO'] };
    assert.equal(prepareCli(await input('goose', texts)).stdin, 'PRE\n\nSay PONG\n\nONE\n\nTWO');
    assert.equal(prepareCli(await input('goose', { preamble: '' })).stdin, 'Say PONG');
    assert.deepEqual(prepareCli(await input('cli', texts)).argv, ['/bin/agent', '-c', 'Say PONG']);
  });

  it('refuses what the system would refuse', async () => {
    const args = (extraArgs: string[]) => ({ config: { ...SILENT_CONFIG, extraArgs } });
    const fits = await input('goose', args(['x'.repeat(131_071)]));
    assert.equal(prepareCli(fits).argv.at(-1)?.length, 131_071);
    const long = await input('goose', args(['x'.repeat(131_072)]));
    assert.throws(() => prepareCli(long), /too long for the system/);
    const nul = await input('goose', args(['a\0b']));
    assert.throws(() => prepareCli(nul), /NUL/);
    const many = await input('goose', args(Array.from({ length: 9 }, () => 'x'.repeat(120_000))));
    assert.throws(() => prepareCli(many), /too large together/);
  });
});

describe('prepare: Claude Code', () => {
  const base = ['/bin/agent', '-p', '--dangerously-skip-permissions', '--output-format'];
  const noMcp = ['--strict-mcp-config', '--mcp-config', '{"mcpServers":{}}'];

  it('has safe and readable defaults', async () => {
    const prepared = prepareClaude(await input('claude_cli', { preamble: 'PRE', prompt: '- [ ] x' }));
    assert.deepEqual(prepared.argv, [...base, 'stream-json', '--verbose', ...noMcp]);
    assert.equal(prepared.stdin, 'PRE\n\n- [ ] x');
    assert.equal(prepared.env['CLAUDE_CODE_MAX_RETRIES'], '0');
    assert.equal(prepared.env['CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC'], '1');
  });

  it('reaches every option, extra arguments last', async () => {
    const config = {
      ...SILENT_CONFIG,
      skipPermissions: false,
      disableMcp: false,
      outputFormat: 'json' as const,
      model: 'opus',
      allowedTools: ['Read', 'Bash(git *)'],
      systemPromptFile: '/p/system.md',
      extraArgs: ['--max-turns', '3'],
    };
    assert.deepEqual(prepareClaude(await input('claude-code', { config })).argv, [
      '/bin/agent',
      '-p',
      '--output-format',
      'json',
      '--model',
      'opus',
      '--allowedTools',
      'Read,Bash(git *)',
      '--system-prompt-file',
      '/p/system.md',
      '--max-turns',
      '3',
    ]);
    const text = prepareClaude(
      await input('claude-code', { config: { ...SILENT_CONFIG, outputFormat: 'text' } }),
    );
    assert.deepEqual(text.argv, [...base, 'text', ...noMcp]);
  });
});

describe('describePrepared', () => {
  it('shows no value of a variable and no prompt', async () => {
    const environment = { plain: { HOME: '/h' }, secret: { ANTHROPIC_API_KEY: 'sk-ant-SECRET' }, own: {} };
    const shown = describePrepared(
      prepareClaude(await input('claude-code', { environment, prompt: 'PROMPT' })),
    );
    assert(shown.environment.includes('ANTHROPIC_API_KEY'));
    assert.equal(shown.stdin_bytes, 6);
    assert.doesNotMatch(JSON.stringify(shown), /SECRET|PROMPT"/);
    const long = describePrepared(prepareCli(await input('cli', { prompt: 'y'.repeat(30_000) })));
    assert.match(long.argv[2] ?? '', /^y{2000}… \(28000 more\)$/);
  });
});
