import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageEvents, streamMessage } from '../support/anthropic-server';
import { TestConductor } from '../support/conductor';
import { LoopbackServer } from '../support/loopback-server';

const KEY = 'sk-test-4f1c9a7b2d8e6350aa11';

/** A user's profile of the same name: what is the user's may have any address, and gets the key. */
function userProfile(conductor: TestConductor, url: string): void {
  const folder = join(conductor.home, 'instruments');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'anthropic_api.yaml'),
    `name: anthropic_api
display_name: Anthropic API
kind: http
default_model: claude-sonnet-4-5-20250929
models:
  - { name: claude-sonnet-4-5-20250929, cost_per_1k_input: 0.003, cost_per_1k_output: 0.015 }
http:
  base_url: ${url}
  endpoint: /v1/messages
  schema_family: anthropic
  auth_env_var: ANTHROPIC_API_KEY
`,
  );
}

const score = (name: string, more = '') => `
name: ${name}
instrument: anthropic_api
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 1 }
prompt:
  template: Say hello.
${more}`;

/** Waits until a log has grown to this size. */
async function logged(path: string, bytes: number): Promise<void> {
  while ((await stat(path).catch(() => null))?.size !== bytes)
    await new Promise((done) => setTimeout(done, 10));
}

describe('HTTP attempts in the conductor', () => {
  const conductor = new TestConductor();
  const server = new LoopbackServer((_request, response) => streamMessage(response));
  before(async () => {
    userProfile(conductor, await server.listen());
    await conductor.start();
  });
  after(async () => {
    await conductor.dispose();
    await server.close();
  });

  it('plays a sheet to green: answer in the log, tokens and cost in the record, the key nowhere', async () => {
    const run = await conductor.submit('hello', score('hello'), { secrets: { ANTHROPIC_API_KEY: KEY } });
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets['1']));
    const finished = conductor
      .records()
      .find(({ type, run: of }) => type === 'attempt.finished' && of === run);
    assert.equal(finished?.body['input_tokens'], 25);
    assert.equal(finished?.body['output_tokens'], 15);
    assert.equal(finished?.body['cost_usd'], (25 * 0.003 + 15 * 0.015) / 1000);
    assert.equal(readFileSync(join(conductor.home, 'jobs', run, '1.1.stdout.log'), 'utf8'), 'Hello, world');
    const [seen] = server.requests;
    assert.equal(seen?.path, '/v1/messages');
    assert.equal(seen?.headers.authorization, `Bearer ${KEY}`);
  });

  it('waits visibly for a key that nobody gave, and goes on when it is offered', async () => {
    const run = await conductor.submit('keyless', score('keyless'));
    let held = await conductor.until(run, new Set(['running']));
    while (held.sheets['1']?.status_reason?.code !== 'waiting_for_key')
      held = await conductor.call('job.status', { job_id: run });
    assert.match(held.sheets['1'].status_reason.message, /ANTHROPIC_API_KEY/);
    assert.deepEqual((await conductor.call('secrets.wanted', {})).names, ['ANTHROPIC_API_KEY']);
    await conductor.call('secrets.offer', { values: { ANTHROPIC_API_KEY: KEY } });
    assert.equal((await conductor.until(run)).status, 'completed');
  });

  it('waits for a key that only a changed score needs, also after a crash', async () => {
    const plain = score('changed')
      .replace('instrument: anthropic_api', 'instrument: cli')
      .replace('Say hello.', 'exit 1');
    // What was offered before is forgotten with the conductor.
    await conductor.kill();
    await conductor.start();
    const run = await conductor.submit('changed', plain);
    assert.equal((await conductor.until(run)).status, 'failed');
    const path = conductor.score('changed-2', score('changed'));
    const before = server.requests.length;
    assert.equal((await conductor.call('job.modify', { job_id: run, config_path: path })).status, 'accepted');
    const held = async () => {
      let now = await conductor.until(run, new Set(['running', 'failed', 'completed']));
      while (now.status === 'running' && now.sheets['1']?.status_reason?.code !== 'waiting_for_key')
        now = await conductor.call('job.status', { job_id: run });
      assert.equal(now.sheets['1']?.status_reason?.code, 'waiting_for_key', JSON.stringify(now.sheets['1']));
      assert.deepEqual((await conductor.call('secrets.wanted', {})).names, ['ANTHROPIC_API_KEY']);
    };
    await held();
    await conductor.kill();
    await conductor.start();
    await held();
    assert.equal(server.requests.length, before);
    await conductor.call('secrets.offer', { values: { ANTHROPIC_API_KEY: KEY } });
    assert.equal((await conductor.until(run)).status, 'completed');
    assert.equal(server.requests.length, before + 1);
  });

  it('never sends a key to an address that a score brings, and refuses one that is not approved', async () => {
    const other = new LoopbackServer((_request, response) => streamMessage(response));
    const url = await other.listen();
    try {
      const own = score('own', `instrument_config: { base_url: "${url}" }\n`);
      const run = await conductor.submit('own', own, { secrets: { ANTHROPIC_API_KEY: KEY } });
      assert.equal((await conductor.until(run)).status, 'completed');
      assert.ok(!JSON.stringify(other.requests).includes(KEY));
      const submitted = async (name: string, config: string) => {
        const path = conductor.score(name, score(name, `instrument_config: { ${config} }\n`));
        const reply = await conductor.call('job.submit', {
          config_path: path,
          workspace: conductor.workspace,
          client_cwd: conductor.root,
          secrets: { ANTHROPIC_API_KEY: KEY },
        });
        return reply;
      };
      const refused = async (name: string, config: string) => {
        const reply = await submitted(name, config);
        assert.equal(reply.status, 'rejected');
        return reply.message ?? '';
      };
      const far = 'base_url: "https://llm.invalid/v1"';
      assert.match(
        await refused('far', far),
        /V414 .*neither on this machine nor approved; to approve it: mzt trust --url/,
      );
      assert.match(await refused('env', 'api_key_env: HOME'), /no built-in or user profile lists/);
      assert.match(
        await refused('both', `base_url: "${url}", api_key_env: OPENROUTER_API_KEY`),
        /a key goes only to addresses of profiles/,
      );
      const { origin } = await conductor.call('trust.origins', {
        url: 'https://llm.invalid/v1/x',
        approve: true,
      });
      assert.equal(origin, 'https://llm.invalid');
      assert.equal((await submitted('far', far)).status, 'accepted');
      const end = await conductor.until('far');
      assert.match(end.sheets['1']?.error_message ?? '', /DNS/);
      await conductor.call('trust.origins', { url: 'https://llm.invalid', approve: false });
      assert.match(await refused('far', far), /V414/);
    } finally {
      await other.close();
    }
  });

  it('ends as interrupted when its conductor dies, and is played again under a new number at no cost of a retry', async () => {
    const before = server.requests.length;
    const arrived = new Promise<void>((done) => {
      server.answer = (_request, response, number) => {
        if (number > before + 1) {
          streamMessage(response);
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        // 400 characters, then silence.
        for (const event of messageEvents({ texts: ['a'.repeat(400)] }).slice(0, 4)) response.write(event);
        done();
      };
    });
    const run = await conductor.submit('dies', score('dies'), { secrets: { ANTHROPIC_API_KEY: KEY } });
    await arrived;
    await logged(join(conductor.home, 'jobs', run, '1.1.stdout.log'), 400);
    await conductor.kill();
    await conductor.start();
    await conductor.call('secrets.offer', { values: { ANTHROPIC_API_KEY: KEY } });
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed');
    const finished = conductor
      .records()
      .filter(({ type, run: of }) => type === 'attempt.finished' && of === run);
    const interrupted = finished.find(({ body }) => body['attempt'] === 1)?.body;
    assert.equal(interrupted?.['output_tokens'], 100, 'estimated from what had come');
    assert.ok(Number(interrupted?.['input_tokens']) > 50, 'estimated from the stored prompt');
    assert.equal(interrupted?.['cost_estimated'], true);
    assert.ok(Number(interrupted?.['cost_usd']) >= (100 * 0.015) / 1000);
    // A finished job's records are in the archive and for a while in the journal too.
    const bySeq = new Map(finished.map(({ seq, body }) => [seq, [body['attempt'], body['outcome']]]));
    assert.deepEqual(
      [...bySeq.values()],
      [
        [1, 'interrupted'],
        [2, 'success'],
      ],
    );
  });

  it('leaves a call to the next conductor when it stops in order, and the log keeps what had come', async () => {
    let served = 0;
    const arrived = new Promise<void>((done) => {
      server.answer = (_request, response) => {
        served += 1;
        if (served > 1) {
          streamMessage(response);
          return;
        }
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        // The last line is unfinished: a redactor holds it back until the end.
        for (const event of messageEvents({ texts: ['first\nsk-ant-'] }).slice(0, 4)) response.write(event);
        done();
      };
    });
    const run = await conductor.submit('stopped', score('stopped'), { secrets: { ANTHROPIC_API_KEY: KEY } });
    await arrived;
    await logged(join(conductor.home, 'jobs', run, '1.1.stdout.log'), 6);
    const ended = new Promise((done) => conductor.child?.once('exit', done));
    await conductor.call('daemon.shutdown', { cancel: false }).catch(() => undefined);
    await ended;
    assert.equal(readFileSync(join(conductor.home, 'jobs', run, '1.1.stdout.log'), 'utf8'), 'first\nsk-ant-');
    await conductor.start();
    await conductor.call('secrets.offer', { values: { ANTHROPIC_API_KEY: KEY } });
    const end = await conductor.until(run);
    assert.deepEqual([end.status, end.sheets['1']?.attempt_count, served], ['completed', 2, 2]);
    assert.equal(end.sheets['1']?.normal_attempts, 0, 'the interruption cost nothing');
  });

  it('cancels a call that hangs', async () => {
    const arrived = new Promise<void>((done) => {
      server.answer = () => done();
    });
    const run = await conductor.submit('hangs', score('hangs'), { secrets: { ANTHROPIC_API_KEY: KEY } });
    await arrived;
    await conductor.call('job.cancel', { job_id: run });
    assert.equal((await conductor.until(run)).status, 'cancelled');
  });
});
