/** examples/anthropic-api.yaml, played to green by a loopback server through the real `mzt` and the conductor that it starts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { conductorEnvironment } from '../../src/client/ensure';
import { streamMessage } from '../support/anthropic-server';
import { LoopbackServer } from '../support/loopback-server';

/** As long as a real one, and of no shape that a redactor knows. */
const KEY = 'Zk41-loopback-example-9fQ2mX7';

/** Every file below a folder whose bytes hold this text. */
function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

/** Command lines of all processes that hold this text (Linux). */
function commandLinesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return line.includes(text) ? [line] : [];
      } catch {
        return [];
      }
    });
}

describe('the example for the Anthropic API', () => {
  let folder: string;
  let env: NodeJS.ProcessEnv;
  const exposed: string[] = [];
  const server = new LoopbackServer((request, response) => {
    if (process.platform === 'linux') exposed.push(...commandLinesWith(KEY));
    const prompt = JSON.stringify(request.body?.['messages']);
    const view = /from the view of ([a-z ]+)/.exec(prompt)?.[1];
    // A vendor that repeats the key must not bring it into a log.
    streamMessage(response, { texts: [view === undefined ? 'Verdict: ' : `Said ${view}: `, `${KEY} yes.`] });
  });

  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'mzt-example-')));
    const url = await server.listen();
    const basics = conductorEnvironment({ PATH: process.env['PATH'], HOME: folder }, join(folder, 'state'));
    env = { ...basics, NO_COLOR: '1', ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: url };
  });
  after(async () => {
    await mzt('stop', '--cancel', '--force');
    await server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const mzt = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
      const script = resolve('dist/cli.js');
      execFile(process.execPath, [script, ...args], { cwd: folder, env }, (error, stdout, stderr) => {
        done({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });

  it('is valid, is ready, and plays to green', async () => {
    const score = resolve('examples/anthropic-api.yaml');
    const valid = await mzt('validate', score, '-w', 'ws', '--json');
    assert.equal(valid.code, 0, valid.stdout + valid.stderr);
    const run = await mzt('run', score, '-w', 'ws', '--wait', '--json');
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.equal((JSON.parse(run.stdout) as { status: string }).status, 'completed');
    assert.equal(server.requests.length, 4);
    for (const { headers } of server.requests) assert.equal(headers.authorization, `Bearer ${KEY}`);
    const verdict = JSON.stringify(
      server.requests.find(({ body }) => JSON.stringify(body).includes('Weigh'))?.body,
    );
    assert.ok(verdict.includes('Said the people who run it'), 'later sheets see what earlier ones said');
    const log = await mzt('logs', 'anthropic-api', '4');
    assert.equal(log.stdout.trim(), 'Verdict: [REDACTED_SECRET] yes.');
  });

  it('has left the key nowhere: no log, journal, index or prompt, no command line', async () => {
    assert.deepEqual(exposed, []);
    assert.deepEqual(filesWith(folder, KEY), []);
    const status = await mzt('status', 'anthropic-api', '--json');
    const history = await mzt('history', 'anthropic-api', '--json');
    const report = await mzt('report', 'anthropic-api', '-o', 'report.html');
    assert.equal(report.code, 0, report.stderr);
    const page = await readFile(join(folder, 'report.html'), 'utf8');
    for (const text of [status.stdout, history.stdout, page]) assert.ok(text !== '' && !text.includes(KEY));
    assert.ok(!verdictPrompt().includes(KEY), 'nor in what later sheets were asked');
  });

  function verdictPrompt(): string {
    return JSON.stringify(server.requests.map(({ body }) => body));
  }

  it('is listed as ready, and checked with the key and without quota', async () => {
    const listed = await mzt('instruments', 'list', '--json');
    const { instruments } = JSON.parse(listed.stdout) as { instruments: { name: string; status: string }[] };
    assert.equal(instruments.find(({ name }) => name === 'anthropic_api')?.status, 'ready');
    const before = server.requests.length;
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('{"id": "x", "type": "model"}');
    };
    const checked = await mzt('instruments', 'check', 'anthropic_api');
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
    assert.deepEqual(
      server.requests.slice(before).map(({ method, path }) => `${method} ${path.replace(/[^/]+$/, '')}`),
      ['GET /v1/models/'],
    );
    const { ANTHROPIC_API_KEY: _key, ...without } = env;
    env = without;
    const unset = await mzt('instruments', 'check', 'anthropic_api');
    assert.equal(unset.code, 1);
    assert.match(unset.stdout, /ANTHROPIC_API_KEY is not set/);
  });
});
