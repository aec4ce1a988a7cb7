import assert from 'node:assert/strict';
import { OpenAiBackend } from '../../../src/backends/http/openai-backend';
import { resetSeconds } from '../../../src/backends/http/openai-failure';
import type { ToolBox } from '../../../src/backends/tools/contract';
import { httpProfile, TEST_KEY } from '../../support/http-backend';
import { httpStage, itPlays, type HttpCase } from '../../support/http-cases';
import { json, sse, type Answerer } from '../../support/loopback-server';
import { chatEvents, streamChat, USAGE } from '../../support/openai-server';

const http = (url: string) => ({
  base_url: url,
  endpoint: '/chat/completions',
  schema_family: 'openai',
  auth_env_var: 'VENDOR_API_KEY',
});

/** openrouter.ai/docs, "Errors": the body of every error. */
const error = (code: number | string, message: string, metadata?: object) => ({
  error: { code, message, ...(metadata ? { metadata } : {}) },
});
const failing = (status: number, body: unknown, headers: Record<string, string> = {}): Answerer => {
  return (_request, response) => json(response, status, body, headers);
};

/** Two tools; `slow` and `quick` may be asked for together. */
function toolBox(called: string[]): ToolBox {
  const schema = { type: 'object', properties: { path: { type: 'string' } } };
  return {
    list: () =>
      Promise.resolve(
        ['read_file', 'broken'].map((name) => ({ name, description: `does ${name}`, inputSchema: schema })),
      ),
    call: (name, args) => {
      called.push(`${name} ${JSON.stringify(args)}`);
      return Promise.resolve({
        isError: name === 'broken',
        content: [{ type: 'text', text: `result of ${name}` }],
      });
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

const called: string[] = [];
const inOneDay = new Date(Date.now() + 3_600_000);

const cases: readonly HttpCase[] = [
  {
    name: 'a streamed answer, with its tokens and model',
    answer: (_request, response) => streamChat(response, { model: 'model-1-2026', reasoning: 'hm' }),
    gives: {
      success: true,
      stdout: 'Hello, world',
      exitCode: 0,
      inputTokens: 120,
      outputTokens: 30,
      costUsd: null,
      model: 'model-1-2026',
    },
    also: ({ stdoutLog, stderrLog, progress }, [request]) => {
      assert.equal(stdoutLog, 'Hello, world');
      assert.match(stderrLog, /hm/, 'thinking goes to the other log');
      assert.equal(progress.at(-1)?.bytesReceived, 12 + 2);
      assert.equal(request?.path, '/chat/completions');
      assert.equal(request.headers.authorization, `Bearer ${TEST_KEY}`);
      assert.deepEqual(request.body, {
        model: 'model-1',
        messages: [{ role: 'user', content: 'Say hello.' }],
        max_tokens: 16384,
        stream: true,
        stream_options: { include_usage: true },
      });
      assert.equal(request.headers['x-title'], undefined, 'attribution is for OpenRouter only');
    },
  },
  {
    name: 'overrides, settings, preamble and extensions in the request',
    answer: (_request, response) => streamChat(response),
    attempt: {
      config: { maxTokens: 50, temperature: 0.2, model: 'from-score' },
      overrides: { model: 'from-sheet', temperature: 1.5 },
      preamble: 'You are sheet 1.',
      extensions: ['And be short.'],
      key: null,
    },
    gives: { success: true },
    also: (_outcome, [request]) => {
      assert.equal(request?.body?.['model'], 'from-sheet');
      assert.equal(request.body['temperature'], 1.5);
      assert.equal(request.body['max_tokens'], 50);
      assert.deepEqual(request.body['messages'], [
        { role: 'system', content: 'You are sheet 1.' },
        { role: 'user', content: 'Say hello.\n\nAnd be short.' },
      ]);
      assert.equal(request.headers.authorization, undefined, 'no key, no header');
    },
  },
  {
    // openrouter.ai/docs, "Usage accounting"
    name: 'the cost that OpenRouter tells, to the cent and beyond, with its headers',
    answer: (_request, response) => streamChat(response, { usage: { ...USAGE, cost: 0.01234567 } }),
    attempt: {
      profile: httpProfile('openai', 'http://127.0.0.1', {
        name: 'openrouter',
        http: http('http://127.0.0.1'),
      }),
    },
    gives: { success: true, costUsd: 0.01234567 },
    also: (_outcome, [request]) => {
      assert.deepEqual(request?.body?.['usage'], { include: true });
      assert.equal(request.headers['x-title'], 'Marianne AI Compose');
      assert.match(String(request.headers['http-referer']), /^https:/);
    },
  },
  {
    name: 'with a key of the user at the provider, what the provider takes is added',
    answer: (_request, response) =>
      streamChat(response, {
        usage: { ...USAGE, cost: 0.001, is_byok: true, cost_details: { upstream_inference_cost: 0.02 } },
      }),
    gives: { success: true, costUsd: 0.021 },
  },
  {
    name: 'usage with every chunk counts once',
    answer: (_request, response) =>
      streamChat(response, {
        last: [
          { choices: [], usage: { prompt_tokens: 120, completion_tokens: 31 } },
          { choices: [], usage: { prompt_tokens: 120, completion_tokens: 32 } },
        ],
      }),
    gives: { success: true, inputTokens: 120, outputTokens: 32 },
  },
  {
    name: 'a server that does not stream',
    answer: (_request, response) =>
      json(response, 200, {
        model: 'm',
        choices: [{ index: 0, message: { role: 'assistant', content: 'whole' }, finish_reason: 'stop' }],
        usage: USAGE,
      }),
    gives: { success: true, stdout: 'whole', inputTokens: 120, outputTokens: 30, model: 'm' },
  },
  {
    // platform.openai.com/docs, "Function calling": parallel calls, results by tool_call_id
    name: 'tools: two at once, a failing one and broken arguments are told to the model',
    answer: (_request, response, number) =>
      number === 1
        ? streamChat(response, {
            texts: ['Looking.'],
            finish: 'tool_calls',
            tools: [
              { id: 'call_a', name: 'read_file', args: '{"path":"a.txt"}' },
              { id: 'call_b', name: 'broken', args: '{}' },
              { id: 'call_c', name: 'read_file', args: '{"path":' },
            ],
          })
        : streamChat(response, { texts: ['Done.'] }),
    attempt: { tools: toolBox(called) },
    gives: { success: true, stdout: 'Looking.\nDone.', inputTokens: 240, outputTokens: 60 },
    requests: 2,
    also: (_outcome, [first, second]) => {
      assert.equal((first?.body?.['tools'] as unknown[]).length, 2);
      assert.deepEqual(called, ['read_file {"path":"a.txt"}', 'broken {}']);
      const messages = second?.body?.['messages'] as Record<string, unknown>[];
      assert.deepEqual(messages.slice(2), [
        { role: 'tool', tool_call_id: 'call_a', content: 'result of read_file' },
        { role: 'tool', tool_call_id: 'call_b', content: 'Error: result of broken' },
        { role: 'tool', tool_call_id: 'call_c', content: 'Error: the arguments are not valid JSON.' },
      ]);
      assert.equal((messages[1]?.['tool_calls'] as unknown[]).length, 3);
    },
  },
  {
    name: 'a model that asks for tools for ever',
    answer: (_request, response) =>
      streamChat(response, {
        texts: [],
        finish: 'tool_calls',
        tools: [{ id: 'c', name: 'read_file', args: '{}' }],
      }),
    attempt: { tools: toolBox([]), config: { other: { max_tool_iterations: 2 } } },
    gives: { success: false, errorType: 'bad_response' },
    message: /after 2 rounds: raise max_tool_iterations/,
    requests: 3,
  },
  {
    name: 'an answer cut off at max_tokens is no success; what came and was used is kept',
    answer: (_request, response) => streamChat(response, { finish: 'length' }),
    gives: { success: false, errorType: 'configuration', stdout: 'Hello, world', outputTokens: 30 },
    message: /cut off at max_tokens/,
  },
  {
    name: 'an answer that a filter stopped',
    answer: (_request, response) => streamChat(response, { finish: 'content_filter' }),
    gives: { success: false, errorType: 'refused' },
  },
  {
    name: 'an empty answer',
    answer: (_request, response) => streamChat(response, { texts: [] }),
    gives: { success: false, errorType: 'empty_answer' },
  },
  {
    name: 'a stream that ends without an end',
    answer: (_request, response) => streamChat(response, { finish: null, usage: null }),
    gives: { success: false, errorType: 'bad_response', stdout: 'Hello, world' },
    message: /before it was whole/,
  },
  {
    name: 'a malformed frame',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(`${chatEvents().slice(0, 3).join('')}${sse(null, '{"choices": [{')}`);
    },
    gives: { success: false, errorType: 'bad_response', stdout: 'Hello' },
  },
  {
    name: 'a chunk of another shape',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.end(sse(null, { choices: 'none' }));
    },
    gives: { success: false, errorType: 'bad_response' },
    message: /as its protocol has it/,
  },
  {
    name: 'a web page',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<html>log in</html>');
    },
    gives: { success: false, errorType: 'configuration' },
    message: /web page/,
  },
  {
    // openrouter.ai/docs, "Errors": the status can be 200 when the model has been asked already
    name: '200 with an error in its body',
    answer: failing(200, error(429, 'Rate limit exceeded: free-models-per-min.')),
    gives: { success: false, errorType: 'rate_limit', rateLimited: true, exitCode: 429 },
  },
  {
    // openrouter.ai/docs, "Streaming", "Handling errors during streaming"
    name: 'an error in the middle of a stream',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatEvents().slice(0, 3).join(''));
      const failed = {
        id: 'x',
        error: { code: 'server_error', message: 'Provider disconnected unexpectedly' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      };
      response.end(sse(null, failed));
    },
    gives: { success: false, errorType: 'overloaded', stdout: 'Hello' },
    message: /Provider disconnected/,
  },
  {
    name: '400 of the provider, with what the provider said',
    answer: failing(
      400,
      error(400, 'Provider returned error', { provider_name: 'Acme', raw: '{"detail":"no such tool"}' }),
    ),
    gives: { success: false, errorType: 'bad_request', exitCode: 400 },
    message: /Provider returned error \(Acme\) \{"detail":"no such tool"\}/,
  },
  {
    name: '400 that means a prompt too long',
    answer: failing(400, {
      error: { code: 'context_length_exceeded', type: 'invalid_request_error', message: 'too many tokens' },
    }),
    gives: { success: false, errorType: 'context_too_long' },
  },
  {
    name: '400 that says so only in words',
    answer: failing(400, error(400, "This endpoint's maximum context length is 131072 tokens.")),
    gives: { success: false, errorType: 'context_too_long' },
  },
  {
    name: '401',
    answer: failing(401, error(401, 'No auth credentials found')),
    gives: { success: false, errorType: 'authentication', exitCode: 401 },
  },
  {
    name: '402',
    answer: failing(402, error(402, 'Insufficient credits')),
    gives: { success: false, errorType: 'quota_exhausted', exitCode: 402, rateLimited: true },
  },
  {
    name: '403 of moderation',
    answer: failing(
      403,
      error(403, 'Input was flagged', { reasons: ['violence'], flagged_input: '…', provider_name: 'Acme' }),
    ),
    gives: { success: false, errorType: 'refused', exitCode: 403 },
    message: /flagged: violence/,
  },
  {
    name: '403 otherwise',
    answer: failing(403, error(403, 'Key limit')),
    gives: { success: false, errorType: 'authentication' },
  },
  {
    name: '404: no such model',
    answer: failing(404, error(404, 'No endpoints found for model-1')),
    gives: { success: false, errorType: 'configuration', exitCode: 404 },
  },
  {
    name: '408',
    answer: failing(408, error(408, 'Request timed out')),
    gives: { success: false, errorType: 'network', exitCode: 408 },
  },
  {
    name: '413',
    answer: failing(413, error(413, 'Too large')),
    gives: { success: false, errorType: 'context_too_long', exitCode: 413 },
  },
  {
    // RFC 9110 §10.2.3
    name: '429 with Retry-After in seconds; the library does not retry',
    answer: failing(429, error(429, 'slow down'), { 'retry-after': '17' }),
    gives: {
      success: false,
      errorType: 'rate_limit',
      rateLimited: true,
      rateLimitWaitSeconds: 17,
      exitCode: 429,
    },
    requests: 1,
  },
  {
    name: '429 with Retry-After as a date',
    answer: failing(429, error(429, 'slow down'), { 'retry-after': inOneDay.toUTCString() }),
    gives: { errorType: 'rate_limit' },
    also: ({ result }) => {
      const { rateLimitWaitSeconds: wait } = result;
      assert.ok(wait !== null && wait > 3_500 && wait <= 3_600, String(wait));
    },
  },
  {
    // openrouter.ai/docs, "Limits": X-RateLimit-Reset in milliseconds since the epoch, inside the body's metadata
    name: '429 of the free tier for the day, with its reset in the body',
    answer: failing(
      429,
      error(
        429,
        'Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day',
        {
          headers: {
            'X-RateLimit-Limit': '50',
            'X-RateLimit-Remaining': '0',
            'X-RateLimit-Reset': String(inOneDay.getTime()),
          },
          provider_name: null,
        },
      ),
    ),
    gives: { errorType: 'usage_limit', rateLimited: true },
    also: ({ result }) => {
      const { rateLimitWaitSeconds: wait } = result;
      assert.ok(wait !== null && wait > 3_500 && wait <= 3_600, String(wait));
    },
  },
  {
    // platform.openai.com/docs, "Rate limits": the spent one of the two decides
    name: '429 with X-RateLimit-Reset-* of OpenAI',
    answer: failing(
      429,
      { error: { code: 'rate_limit_exceeded', message: 'Rate limit reached' } },
      {
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '1m30s',
        'x-ratelimit-remaining-tokens': '900',
        'x-ratelimit-reset-tokens': '6m0s',
      },
    ),
    gives: { errorType: 'rate_limit', rateLimitWaitSeconds: 90 },
  },
  {
    name: '429 that says its wait only in words',
    answer: failing(429, { error: { message: 'Rate limit reached. Please try again in 6m0s.' } }),
    gives: { errorType: 'rate_limit', rateLimitWaitSeconds: 360 },
  },
  {
    name: '429 that means: no money',
    answer: failing(429, {
      error: {
        code: 'insufficient_quota',
        type: 'insufficient_quota',
        message: 'You exceeded your current quota',
      },
    }),
    gives: { errorType: 'quota_exhausted', rateLimited: true },
  },
  {
    name: '502 without a body',
    answer: (_request, response) => {
      response.writeHead(502);
      response.end();
    },
    gives: { errorType: 'overloaded', exitCode: 502 },
    message: /^HTTP 502$/,
    requests: 1,
  },
  {
    name: '503 with Retry-After',
    answer: failing(503, error(503, 'No provider is available'), { 'retry-after': '3' }),
    gives: { errorType: 'overloaded', exitCode: 503, rateLimited: false, rateLimitWaitSeconds: 3 },
  },
  {
    name: 'an error that is only text',
    answer: failing(422, { error: 'model is required' }),
    gives: { errorType: 'bad_request', exitCode: 422 },
    message: /model is required/,
  },
  {
    name: 'an answer that talks of rate limits and 429 is an answer',
    answer: (_request, response) =>
      streamChat(response, { texts: ['429 Too Many Requests: rate limit, quota'] }),
    gives: { success: true, rateLimited: false },
  },
  {
    name: 'slow bytes: silence in mid-stream',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatEvents().slice(0, 3).join(''));
    },
    attempt: { config: { idleTimeoutSeconds: 0.1 } },
    gives: { errorType: 'stale', exitReason: 'timeout', stdout: 'Hello' },
  },
  {
    name: 'a server that never answers',
    answer: () => undefined,
    attempt: { config: { timeoutSeconds: 0.1 } },
    gives: { errorType: 'timeout', exitReason: 'timeout', exitCode: null },
  },
  {
    name: 'a cut in mid-stream',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatEvents().slice(0, 3).join(''), () => response.destroy());
    },
    gives: { errorType: 'network', stdout: 'Hello' },
  },
];

describe('OpenAI-compatible backend', () => {
  const stage = httpStage(OpenAiBackend, 'openai', http);
  const { server, play } = stage;
  itPlays(stage, cases);

  it('is cancelled in mid-stream', async () => {
    const abort = new AbortController();
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(chatEvents().slice(0, 3).join(''), () => abort.abort());
    };
    const { result } = await play({ signal: abort.signal });
    assert.deepEqual([result.errorType, result.exitReason], ['cancelled', 'killed']);
  });

  it('joins address and endpoint, whichever of them has the version', async () => {
    server.answer = (_request, response) => streamChat(response);
    const pathOf = async (url: string, endpoint: string) => {
      server.requests.length = 0;
      await play({ url, profile: httpProfile('openai', url, { http: { ...http(url), endpoint } }) });
      return server.requests[0]?.path;
    };
    assert.equal(await pathOf(`${server.url}/api/v1`, '/chat/completions'), '/api/v1/chat/completions');
    assert.equal(await pathOf(`${server.url}/v1`, '/v1/chat/completions'), '/v1/chat/completions');
    assert.equal(await pathOf(server.url, '/v1/chat/completions'), '/v1/chat/completions');
  });

  it('reads resets in every form, and takes nothing else for one', () => {
    const now = 1_790_000_000_000;
    const read = (value: string) => resetSeconds(new Headers({ 'x-ratelimit-reset': value }), now);
    assert.equal(read(String(now + 60_000)), 60);
    assert.equal(read(String(now / 1000 + 60)), 60);
    assert.equal(read('45'), 45);
    assert.equal(read(String(now - 1)), 0);
    assert.equal(read('soon'), null);
    assert.equal(resetSeconds(new Headers({ 'x-ratelimit-reset-tokens': '250ms' }), now), 0.25);
    assert.equal(resetSeconds(new Headers({ 'x-ratelimit-reset-tokens': '' }), now), null);
  });
});
