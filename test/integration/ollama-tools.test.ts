import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { serverMarkerPrefix } from '../../src/backends/mcp/names';
import { findMarked } from '../../src/process/table';
import { stateDirectoryHash } from '../../src/protocol/paths';
import { TestConductor } from '../support/conductor';
import { OllamaLoopback, stream, type OllamaTurn } from '../support/ollama-server';
import type { SeenRequest } from '../support/loopback-server';

const everything = resolve('node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const odd = resolve('test/fixtures/mcp/odd-server.mjs');

type ChatMessage = { role: string; content: string };
const messagesOf = (request: SeenRequest) => request.body?.['messages'] as ChatMessage[];
const promptOf = (request: SeenRequest) =>
  messagesOf(request).find(({ role }) => role === 'user')?.content ?? '';
const resultsOf = (request: SeenRequest) =>
  messagesOf(request)
    .filter(({ role }) => role === 'tool')
    .map(({ content }) => content);

const score = (name: string, config: string) => `
name: ${name}
instrument: ollama
instrument_config: { ${config} }
retry: { max_retries: 0, max_completion_attempts: 0 }
sheet: { size: 1, total_items: 1 }
prompt:
  template: Do it.
`;

describe('Ollama with tools, in the conductor', () => {
  const conductor = new TestConductor();
  const ollama = new OllamaLoopback();
  /** What the model says next, given the results of its calls so far. */
  const model = (say: (prompt: string, results: readonly string[]) => OllamaTurn) => {
    ollama.chat = (request, response) => stream(response, say(promptOf(request), resultsOf(request)));
  };
  const servers = () =>
    findMarked(serverMarkerPrefix(stateDirectoryHash(conductor.home)), undefined, 'prefix');
  const failureOf = (run: string) =>
    String(
      conductor.records().find(({ type, run: of }) => type === 'attempt.finished' && of === run)?.body[
        'error_message'
      ],
    );

  before(async () => {
    const url = await ollama.listen();
    mkdirSync(conductor.home, { recursive: true, mode: 0o700 });
    writeFileSync(
      join(conductor.home, 'conductor.yaml'),
      `base_urls: { ollama: "${url}" }
mcp_servers:
  everything: { command: "${process.execPath}", args: ["${everything}"] }
  stubborn: { command: "${process.execPath}", args: ["${odd}", stubborn] }
`,
    );
    await conductor.start();
  });
  after(async () => {
    await conductor.dispose();
    await ollama.close();
  });
  beforeEach(() => ollama.reset());

  it('plays the example to green', async () => {
    writeFileSync(join(conductor.workspace, 'seed.txt'), 'x');
    model((prompt, results) => {
      const second = prompt.includes('summary.md:');
      if (results.length === 0)
        return second
          ? { texts: [], calls: [{ name: 'read_file', arguments: { path: 'notes.md' } }] }
          : { texts: [], calls: [{ name: 'list_dir', arguments: {} }] };
      const [found = ''] = results;
      const [path, content] = second
        ? ['summary.md', `It says: ${found}`]
        : ['notes.md', `# Notes\n${found}\n`];
      if (results.length === 1)
        return { texts: [], calls: [{ name: 'write_file', arguments: { path, content } }] };
      return { texts: ['It is ', 'written.'] };
    });
    const run = await conductor.submit('local-model', readFileSync('examples/local-model.yaml', 'utf8'));
    const end = await conductor.until(run);
    assert.equal(end.status, 'completed', JSON.stringify(end.sheets));
    assert.match(
      readFileSync(join(conductor.workspace, 'notes.md'), 'utf8'),
      /^# Notes\nseed\.txt \(1 bytes\)\n/,
    );
    assert.match(readFileSync(join(conductor.workspace, 'summary.md'), 'utf8'), /It says: # Notes/);
    const log = (stream: string) =>
      readFileSync(join(conductor.home, 'jobs', run, `1.1.${stream}.log`), 'utf8');
    assert.equal(log('stdout'), 'It is written.');
    assert.match(log('stderr'), /\[tool\] list_dir \{\}\n\[tool\] write_file/);
    assert.equal((ollama.chats[0]?.body?.['options'] as { num_ctx: number }).num_ctx, 8192);
    const finished = conductor.records().find(({ type }) => type === 'attempt.finished');
    assert.deepEqual(
      [finished?.body['input_tokens'], finished?.body['output_tokens'], finished?.body['cost_usd']],
      [78, 36, 0],
    );
  });

  it('offers the servers that a score chose, no files when it wants none, and ends them with the conductor', async () => {
    model((_prompt, results) =>
      results.length === 0
        ? { texts: [], calls: [{ name: 'get-sum', arguments: { a: 19, b: 23 } }] }
        : { texts: [results[0] ?? ''] },
    );
    const config = 'file_tools: false, mcp_servers: [{ name: everything, allow: [echo, get-sum] }]';
    const run = await conductor.submit('sum', score('sum', config));
    assert.equal((await conductor.until(run)).status, 'completed');
    const tools = ollama.chats[0]?.body?.['tools'] as { function: { name: string } }[];
    assert.deepEqual(
      tools.map((tool) => tool.function.name),
      ['echo', 'get-sum'],
    );
    assert.match(resultsOf(ollama.chats.at(-1) as SeenRequest)[0] ?? '', /42/);
    assert.equal((await servers()).length, 1);
    assert.ok(existsSync(join(conductor.home, 'log/mcp-everything.log')));
    const ended = new Promise((done) => conductor.child?.once('exit', done));
    await conductor.call('daemon.shutdown', {});
    await ended;
    assert.deepEqual(await servers(), []);
    await conductor.start();
  }).timeout(60_000);

  it('ends servers that a killed conductor left behind', async () => {
    const run = await conductor.submit('left', score('left', 'mcp_servers: [stubborn]'));
    assert.equal((await conductor.until(run)).status, 'completed');
    const [left] = await servers();
    assert.ok(left);
    await conductor.kill();
    assert.equal((await servers())[0]?.pid, left.pid, 'it takes no notice of its closed stdin');
    await conductor.start();
    const deadline = Date.now() + 10_000;
    while ((await servers()).length > 0 && Date.now() < deadline)
      await new Promise((done) => setTimeout(done, 50));
    assert.deepEqual(await servers(), []);
  }).timeout(60_000);

  it('names a server that nobody configured', async () => {
    const run = await conductor.submit('unknown', score('unknown', 'mcp_servers: [nope]'));
    assert.equal((await conductor.until(run)).status, 'failed');
    assert.match(failureOf(run), /no MCP server "nope".*everything, stubborn.*mzt trust/);
    assert.equal(ollama.chats.length, 0);
  });

  it('starts a server that a folder brings only once the folder is approved', async () => {
    mkdirSync(join(conductor.workspace, '.marianne'));
    const file = join(conductor.workspace, '.marianne/mcp_servers.yaml');
    const pids = join(conductor.root, 'pids');
    writeFileSync(
      file,
      `mcp_servers:\n  brought: { command: "${process.execPath}", args: ["${odd}", x, "${pids}"] }\n`,
    );
    const first = await conductor.submit('brought', score('brought', 'mcp_servers: [brought]'));
    assert.equal((await conductor.until(first)).status, 'failed');
    assert.match(failureOf(first), /no MCP server "brought"/);
    assert.equal(existsSync(pids), false, 'it ran unapproved');
    const { entries } = await conductor.call('trust.list', { dir: conductor.workspace });
    assert.match(entries[0]?.summary ?? '', /MCP server brought: .*odd-server/);
    await conductor.call('trust.approve', {
      dir: conductor.workspace,
      digests: entries.map(({ digest }) => digest),
    });
    const second = await conductor.submit('brought', score('brought', 'mcp_servers: [brought]'));
    assert.equal((await conductor.until(second)).status, 'completed');
    assert.ok(existsSync(pids));
    writeFileSync(file, readFileSync(file, 'utf8').replace('x,', 'y,'));
    const third = await conductor.submit('brought', score('brought', 'mcp_servers: [brought]'));
    assert.equal((await conductor.until(third)).status, 'failed', 'a changed file counts as approved');
  });
});
