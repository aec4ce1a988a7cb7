import assert from 'node:assert/strict';
import { agentProgram, RealAgent } from '../support/real-agent';

const KEY = 'sk-test-cline-0123456789abcdefghijklm';

/** Cline (docs.cline.bot, "CLI reference") against a server that speaks Chat Completions. Its settings file is what `cline auth` writes. */
describe('Cline, the real program', () => {
  const agent = new RealAgent({
    program: agentProgram('cline'),
    executable: 'cline',
    instrument: 'cline-cli',
    env: () => ({}),
    secrets: {},
    files: (url) => ({
      '.cline/data/settings/providers.json': JSON.stringify({
        version: 1,
        lastUsedProvider: 'openai-compatible',
        modes: {},
        providers: {
          'openai-compatible': {
            settings: { provider: 'openai-compatible', apiKey: KEY, model: 'm', baseUrl: `${url}/v1` },
            updatedAt: '2026-11-21T00:00:00.000Z',
            tokenSource: 'manual',
          },
        },
      }),
    }),
  });
  before(() => agent.start());
  after(() => agent.stop());

  it('answers, tells tokens and model; cost 0 for used tokens is no price', async () => {
    agent.vendors.turn = { kind: 'say', text: 'PONG' };
    const end = await agent.play('says', '- [ ] Say PONG');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    const sheet = end.sheets['1'];
    assert.equal(sheet?.stdout_tail, 'PONG');
    assert.deepEqual([sheet.input_tokens, sheet.output_tokens, sheet.instrument_model], [120, 30, 'm']);
    assert.deepEqual([end.unpriced, sheet.estimated_cost], [true, null]);
  });

  it('tells a refused key', async () => {
    agent.vendors.turn = { kind: 'fail', status: 401, message: 'Incorrect API key provided' };
    const end = await agent.play('denied', 'Say PONG');
    assert.equal(end.sheets['1']?.error_code, 'E502', JSON.stringify(end.sheets['1']));
    assert.match(end.sheets['1'].error_message ?? '', /Incorrect API key/);
  });
});
