import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentProgram, RealAgent } from '../support/real-agent';

const KEY = 'sk-test-opencode-0123456789abcdefghij';

/** OpenCode (opencode.ai/docs, "Providers", "CLI") against a server that speaks Chat Completions. */
describe('OpenCode, the real program', () => {
  const agent = new RealAgent({
    program: agentProgram('opencode'),
    executable: 'opencode',
    instrument: 'opencode',
    env: (url) => ({
      OPENCODE_DISABLE_MODELS_FETCH: '1',
      OPENCODE_CONFIG_CONTENT: JSON.stringify({
        provider: {
          loopback: {
            npm: '@ai-sdk/openai-compatible',
            name: 'loopback',
            options: { baseURL: `${url}/v1`, apiKey: '{env:OPENAI_API_KEY}' },
            models: { m: { name: 'm' } },
          },
        },
        model: 'loopback/m',
        small_model: 'loopback/m',
      }),
    }),
    secrets: { OPENAI_API_KEY: KEY },
  });
  before(() => agent.start());
  after(() => agent.stop());

  it('answers a prompt verbatim from stdin, and tells its tokens; cost 0 for used tokens is no price', async () => {
    agent.vendors.turn = { kind: 'say', text: 'PONG' };
    const end = await agent.play('says', '- [ ] Say "PONG"');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(end.sheets['1']?.stdout_tail, 'PONG');
    assert.deepEqual([end.sheets['1'].input_tokens, end.sheets['1'].output_tokens], [120, 30]);
    assert.deepEqual([end.unpriced, end.sheets['1'].estimated_cost], [true, null]);
    assert.ok(
      agent.vendors.server.requests.some(({ body }) => JSON.stringify(body).includes('- [ ] Say \\"PONG\\"')),
    );
  });

  it('writes a file through its tool', async () => {
    const path = join(agent.conductor.workspace, 'answer.txt');
    agent.vendors.turn = { kind: 'write', path, content: 'forty-two', text: 'Written.' };
    const end = await agent.play('writes', 'Write the answer.');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(readFileSync(path, 'utf8'), 'forty-two');
  });

  it('tells a refused key', async () => {
    agent.vendors.turn = { kind: 'fail', status: 401, message: 'no such key' };
    const end = await agent.play('denied', 'Say PONG');
    assert.equal(end.sheets['1']?.error_code, 'E502', JSON.stringify(end.sheets['1']));
    assert.ok(!JSON.stringify(agent.conductor.records()).includes(KEY));
  });
});
