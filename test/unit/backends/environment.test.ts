import assert from 'node:assert/strict';
import { agentEnvironment } from '../../../src/backends/environment';
import type { CliProfile } from '../../../src/instruments/schema';
import { builtIn } from '../../support/backends-runner';

const plain = {
  PATH: '/p',
  HOME: '/h',
  LC_TIME: 'C',
  XDG_CACHE_HOME: '/c',
  https_proxy: 'http://proxy',
  NODE_EXTRA_CA_CERTS: '/ca',
  CODEX_HOME: '/codex',
  MY_VARIABLE: 'mine',
  MARIANNE_HOME: '/m',
  MARIANNE_MARKER: 'outer',
  NODE_OPTIONS: '--require /evil',
  VSCODE_IPC_HOOK: 'x',
  ELECTRON_RUN_AS_NODE: '1',
  CLAUDECODE: '1',
  CLAUDE_CODE_ENTRYPOINT: 'cli',
};
const secret = { OPENAI_API_KEY: 'sk-o', ANTHROPIC_API_KEY: 'sk-a' };
const own = { MARIANNE_MARKER: 'inner', MARIANNE_SHEET_NUM: '3' };

function withCommand(profile: CliProfile, command: Partial<CliProfile['cli']['command']>): CliProfile {
  return { ...profile, cli: { ...profile.cli, command: { ...profile.cli.command, ...command } } };
}

describe('agentEnvironment', () => {
  it('gives an agent system names, its listed names and ours, and nothing else', async () => {
    assert.deepEqual(agentEnvironment(await builtIn('codex-cli'), { plain, secret, own }), {
      PATH: '/p',
      HOME: '/h',
      LC_TIME: 'C',
      XDG_CACHE_HOME: '/c',
      https_proxy: 'http://proxy',
      NODE_EXTRA_CA_CERTS: '/ca',
      CODEX_HOME: '/codex',
      OPENAI_API_KEY: 'sk-o',
      MARIANNE_MARKER: 'inner',
      MARIANNE_SHEET_NUM: '3',
    });
  });

  it('gives a shell the plain part, but no secret and no editor variable', async () => {
    const env = agentEnvironment(await builtIn('cli'), { plain, secret, own });
    assert.equal(env['MY_VARIABLE'], 'mine');
    assert.equal(env['MARIANNE_HOME'], '/m');
    assert.equal(env['MARIANNE_MARKER'], 'inner');
    for (const name of [
      'OPENAI_API_KEY',
      'NODE_OPTIONS',
      'VSCODE_IPC_HOOK',
      'ELECTRON_RUN_AS_NODE',
      'CLAUDECODE',
      'CLAUDE_CODE_ENTRYPOINT',
    ]) {
      assert(!(name in env), name);
    }
  });

  it('lets no profile set what is banned', async () => {
    const profile = withCommand(await builtIn('goose'), {
      env: { NODE_OPTIONS: '--inspect', CLAUDECODE: '1', FINE: 'yes' },
      required_env: ['VSCODE_IPC_HOOK'],
    });
    const env = agentEnvironment(profile, { plain, secret, own });
    assert.deepEqual(
      [env['FINE'], env['NODE_OPTIONS'], env['CLAUDECODE'], env['VSCODE_IPC_HOOK']],
      ['yes', undefined, undefined, undefined],
    );
  });

  it('expands only what the agent may see, and leaves out entries with unset names', async () => {
    const profile = withCommand(await builtIn('goose'), {
      secret_env: ['OPENAI_API_KEY'],
      env: {
        COPY: 'key=${OPENAI_API_KEY}',
        PATH: '$HOME/bin:${PATH}',
        STEAL: '${ANTHROPIC_API_KEY}',
        HIDDEN: '$MY_VARIABLE',
        PRICE: 'costs $5 ${}',
      },
    });
    const env = agentEnvironment(profile, { plain, secret, own });
    assert.equal(env['COPY'], 'key=sk-o');
    assert.equal(env['PATH'], '/h/bin:/p');
    assert.equal(env['PRICE'], 'costs $5 ${}');
    assert(!('STEAL' in env) && !('HIDDEN' in env) && !('ANTHROPIC_API_KEY' in env));
  });

  it('has a PATH always', async () => {
    const env = agentEnvironment(await builtIn('cli'), { plain: {}, secret: {}, own: {} });
    assert.deepEqual(env, { PATH: '/usr/local/bin:/usr/bin:/bin' });
  });
});
