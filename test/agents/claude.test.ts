import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentProgram, RealAgent } from '../support/real-agent';

const KEY = 'sk-ant-api03-test-0123456789abcdefghijklmnopqrstuvwxyz';
const PRICED = 'claude-sonnet-4-5-20250929';

/** Claude Code itself (code.claude.com/docs, "Run Claude Code programmatically") against a server that speaks the Messages API. */
describe('Claude Code, the real program', () => {
  const agent = new RealAgent({
    program: agentProgram('claude'),
    executable: 'claude',
    instrument: 'claude-code',
    // The program refuses to skip permissions as root, unless this says that it may.
    env: (url) => ({ ANTHROPIC_BASE_URL: url, IS_SANDBOX: '1' }),
    secrets: { ANTHROPIC_API_KEY: KEY },
  });
  before(() => agent.start());
  after(() => agent.stop());

  for (const format of ['text', 'json', 'stream-json']) {
    it(`answers in ${format}`, async () => {
      agent.vendors.turn = { kind: 'say', text: 'PONG' };
      const end = await agent.play(
        `say-${format}`,
        'Say PONG',
        `{ output_format: ${format}, model: ${PRICED} }`,
      );
      assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']?.error_message));
      const sheet = end.sheets['1'];
      assert.equal(sheet?.stdout_tail?.trim(), 'PONG');
      if (format === 'text') return;
      assert.deepEqual([sheet.input_tokens, sheet.output_tokens], [120, 30]);
      const cost = (120 * 0.003 + 30 * 0.015) / 1000;
      assert.ok(Math.abs((sheet.estimated_cost ?? 0) - cost) < 1e-9, String(sheet.estimated_cost));
      assert.match(sheet.attempts[0]?.model ?? '', /claude-sonnet-4-5/);
    });
  }

  it('writes a file through its Write tool, and the validation sees it', async () => {
    const path = join(agent.conductor.workspace, 'answer.txt');
    agent.vendors.turn = { kind: 'write', path, content: 'forty-two', text: 'Written.' };
    const rule =
      'validations:\n  - { type: content_contains, path: "{workspace}/answer.txt", pattern: forty }\n';
    const end = await agent.play('writes', 'Write the answer.', '{}', rule);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(readFileSync(path, 'utf8'), 'forty-two');
  });

  it('that was refused its tool has not succeeded', async () => {
    const path = join(agent.conductor.workspace, 'denied.txt');
    agent.vendors.turn = { kind: 'write', path, content: 'x', text: 'I could not.' };
    const end = await agent.play('denied', 'Write.', '{ skip_permissions: false }');
    assert.equal(end.status, 'failed');
    assert.equal(end.sheets['1']?.error_category, 'configuration', JSON.stringify(end.sheets['1']));
  });

  for (const type of ['permission_error', 'api_error']) {
    it(`whose key is refused with 403 ${type} is an authentication failure; the key is in no log`, async () => {
      agent.vendors.turn = { kind: 'fail', status: 403, type, message: 'forbidden' };
      const end = await agent.play(`key-${type}`, 'Say PONG');
      assert.equal(end.status, 'failed');
      assert.equal(end.sheets['1']?.error_code, 'E502', JSON.stringify(end.sheets['1']));
      assert.ok(!JSON.stringify(agent.conductor.records()).includes(KEY));
    });
  }
});
