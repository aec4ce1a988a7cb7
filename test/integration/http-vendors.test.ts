import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { json, LoopbackServer } from '../support/loopback-server';
import { streamChat, USAGE } from '../support/openai-server';
import { vendorConductor } from '../support/vendor-conductor';

const KEY = 'sk-or-v1-test-0123456789abcdef0123456789abcdef';

const score = (name: string, more: string) => `
name: ${name}
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 1 }
prompt:
  template: Say hello.
${more}`;

/** OpenRouter and Recursive Light through the real conductor, against servers that speak their protocols. */
describe('HTTP vendors in the conductor', () => {
  const server = new LoopbackServer(() => undefined);
  const conductor = vendorConductor(server, ['openrouter', 'recursive_light']);

  it('plays OpenRouter: what it says it cost is the cost', async () => {
    server.answer = (_request, response) =>
      streamChat(response, { model: 'acme/large', usage: { ...USAGE, cost: 0.0123 } });
    const text = score(
      'router',
      'instrument: openrouter\ninstrument_config: { model: acme/large, temperature: 0.1 }\n',
    );
    const run = await conductor.submit('router', text, { secrets: { OPENROUTER_API_KEY: KEY } });
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    assert.equal(end.total_estimated_cost, 0.0123);
    assert.equal(end.unpriced, false);
    assert.equal(end.sheets['1']?.attempts[0]?.cost_estimated, false);
    assert.equal(server.requests[0]?.headers.authorization, `Bearer ${KEY}`);
    assert.equal(server.requests[0]?.body?.['temperature'], 0.1);
    assert.ok(!JSON.stringify(conductor.records()).includes(KEY));
  });

  it('tells a model of the workspace only if it gets tools for it', async () => {
    server.answer = (_request, response) => streamChat(response);
    const system = async (name: string, config: string) => {
      const text = score(name, `instrument: openrouter\ninstrument_config: { model: acme/m${config} }\n`);
      const end = await conductor.until(
        await conductor.submit(name, text, { secrets: { OPENROUTER_API_KEY: KEY } }),
      );
      assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
      const { body } = server.requests.at(-1) ?? {};
      const messages = body?.['messages'] as readonly { role: string; content: string }[];
      assert.equal(Array.isArray(body?.['tools']), config === '', 'tools are offered with it, and only then');
      assert.equal(messages[0]?.role, 'system');
      return messages[0].content;
    };
    assert.match(await system('hands', ''), /Write all results into the workspace with your tools/);
    const without = await system('no-hands', ', file_tools: false');
    assert.match(without, /Your answer is the result/);
    assert.doesNotMatch(without, /workspace/i);
  });

  it('says of a model without a price that it is unpriced, and of a free one that it cost nothing', async () => {
    server.answer = (request, response) => streamChat(response, { model: String(request.body?.['model']) });
    const play = async (name: string, model: string) => {
      const text = score(name, `instrument: openrouter\ninstrument_config: { model: '${model}' }\n`);
      return conductor.until(await conductor.submit(name, text, { secrets: { OPENROUTER_API_KEY: KEY } }));
    };
    const unknown = await play('unknown', 'acme/secret');
    assert.deepEqual([unknown.unpriced, unknown.sheets['1']?.estimated_cost], [true, null]);
    const free = await play('free', 'qwen/qwen3-coder:free');
    assert.deepEqual([free.unpriced, free.sheets['1']?.estimated_cost], [false, 0]);
  });

  it('obeys backend.recursive_light, and keeps what it tells about its answer and who asked', async () => {
    server.answer = (_request, response) =>
      json(response, 200, { response: 'Hello.', confidence: 0.75, quality: { coherence: 0.5 } });
    const play = async (name: string, more = '') => {
      const block = `backend:\n  type: recursive_light\n  recursive_light: { timeout: 7${more} }\n`;
      const run = await conductor.submit(name, score(name, block));
      const end = await conductor.until(run);
      assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
      return end;
    };
    const end = await play('light');
    assert.deepEqual(end.sheets['1']?.attempts[0]?.metadata, {
      confidence_score: 0.75,
      quality_conditions: { coherence: 0.5 },
    });
    assert.equal(end.sheets['1'].confidence_score, 0.75);
    assert.equal(end.sheets['1'].sheet_timeout_seconds, 7);
    assert.equal(server.requests[0]?.body?.['message'], 'Say hello.\n', 'the prompt, and no word of files');
    const file = join(conductor.home, 'installation-id');
    const id = readFileSync(file, 'utf8').trim();
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(server.requests[0]?.body?.['user_id'], id);
    await play('light-2', ', user_id: ada');
    assert.equal(server.requests[1]?.body?.['user_id'], 'ada');

    await conductor.kill();
    await conductor.start();
    await play('light-3');
    assert.equal(server.requests[2]?.body?.['user_id'], id, 'the id outlives the conductor');

    const elsewhere = new LoopbackServer((_request, response) => json(response, 200, { response: 'there' }));
    const url = await elsewhere.listen();
    await play('light-4', `, endpoint: '${url}'`);
    assert.equal(elsewhere.requests.length, 1);
    await elsewhere.close();
  });

  it('checks an instrument as its jobs would meet it: address, key, server, and an answer when asked for one', async () => {
    server.answer = (request, response) => {
      if (request.method === 'POST') streamChat(response);
      else if (request.headers.authorization === `Bearer ${KEY}`)
        json(response, 200, { data: [{ id: 'm' }] });
      else json(response, 401, { error: { message: `no such key ${KEY}`, code: 401 } });
    };
    const check = (secrets: Record<string, string>, quota = false) =>
      conductor.call('instruments.check', { name: 'openrouter', secrets, quota });
    const none = await check({});
    assert.equal(none.ok, false);
    assert.match(JSON.stringify(none.checks), /Set OPENROUTER_API_KEY/);
    assert.equal(server.requests.length, 0, 'nothing is asked without a key');
    // The profile has no default model, and its list is not asked for one.
    const wrong = await check({ OPENROUTER_API_KEY: 'wrong-key-0123456789' });
    assert.deepEqual([wrong.ok, wrong.checks.at(-1)?.name], [false, 'server']);
    const { instruments } = await conductor.call('instruments.list', { have: ['OPENROUTER_API_KEY'] });
    const states = new Map(instruments.map(({ name, status }) => [name, status]));
    assert.deepEqual(
      [states.get('openrouter'), states.get('anthropic_api'), states.get('recursive_light')],
      ['ready', 'needs_key', 'unknown'],
    );
  });

  it('lists and checks what a workspace brings, once it is approved', async () => {
    const folder = join(conductor.workspace, '.marianne/instruments');
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'own.yaml'),
      'name: own\ndisplay_name: Own\nkind: cli\ncli: {command: {executable: sh, required_env: [], version_args: [-c, echo v7]}}\n',
    );
    const { workspace } = conductor;
    const names = async () =>
      (await conductor.call('instruments.list', { workspace })).instruments.map(({ name }) => name);
    assert.ok(!(await names()).includes('own'));
    const { entries } = await conductor.call('trust.list', { dir: workspace });
    await conductor.call('trust.approve', { dir: workspace, digests: entries.map(({ digest }) => digest) });
    assert.ok((await names()).includes('own'));
    const found = await conductor.call('instruments.check', { name: 'own', workspace });
    assert.equal(found.ok, true, JSON.stringify(found));
    assert.match(found.version ?? '', /v7/);
    const asked = await conductor.call('instruments.check', { name: 'own', workspace, quota: true });
    assert.deepEqual([asked.ok, asked.checks.at(-1)?.name], [false, 'answer']);
  });
});
