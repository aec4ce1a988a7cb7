import assert from 'node:assert/strict';
import type { ExecutionResult } from '../../src/backends/result';
import { httpProfile, playHttp, TEST_KEY, type HttpAttempt, type HttpAttemptOutcome } from './http-backend';
import { LoopbackServer, type Answerer, type SeenRequest } from './loopback-server';

/** What a server answers, and what an attempt makes of it. */
export interface HttpCase {
  readonly name: string;
  readonly answer: Answerer;
  readonly attempt?: Partial<HttpAttempt>;
  /** Facts of the result; a failure unless they say otherwise. */
  readonly gives: Partial<ExecutionResult>;
  readonly message?: RegExp;
  readonly requests?: number;
  readonly also?: (outcome: HttpAttemptOutcome, requests: readonly SeenRequest[]) => void;
}

export interface HttpStage {
  readonly server: LoopbackServer;
  readonly play: (more?: Partial<HttpAttempt>) => Promise<HttpAttemptOutcome>;
}

/** A loopback server for the suite it is called in. */
export function loopbackServer(): LoopbackServer {
  const server = new LoopbackServer(() => undefined);
  before(() => server.listen());
  after(() => server.close());
  beforeEach(() => {
    server.requests.length = 0;
  });
  return server;
}

/** Such a server, and attempts of a backend against it. @param http the part `http` of its profile, which is of this family */
export function httpStage(
  Vendor: Parameters<typeof playHttp>[0],
  family: Parameters<typeof httpProfile>[0],
  http: (url: string) => object,
  more: Partial<HttpAttempt> = {},
): HttpStage {
  const server = loopbackServer();
  const play = (attempt: Partial<HttpAttempt> = {}) => {
    const { url } = server;
    return playHttp(Vendor, {
      url,
      profile: httpProfile(family, url, { http: http(url) }),
      ...more,
      ...attempt,
    });
  };
  return { server, play };
}

/** A test for each case. No key may be in what people read. */
export function itPlays({ server, play }: HttpStage, cases: readonly HttpCase[]): void {
  for (const { name, answer, attempt, gives, message, requests, also } of cases) {
    it(name, async () => {
      server.answer = answer;
      const outcome = await play(attempt);
      const { result } = outcome;
      for (const [key, value] of Object.entries({ success: false, ...gives }))
        assert.deepEqual(result[key as keyof ExecutionResult], value, `${key}: ${result.errorMessage ?? ''}`);
      if (message) assert.match(result.errorMessage ?? '', message);
      if (requests !== undefined) assert.equal(server.requests.length, requests);
      for (const text of [outcome.stderrLog, outcome.stdoutLog, result.stderr, result.errorMessage ?? ''])
        assert.ok(!text.includes(TEST_KEY));
      also?.(outcome, server.requests);
    });
  }
}
