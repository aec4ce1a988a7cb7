import assert from 'node:assert/strict';
import type { HttpBackend, HttpBackendOptions } from '../../../src/backends/http/http-backend';
import { OpenAiBackend } from '../../../src/backends/http/openai-backend';
import { RecursiveLightBackend } from '../../../src/backends/http/recursive-light-backend';
import { httpProfile, TEST_INSTALLATION, TEST_KEY, withBackend } from '../../support/http-backend';
import { httpStage, itPlays, loopbackServer, type HttpCase } from '../../support/http-cases';
import { json, LoopbackServer } from '../../support/loopback-server';

const http = (url: string) => ({ base_url: url, endpoint: '/api/process', schema_family: 'recursive_light' });

/** The protocol as the Python system's client has it; the server's own documentation is not public. */
const cases: readonly HttpCase[] = [
  {
    name: 'an answer with all its facts',
    answer: (_request, response) =>
      json(response, 200, {
        response: 'It works.',
        confidence: 0.87,
        domains: { logic: 0.9, poetry: 0.1, odd: 'much' },
        boundaries: { self: { permeability: 0.4 }, other: 3 },
        quality: { coherence: 0.7 },
      }),
    gives: {
      success: true,
      stdout: 'It works.',
      exitCode: 0,
      costUsd: null,
      // The server never tells tokens: a rough count stands in, and is marked.
      inputTokens: 3,
      outputTokens: 3,
      costEstimated: true,
      metadata: {
        confidence_score: 0.87,
        domain_activations: { logic: 0.9, poetry: 0.1 },
        boundary_states: { self: { permeability: 0.4 } },
        quality_conditions: { coherence: 0.7 },
      },
    },
    also: (_outcome, [request]) => {
      assert.deepEqual([request?.method, request?.path], ['POST', '/api/process']);
      assert.deepEqual(request?.body, { user_id: TEST_INSTALLATION, message: 'Say hello.' });
      assert.equal(request.headers['x-marianne-user-id'], TEST_INSTALLATION);
      assert.equal(request.headers['authorization'], undefined);
    },
  },
  {
    name: 'the other names of the facts; a confidence beyond 1; the first that is not empty',
    answer: (_request, response) =>
      json(response, 200, {
        response: { deep: true },
        confidence: 7,
        domains: {},
        activations: { a: 1 },
        boundary_states: { b: {} },
        conditions: { c: 0 },
      }),
    gives: {
      success: true,
      stdout: '{"deep":true}',
      metadata: {
        confidence_score: 1,
        domain_activations: { a: 1 },
        boundary_states: { b: {} },
        quality_conditions: { c: 0 },
      },
    },
  },
  {
    name: 'an answer without facts, and preamble, user id and key of the score and profile',
    answer: (_request, response) => json(response, 200, { response: 'ok' }),
    attempt: { config: { other: { user_id: 'ada' } }, preamble: 'Sheet 1.', key: TEST_KEY },
    gives: { success: true, metadata: null },
    also: (_outcome, [request]) => {
      assert.deepEqual(request?.body, { user_id: 'ada', message: 'Sheet 1.\n\nSay hello.' });
      assert.equal(request.headers.authorization, `Bearer ${TEST_KEY}`);
    },
  },
  {
    name: 'facts without bound: a number of entries, short names, small objects',
    answer: (_request, response) =>
      json(response, 200, {
        response: 'ok',
        domains: Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`d${index}`, index])),
        boundaries: { small: { a: 1 }, large: { text: 'x'.repeat(2_000) } },
        quality: { ['q'.repeat(201)]: 1, ['q'.repeat(200)]: 1 },
      }),
    gives: {
      success: true,
      metadata: {
        domain_activations: Object.fromEntries(
          Array.from({ length: 100 }, (_, index) => [`d${index}`, index]),
        ),
        boundary_states: { small: { a: 1 } },
        quality_conditions: { ['q'.repeat(200)]: 1 },
      },
    },
  },
  {
    name: 'a confidence that is no number of this world',
    answer: (_request, response) =>
      void response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"response": "ok", "confidence": 1e999, "quality": {"q": 1e999}}'),
    gives: { success: true, metadata: null },
  },
  {
    name: 'no text at all',
    answer: (_request, response) => json(response, 200, { confidence: 0.2 }),
    gives: { success: false, errorType: 'empty_answer', metadata: { confidence_score: 0.2 } },
  },
  {
    name: 'no JSON',
    answer: (_request, response) => void response.writeHead(200).end('fine'),
    gives: { success: false, errorType: 'bad_response' },
    message: /JSON/,
  },
  {
    name: 'JSON that is no object',
    answer: (_request, response) => json(response, 200, [1]),
    gives: { success: false, errorType: 'bad_response' },
  },
  {
    name: '500',
    answer: (_request, response) => json(response, 500, { detail: 'boom' }),
    gives: { success: false, errorType: 'bad_response', exitCode: 500 },
    message: /^HTTP 500: \{"detail":"boom"\}/,
  },
  {
    name: '201 is no answer',
    answer: (_request, response) => json(response, 201, { response: 'later' }),
    gives: { success: false, errorType: 'bad_response', exitCode: 201 },
  },
  {
    name: '429 with a wait',
    answer: (_request, response) => json(response, 429, {}, { 'retry-after': '9' }),
    gives: { success: false, errorType: 'rate_limit', rateLimitWaitSeconds: 9 },
  },
  {
    name: 'a server that never answers: its 30 s are the total time',
    answer: () => undefined,
    attempt: { config: { timeoutSeconds: 0.1 } },
    gives: { success: false, errorType: 'timeout', exitReason: 'timeout' },
  },
  {
    name: 'a cut answer',
    answer: (_request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"resp', () => response.destroy());
    },
    gives: { success: false, errorType: 'network' },
  },
];

describe('Recursive Light backend', () => {
  const stage = httpStage(RecursiveLightBackend, 'recursive_light', http, { key: null });
  const { server, play } = stage;
  itPlays(stage, cases);

  it('is cancelled while it waits, and says when nobody is there', async () => {
    const abort = new AbortController();
    server.answer = () => abort.abort();
    assert.equal((await play({ signal: abort.signal })).result.errorType, 'cancelled');
    const gone = new LoopbackServer(() => undefined);
    const url = await gone.listen();
    await gone.close();
    const { result } = await play({ url });
    assert.equal(result.errorType, 'network');
    assert.match(result.errorMessage ?? '', /connection refused/);
  });
});

describe('the health of HTTP instruments', () => {
  const server = loopbackServer();

  async function health(
    Vendor: new (options: HttpBackendOptions) => HttpBackend,
    profile: HttpBackendOptions['profile'],
    key: string | null,
  ) {
    const found = await withBackend(Vendor, { url: server.url, profile, key }, (backend) =>
      backend.healthCheck(),
    );
    return { ...found, paths: server.requests.map(({ path }) => path) };
  }

  it('Recursive Light: the first of three paths that answers 200', async () => {
    const profile = httpProfile('recursive_light', server.url, { http: http(server.url) });
    server.answer = (request, response) => json(response, request.path === '/' ? 200 : 404, {});
    const found = await health(RecursiveLightBackend, profile, null);
    assert.deepEqual([found.ok, found.paths], [true, ['/health', '/api/health', '/']]);
    server.answer = (_request, response) => json(response, 503, {});
    assert.match((await health(RecursiveLightBackend, profile, null)).message, /\/health: HTTP 503/);
    server.requests.length = 0;
    server.answer = (_request, response) => void response.destroy();
    const broken = await health(RecursiveLightBackend, profile, null);
    assert.deepEqual([broken.ok, broken.paths], [false, ['/health']]);
  });

  // platform.openai.com/docs/api-reference/models/list; openrouter.ai/docs, "Get current API key"
  it('OpenAI-compatible: GET /models with the key, and the model in the list', async () => {
    const chat = { base_url: server.url, endpoint: '/chat/completions', schema_family: 'openai' };
    const profile = httpProfile('openai', server.url, { http: chat });
    server.answer = (request, response) =>
      request.headers.authorization === `Bearer ${TEST_KEY}`
        ? json(response, 200, { object: 'list', data: [{ id: 'model-1', object: 'model' }] })
        : json(response, 401, { error: { message: 'bad key', code: 401 } });
    const good = await health(OpenAiBackend, profile, TEST_KEY);
    assert.deepEqual([good.ok, good.paths], [true, ['/models']]);
    const bad = await health(OpenAiBackend, profile, 'another-key');
    assert.deepEqual([bad.ok, bad.message], [false, 'HTTP 401: bad key']);
    const other = httpProfile('openai', server.url, { http: chat, default_model: 'model-9' });
    assert.match((await health(OpenAiBackend, other, TEST_KEY)).message, /does not list the model "model-9"/);
    // Servers of one model often list none.
    server.answer = (_request, response) => json(response, 200, { object: 'list', data: [] });
    assert.equal((await health(OpenAiBackend, other, TEST_KEY)).ok, true);
  });

  it('OpenRouter: its list is public, so the key is asked about too', async () => {
    const profile = httpProfile('openai', server.url, {
      name: 'openrouter',
      http: { base_url: server.url, endpoint: '/chat/completions', schema_family: 'openai' },
    });
    server.answer = (request, response) =>
      request.path === '/models'
        ? json(response, 200, { data: [{ id: 'model-1' }] })
        : json(response, 401, { error: { message: 'User not found.', code: 401 } });
    const found = await health(OpenAiBackend, profile, TEST_KEY);
    assert.deepEqual([found.ok, found.paths], [false, ['/models', '/key']]);
    assert.match(found.message, /User not found/);
    server.answer = (request, response) =>
      request.path === '/models'
        ? json(response, 200, { data: [{ id: 'model-1' }] })
        : json(response, 404, { error: { message: 'no such path', code: 404 } });
    assert.equal((await health(OpenAiBackend, profile, TEST_KEY)).ok, true, 'a copy without that path');
  });
});
