/**
 * The Messages API, as platform.claude.com documents it ("Messages", "Streaming messages", "Errors", "Rate limits", "Prompt caching", "Thinking",
 * "Versions"), played by a loopback server.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnthropicApiBackend } from '../../../src/backends/http/anthropic/anthropic-backend';
import { modelRules } from '../../../src/backends/http/anthropic/model-rules';
import { errorBody, messageEvents, streamMessage } from '../../support/anthropic-server';
import { FixedTools, textResult, textTool } from '../../support/fixed-tools';
import { httpProfile, playHttp, TEST_KEY, withBackend, type HttpAttempt } from '../../support/http-backend';
import { json, LoopbackServer, sse } from '../../support/loopback-server';

const MODEL = 'claude-sonnet-4-6';

describe('Anthropic API backend', () => {
  const server = new LoopbackServer((_request, response) => streamMessage(response));
  before(() => server.listen());
  beforeEach(() => {
    server.requests.length = 0;
    server.answer = (_request, response) => streamMessage(response, { model: MODEL });
  });
  after(() => server.close());

  const profile = () =>
    httpProfile('anthropic', server.url, {
      default_model: MODEL,
      models: [
        { name: MODEL, cost_per_1k_input: 0.003, cost_per_1k_output: 0.015, max_output_tokens: 8000 },
        { name: 'claude-opus-5-5' },
      ],
    });
  const play = (more: Partial<HttpAttempt> = {}) =>
    playHttp(AnthropicApiBackend, { url: server.url, profile: profile(), ...more });
  const events = (response: ServerResponse, texts: readonly string[]) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const text of texts) response.write(text);
  };
  const body = (index = 0) => server.requests[index]?.body ?? {};

  describe('success', () => {
    it('asks as documented and tells text, model, tokens and cost', async () => {
      server.answer = (_request, response) =>
        streamMessage(response, {
          model: MODEL,
          usage: { input_tokens: 100, cache_read_input_tokens: 1000, cache_creation_input_tokens: 200 },
          outputTokens: 50,
        });
      const { result, stdoutLog, stderrLog } = await play({
        preamble: 'Sheet 1 of 1.',
        extensions: ['Be brief.'],
      });
      assert.equal(result.success, true, result.errorMessage ?? '');
      assert.deepEqual([result.stdout, stdoutLog, stderrLog], ['Hello, world', 'Hello, world', '']);
      assert.deepEqual([result.model, result.inputTokens, result.outputTokens], [MODEL, 1300, 50]);
      const expected = ((100 + 1000 * 0.1 + 200 * 1.25) * 0.003 + 50 * 0.015) / 1000;
      assert.ok(Math.abs((result.costUsd ?? 0) - expected) < 1e-12);
      const [seen] = server.requests;
      assert.equal(seen?.path, '/v1/messages');
      assert.equal(seen?.headers['anthropic-version'], '2026-10-21');
      assert.equal(seen?.headers['authorization'], `Bearer ${TEST_KEY}`);
      assert.equal(seen?.headers['x-api-key'], TEST_KEY);
      assert.deepEqual(body(), {
        model: MODEL,
        max_tokens: 8000,
        stream: true,
        system: 'Sheet 1 of 1.',
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Say hello.\n\nBe brief.' }] }],
      });
    });

    it('writes each piece into the log as it arrives', async () => {
      let first: Promise<void> | null = null;
      const lines: string[] = [];
      server.answer = async (_request, response) => {
        const all = messageEvents({ texts: ['one\n', 'two\n'] });
        events(response, all.slice(0, 4));
        await first;
        for (const text of all.slice(4)) response.write(text);
        response.end();
      };
      first = new Promise((done) => {
        void play({
          onProgress: (seen) => {
            if (seen.phase === 'executing' && seen.bytesReceived > 0) lines.push(seen.lastLine ?? '');
            if (lines.length === 1) done();
          },
        });
      });
      await first;
      assert.deepEqual(lines, ['one']);
    });

    it('leaves an unpriced model unpriced, and sends no key where none goes', async () => {
      server.answer = (_request, response) => streamMessage(response, { model: 'claude-opus-5-5' });
      const { result } = await play({ key: null, config: { model: 'claude-opus-5-5' } });
      assert.equal(result.success, true, result.errorMessage ?? '');
      assert.equal(result.costUsd, null);
      assert.equal(server.requests[0]?.headers['authorization'], undefined);
      assert.equal(server.requests[0]?.headers['x-api-key'], undefined);
    });

    it('puts the score’s system prompt before our preamble', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'mzt-system-'));
      const file = join(folder, 'system.md');
      writeFileSync(file, 'You are a poet.');
      await play({ preamble: 'Sheet 1.', config: { systemPromptFile: file } });
      assert.equal(body()['system'], 'You are a poet.\n\nSheet 1.');
      rmSync(folder, { recursive: true });
      const { result } = await play({ config: { systemPromptFile: file } });
      assert.equal(result.errorType, 'configuration');
      assert.match(result.errorMessage ?? '', /system prompt file .* cannot be read \(ENOENT\)/);
    });
  });

  describe('settings', () => {
    it('obeys overrides over the score over the profile', async () => {
      await play({ config: { model: 'claude-sonnet-4-5', maxTokens: 500 }, overrides: { maxTokens: 700 } });
      assert.deepEqual([body()['model'], body()['max_tokens']], ['claude-sonnet-4-5', 700]);
      await play({ overrides: { model: 'claude-haiku-4-5', temperature: 0.5 } });
      assert.deepEqual([body(1)['model'], body(1)['temperature']], ['claude-haiku-4-5', 0.5]);
      assert.equal(
        server.requests[1]?.headers['anthropic-version'],
        '2023-06-01',
        'the last version that takes it',
      );
    });

    for (const [said, config, message] of [
      [
        'temperature for a model that refuses it',
        { model: 'claude-opus-4-7', temperature: 1 },
        /`temperature` is not taken by claude-opus-4-7/,
      ],
      ['a temperature above 1', { temperature: 1.5 }, /from 0 to 1/],
      [
        'temperature with thinking',
        { temperature: 0.2, other: { thinking: 'adaptive' } },
        /not taken together/,
      ],
      [
        'a budget for an adaptive model',
        { model: 'claude-sonnet-5', other: { thinking: 4000 } },
        /write `thinking: adaptive`/,
      ],
      [
        'adaptive for a model with budgets',
        { model: 'claude-sonnet-4-5', other: { thinking: 'adaptive' } },
        /budget in tokens/,
      ],
      [
        'thinking for a model without',
        { model: 'claude-3-5-haiku-20241022', other: { thinking: true } },
        /has no thinking/,
      ],
      ['a budget above max_tokens', { other: { thinking: 9000 } }, /must be below max_tokens/],
      ['a small budget', { other: { thinking: 5 } }, /at least 1024/],
      ['a strange thinking', { other: { thinking: 'deep' } }, /`thinking` is/],
    ] as const) {
      it(`refuses ${said} by name, before anything is asked`, async () => {
        const { result } = await play({ config });
        assert.equal(result.errorType, 'configuration');
        assert.match(result.errorMessage ?? '', message);
        assert.equal(server.requests.length, 0);
      });
    }

    it('asks for thinking and keeps it out of the answer', async () => {
      server.answer = (_request, response) => streamMessage(response, { model: MODEL, thinking: 'Hmm.' });
      const adaptive = await play({ config: { other: { thinking: true } } });
      assert.deepEqual(body()['thinking'], { type: 'adaptive', display: 'summarized' });
      assert.equal(adaptive.stdoutLog, 'Hello, world');
      assert.equal(adaptive.stderrLog, 'Hmm.');
      await play({ config: { other: { thinking: 2000 } } });
      assert.deepEqual(body(1)['thinking'], { type: 'enabled', budget_tokens: 2000 });
      await play({ config: { other: { thinking: false } } });
      assert.deepEqual(body(2)['thinking'], { type: 'disabled' });
    });

    it('knows models by their names', () => {
      const rules = (model: string) => {
        const { takesTemperature, adaptiveThinking, thinkingBudget } = modelRules(model);
        return [takesTemperature, adaptiveThinking, thinkingBudget];
      };
      assert.deepEqual(rules('claude-opus-4-6'), [true, true, true]);
      assert.deepEqual(rules('claude-opus-4-20250514'), [true, false, true]);
      assert.deepEqual(rules('claude-3-7-sonnet-20250219'), [true, false, true]);
      assert.deepEqual(rules('claude-3-5-sonnet-20241022'), [true, false, false]);
      assert.deepEqual(rules('claude-sonnet-5'), [false, true, false]);
      assert.deepEqual(rules('claude-opus-5-5'), [false, true, false]);
      assert.deepEqual(rules('claude-mythos-preview'), [false, true, false]);
      assert.deepEqual(rules('local-model'), [true, true, true]);
    });
  });

  describe('tools', () => {
    const box = (answer: ConstructorParameters<typeof FixedTools>[1]) =>
      new FixedTools([textTool('echo'), textTool('other')], answer);

    it('runs what is asked for side by side, gives it back in order, and adds usage up', async () => {
      const tools = box((name) =>
        Promise.resolve(
          name === 'echo'
            ? textResult('said')
            : {
                isError: true,
                content: [
                  { type: 'image' as const, mimeType: 'image/png', data: 'AAAA' },
                  { type: 'resource' as const, uri: 'file:///x', mimeType: null, text: null },
                ],
              },
        ),
      );
      server.answer = (_request, response, number) =>
        streamMessage(
          response,
          number === 1
            ? {
                model: MODEL,
                texts: ['Looking.'],
                thinking: 'Which?',
                stopReason: 'tool_use',
                tools: [
                  { id: 'toolu_1', name: 'echo', input: { text: 'hi' } },
                  { id: 'toolu_2', name: 'other', input: { text: 'ho' } },
                ],
              }
            : { model: MODEL, texts: ['Done.'] },
        );
      const { result, stderrLog } = await play({ tools });
      assert.equal(result.success, true, result.errorMessage ?? '');
      assert.equal(result.stdout, 'Looking.\nDone.');
      assert.deepEqual([result.inputTokens, result.outputTokens], [50, 30]);
      assert.deepEqual(tools.calls, [
        { name: 'echo', args: { text: 'hi' } },
        { name: 'other', args: { text: 'ho' } },
      ]);
      assert.equal(tools.disposed, true);
      assert.match(stderrLog, /\[tool\] echo {"text":"hi"}\n/);
      const offered = body()['tools'] as { name: string }[];
      assert.deepEqual(
        offered.map(({ name }) => name),
        ['echo', 'other'],
      );
      const [asked, answered, results] = body(1)['messages'] as {
        role: string;
        content: Record<string, unknown>[];
      }[];
      assert.equal(asked?.role, 'user');
      assert.deepEqual(answered?.content, [
        { type: 'thinking', thinking: 'Which?', signature: 'c2lnbmVk' },
        { type: 'text', text: 'Looking.' },
        { type: 'tool_use', id: 'toolu_1', name: 'echo', input: { text: 'hi' } },
        { type: 'tool_use', id: 'toolu_2', name: 'other', input: { text: 'ho' } },
      ]);
      assert.deepEqual(results?.content, [
        {
          type: 'tool_result',
          tool_use_id: 'toolu_1',
          is_error: false,
          content: [{ type: 'text', text: 'said' }],
        },
        {
          type: 'tool_result',
          tool_use_id: 'toolu_2',
          is_error: true,
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
            { type: 'text', text: '[Resource: file:///x]' },
          ],
          cache_control: { type: 'ephemeral' },
        },
      ]);
    });

    it('fails when the limit of rounds is reached, with the setting’s name', async () => {
      const tools = box(() => Promise.resolve(textResult('again')));
      server.answer = (_request, response) =>
        streamMessage(response, {
          texts: [],
          stopReason: 'tool_use',
          tools: [{ id: 'toolu_1', name: 'echo', input: { text: 'x' } }],
        });
      const { result } = await play({ tools, config: { other: { max_tool_iterations: 2 } } });
      assert.equal(result.success, false);
      assert.match(result.errorMessage ?? '', /after 2 rounds: raise max_tool_iterations/);
      assert.deepEqual([server.requests.length, tools.calls.length], [3, 2]);
    });

    it('tells the model of arguments that are no JSON', async () => {
      const tools = box(() => Promise.resolve(textResult('x')));
      server.answer = (_request, response, number) => {
        if (number > 1) return streamMessage(response, { texts: ['ok'] });
        const all = messageEvents({
          texts: [],
          stopReason: 'tool_use',
          tools: [{ id: 'toolu_1', name: 'echo', input: { text: 'x' } }],
        });
        events(
          response,
          all.filter((text) => !text.includes('ext')),
        );
        response.end();
      };
      const { result } = await play({ tools });
      assert.equal(result.success, true, result.errorMessage ?? '');
      assert.equal(tools.calls.length, 0);
      assert.match(JSON.stringify(body(1)['messages']), /not a JSON object/);
    });

    it('goes on after pause_turn', async () => {
      server.answer = (_request, response, number) =>
        streamMessage(response, {
          texts: [`part ${number}`],
          stopReason: number === 1 ? 'pause_turn' : 'end_turn',
        });
      const { result } = await play();
      assert.equal(result.stdout, 'part 1\npart 2');
      const messages = body(1)['messages'] as { role: string }[];
      assert.deepEqual(
        messages.map(({ role }) => role),
        ['user', 'assistant'],
      );
    });

    it('is cancelled while a tool runs', async () => {
      const abort = new AbortController();
      const tools = box((_name, _args, signal) => {
        abort.abort();
        return new Promise((_, reject) =>
          signal.addEventListener('abort', () => reject(new Error('aborted'))),
        );
      });
      server.answer = (_request, response) =>
        streamMessage(response, {
          stopReason: 'tool_use',
          tools: [{ id: 'toolu_1', name: 'echo', input: { text: 'x' } }],
        });
      const { result } = await play({ tools, signal: abort.signal });
      assert.deepEqual([result.errorType, result.exitReason], ['cancelled', 'killed']);
    });
  });

  describe('answers that are none', () => {
    for (const [reason, type, message] of [
      ['max_tokens', 'configuration', /cut off at max_tokens \(8000\)/],
      ['refusal', 'refused', /refused/],
      ['model_context_window_exceeded', 'context_too_long', /context window/],
      ['because', 'bad_response', /not known: because/],
    ] as const) {
      it(`stop_reason ${reason} is a failure that says so`, async () => {
        server.answer = (_request, response) => streamMessage(response, { stopReason: reason });
        const { result, stdoutLog } = await play();
        assert.deepEqual([result.success, result.errorType], [false, type]);
        assert.match(result.errorMessage ?? '', message);
        assert.equal(stdoutLog, 'Hello, world', 'what came is kept');
        assert.equal(result.outputTokens, 15);
      });
    }

    it('an empty answer', async () => {
      server.answer = (_request, response) => streamMessage(response, { texts: [' '] });
      assert.equal((await play()).result.errorType, 'empty_answer');
    });

    it('a stream that ends before it is whole, with its tokens estimated', async () => {
      server.answer = (_request, response) => {
        events(response, messageEvents({ texts: ['a'.repeat(400)] }).slice(0, 4));
        response.end();
      };
      const { result } = await play();
      assert.equal(result.errorType, 'bad_response');
      assert.match(result.errorMessage ?? '', /before it was whole/);
      assert.deepEqual([result.inputTokens, result.outputTokens, result.costEstimated], [25, 100, true]);
    });

    it('a whole answer that is no stream', async () => {
      server.answer = (_request, response) => json(response, 200, { type: 'message', content: [] });
      const { result } = await play();
      assert.match(result.errorMessage ?? '', /no event stream/);
    });

    for (const [what, frame] of [
      ['no JSON', sse('content_block_delta', '{"type": "content_blo')],
      ['JSON of another shape', sse('content_block_delta', { type: 'content_block_delta', index: 'x' })],
      [
        'a delta of no block',
        sse('content_block_delta', {
          type: 'content_block_delta',
          index: 7,
          delta: { type: 'text_delta', text: 'x' },
        }),
      ],
    ] as const) {
      it(`a frame that is ${what}`, async () => {
        server.answer = (_request, response) => {
          events(response, [...messageEvents({}).slice(0, 4), frame, ...messageEvents({}).slice(5)]);
          response.end();
        };
        const { result } = await play();
        assert.equal(result.errorType, 'bad_response', result.errorMessage ?? '');
      });
    }

    it('takes slow bytes, one at a time, and events that it does not know', async () => {
      server.answer = async (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const whole =
          sse('later_version', { type: 'later_version' }) + messageEvents({ texts: ['Zürich ☂'] }).join('');
        for (const byte of Buffer.from(whole)) {
          response.write(Buffer.from([byte]));
          await new Promise((done) => setImmediate(done));
        }
        response.end();
      };
      const { result } = await play({ config: { idleTimeoutSeconds: 2 } });
      assert.equal(result.stdout, 'Zürich ☂');
    });
  });

  describe('errors', () => {
    for (const [status, type, message, expected] of [
      [400, 'invalid_request_error', 'messages: at least one message is required', 'bad_request'],
      [
        400,
        'invalid_request_error',
        'prompt is too long: 210000 tokens > 200000 maximum',
        'context_too_long',
      ],
      [
        400,
        'invalid_request_error',
        'Your credit balance is too low to access the Anthropic API.',
        'quota_exhausted',
      ],
      [
        400,
        'exceed_context_size_error',
        'request (70020 tokens) exceeds the available context size (32768 tokens)',
        'context_too_long',
      ],
      [401, 'authentication_error', 'invalid x-api-key', 'authentication'],
      [402, 'billing_error', 'payment required', 'quota_exhausted'],
      [403, 'permission_error', 'not allowed', 'authentication'],
      [403, 'api_error', 'not allowed', 'authentication'],
      [404, 'not_found_error', 'model: claude-nothing', 'configuration'],
      [408, 'timeout_error', 'request timed out', 'network'],
      [413, 'request_too_large', 'Request exceeds the maximum size', 'context_too_long'],
      [429, 'rate_limit_error', 'This request would exceed your limit', 'rate_limit'],
      [500, 'api_error', 'Internal server error', 'bad_response'],
      [503, 'api_error', 'Service Unavailable', 'overloaded'],
      [529, 'overloaded_error', 'Overloaded', 'overloaded'],
    ] as const) {
      it(`HTTP ${status} ${type} (${message.slice(0, 20)}…) is ${expected}`, async () => {
        server.answer = (_request, response) => json(response, status, errorBody(type, message));
        const { result, stderrLog } = await play();
        assert.deepEqual([result.success, result.errorType, result.exitCode], [false, expected, status]);
        assert.ok(result.errorMessage?.includes(`HTTP ${status}`) && result.errorMessage.includes(message));
        assert.ok(stderrLog.includes(message));
        assert.equal(server.requests.length, 1, 'the engine tries again, not the library');
        assert.deepEqual(
          [result.inputTokens, result.costEstimated],
          [null, false],
          'a refusal costs nothing',
        );
      });
    }

    it('an error without a body that anyone could read', async () => {
      server.answer = (_request, response) => {
        response.writeHead(503, { 'content-type': 'text/html' });
        response.end('<html>down</html>');
      };
      assert.equal((await play()).result.errorType, 'overloaded');
    });

    it('reads how long to wait from Retry-After in both forms, else from the limits that are used up', async () => {
      const wait = async (headers: Record<string, string>) => {
        server.answer = (_request, response) =>
          json(response, 429, errorBody('rate_limit_error', 'slow down'), headers);
        const { result } = await play();
        assert.equal(result.rateLimited, true);
        return result.rateLimitWaitSeconds;
      };
      const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000);
      const near = (value: number | null, expected: number) =>
        assert.ok(value !== null && Math.abs(value - expected) < 2, String(value));
      assert.equal(await wait({ 'retry-after': '7' }), 7);
      near(await wait({ 'retry-after': inSeconds(90).toUTCString() }), 90);
      near(
        await wait({
          'anthropic-ratelimit-requests-remaining': '3',
          'anthropic-ratelimit-requests-reset': inSeconds(500).toISOString(),
          'anthropic-ratelimit-input-tokens-remaining': '0',
          'anthropic-ratelimit-input-tokens-reset': inSeconds(40).toISOString(),
        }),
        40,
      );
      assert.equal(await wait({}), null);
    });

    for (const [type, expected] of [
      ['overloaded_error', 'overloaded'],
      ['rate_limit_error', 'rate_limit'],
      ['api_error', 'bad_response'],
    ] as const) {
      it(`an error event (${type}) inside a stream that began with 200`, async () => {
        server.answer = (_request, response) => {
          events(response, [
            ...messageEvents({ texts: ['half'] }).slice(0, 4),
            sse('error', errorBody(type, 'sorry')),
          ]);
          response.end();
        };
        const { result } = await play();
        assert.deepEqual([result.errorType, result.stdout], [expected, 'half']);
        assert.match(result.errorMessage ?? '', /broke off.*sorry/);
      });
    }

    it('no key is told before anything is asked', async () => {
      const without = { url: server.url, profile: profile(), key: null, keyName: 'VENDOR_API_KEY' };
      await withBackend(AnthropicApiBackend, without, async (backend) => {
        const result = await backend.execute('x');
        assert.equal(result.errorType, 'authentication');
        assert.match(result.errorMessage ?? '', /VENDOR_API_KEY is not set/);
        assert.equal((await backend.availabilityCheck()).ok, false);
      });
      assert.equal(server.requests.length, 0);
    });
  });

  it('checks health by asking for the model, which uses no quota', async () => {
    const check = () =>
      withBackend(AnthropicApiBackend, { url: server.url, profile: profile() }, (backend) =>
        backend.healthCheck(),
      );
    server.answer = (_request, response) => json(response, 200, { id: MODEL, type: 'model' });
    assert.equal((await check()).ok, true);
    assert.deepEqual([server.requests[0]?.method, server.requests[0]?.path], ['GET', `/v1/models/${MODEL}`]);
    server.answer = (_request, response) =>
      json(response, 404, errorBody('not_found_error', `model: ${MODEL}`));
    assert.match((await check()).message, /has no model/);
    server.answer = (_request, response) =>
      json(response, 401, errorBody('authentication_error', `invalid x-api-key ${TEST_KEY}`));
    const refused = await check();
    assert.equal(refused.ok, false);
    assert.ok(!refused.message.includes(TEST_KEY));
  });
});
