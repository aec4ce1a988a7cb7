import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Checkpoint } from '../../src/protocol/checkpoint';
import { TestConductor } from '../support/conductor';
import { LimitedVendor, writeVendorAgent } from '../support/limited-vendor';
import { LineClient } from '../support/line-client';

const one = 'sk-test-first-0123456789abcdef';
const two = 'sk-test-second-0123456789abcdef';

/** Sheets one after another: each is one request. */
function score(name: string, instrument: string, sheets: number): string {
  return `
name: ${name}
instrument: ${instrument}
retry: { max_retries: 0, max_completion_attempts: 0 }
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: ${sheets} }
prompt: { template: 'part {{ sheet_num }}' }
`;
}

/**
 * A vendor of chat completions (https://openrouter.ai/docs/api-reference/overview) that has closed some keys for an hour: 429 with `retry-after`
 * in seconds (RFC 9110 §10.2.3), and that knows some keys no more: 401 (https://openrouter.ai/docs/api-reference/errors).
 */
class KeyedVendor {
  /** Keys in the order of the requests for an answer. */
  readonly asked: string[] = [];
  readonly closed = new Set<string>();
  readonly refused = new Set<string>();
  private readonly server: Server = createServer((request: IncomingMessage, response) => {
    request.resume();
    const key = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    if (request.method === 'POST') this.asked.push(key);
    request.on('end', () => {
      if (this.refused.has(key)) {
        response.writeHead(401, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: { code: 401, message: `no user for ${key}` } }));
        return;
      }
      if (request.method === 'GET') {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ data: [{ id: 'm' }] }));
        return;
      }
      if (this.closed.has(key)) {
        response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '3600' });
        response.end(JSON.stringify({ error: { code: 429, message: `slow down, ${key}` } }));
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const delta = { role: 'assistant', content: `done with ${one} and ${two}` };
      const chunk = {
        id: 'c',
        object: 'chat.completion.chunk',
        model: 'm',
        choices: [{ index: 0, delta, finish_reason: 'stop' }],
      };
      response.end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

describe('a keyring', () => {
  const conductor = new TestConductor();
  const http = new KeyedVendor();
  const agent = new LimitedVendor({ burstsAfter: [0], closedSeconds: 600, workMs: 1 });
  const secretsDir = join(conductor.root, 'secrets');
  const keyFile = (name: string) => join(secretsDir, name);
  const write = (name: string, key: string) => writeFileSync(keyFile(name), `${key}\n`, { mode: 0o600 });

  before(async () => {
    mkdirSync(secretsDir, { mode: 0o700 });
    mkdirSync(conductor.home, { mode: 0o700 });
    const url = await http.start();
    writeVendorAgent(conductor, 'keyed', await agent.start());
    for (const name of ['chat', 'lone']) {
      writeFileSync(
        join(conductor.home, 'instruments', `${name}.yaml`),
        `name: ${name}
display_name: Chat
kind: http
default_model: m
models: [{ name: m }]
http: { base_url: '${url}', schema_family: openai, auth_env_var: CHAT_API_KEY }
`,
      );
    }
    writeFileSync(
      join(conductor.home, 'conductor.yaml'),
      `keyring:
  instruments:
    chat: { keys: [{ path: ~/secrets/one, label: first }, { path: ~/secrets/two, label: second }] }
    lone: { keys: [{ path: ~/secrets/one, label: only }] }
    keyed: { keys: [{ path: ~/secrets/one, label: first }, { path: ~/secrets/two, label: second }] }
`,
    );
    await conductor.start();
  });
  beforeEach(() => {
    write('one', one);
    write('two', two);
    http.refused.clear();
    http.closed.clear();
    http.asked.length = 0;
  });
  after(async () => {
    http.stop();
    agent.stop();
    await conductor.dispose();
  });

  /** Everything that the conductor keeps, but the key files: no key may be in it. */
  function assertNoKey(): void {
    const look = (folder: string): void => {
      for (const name of readdirSync(folder)) {
        const path = join(folder, name);
        const found = statSync(path, { throwIfNoEntry: false });
        if (found?.isDirectory()) look(path);
        else if (found?.isFile())
          assert.ok(!/sk-test-(first|second)/.test(readFileSync(path, 'latin1')), path);
      }
    };
    look(conductor.home);
  }

  it('goes on with the second key at once when the first is limited, and says which it was', async () => {
    http.closed.add(one);
    const run = await conductor.submit('http', score('http', 'chat', 2));
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    assert.deepEqual(http.asked, [one, two, two], 'the limited key is not asked again');
    const ends = conductor
      .records()
      .filter((record) => record.type === 'attempt.finished' && record.run === run);
    const next = ends[0]?.body['next'] as { status: string; rate_limit_waits: number } | undefined;
    assert.deepEqual([next?.status, next?.rate_limit_waits], ['pending', 0], 'nobody waited');
    assert.deepEqual(
      job.sheets['1']?.attempts.map((attempt) => attempt.key_label),
      ['first', 'second'],
    );
    const { accounts } = await conductor.call('daemon.rate_limits', {});
    assert.deepEqual(
      accounts?.map(({ instrument, key_label: label }) => [instrument, label]),
      [['chat', 'first']],
    );
    const { instruments } = await conductor.call('instruments.list', { workspace: null, have: [] });
    assert.equal(instruments.find(({ name }) => name === 'chat')?.status, 'ready');
    assertNoKey();
  });

  it('holds the sheet when all keys are limited, over a restart too', async () => {
    http.closed.add(one).add(two);
    const run = await conductor.submit('held', score('held', 'chat', 1), {
      secrets: { CHAT_API_KEY: 'of-the-submit' },
    });
    const held = await conductor.untilSheet(run, 1, 'waiting');
    assert.equal(held.sheets['1']?.status_reason?.code, 'rate_limit');
    const asked = http.asked.length;
    await conductor.kill();
    await conductor.start();
    const job = await conductor.call('job.status', { job_id: run });
    assert.equal(job.sheets['1']?.status, 'waiting', 'it waits for the limit, not for a key');
    assert.equal(http.asked.length, asked);
    http.closed.clear();
    await conductor.call('daemon.clear_rate_limits', { instrument: 'chat' });
    assert.equal((await conductor.until(run)).status, 'completed');
    assert.ok(!http.asked.includes('of-the-submit'), 'the keyring beats the key of the submit');
    assertNoKey();
  });

  it('gives a program the next key in the variable that its profile names', async () => {
    const run = await conductor.submit('program', score('program', 'keyed', 1));
    // Both keys are closed for ten minutes at their first request.
    const job = await conductor.untilSheet(run, 1, 'waiting');
    assert.deepEqual(
      agent.seen.map(({ key }) => key),
      [one, two],
    );
    assert.deepEqual(
      job.sheets['1']?.attempts.map((attempt) => attempt.key_label),
      ['first', 'second'],
    );
    const { attempts } = await conductor.call('job.attempts', { job_id: run, sheet: 1 });
    assert.ok(attempts.every(({ command }) => !command.join(' ').includes('sk-test')));
    await conductor.call('job.cancel', { job_id: run });
    assertNoKey();
  });

  it('keeps the account of an attempt that goes on over a restart', async () => {
    const folder = join(conductor.home, 'instruments');
    const script = join(conductor.root, 'slow.sh');
    // It works until the test lets it end.
    writeFileSync(script, '#!/bin/sh\ntouch begun\nwhile [ ! -e go ]; do sleep 0.05; done\necho ended\n');
    chmodSync(script, 0o755);
    writeFileSync(
      join(folder, 'slow.yaml'),
      `name: slow\ndisplay_name: Slow\nkind: cli\ncli: { command: { executable: ${script}, secret_env: [SLOW_API_KEY] } }\n`,
    );
    const settings = join(conductor.home, 'conductor.yaml');
    const slow = (paths: string) => `    slow: { keys: [${paths}] }\n`;
    const before = readFileSync(settings, 'utf8');
    const [first, second] = [
      '{ path: ~/secrets/one, label: first }',
      '{ path: ~/secrets/two, label: second }',
    ];
    writeFileSync(settings, before + slow(`${second}, ${first}`));
    await conductor.kill();
    await conductor.start();
    const run = await conductor.submit('slow', score('slow', 'slow', 1));
    await conductor.untilSheet(run, 1, 'dispatched');
    while (!existsSync(join(conductor.workspace, 'begun')))
      await new Promise((later) => setTimeout(later, 20));
    await conductor.kill();
    writeFileSync(settings, before + slow(`${first}, ${second}`));
    await conductor.start();
    writeFileSync(join(conductor.workspace, 'go'), '');
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    assert.deepEqual(
      job.sheets['1']?.attempts.map((attempt) => attempt.key_label),
      ['second'],
    );
    const started = conductor
      .records()
      .filter((record) => record.type === 'attempt.started' && record.run === run);
    assert.equal(started.length, 1, 'it was adopted, not begun again');
    assertNoKey();
  });

  it('passes over a key file that is bad, waits when none is left, and goes on when one was mended', async () => {
    chmodSync(keyFile('one'), 0o644);
    const next = await conductor.submit('next', score('next', 'chat', 1));
    assert.equal((await conductor.until(next)).status, 'completed');
    assert.deepEqual(http.asked, [two]);
    rmSync(keyFile('two'));
    const run = await conductor.submit('none', score('none', 'chat', 1));
    const job = await conductor.until(run, new Set(['running']));
    const reason = job.sheets['1']?.status_reason;
    assert.equal(reason?.code, 'waiting_for_key');
    assert.match(reason.message, /first: .*secrets\/one can be read by others\. chmod 600 /);
    assert.match(reason.message, /second: .*secrets\/two does not exist\./);
    assert.deepEqual(http.asked, [two], 'and nobody is asked meanwhile');
    chmodSync(keyFile('one'), 0o600);
    assert.equal((await conductor.until(run)).status, 'completed');
    assert.deepEqual(http.asked, [two, one]);
  });

  describe('with a key that the vendor refuses', () => {
    before(() => conductor.call('daemon.clear_rate_limits', { instrument: null }));

    const finished = (run: string) =>
      conductor
        .records()
        .filter((record) => record.type === 'attempt.finished' && record.run === run)
        .map(({ body }) => body as { error_code: string; next: { status: string; normal_attempts: number } });
    const labels = (job: Checkpoint) => job.sheets['1']?.attempts.map((attempt) => attempt.key_label);

    it('goes on with the next one at once, leaves it aside, and says so once', async () => {
      http.refused.add(one);
      const viewer = await LineClient.connect(join(conductor.home, 'run/s'));
      await viewer.result('events.subscribe', { since: null, ephemeral: true });
      const run = await conductor.submit('refused', score('refused', 'chat', 2));
      const job = await conductor.until(run);
      assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
      assert.deepEqual(http.asked, [one, two, two], 'the second sheet does not ask with it');
      assert.deepEqual(labels(job), ['first', 'second']);
      const [end] = finished(run);
      assert.deepEqual(
        [end?.error_code, end?.next.status, end?.next.normal_attempts],
        ['E502', 'pending', 0],
      );
      const told = await viewer.notified(({ params }) => params?.['type'] === 'key.refused');
      const { instrument, key_label: label } = told.params?.['data'] as Record<string, unknown>;
      assert.deepEqual([instrument, label], ['chat', 'first']);
      assert.equal(conductor.log().split('"key_label":"first"').length - 1, 1, conductor.log());
      viewer.close();
      const { instruments } = await conductor.call('instruments.list', { workspace: null, have: [] });
      assert.match(instruments.find(({ name }) => name === 'chat')?.detail ?? '', /refused: "first"/);
      const { ok, checks } = await conductor.call('instruments.check', { name: 'chat' });
      assert.equal(ok, true, 'one key is enough');
      const first = checks.filter(({ name }) => name === 'key "first"');
      assert.ok(first.length === 2 && first.every((check) => check.ok === null), JSON.stringify(checks));
      assert.match(first[1]?.message ?? '', /^set aside, refused at /);
      assertNoKey();
    });

    it('takes a new key in its file at once', async () => {
      http.refused.add(one);
      const run = await conductor.submit('anew', score('anew', 'chat', 1));
      assert.deepEqual(labels(await conductor.until(run)), ['first', 'second']);
      const anew = 'sk-test-first-of-tomorrow-0123456789';
      write('one', anew);
      const next = await conductor.submit('next-anew', score('next-anew', 'chat', 1));
      assert.deepEqual(labels(await conductor.until(next)), ['first']);
      assert.deepEqual(http.asked, [one, two, anew]);
      assertNoKey();
    });

    it('fails and names the keys when none is left; a resume asks with all of them again', async () => {
      http.refused.add(one).add(two);
      const run = await conductor.submit('none-left', score('none-left', 'chat', 1));
      const failed = await conductor.until(run);
      assert.equal(failed.status, 'failed');
      const text = failed.sheets['1']?.error_message ?? '';
      assert.match(text, /^no key of the keyring is left \(the vendor refuses "second", "first"\): HTTP 401/);
      assert.deepEqual(http.asked, [one, two], 'each was asked once: a refusal is not retried');
      http.refused.delete(two);
      await conductor.call('job.resume', { job_id: run });
      const job = await conductor.until(run);
      assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
      assert.deepEqual(http.asked, [one, two, one, two]);
      assertNoKey();
    });

    it('plays the fallback when none is left', async () => {
      http.refused.add(one).add(two);
      const text = score('falls-back', 'chat', 1).replace(
        'instrument: chat',
        'instrument: chat\ninstrument_fallbacks: [cli]',
      );
      const run = await conductor.submit('falls-back', text.replace('part {{ sheet_num }}', 'echo played'));
      const job = await conductor.until(run);
      assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
      assert.deepEqual(
        job.sheets['1']?.attempts.map((attempt) => attempt.instrument),
        ['chat', 'chat', 'cli'],
      );
    });

    it('asks each of them once more after a restart, and comes to its end', async () => {
      http.refused.add(one).add(two);
      const slow = join(conductor.workspace, 'restarted');
      const text = score('restarted', 'chat', 1).replace(
        'instrument: chat',
        'instrument: cli\ninstrument_fallbacks: [chat]',
      );
      // The program fails for good, so the sheet goes on to the keys; the conductor dies before and between.
      const run = await conductor.submit(
        'restarted',
        text.replace('part {{ sheet_num }}', `while [ ! -e ${slow} ]; do sleep 0.05; done; exit 127`),
      );
      await conductor.untilSheet(run, 1, 'dispatched');
      await conductor.kill();
      await conductor.start();
      writeFileSync(slow, '');
      while (http.asked.length === 0) await new Promise((later) => setTimeout(later, 1));
      await conductor.kill();
      await conductor.start();
      const job = await conductor.until(run);
      assert.equal(job.status, 'failed');
      assert.match(job.sheets['1']?.error_message ?? '', /^no key of the keyring is left/);
      assert.ok(http.asked.length <= 4, `${http.asked.length} requests`);
      assert.ok(http.asked.includes(one) && http.asked.includes(two));
    });

    it('fails at once when it is the only one, and names it', async () => {
      http.refused.add(one);
      const run = await conductor.submit('lone', score('lone', 'lone', 1));
      const job = await conductor.until(run);
      assert.equal(job.status, 'failed');
      assert.match(job.sheets['1']?.error_message ?? '', /^the vendor refuses the key "only": HTTP 401/);
      assert.deepEqual(http.asked, [one]);
    });
  });
});
