import assert from 'node:assert/strict';
import { OllamaBackend } from '../../../src/backends/http/ollama-backend';
import { HttpConnection } from '../../../src/backends/http/connection';
import type { Tool, ToolBox, ToolResult } from '../../../src/backends/tools/contract';
import { classify } from '../../../src/backends/classify';
import type { InstrumentConfig } from '../../../src/score/plan';
import { httpProfile, playHttp, withBackend, type HttpAttempt } from '../../support/http-backend';
import { json, LoopbackServer } from '../../support/loopback-server';
import { chatLines, OllamaLoopback, stream } from '../../support/ollama-server';

const text = (value: string, isError = false): ToolResult => ({
  isError,
  content: [{ type: 'text', text: value }],
});

/** A box with the tools that a case needs, and what was called. */
class TestBox implements ToolBox {
  readonly calls: { name: string; args: unknown }[] = [];
  running = 0;
  most = 0;

  constructor(private readonly answer: (name: string, args: unknown) => Promise<ToolResult> | ToolResult) {}

  list(): Promise<readonly Tool[]> {
    return Promise.resolve(
      ['add', 'look'].map((name) => ({
        name,
        description: `can ${name}`,
        inputSchema: { type: 'object', properties: { a: { type: 'number' } } },
      })),
    );
  }

  async call(name: string, args: unknown): Promise<ToolResult> {
    this.calls.push({ name, args });
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    await new Promise((done) => setImmediate(done));
    const result = await this.answer(name, args);
    this.running -= 1;
    return result;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

const other = (values: Record<string, unknown>): Partial<InstrumentConfig> => ({ other: values });

/** Requests and answers follow docs/api.md of ollama/ollama; error texts are those of its server (server/routes.go). */
describe('Ollama backend', () => {
  const server = new OllamaLoopback();
  before(() => server.listen());
  after(() => server.close());
  beforeEach(() => server.reset());
  const profile = () => httpProfile('ollama', server.url, { default_model: 'llama3.1:8b' });
  const play = (more: Partial<HttpAttempt> = {}) =>
    playHttp(OllamaBackend, { url: server.url, profile: profile(), key: null, ...more });
  const messages = (index: number) =>
    server.chats[index]?.body?.['messages'] as { role: string; content: string; [key: string]: unknown }[];

  it('answers: text, thinking, logs, tokens, and the request as documented', async () => {
    server.chat = (_request, response) => stream(response, { thinking: 'hmm' });
    const { result, stdoutLog, stderrLog } = await play({ preamble: 'Be brief.', extensions: ['More.'] });
    assert.equal(result.success, true, result.errorMessage ?? '');
    assert.deepEqual([result.stdout, stdoutLog], ['Hello, world', 'Hello, world']);
    assert.match(stderrLog, /hmm/);
    assert.deepEqual([result.inputTokens, result.outputTokens, result.model], [26, 12, 'llama3.1:8b']);
    assert.equal(result.costUsd, 0);
    const [chat] = server.chats;
    assert.equal(chat?.headers.authorization, undefined);
    assert.deepEqual(chat?.body, {
      model: 'llama3.1:8b',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Say hello.\n\nMore.' },
      ],
      stream: true,
      keep_alive: '5m',
      truncate: false,
      shift: false,
      options: { num_ctx: 32768 },
    });
  });

  it('obeys every setting and override', async () => {
    await play({
      config: { ...other({ num_ctx: 4096, keep_alive: -1 }), maxTokens: 50, temperature: 0.1 },
      overrides: { model: 'mistral', temperature: 0.9 },
    });
    const body = server.chats[0]?.body;
    assert.deepEqual(
      [body?.['model'], body?.['keep_alive'], body?.['options']],
      ['mistral', -1, { num_ctx: 4096, temperature: 0.9, num_predict: 50 }],
    );
  });

  it('runs the calls of one answer side by side and gives the results back in order', async () => {
    const box = new TestBox((name) => (name === 'add' ? text('3') : text('denied', true)));
    server.chat = (_request, response, number) =>
      stream(
        response,
        number === 1
          ? {
              texts: ['Let me see.'],
              calls: [
                { name: 'add', arguments: { a: 1 } },
                { name: 'look', arguments: '{"b": 2}' },
                { name: 'look', arguments: 'no json' },
              ],
            }
          : { texts: ['It is 3.'] },
      );
    const { result, stderrLog } = await play({ tools: box });
    assert.equal(result.success, true, result.errorMessage ?? '');
    assert.equal(result.stdout, 'Let me see.\nIt is 3.');
    assert.deepEqual([result.inputTokens, result.outputTokens], [52, 24]);
    assert.deepEqual(box.calls, [
      { name: 'add', args: { a: 1 } },
      { name: 'look', args: { b: 2 } },
    ]);
    assert.equal(box.most, 2);
    assert.match(stderrLog, /\[tool\] add \{"a":1\}/);
    assert.deepEqual((server.chats[0]?.body?.['tools'] as unknown[])[0], {
      type: 'function',
      function: {
        name: 'add',
        description: 'can add',
        parameters: { type: 'object', properties: { a: { type: 'number' } } },
      },
    });
    assert.deepEqual(messages(1).slice(1), [
      {
        role: 'assistant',
        content: 'Let me see.',
        tool_calls: [
          { function: { name: 'add', arguments: { a: 1 } } },
          { function: { name: 'look', arguments: { b: 2 } } },
          { function: { name: 'look', arguments: {} } },
        ],
      },
      { role: 'tool', content: '3', tool_name: 'add' },
      { role: 'tool', content: '[Tool Error]\ndenied', tool_name: 'look' },
      { role: 'tool', content: '[Tool Error]\nthe arguments of look are no JSON object', tool_name: 'look' },
    ]);
  });

  it('fails, and says so, when the model never stops calling tools', async () => {
    const box = new TestBox(() => text('again'));
    server.chat = (_request, response) =>
      stream(response, { texts: [], calls: [{ name: 'add', arguments: {} }] });
    const { result } = await play({ tools: box, config: other({ max_tool_iterations: 3 }) });
    assert.equal(result.success, false);
    assert.match(result.errorMessage ?? '', /after 3 rounds: raise max_tool_iterations/);
    assert.equal(box.calls.length, 3);
    assert.equal(server.chats.length, 4);
  });

  it('passes images on to a model that sees, resources as text, and tells one that does not', async () => {
    const box = new TestBox(() => ({
      isError: false,
      content: [
        { type: 'image', mimeType: 'image/png', data: '/etc/passwd' },
        { type: 'resource', uri: 'demo://a', mimeType: 'text/plain', text: 'A' },
        { type: 'resource', uri: 'demo://b', mimeType: 'x/y', text: null },
      ],
    }));
    const chat = (_request: unknown, response: Parameters<typeof stream>[0], number: number) =>
      stream(response, number === 1 ? { texts: [], calls: [{ name: 'look', arguments: {} }] } : {});
    server.chat = chat;
    server.capabilities = ['completion', 'vision', 'tools'];
    await play({ tools: box });
    const [tool, images] = messages(1).slice(-2);
    assert.equal(
      tool?.content,
      '[Image: image/png]\n[Resource: demo://a]\nA\n[Resource: demo://b, binary, x/y]',
    );
    // What is no path to this program is not read as one: it goes out as it came.
    assert.deepEqual(images, {
      role: 'user',
      content: 'The images of these results.',
      images: ['/etc/passwd'],
    });
    server.reset();
    server.chat = chat;
    await play({ tools: box });
    assert.match(messages(1).at(-1)?.content ?? '', /this model sees none/);
    assert.ok(!JSON.stringify(server.chats).includes('/etc/passwd'));
  });

  it('describes the tools to a model that has none', async () => {
    const box = new TestBox((_name, args) => text(JSON.stringify(args)));
    server.chat = (request, response, number) => {
      if (request.body?.['tools'] !== undefined)
        return json(response, 400, {
          error: 'registry.ollama.ai/library/llama3.1:8b does not support tools',
        });
      return stream(
        response,
        number === 2
          ? { texts: ['I add.\n```tool\n{"name": "add", "arguments": {"a": 5}}\n```\n'] }
          : { texts: ['Done.'] },
      );
    };
    const { result, stderrLog } = await play({ tools: box, preamble: 'P.' });
    assert.equal(result.success, true, result.errorMessage ?? '');
    assert.deepEqual(box.calls, [{ name: 'add', args: { a: 5 } }]);
    assert.match(stderrLog, /knows no tools/);
    const [system, , , answer] = messages(2);
    assert.match(system?.content ?? '', /^P\.[\s\S]*- add: can add[\s\S]*"properties":\{"a"/);
    assert.deepEqual(answer, { role: 'user', content: 'Result of add:\n{"a":5}' });
    assert.equal(server.chats.length, 3);
  });

  it('takes an answer that is nothing but a call for one, and words about a call for words', async () => {
    const box = new TestBox(() => text('ok'));
    server.chat = (_request, response, number) =>
      stream(response, {
        texts: [
          number === 1
            ? '{"name": "add", "parameters": {"a": 2}}'
            : 'One would write:\n```json\n{"name": "add", "arguments": {}}\n```\nfor that.',
        ],
      });
    const { result } = await play({ tools: box });
    assert.equal(result.success, true, result.errorMessage ?? '');
    assert.deepEqual(box.calls, [{ name: 'add', args: { a: 2 } }]);
  });

  const failures: readonly {
    readonly what: string;
    readonly chat: OllamaLoopback['chat'];
    readonly config?: Partial<InstrumentConfig>;
    readonly type: string;
    readonly message: RegExp;
    readonly action: string;
  }[] = [
    {
      what: 'a full context, told by the end of the answer',
      chat: (_request, response) => stream(response, { end: { done_reason: 'length', eval_count: 32000 } }),
      type: 'context_too_long',
      message: /num_ctx \(32768 tokens\); raise num_ctx/,
      action: 'fallback',
    },
    {
      what: 'a prompt that the server refuses as too long',
      chat: (_request, response) =>
        json(response, 400, { error: 'the input length exceeds the context length' }),
      type: 'context_too_long',
      message: /raise num_ctx/,
      action: 'fallback',
    },
    {
      what: 'an answer cut off at max_tokens',
      chat: (_request, response) => stream(response, { end: { done_reason: 'length', eval_count: 5 } }),
      config: { maxTokens: 5 },
      type: 'configuration',
      message: /cut off at max_tokens \(5\)/,
      action: 'fallback',
    },
    {
      what: 'a machine that is too small',
      chat: (_request, response) =>
        json(response, 500, {
          error: 'model requires more system memory (9.1 GiB) than is available (2.0 GiB)',
        }),
      type: 'configuration',
      message: /more system memory.*smaller model/,
      action: 'fallback',
    },
    {
      what: 'a busy server',
      chat: (_request, response) =>
        json(response, 503, { error: 'server busy, please try again.  maximum pending requests exceeded' }),
      type: 'overloaded',
      message: /HTTP 503: server busy/,
      action: 'wait',
    },
    {
      what: 'an error in the middle of the answer',
      chat: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.end(`${chatLines()[0] ?? ''}{"error":"llama runner process has terminated"}\n`);
      },
      type: 'bad_response',
      message: /broke off its answer: llama runner/,
      action: 'retry',
    },
    {
      what: 'a line that is no JSON',
      chat: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.end(`${chatLines()[0] ?? ''}{nonsense}\n`);
      },
      type: 'bad_response',
      message: /a line that is no JSON/,
      action: 'retry',
    },
    {
      what: 'lines of another shape',
      chat: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.end('{"message":"hello","done":true}\n');
      },
      type: 'bad_response',
      message: /not as Ollama’s API has it/,
      action: 'retry',
    },
    {
      what: 'an answer that ends too early',
      chat: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.end((chatLines()[0] ?? '') + (chatLines()[1] ?? '').slice(0, 20));
      },
      type: 'bad_response',
      message: /ended before it was whole/,
      action: 'retry',
    },
    {
      what: 'an empty answer',
      chat: (_request, response) => stream(response, { texts: [] }),
      type: 'empty_answer',
      message: /empty/,
      action: 'retry',
    },
    {
      what: 'a connection that is cut',
      chat: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.write(chatLines()[0] ?? '', () => response.destroy());
      },
      type: 'network',
      message: /reset.*in the middle/,
      action: 'retry',
    },
  ];
  for (const { what, chat, config, type, message, action } of failures) {
    it(`tells ${what}`, async () => {
      server.chat = chat;
      const { result, stderrLog } = await play(config ? { config } : {});
      assert.equal(result.success, false);
      assert.equal(result.errorType, type, result.errorMessage ?? '');
      assert.match(result.errorMessage ?? '', message);
      assert.match(stderrLog, message);
      assert.equal(classify(result, { kind: 'http' }).action, action);
    });
  }

  it('does not send what cannot fit', async () => {
    const { result } = await play({
      prompt: 'x'.repeat(40_000),
      config: other({ num_ctx: 4096 }),
    });
    assert.equal(result.errorType, 'context_too_long');
    assert.equal(server.chats.length, 0);
  });

  describe('says with a command what is missing:', () => {
    const check = (url: string, model = 'llama3.1:8b') =>
      withBackend(OllamaBackend, { url, profile: profile(), key: null, config: { model } }, (backend) =>
        backend.healthCheck(),
      );

    it('the server', async () => {
      const nobody = new LoopbackServer(() => undefined);
      const url = await nobody.listen();
      await nobody.close();
      const { result } = await play({ url });
      assert.equal(result.errorType, 'network');
      assert.match(result.errorMessage ?? '', /connection refused.*"ollama serve"/);
      const health = await check(url);
      assert.equal(health.ok, false);
      assert.match(health.message, /"ollama serve"/);
    });

    it('the right address', async () => {
      const web = new LoopbackServer((request, response) => {
        if (request.path.startsWith('/page')) {
          response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
        } else response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
      });
      const url = await web.listen();
      try {
        for (const address of [url, `${url}/page`]) {
          const { result } = await play({ url: address });
          assert.equal(result.errorType, 'configuration', address);
          assert.match(result.errorMessage ?? '', /no Ollama server.*"curl <base_url>\/api\/version"/);
          assert.match((await check(address)).message, /no Ollama server/);
        }
      } finally {
        await web.close();
      }
    });

    it('the model, exactly', async () => {
      const { result } = await play({ config: { model: 'llama3.1:70b' } });
      assert.equal(result.errorType, 'not_found');
      assert.match(
        result.errorMessage ?? '',
        /"ollama pull llama3\.1:70b"\. It has: llama3\.1:8b, mistral:latest/,
      );
      assert.equal((await check(server.url, 'mistral')).ok, true);
      assert.equal((await check(server.url, 'llama3.1:8b')).ok, true);
      for (const near of ['llama3.1', 'llama3.1:8', 'mistra']) {
        const health = await check(server.url, near);
        assert.equal(health.ok, false, near);
        assert.match(health.message, /ollama pull/);
      }
      server.models = [];
      assert.match((await check(server.url, "x';rm")).message, /"ollama pull 'x'\\'';rm'".*no models at all/);
    });
  });

  it('is cancelled, and the request with it', async () => {
    const abort = new AbortController();
    const closed = new Promise<void>((done) => {
      server.chat = (_request, response) => {
        response.once('close', done);
        abort.abort();
      };
    });
    const { result } = await play({ signal: abort.signal });
    assert.deepEqual([result.errorType, result.exitReason], ['cancelled', 'killed']);
    await closed;
  });

  it('keeps its time limits', async () => {
    server.chat = () => undefined;
    const total = await play({ config: { timeoutSeconds: 0.1 } });
    assert.deepEqual([total.result.errorType, total.result.exitReason], ['timeout', 'timeout']);
    const first = await play({ config: { firstOutputTimeoutSeconds: 0.1 } });
    assert.equal(first.result.errorType, 'first_output_timeout');
    server.chat = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write(chatLines()[0] ?? '');
    };
    const silent = await play({ config: { idleTimeoutSeconds: 0.1 } });
    assert.deepEqual([silent.result.errorType, silent.result.stdout], ['stale', 'Hello']);
  });

  it('asks one server one thing at a time, unless told otherwise', async () => {
    let open = 0;
    let most = 0;
    server.chat = async (_request, response) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((done) => setTimeout(done, 20));
      open -= 1;
      stream(response);
    };
    const together = async (parallel: number | null) => {
      const connection = new HttpConnection();
      const config = { other: parallel === null ? {} : { parallel_requests: parallel } };
      const asked = { url: server.url, profile: profile(), key: null, config };
      const results = await Promise.all(
        [1, 2, 3].map(() =>
          withBackend(
            OllamaBackend,
            asked,
            async (backend) => (await backend.execute('hello')).success,
            connection,
          ),
        ),
      );
      await connection.close();
      assert.deepEqual(results, [true, true, true]);
      return most;
    };
    assert.equal(await together(null), 1);
    assert.equal(await together(3), 3);
  });
});
