import assert from 'node:assert/strict';
import { AnthropicApiBackend } from '../../../src/backends/http/anthropic/anthropic-backend';
import { streamMessage, messageEvents } from '../../support/anthropic-server';
import { httpProfile, playHttp, TEST_KEY, type HttpAttempt } from '../../support/http-backend';
import { LoopbackServer } from '../../support/loopback-server';

describe('HTTP backend', () => {
  const server = new LoopbackServer((_request, response) => streamMessage(response));
  before(() => server.listen());
  after(() => server.close());
  const play = (more: Partial<HttpAttempt> = {}) =>
    playHttp(AnthropicApiBackend, {
      url: server.url,
      profile: httpProfile('anthropic', server.url),
      ...more,
    });

  it('streams into the log, and tells tokens, model and progress', async () => {
    const { result, stdoutLog, progress } = await play();
    assert.equal(result.success, true, result.errorMessage ?? '');
    assert.equal(result.stdout, 'Hello, world');
    assert.equal(stdoutLog, 'Hello, world');
    assert.deepEqual([result.inputTokens, result.outputTokens, result.exitCode], [25, 15, 0]);
    assert.equal(progress.at(0)?.phase, 'starting');
    assert.equal(progress.at(-1)?.phase, 'completed');
    assert.equal(progress.at(-1)?.bytesReceived, 12);
  });

  it('ends a stream that falls silent, and keeps what had come', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of messageEvents({ texts: ['half'] }).slice(0, 4)) response.write(event);
    };
    const { result, stdoutLog } = await play({ config: { idleTimeoutSeconds: 0.1 } });
    assert.deepEqual([result.errorType, result.exitReason], ['stale', 'timeout']);
    assert.equal(result.stdout, 'half');
    assert.equal(stdoutLog, 'half');
    assert.equal(result.inputTokens, 25);
  });

  it('ends a server that never answers', async () => {
    server.answer = () => undefined;
    const first = await play({ config: { firstOutputTimeoutSeconds: 0.1 } });
    assert.equal(first.result.errorType, 'first_output_timeout');
    const total = await play({ config: { timeoutSeconds: 0.1 } });
    assert.deepEqual([total.result.errorType, total.result.exitReason], ['timeout', 'timeout']);
  });

  it('is cancelled while a stream is open', async () => {
    const abort = new AbortController();
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of messageEvents({}).slice(0, 4)) response.write(event);
      abort.abort();
    };
    const { result } = await play({ signal: abort.signal });
    assert.deepEqual([result.errorType, result.exitReason], ['cancelled', 'killed']);
  });

  it('follows no redirect, so that a key goes nowhere else', async () => {
    const elsewhere = new LoopbackServer((_request, response) => streamMessage(response));
    await elsewhere.listen();
    server.answer = (_request, response) => {
      response.writeHead(307, { location: `${elsewhere.url}/v1/messages` });
      response.end();
    };
    const { result } = await play();
    await elsewhere.close();
    assert.equal(elsewhere.requests.length, 0);
    assert.equal(result.errorType, 'configuration');
    assert.ok(!result.errorMessage?.includes('127.0.0.1'));
  });

  it('tells a refused connection, a cut answer and a missing name apart', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(messageEvents({}).slice(0, 4).join(''), () => response.destroy());
    };
    const cut = await play();
    assert.equal(cut.result.errorType, 'network');
    assert.match(cut.result.errorMessage ?? '', /reset.*in the middle/);
    const nobody = new LoopbackServer(() => undefined);
    const url = await nobody.listen();
    await nobody.close();
    const refused = await play({ url });
    assert.match(refused.result.errorMessage ?? '', /connection refused/);
    const unnamed = await play({ url: 'http://no-such-host.invalid' });
    assert.equal(unnamed.result.errorType, 'network');
    assert.match(unnamed.result.errorMessage ?? '', /DNS/);
  });

  it('names neither key nor address, even if the server repeats them', async () => {
    server.answer = (request, response) => {
      response.writeHead(400, { 'content-type': 'application/json' });
      const message = `bad ${request.headers.authorization ?? ''} at ${server.url}/v1/messages`;
      response.end(JSON.stringify({ type: 'error', error: { type: 'invalid_request_error', message } }));
    };
    const { result, stderrLog } = await play();
    assert.equal(result.exitCode, 400);
    for (const text of [result.errorMessage ?? '', result.stderr, stderrLog]) {
      assert.ok(text.includes('bad'), text);
      assert.ok(!text.includes(TEST_KEY) && !text.includes(server.url), text);
    }
  });
});
