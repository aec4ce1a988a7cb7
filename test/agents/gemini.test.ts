import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentProgram, RealAgent } from '../support/real-agent';

const KEY = 'test-gemini-0123456789abcdefghijklmnop';

/** Gemini CLI (its docs, "Headless mode", "Configuration") against a server that speaks streamGenerateContent. */
describe('Gemini CLI, the real program', () => {
  const agent = new RealAgent({
    program: agentProgram('gemini'),
    executable: 'gemini',
    instrument: 'gemini-cli',
    env: (url) => ({ GOOGLE_GEMINI_BASE_URL: url }),
    secrets: { GEMINI_API_KEY: KEY },
    files: () => ({
      '.gemini/settings.json': JSON.stringify({
        security: { auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false },
      }),
    }),
  });
  before(() => agent.start());
  after(() => agent.stop());

  it('answers, and tells its tokens', async () => {
    agent.vendors.turn = { kind: 'say', text: 'PONG' };
    const end = await agent.play('says', 'Say PONG', '{ model: gemini-2.5-flash }');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(end.sheets['1']?.stdout_tail, 'PONG');
    assert.ok((end.sheets['1'].input_tokens ?? 0) >= 120);
  });

  it('writes a file through its tool', async () => {
    const path = join(agent.conductor.workspace, 'answer.txt');
    agent.vendors.turn = { kind: 'write', path, content: 'forty-two', text: 'Written.' };
    const end = await agent.play('writes', 'Write the answer.', '{ model: gemini-2.5-flash }');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(readFileSync(path, 'utf8'), 'forty-two');
  });

  it('exits with 145 for 401, which is no signal', async () => {
    agent.vendors.turn = { kind: 'fail', status: 401, message: 'API key not valid' };
    const end = await agent.play('denied', 'Say PONG', '{ model: gemini-2.5-flash }');
    const sheet = end.sheets['1'];
    assert.deepEqual([sheet?.error_code, sheet?.exit_signal], ['E502', null], JSON.stringify(sheet));
    assert.ok(!JSON.stringify(agent.conductor.records()).includes(KEY));
  });
});
