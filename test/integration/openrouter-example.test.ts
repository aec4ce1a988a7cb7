/** examples/openrouter.yaml, played to green by a loopback server that speaks Chat Completions, through the real conductor and its file tools. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { json, LoopbackServer, type SeenRequest } from '../support/loopback-server';
import { streamChat, USAGE } from '../support/openai-server';
import { vendorConductor } from '../support/vendor-conductor';

const KEY = 'sk-or-v1-example-0123456789abcdef0123456789abcdef';
const PAGE = 'A test that has never failed proves nothing.\n';
const REVIEW = '- Say how to make it fail.\n';

interface Message {
  readonly role: string;
  readonly content: string | null;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly name: string } }[];
}

const messagesOf = (request: SeenRequest) => request.body?.['messages'] as readonly Message[];

describe('the example for OpenRouter', () => {
  /** One model writes the page, the other reads it and writes what should be better (openrouter.ai/docs, "Tool & Function Calling"). */
  const server = new LoopbackServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${KEY}`) {
      json(response, 401, { error: { message: 'No auth credentials found', code: 401 } });
      return;
    }
    const model = String(request.body?.['model']);
    const results = messagesOf(request).filter(({ role }) => role === 'tool');
    const call = (name: string, args: object) =>
      streamChat(response, {
        model,
        texts: [],
        finish: 'tool_calls',
        usage: { ...USAGE, cost: 0 },
        tools: [{ id: `call_${results.length + 1}`, name, args: JSON.stringify(args) }],
      });
    const done = (text: string) =>
      streamChat(response, { model, texts: [text], usage: { ...USAGE, cost: 0 } });
    if (model.startsWith('openai/')) {
      if (results.length === 0) call('write_file', { path: 'page.md', content: PAGE });
      else done('The page is written.');
    } else if (results.length === 0) call('read_file', { path: 'page.md' });
    else if (results.length === 1) call('write_file', { path: 'review.md', content: REVIEW });
    else done('The review is written.');
  });
  const example = readFileSync('examples/openrouter.yaml', 'utf8');

  const conductor = vendorConductor(server, ['openrouter']);

  it('plays to green: both files are written with the file tools, by the models of the score', async () => {
    const run = await conductor.submit('openrouter', example, { secrets: { OPENROUTER_API_KEY: KEY } });
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets));
    assert.equal(readFileSync(join(conductor.workspace, 'page.md'), 'utf8'), PAGE);
    assert.equal(readFileSync(join(conductor.workspace, 'review.md'), 'utf8'), REVIEW);
    assert.deepEqual([end.total_estimated_cost, end.unpriced], [0, false]);

    const asked = server.requests.map(({ body }) => [
      body?.['model'],
      body?.['max_tokens'],
      body?.['temperature'],
    ]);
    const first = ['openai/gpt-oss-120b:free', 4000, 0.4];
    const second = ['z-ai/glm-4.5-air:free', 4000, 0];
    assert.deepEqual(asked, [first, first, second, second, second]);
    const tools = server.requests[0]?.body?.['tools'] as readonly { function: { name: string } }[];
    assert.deepEqual(tools.map((tool) => tool.function.name).sort(), ['list_dir', 'read_file', 'write_file']);
    const [, , , read] = server.requests;
    assert.ok(read);
    const [call, result] = messagesOf(read).slice(-2);
    assert.deepEqual([call?.role, call?.tool_calls?.[0]?.function.name], ['assistant', 'read_file']);
    assert.equal(result?.tool_call_id, call?.tool_calls?.[0]?.id);
    assert.ok(result?.content?.includes(PAGE.trim()), 'the second model has read what the first one wrote');
    assert.deepEqual(
      [end.sheets['1']?.input_tokens, end.sheets['2']?.input_tokens],
      [2 * USAGE.prompt_tokens, 3 * USAGE.prompt_tokens],
      'every round counts',
    );
    assert.ok(!JSON.stringify(conductor.records()).includes(KEY));
  });

  it('takes the place of a score that failed: the shell that modifies the job gives the key', async () => {
    const failing = example
      .replace(/^instrument: .*$/m, 'instrument: cli')
      .replace(/^instrument_config: .*$/m, 'retry: { max_retries: 0, max_completion_attempts: 0 }')
      .replace(/ {2}per_sheet_instrument_config:\n.*\n/, '')
      .replace(/template: \|[^]*?(?=\nvalidations)/, 'template: exit 1');
    const run = await conductor.submit('later', failing);
    assert.equal((await conductor.until(run)).status, 'failed');
    const { PATH } = process.env;
    const env = { PATH, HOME: conductor.root, MARIANNE_HOME: conductor.home, OPENROUTER_API_KEY: KEY };
    const args = [resolve('dist/cli.js'), 'modify', run, '-c', resolve('examples/openrouter.yaml'), '-r'];
    await new Promise<void>((done, fail) => {
      execFile(process.execPath, args, { env, cwd: conductor.root }, (error, stdout, stderr) => {
        if (error === null) done();
        else fail(new Error(`${stdout}${stderr}`));
      });
    });
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets));
    assert.equal(server.requests.length, 5);
  });
});
