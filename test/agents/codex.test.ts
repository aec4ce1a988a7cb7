import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentProgram, codexConfig, RealAgent } from '../support/real-agent';

const KEY = 'sk-test-codex-0123456789abcdefghijklmnop';

/** Codex CLI (developers.openai.com/codex, "Non-interactive mode", "Configuration") against a server that speaks the Responses API. */
describe('Codex CLI, the real program', () => {
  const agent = new RealAgent({
    program: agentProgram('codex'),
    executable: 'codex',
    instrument: 'codex-cli',
    env: (_url, home) => ({ CODEX_HOME: join(home, '.codex') }),
    secrets: { CODEX_API_KEY: KEY },
    files: (url) => ({ '.codex/config.toml': codexConfig({ name: 'loopback', url, model: 'gpt-test' }) }),
  });
  before(() => agent.start());
  after(() => agent.stop());

  it('answers, and tells its tokens; a model without a price is unpriced', async () => {
    agent.vendors.turn = { kind: 'say', text: 'PONG' };
    const end = await agent.play('says', 'Say PONG');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(end.sheets['1']?.stdout_tail, 'PONG');
    assert.deepEqual([end.sheets['1'].input_tokens, end.sheets['1'].output_tokens], [120, 30]);
    assert.deepEqual([end.unpriced, end.sheets['1'].estimated_cost], [true, null]);
  });

  it('runs a command that writes a file', async () => {
    const path = join(agent.conductor.workspace, 'answer.txt');
    agent.vendors.turn = { kind: 'write', path, content: 'forty-two', text: 'Written.' };
    const end = await agent.play('writes', 'Write the answer.');
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(readFileSync(path, 'utf8'), 'forty-two');
  });

  it('tells a refused key and a limit apart', async () => {
    agent.vendors.turn = { kind: 'fail', status: 401, message: 'no such key' };
    const denied = await agent.play('denied', 'Say PONG');
    assert.equal(denied.sheets['1']?.error_code, 'E502', JSON.stringify(denied.sheets['1']));
    agent.vendors.turn = { kind: 'fail', status: 429, message: 'slow down' };
    const limited = await agent.playUntilHeld('limited', 'Say PONG');
    assert.equal(limited.sheets['1']?.error_code, 'E102', JSON.stringify(limited.sheets['1']));
    assert.ok(!JSON.stringify(agent.conductor.records()).includes(KEY));
  });
});
