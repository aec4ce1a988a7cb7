import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { McpProxy } from '../../src/backends/mcp/proxy';
import { serverMarkerPrefix } from '../../src/backends/mcp/names';
import type { McpServices } from '../../src/backends/mcp/server';
import { createToolBox, type ChosenServer } from '../../src/backends/tools/tool-box';
import type { ToolBox, ToolResult } from '../../src/backends/tools/contract';
import { Redaction } from '../../src/conductor/output/redact';
import { ServerLog } from '../../src/conductor/output/server-log';
import { mcpServerSchema, type McpServerDefinition } from '../../src/instruments/mcp-servers';
import { findMarked } from '../../src/process/table';

const everything = resolve('node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const filesystem = resolve('node_modules/@modelcontextprotocol/server-filesystem/dist/index.js');
const odd = resolve('test/fixtures/mcp/odd-server.mjs');
const forever = new AbortController().signal;

function textOf(result: ToolResult): string {
  return result.content.map((part) => (part.type === 'text' ? part.text : `<${part.type}>`)).join('\n');
}

/** Transports and the order of messages follow modelcontextprotocol.io, "Base protocol" and "Server features: tools". */
describe('MCP proxy', () => {
  let root: string;
  let hash: string;
  let proxy: McpProxy | null = null;
  const boxes: ToolBox[] = [];
  let waits: number[] = [];

  const services = (environment: Record<string, string>, instance = '1'): McpServices => ({
    version: '0',
    stateHash: hash,
    instance,
    home: root,
    environment,
    resolveExecutable: (command) => Promise.resolve(command === 'node' ? process.execPath : null),
    openLog: (name, secrets) =>
      new ServerLog(join(root, `mcp-${name}.log`), secrets, () => performance.now()),
    redactor: (secrets) => {
      const redaction = new Redaction({ secrets });
      return (text) => redaction.text(text);
    },
    clock: {
      now: () => performance.now(),
      delay: (milliseconds) => {
        waits.push(milliseconds);
        return new Promise((done) => setTimeout(done, Math.min(milliseconds, 30)));
      },
    },
  });
  const program = (...args: string[]): McpServerDefinition =>
    mcpServerSchema.parse({ command: 'node', args });
  const choose = (name: string, more: Partial<ChosenServer> = {}): ChosenServer => ({
    name,
    allow: null,
    deny: [],
    ...more,
  });
  const open = (
    servers: Record<string, McpServerDefinition>,
    chosen: ChosenServer[] = Object.keys(servers).map((name) => choose(name)),
    fileTools = false,
    environment: Record<string, string> = { PATH: process.env['PATH'] ?? '' },
  ): ToolBox => {
    proxy ??= new McpProxy(services(environment), servers);
    const box = createToolBox({
      workspace: root,
      umask: 0o022,
      fileTools,
      servers: chosen,
      proxy,
      brought: null,
    });
    assert.ok(box);
    boxes.push(box);
    return box;
  };
  const living = () => findMarked(serverMarkerPrefix(hash), undefined, 'prefix');

  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'mzt-mcp-')));
    hash = `t${root.slice(-7)}`;
    waits = [];
  });
  afterEach(async () => {
    for (const box of boxes.splice(0)) await box[Symbol.asyncDispose]();
    await proxy?.close();
    proxy = null;
    const left = await living();
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    rmSync(root, { recursive: true, force: true });
    assert.deepEqual(
      left.map(({ pid }) => pid),
      [],
      'a server was left behind',
    );
  });

  it('offers and calls the tools of server-everything over stdio, side by side', async () => {
    const box = open({ all: program(everything) });
    assert.equal((await living()).length, 0, 'started before it was needed');
    const names = (await box.list()).map(({ name }) => name);
    assert.ok(names.includes('echo') && names.includes('get-sum'), names.join());
    const sums = await Promise.all(
      Array.from({ length: 10 }, (_, index) => box.call('get-sum', { a: index, b: 1 }, forever)),
    );
    assert.deepEqual(
      sums.map((sum) => /is (\d+)/.exec(textOf(sum))?.[1]),
      Array.from({ length: 10 }, (_, index) => String(index + 1)),
    );
    const image = await box.call('get-tiny-image', {}, forever);
    assert.ok(image.content.some((part) => part.type === 'image' && part.mimeType === 'image/png'));
    const resource = await box.call(
      'get-resource-reference',
      { resourceType: 'Text', resourceId: 1 },
      forever,
    );
    const part = resource.content.find(({ type }) => type === 'resource');
    assert.ok(part?.type === 'resource' && part.uri !== '' && part.text !== null);
    assert.match(textOf(await box.call('get-resource-links', { count: 2 }, forever)), /\[Resource /);
    const wrong = await box.call('get-sum', { a: 'x' }, forever);
    assert.equal(wrong.isError, true);
    assert.match(textOf(await box.call('nope', {}, forever)), /there is no tool "nope"/);
    assert.equal((await living()).length, 1, 'one server for all calls');
  });

  it('works with server-filesystem, whose names clash with the built-in tools', async () => {
    writeFileSync(join(root, 'f.txt'), 'content');
    const box = open(
      { files: program(filesystem, root) },
      [choose('files', { deny: ['write*', 'edit_file'] })],
      true,
    );
    const names = (await box.list()).map(({ name }) => name);
    assert.deepEqual(names.slice(0, 3), ['read_file', 'write_file', 'list_dir']);
    assert.ok(names.includes('files__read_file') && names.includes('list_directory'), names.join());
    assert.ok(!names.some((name) => /files__write_file|edit_file/.test(name)), 'denied tools are offered');
    assert.equal(
      textOf(await box.call('files__read_file', { path: join(root, 'f.txt') }, forever)),
      'content',
    );
    const denied = await box.call('files__read_file', { path: '/etc/passwd' }, forever);
    assert.equal(denied.isError, true);
    const only = open({}, [choose('files', { allow: ['list_*'] })]);
    assert.ok((await only.list()).every(({ name }) => name.startsWith('list_')));
    assert.equal((await living()).length, 1, 'two attempts share a server');
  });

  it('speaks streamable HTTP, and begins a new session when the server forgot the old one', async () => {
    const port = await freePort();
    const start = async (): Promise<ChildProcess> => {
      const child = spawn(process.execPath, [everything, 'streamableHttp'], {
        env: { PATH: process.env['PATH'], PORT: String(port) },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      for await (const chunk of child.stderr) if (/listening/.test(String(chunk))) break;
      child.stderr.resume();
      return child;
    };
    let child = await start();
    try {
      const box = open({ web: mcpServerSchema.parse({ url: `http://127.0.0.1:${port}/mcp` }) });
      assert.match(textOf(await box.call('echo', { message: 'one' }, forever)), /one/);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const lost = await box.call('echo', { message: 'two' }, forever);
      assert.equal(lost.isError, true);
      assert.match(textOf(lost), /"web"/);
      child = await start();
      assert.match(textOf(await box.call('echo', { message: 'three' }, forever)), /three/);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('starts a crashed server again with back-off, and tells the model', async () => {
    const box = open({ odd: program(odd, '', join(root, 'pids')) });
    const crash = await box.call('crash', {}, forever);
    assert.equal(crash.isError, true);
    assert.match(textOf(crash), /was lost during crash/);
    assert.match(textOf(await box.call('echo', { a: 1 }, forever)), /"a":1/);
    await box.call('crash', {}, forever);
    assert.match(textOf(await box.call('echo', {}, forever)), /pid/);
    assert.equal(readFileSync(join(root, 'pids'), 'utf8').trim().split('\n').length, 3);
    assert.equal(waits.length, 2);
    const [first = 0, second = 0] = waits;
    assert.ok(first > 100 && first <= 500 && second > 500 && second <= 1000, waits.join());
  });

  it('names a server that cannot be used, and why', async () => {
    const servers = {
      dead: program(odd, 'dies-at-start'),
      none: mcpServerSchema.parse({ command: 'no-such-program' }),
      mute: { ...program(odd, 'mute'), start_timeout_seconds: 0.2 },
      variable: mcpServerSchema.parse({ command: 'node', env: { TOKEN: '${MY_TOKEN}' } }),
    };
    await assert.rejects(
      open(servers, [choose('dead')]).list(),
      /"dead" cannot be used: it exited with code 3/,
    );
    await assert.rejects(open(servers, [choose('none')]).list(), /"none".*"no-such-program" was not found/);
    await assert.rejects(open(servers, [choose('mute')]).list(), /"mute" cannot be used: .*timed out/);
    await assert.rejects(open(servers, [choose('variable')]).list(), /it needs \$MY_TOKEN/);
    await assert.rejects(
      open(servers, [choose('other')]).list(),
      /there is no MCP server "other".*dead, none/,
    );
  });

  it('gives a call up after its time, and a server that does not even answer a ping', async () => {
    const box = open({
      slow: { ...program(odd, ''), timeout_seconds: 0.1 },
      hangs: { ...program(odd, 'hangs'), timeout_seconds: 0.1 },
    });
    assert.match(textOf(await box.call('slow__hang', {}, forever)), /did not answer within 0\.1 s/);
    assert.match(textOf(await box.call('slow__echo', {}, forever)), /pid/);
    const pid = (text: string) => /"pid":(\d+)/.exec(text)?.[1];
    const before = pid(textOf(await box.call('hangs__echo', {}, forever)));
    await box.call('hangs__hang', {}, forever);
    const gone = await until(async () => !(await living()).some((row) => String(row.pid) === before), 8000);
    assert.ok(gone, 'the hanging server lives on');
    const after = pid(textOf(await box.call('hangs__echo', {}, forever)));
    assert.ok(after !== undefined && after !== before);
  }).timeout(15_000);

  it('ends a call that is aborted', async () => {
    const box = open({ odd: program(odd) });
    await box.list();
    const stop = new AbortController();
    const call = box.call('hang', {}, stop.signal);
    stop.abort(new Error('cancelled by test'));
    await assert.rejects(call, /cancelled by test/);
    assert.match(textOf(await box.call('echo', {}, forever)), /pid/);
  });

  it('keeps a flood of stderr bounded and keys out of the log, and messages apart from noise', async () => {
    const box = open({ noisy: program(odd, 'noisy') });
    for (let round = 0; round < 20; round += 1)
      assert.match(textOf(await box.call('echo', { round }, forever)), /pid/);
    await proxy?.close();
    const log = readFileSync(join(root, 'mcp-noisy.log'), 'utf8');
    assert.ok(log.length < 2_500_000, String(log.length));
    assert.match(log, /this is no message/);
    assert.match(log, /too much and are not kept/);
    assert.match(log, /token is \[REDACTED/);
    assert.ok(!log.includes('A1b2A1b2'));
  });

  it('believes no server: bad entries, false schemas, endless pages, huge results and messages', async () => {
    const box = open({ liar: program(odd, 'liar'), paged: program(odd, 'paged'), odd: program(odd) });
    const names = (await box.list()).map(({ name }) => name);
    assert.deepEqual(names, ['good', 'one', 'two', 'three', 'echo', 'crash', 'hang', 'environment', 'big']);
    assert.match(textOf(await box.call('good', {}, forever)), /not a number/);
    const big = textOf(await box.call('big', {}, forever));
    assert.ok(big.length < 101_000);
    assert.ok(big.includes('100000 more characters were cut off'));
    assert.ok(big.includes('could not be read'));
  });

  it('gives a server the system’s variables and its own, redacted where they come back', async () => {
    const definition = mcpServerSchema.parse({
      command: 'node',
      args: [odd],
      env: { API_TOKEN: 'very-secret-value', WHERE: '${HOME}/x' },
    });
    const environment = {
      PATH: process.env['PATH'] ?? '',
      HOME: '/home/somebody',
      ELECTRON_RUN_AS_NODE: '1',
      NODE_OPTIONS: '',
      VSCODE_PID: '1',
      CLAUDECODE: '1',
      OTHER_KEY: 'x',
    };
    const text = textOf(
      await open({ odd: definition }, undefined, false, environment).call('environment', {}, forever),
    );
    assert.ok(!text.includes('very-secret-value'));
    const seen = JSON.parse(text) as Record<string, string>;
    assert.deepEqual(Object.keys(seen).sort(), ['API_TOKEN', 'HOME', 'MARIANNE_MARKER', 'PATH', 'WHERE']);
    assert.equal(seen['WHERE'], '/home/somebody/x');
  });

  it('ends a server that ignores the end of input and SIGTERM, and what servers have started', async () => {
    const box = open({ stubborn: program(odd, 'stubborn'), parent: program(odd, 'grandchild') });
    await box.list();
    assert.equal((await living()).length, 3);
    await proxy?.close();
    assert.deepEqual(await living(), []);
  }).timeout(15_000);

  it('ends a server after idle time and starts it again', async () => {
    const box = open({ odd: { ...program(odd), idle_minutes: 0.001 } });
    await box.list();
    assert.equal((await living()).length, 1);
    await box[Symbol.asyncDispose]();
    assert.ok(await until(async () => (await living()).length === 0, 5000));
    assert.match(textOf(await open({}, [choose('odd')]).call('echo', {}, forever)), /pid/);
  });

  it('finds servers that a killed conductor left behind', async () => {
    const box = open({ stubborn: program(odd, 'stubborn') });
    await box.list();
    const next = new McpProxy(services({}, '2'), {});
    assert.equal(await proxy?.endStrays(), 0, 'its own are no strays');
    assert.equal(await next.endStrays(), 1);
    assert.ok(await until(async () => (await living()).length === 0, 5000));
  });

  it('has no tools at all when none are chosen', () => {
    const none = { workspace: root, umask: 0o022, fileTools: false, servers: [], proxy: null, brought: null };
    assert.equal(createToolBox(none), null);
  });
});

async function until(holds: () => Promise<boolean>, within: number): Promise<boolean> {
  const deadline = performance.now() + within;
  while (performance.now() < deadline) {
    if (await holds()) return true;
    await new Promise((done) => setTimeout(done, 25));
  }
  return false;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(address !== null && typeof address === 'object');
  return address.port;
}
