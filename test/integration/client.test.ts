import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DaemonClient } from '../../src/client/daemon-client';
import { ensureConductor } from '../../src/client/ensure';
import {
  BadReply,
  CallTimeout,
  ConductorNotRunning,
  ConductorStartFailed,
  ConnectionLost,
} from '../../src/client/errors';
import { EventStream } from '../../src/client/event-stream';
import { findConductor } from '../../src/client/find';
import type { FoundConductor } from '../../src/client/find';
import { connectJsonRpc } from '../../src/client/json-rpc-link';
import type { Link } from '../../src/client/link';
import { LineLink } from '../../src/client/line-link';
import { CancelledError, JobSubmissionError, MethodNotFoundError } from '../../src/protocol/errors';
import { startServer } from '../support/wire-harness';
import type { TestServer } from '../support/wire-harness';

const me = { name: 'test', version: '1', kind: 'test' };

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the client', () => {
  let server: TestServer;
  let client: DaemonClient;
  before(async () => (server = await startServer()));
  after(() => server.stop());
  beforeEach(() => (client = new DaemonClient({ socket: server.path, maxSize: 2, acquireTimeoutMs: 200 })));
  afterEach(() => client.close());

  it('calls by name, gets parsed results and the conductor’s own errors', async () => {
    assert.equal((await client.call('daemon.health', {})).status, 'ok');
    assert.equal(await client.isDaemonRunning(), true);
    await assert.rejects(client.call('job.pause', { job_id: 'x' }), (error) => {
      assert.ok(error instanceof JobSubmissionError);
      assert.deepEqual([error.message, error.remedy], ['no job x', 'mzt list']);
      return true;
    });
    await assert.rejects(client.call('job.status', { job_id: 'x' }), MethodNotFoundError);
  });

  it('says that nobody is there, whatever is in the place of the socket', async () => {
    const path = join(server.stateDir, 'nobody');
    const lost = new DaemonClient({ socket: path });
    await assert.rejects(lost.call('daemon.health', {}), ConductorNotRunning);
    await writeFile(path, '');
    assert.equal(await lost.isDaemonRunning(), false);
    lost.close();
  });

  it('frees the slot of a call that was cancelled, timed out, or waited in vain', async () => {
    const cancel = new AbortController();
    const waiting = client.call('job.cancel', { job_id: 'j' }, { signal: cancel.signal });
    const slow = client.call('job.cancel', { job_id: 'j' }, { timeoutMs: 400 });
    await assert.rejects(client.call('daemon.health', {}), CallTimeout);
    const second = new AbortController();
    const queued = client.call('daemon.health', {}, { signal: second.signal });
    second.abort();
    await assert.rejects(queued, CancelledError);
    cancel.abort();
    await assert.rejects(waiting, CancelledError);
    await assert.rejects(slow, CallTimeout);
    for (let index = 0; index < 5; index += 1) await client.call('daemon.health', {});
    while ((await server.facts()).inFlight > 0);
    assert.ok((await server.facts()).connections <= 1);
  });

  it('refuses bounds that are not positive', () => {
    assert.throws(() => new DaemonClient({ socket: 'x', maxSize: 0 }), RangeError);
    assert.throws(() => new DaemonClient({ socket: 'x', responseTimeoutMs: -1 }), RangeError);
    assert.throws(() => new DaemonClient({ socket: 'x', maxIdleMs: Number.NaN }), RangeError);
  });

  it('calls over vscode-jsonrpc alike', async () => {
    const link = await connectJsonRpc(server.path);
    assert.equal((await link.call('daemon.health', {})).status, 'ok');
    await assert.rejects(link.call('job.pause', { job_id: 'x' }), JobSubmissionError);
    await assert.rejects(link.call('job.cancel', { job_id: 'x' }, { timeoutMs: 20 }), CallTimeout);
    const cancel = new AbortController();
    const cancelled = link.call('job.cancel', { job_id: 'x' }, { signal: cancel.signal });
    cancel.abort();
    await assert.rejects(cancelled, CancelledError);
    const lost = link.call('job.cancel', { job_id: 'x' });
    link.close();
    await assert.rejects(lost, ConnectionLost);
    await link.closed;
  });

  it('streams the Python form', async () => {
    const stop = new AbortController();
    const events: string[] = [];
    const streaming = (async () => {
      for await (const event of client.monitor({}, stop.signal)) {
        events.push(event.event);
        stop.abort();
      }
    })();
    while ((await server.facts()).subscribers === 0);
    await server.ask({ ask: 'publish', count: 1, bytes: 1 });
    await streaming;
    assert.deepEqual(events, ['job.started']);
  });
});

describe('the client and a server that misbehaves', () => {
  let dir: string;
  let server: Server;
  let behave: (socket: Socket, line: string) => void;
  let seen: string[];
  let connections: number;
  const path = () => join(dir, 's');
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'bad-'));
    seen = [];
    connections = 0;
    server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (line: string) => {
        seen.push(line);
        behave(socket, line);
      });
    });
    await new Promise<void>((resolve) => server.listen(path(), resolve));
  });
  afterEach(async () => {
    server.close();
    await rm(dir, { recursive: true, force: true });
  });
  const answer = (socket: Socket, line: string, result: unknown) =>
    socket.write(
      JSON.stringify({ jsonrpc: '2.0', id: (JSON.parse(line) as { id: unknown }).id, result }) + '\n',
    );

  it('sends nothing twice, except what carries a key', async () => {
    behave = (socket) => socket.destroy();
    const client = new DaemonClient({ socket: path() });
    await assert.rejects(client.call('job.submit', { config_path: '/x' }), ConnectionLost);
    await assert.rejects(client.call('daemon.health', {}), ConnectionLost);
    assert.equal(seen.length, 2);
    behave = (socket, line) => {
      if (seen.length === 3) socket.destroy();
      else answer(socket, line, { job_id: 'j', status: 'accepted', message: '' });
    };
    const response = await client.call('job.submit', { config_path: '/x', submit_key: '12345678' });
    assert.deepEqual([response.status, seen.length], ['accepted', 4]);
    client.close();
  });

  it('replaces a kept connection that died before a byte was written', async () => {
    const sockets: Socket[] = [];
    behave = (socket, line) => {
      sockets.push(socket);
      answer(socket, line, { cancelled: true });
    };
    const client = new DaemonClient({ socket: path() });
    await client.call('job.cancel', { job_id: 'j' });
    await client.call('job.cancel', { job_id: 'j' });
    assert.equal(connections, 1);
    assert.ok(sockets[0]);
    const gone = once(sockets[0], 'close');
    sockets[0].destroy();
    await gone;
    await client.call('job.cancel', { job_id: 'j' });
    assert.deepEqual([connections, seen.length], [2, 3]);
    client.close();
  });

  it('rejects answers that are not of the protocol, and ignores late ones', async () => {
    const client = new DaemonClient({ socket: path() });
    behave = (socket, line) => answer(socket, line, { cancelled: 'perhaps' });
    await assert.rejects(client.call('job.cancel', { job_id: 'j' }), BadReply);
    behave = (socket) => socket.write('{]\n');
    await assert.rejects(client.call('job.cancel', { job_id: 'j' }), BadReply);
    behave = (socket, line) => {
      socket.write('{"jsonrpc":"2.0","id":77,"result":{"cancelled":false}}\n7\nnull\n');
      answer(socket, line, { cancelled: true });
    };
    assert.deepEqual(await client.call('job.cancel', { job_id: 'j' }), { cancelled: true });
    behave = (socket) =>
      socket.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"full","data":null}}\n');
    await assert.rejects(client.call('job.cancel', { job_id: 'j' }), { code: -32001, message: 'full' });
    client.close();
  });
});

describe('finding and starting the conductor', function () {
  this.timeout(40_000);
  let stateDir: string;
  let root: string;
  const pids = new Set<number>();
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'ens-'));
    stateDir = join(root, 'home');
  });
  afterEach(async () => {
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended by itself.
      }
    }
    pids.clear();
    await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  const support = JSON.stringify(join(__dirname, '../support/wire-conductor.js'));
  async function dist(build: string, version: string, builtAt: number, script?: string): Promise<string> {
    const folder = join(root, `dist-${build}`);
    await mkdir(join(folder, 'profiles'), { recursive: true });
    await writeFile(join(folder, 'conductor.js'), script ?? `require(${support}).main(__dirname);`);
    await writeFile(join(folder, 'profiles', 'a.yaml'), 'name: a\n');
    await writeFile(join(folder, 'build.json'), JSON.stringify({ build, version, built_at: builtAt }));
    return join(folder, 'conductor.js');
  }
  const ensure = async (script: string, more: object = {}): Promise<FoundConductor> => {
    const found = await ensureConductor({
      stateDir,
      client: me,
      runtime: { node: process.execPath, script },
      env: { ...process.env, ANTHROPIC_API_KEY: 'secret', NODE_OPTIONS: '', VSCODE_PID: '1' },
      ...more,
    });
    pids.add(found.info.pid);
    return found;
  };

  it('starts one from a copy, with a clean environment, and finds it again', async () => {
    const script = await dist('b1', '1.0.0', 1);
    await assert.rejects(ensure(script, { noStart: true }), ConductorNotRunning);
    const found = await ensure(script);
    assert.deepEqual([found.epoch, found.info.build], [1, 'b1']);
    assert.equal((await ensure(script)).info.pid, found.info.pid);
    assert.equal(await readFile(join(stateDir, 'runtime', 'b1', 'profiles', 'a.yaml'), 'utf8'), 'name: a\n');
    assert.deepEqual(await readdir(join(stateDir, 'runtime')), ['b1']);
    const link = await LineLink.connect(found.record.socket);
    const env = await link.call('daemon.config', {});
    assert.deepEqual(
      [env['ANTHROPIC_API_KEY'], env['VSCODE_PID'], env['NODE_OPTIONS_SEEN']],
      [undefined, undefined, null],
    );
    assert.deepEqual([env['MARIANNE_HOME'], env['PATH']], [stateDir, process.env['PATH']]);
    link.close();
  });

  it('gives ten clients at once the same conductor', async () => {
    const script = await dist('b1', '1.0.0', 1);
    const all = await Promise.all(Array.from({ length: 10 }, () => ensure(script)));
    assert.equal(new Set(all.map((found) => found.info.pid)).size, 1);
    assert.deepEqual(await readdir(join(stateDir, 'runtime')), ['b1']);
  });

  it('starts again over a killed one, and over a damaged copy', async () => {
    const script = await dist('b1', '1.0.0', 1);
    const first = await ensure(script);
    process.kill(first.info.pid, 'SIGKILL');
    await writeFile(join(stateDir, 'runtime', 'b1', 'build.json'), '');
    while ((await findConductor(stateDir, me)) !== null);
    const second = await ensure(script);
    assert.equal(second.epoch, 2);
    assert.notEqual(second.info.pid, first.info.pid);
  });

  it('lets a newer build take over from an idle older one, never the other way', async () => {
    const older = await dist('b1', '1.0.0', 1);
    const newer = await dist('b2', '1.0.0', 2);
    const newest = await dist('b3', '1.1.0', 0);
    assert.equal((await ensure(older)).info.build, 'b1');
    assert.equal((await ensure(newer)).info.build, 'b2');
    assert.equal((await ensure(older)).info.build, 'b2');
    assert.equal((await ensure(newest)).info.build, 'b3');
    assert.equal((await ensure(newer)).info.build, 'b3');
  });

  it('tells what a conductor said that failed to start', async () => {
    const script = await dist('bad', '1.0.0', 1, 'console.error("no such luck"); process.exit(3);');
    await assert.rejects(ensure(script), (error) => {
      assert.ok(error instanceof ConductorStartFailed);
      assert.match(error.message, /exit code 3/);
      assert.match(error.logTail, /^no such luck\n$/);
      return true;
    });
    const silent = await dist('silent', '1.0.0', 1, 'setTimeout(() => {}, 3000);');
    await assert.rejects(ensure(silent, { timeoutMs: 200 }), /in time/);
    await assert.rejects(ensure(silent, { runtime: { node: '/no/node', script: silent } }), /cannot be run/);
    await assert.rejects(ensure(join(root, 'nothing', 'conductor.js')), /build.json/);
  });

  it('ends what a start that is given up has begun, and starts as ever afterwards', async () => {
    const pidFile = join(root, 'pid');
    const stubborn = await dist(
      'stubborn',
      '1.0.0',
      1,
      `process.on('SIGTERM', () => {});
       require('node:fs').writeFileSync(${JSON.stringify(`${pidFile}.new`)}, String(process.pid));
       require('node:fs').renameSync(${JSON.stringify(`${pidFile}.new`)}, ${JSON.stringify(pidFile)});
       setTimeout(() => {}, 60_000);`,
    );
    const early = new AbortController();
    early.abort();
    await assert.rejects(ensure(stubborn, { signal: early.signal }), CancelledError);
    await assert.rejects(readFile(pidFile), { code: 'ENOENT' });
    const given = new AbortController();
    const starting = ensure(stubborn, { signal: given.signal });
    let pid = 0;
    while (pid === 0) pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'));
    pids.add(pid);
    given.abort();
    await assert.rejects(starting, CancelledError);
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal((await ensure(await dist('b1', '1.0.0', 2))).epoch, 1);
  });

  it('leaves a conductor that answers already, whoever gave up waiting for it', async () => {
    const script = await dist('b1', '1.0.0', 1);
    const found = await ensure(script);
    const given = new AbortController();
    given.abort();
    await assert.rejects(ensure(script, { signal: given.signal }), CancelledError);
    assert.equal((await findConductor(stateDir, me))?.info.pid, found.info.pid);
  });

  for (const [framing, connect] of [
    ['line', (path: string): Promise<Link> => LineLink.connect(path)],
    ['header', (path: string): Promise<Link> => connectJsonRpc(path)],
  ] as const) {
    it(`streams events over a restart in ${framing} framing`, async () => {
      const script = await dist('b1', '1.0.0', 1);
      const got: string[] = [];
      let link: Link | null = null;
      const stream = new EventStream({
        connect: async () => connect((await ensure(script)).record.socket),
        jobId: null,
        ephemeral: false,
        onSnapshot: (_jobs, seq) => got.push(`snapshot ${seq}`),
        onEvent: (event) => got.push(`${event.type} ${event.seq}`),
        onState: (state) => (link = state.link),
        pause: () => Promise.resolve(),
      });
      await until(() => link !== null);
      await (link as unknown as Link).call('job.pause', { job_id: 'j' });
      await until(() => got.length === 2);
      process.kill([...pids][0] ?? 0, 'SIGKILL');
      await until(() => link === null);
      await until(() => link !== null);
      await (link as unknown as Link).call('job.pause', { job_id: 'j' });
      await until(() => got.length === 4);
      assert.deepEqual(got, ['snapshot 100', 'job.paused 101', 'snapshot 200', 'job.paused 201']);
      stream.close();
      await stream.ended;
    });
  }
});
