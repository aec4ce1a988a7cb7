import assert from 'node:assert/strict';
import { AnthropicApiBackend } from '../../src/backends/http/anthropic/anthropic-backend';
import { OpenAiBackend } from '../../src/backends/http/openai-backend';
import { FixedTools, textResult } from '../support/fixed-tools';
import { httpProfile, playHttp, type HttpAttempt } from '../support/http-backend';
import { LlamaServer } from '../support/llama-server';
import { agentProgram, codexConfig, RealAgent, type AgentSetup } from '../support/real-agent';

const KEY = 'llama-key-0123456789abcdefghijklmnop';
const SENTENCE = 'PONG from a tiny llama.';

describe('llama.cpp, the real server', () => {
  const llama = new LlamaServer(agentProgram('llama'), SENTENCE, KEY);
  let url = '';
  before(async () => {
    // Claude Code's own prompt is 50 KB, and there a byte is a token.
    url = await llama.start(98_304);
  });
  after(() => llama.stop());

  for (const [family, Vendor, endpoint, base] of [
    ['anthropic', AnthropicApiBackend, '/v1/messages', ''],
    ['openai', OpenAiBackend, '/chat/completions', '/v1'],
  ] as const) {
    describe(`with our backend for ${endpoint}`, () => {
      const play = (more: Partial<HttpAttempt> = {}) => {
        const profile = httpProfile(family, `${url}${base}`, {
          http: {
            base_url: `${url}${base}`,
            endpoint,
            schema_family: family,
            auth_env_var: 'VENDOR_API_KEY',
          },
        });
        return playHttp(Vendor, { url: `${url}${base}`, profile, key: KEY, prompt: 'Say PONG.', ...more });
      };

      it('streams an answer, and its tokens are those of the server', async () => {
        const { result, stdoutLog, progress } = await play();
        assert.equal(result.success, true, result.errorMessage ?? '');
        assert.equal(result.stdout.trim(), SENTENCE);
        assert.equal(stdoutLog.trim(), SENTENCE);
        assert.ok(progress.length > 0);
        // Five words and the end; a byte of the prompt is a token, and the template adds some.
        assert.equal(result.outputTokens, 6);
        assert.ok(
          result.inputTokens !== null && result.inputTokens > 'Say PONG.'.length,
          String(result.inputTokens),
        );
        assert.equal(result.costEstimated, false);
      });

      it('counts what the server had in its cache as read', async () => {
        const first = await play({ prompt: 'The same words twice.' });
        const second = await play({ prompt: 'The same words twice.' });
        assert.equal(second.result.inputTokens, first.result.inputTokens);
      });

      it('is offered tools and answers without them', async () => {
        const tools = new FixedTools(
          [{ name: 'look', description: 'Looks.', inputSchema: { type: 'object', properties: {} } }],
          () => Promise.resolve(textResult('seen')),
        );
        const { result } = await play({ tools });
        assert.deepEqual(tools.calls, []);
        assert.equal(result.success, true, result.errorMessage ?? '');
        assert.equal(result.stdout.trim(), SENTENCE);
      });

      it('an answer that max_tokens cuts off is a failure, and what had come is kept', async () => {
        const { result, stdoutLog } = await play({ config: { maxTokens: 3 } });
        assert.deepEqual([result.success, result.errorType], [false, 'configuration']);
        assert.match(result.errorMessage ?? '', /max_tokens/);
        assert.deepEqual([result.stdout.trim(), stdoutLog.trim()], ['PONG from a', 'PONG from a']);
        assert.equal(result.outputTokens, 3);
      });

      it('a wrong key is an authentication failure, and is in no log', async () => {
        const key = 'wrong-key-0123456789abcdef';
        const { result, stdoutLog, stderrLog } = await play({ key });
        assert.deepEqual([result.success, result.errorType, result.exitCode], [false, 'authentication', 401]);
        assert.match(result.errorMessage ?? '', /Invalid API Key/);
        assert.ok(!`${JSON.stringify(result)}${stdoutLog}${stderrLog}`.includes(key));
      });

      it('a prompt that does not fit is told as that', async () => {
        const { result } = await play({ prompt: 'x'.repeat(100_000) });
        assert.deepEqual(
          [result.success, result.errorType, result.exitCode],
          [false, 'context_too_long', 400],
        );
      });

      it('a server that is not there is a network failure', async () => {
        const { result } = await play({ url: 'http://127.0.0.1:9' });
        assert.deepEqual([result.success, result.errorType], [false, 'network']);
      });
    });
  }

  const agents: readonly (Omit<AgentSetup, 'program' | 'server'> & { readonly wrong: RegExp })[] = [
    {
      executable: 'claude',
      instrument: 'claude-code',
      env: (at) => ({ ANTHROPIC_BASE_URL: at, IS_SANDBOX: '1' }),
      secrets: { ANTHROPIC_API_KEY: KEY },
      wrong: /Invalid API Key|authenticat/i,
    },
    {
      executable: 'codex',
      instrument: 'codex-cli',
      env: (_at, home) => ({ CODEX_HOME: `${home}/.codex` }),
      secrets: { CODEX_API_KEY: KEY },
      files: (at) => ({ '.codex/config.toml': codexConfig({ name: 'llama', url: at, model: 'tiny' }) }),
      wrong: /401|Invalid API Key/,
    },
    {
      executable: 'opencode',
      instrument: 'opencode',
      env: (at) => ({
        OPENCODE_DISABLE_MODELS_FETCH: '1',
        OPENCODE_CONFIG_CONTENT: JSON.stringify({
          provider: {
            llama: {
              npm: '@ai-sdk/openai-compatible',
              name: 'llama',
              options: { baseURL: `${at}/v1`, apiKey: '{env:OPENAI_API_KEY}' },
              models: { tiny: { name: 'tiny' } },
            },
          },
          model: 'llama/tiny',
          small_model: 'llama/tiny',
        }),
      }),
      secrets: { OPENAI_API_KEY: KEY },
      wrong: /Invalid API Key/,
    },
  ];
  for (const { wrong, ...setup } of agents) {
    describe(`with the real ${setup.executable}, in the conductor`, () => {
      const agent = new RealAgent({
        ...setup,
        program: agentProgram(setup.executable),
        server: () => Promise.resolve(url),
      });
      before(() => agent.start());
      after(() => agent.stop());

      it('answers', async () => {
        const end = await agent.play('answers', 'Say PONG.');
        assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
        assert.equal(end.sheets['1']?.stdout_tail?.trim(), SENTENCE);
        assert.ok((end.sheets['1'].output_tokens ?? 0) >= 6, String(end.sheets['1'].output_tokens));
      });

      it('with a wrong key fails with E502; neither key is in a record', async () => {
        const [name = ''] = Object.keys(setup.secrets);
        const key = 'wrong-key-0123456789abcdef';
        const end = await agent.play('wrong', 'Say PONG.', '{}', '', { [name]: key });
        assert.equal(end.sheets['1']?.error_code, 'E502', JSON.stringify(end.sheets['1']));
        assert.match(end.sheets['1'].error_message ?? '', wrong);
        const records = JSON.stringify(agent.conductor.records());
        assert.ok(!records.includes(key) && !records.includes(KEY));
      });
    });
  }
});
