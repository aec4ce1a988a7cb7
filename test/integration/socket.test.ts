import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstat, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import {
  createMessageConnection,
  CancellationTokenSource,
  ParameterStructures,
  SocketMessageReader,
  SocketMessageWriter,
} from 'vscode-jsonrpc/node';
import { RawClient, codeOf, startServer } from '../support/wire-harness';
import type { TestServer } from '../support/wire-harness';

const health = { jsonrpc: '2.0', id: 1, method: 'daemon.health' };

async function untilFacts(
  server: TestServer,
  holds: (facts: Awaited<ReturnType<TestServer['facts']>>) => boolean,
) {
  for (;;) {
    const facts = await server.facts();
    if (holds(facts)) return facts;
  }
}

describe('the socket', () => {
  let server: TestServer;
  const clients: RawClient[] = [];
  const connect = async (path = server.path) => {
    const client = await RawClient.connect(path);
    clients.push(client);
    return client;
  };
  before(async () => (server = await startServer({ halfOpenMs: 20 })));
  after(() => server.stop());
  afterEach(() => clients.splice(0).forEach((client) => client.close()));

  it('is private', async () => {
    assert.equal((await lstat(server.path)).mode & 0o777, 0o600);
    assert.equal((await lstat(dirname(server.path))).mode & 0o777, 0o700);
  });

  it('answers one object a line, with and without jsonrpc, in any chunks', async () => {
    const client = await connect();
    client.write('\n  \n{"id":"a","method":"daemon.he');
    client.write('alth","params":null}\n');
    const reply = await client.next();
    assert.equal(reply?.['id'], 'a');
    assert.equal((reply?.['result'] as { status: string }).status, 'ok');
  });

  it('answers a last line without its newline', async () => {
    const client = await connect();
    client.socket.end(JSON.stringify(health));
    assert.equal((await client.next())?.['id'], 1);
    await client.closed;
  });

  it('keeps the connection through every kind of bad request', async () => {
    const client = await connect();
    const cases: [string, number, unknown][] = [
      ['{nonsense', -32700, null],
      ['[]', -32600, null],
      ['[{"id":1,"method":"daemon.health"}]', -32600, null],
      ['7', -32600, null],
      ['{"id":{},"method":"daemon.health"}', -32600, null],
      ['{"id":1.5,"method":"daemon.health"}', -32600, null],
      ['{"id":null,"method":"daemon.health"}', -32600, null],
      ['{"id":3,"jsonrpc":"1.0","method":"daemon.health"}', -32600, 3],
      ['{"id":4,"method":7}', -32600, 4],
      ['{"id":5,"method":"daemon.health","params":[]}', -32600, 5],
      ['{"id":6,"method":"constructor"}', -32601, 6],
      ['{"id":7,"method":"job.status"}', -32602, 7],
      ['{"id":8,"method":"job.status","params":{"job_id":"x"}}', -32601, 8],
      ['{"id":9,"method":"job.pause","params":{"job_id":"x"}}', -32000, 9],
    ];
    for (const [line, code, id] of cases) {
      client.write(line + '\n');
      const reply = await client.next();
      assert.deepEqual([codeOf(reply), reply?.['id']], [code, id], line);
    }
    client.write(Buffer.from([0x7b, 0xff, 0x0a]));
    assert.equal(codeOf(await client.next()), -32700);
    client.send(health);
    assert.ok((await client.next())?.['result']);
  });

  it('tells no text of an unexpected error, and every text of ours', async () => {
    const client = await connect();
    const secret = await client.call('job.pause', { job_id: 'secret' });
    assert.deepEqual(secret?.['error'], { code: -32603, message: 'internal error', data: null });
    const known = await client.call('job.pause', { job_id: 'none' });
    assert.deepEqual(known?.['error'], {
      code: -32000,
      message: 'no job none',
      data: { remedy: 'mzt list' },
    });
  });

  it('serves requests of one connection at the same time, and runs notifications silently', async () => {
    const client = await connect();
    client.send(
      { id: 'slow', method: 'job.cancel', params: { job_id: 'j' } },
      { method: 'daemon.health' },
      { method: 'no.such' },
      health,
    );
    assert.equal((await client.next())?.['id'], 1);
    client.send({ method: '$/cancelRequest', params: { id: 'slow' } });
    const reply = await client.next();
    assert.deepEqual([reply?.['id'], codeOf(reply)], ['slow', -32800]);
    await untilFacts(server, (facts) => facts.inFlight === 0 && facts.aborted === 1);
  });

  it('aborts the requests of a connection that ended', async () => {
    const client = await connect();
    const before = (await server.facts()).aborted;
    client.send({ id: 1, method: 'job.cancel', params: { job_id: 'j' } });
    await untilFacts(server, (facts) => facts.inFlight === 1);
    client.close();
    await untilFacts(server, (facts) => facts.inFlight === 0 && facts.aborted === before + 1);
  });

  it('speaks Content-Length with vscode-jsonrpc, with cancellation', async () => {
    const socket = createConnection(server.path);
    await once(socket, 'connect');
    const connection = createMessageConnection(
      new SocketMessageReader(socket),
      new SocketMessageWriter(socket),
    );
    connection.listen();
    const answer = await connection.sendRequest<{ protocol: number; pid: number }>(
      'initialize',
      ParameterStructures.byName,
      {
        protocol_versions: [1],
        client: { name: 't', version: '1', kind: 'test' },
      },
    );
    assert.deepEqual([answer.protocol, answer.pid], [1, server.child.pid]);
    const hello = new Promise((resolve) => connection.onNotification('hello', resolve));
    await connection.sendRequest('job.clear', ParameterStructures.byName, {});
    assert.deepEqual(await hello, { kind: 'test' });
    const cancel = new CancellationTokenSource();
    const waiting = connection.sendRequest(
      'job.cancel',
      ParameterStructures.byName,
      { job_id: 'j' },
      cancel.token,
    );
    await untilFacts(server, (facts) => facts.inFlight === 1);
    cancel.cancel();
    await assert.rejects(waiting, { code: -32800 });
    await assert.rejects(
      connection.sendRequest('initialize', ParameterStructures.byName, { protocol_versions: [99] }),
      { code: -32600 },
    );
    connection.dispose();
    socket.destroy();
  });

  it('keeps a header connection after bad JSON of the right length, and ends one whose length lies', async () => {
    const client = await connect();
    client.socket.setEncoding('utf8');
    client.socket.removeAllListeners('data');
    const texts: string[] = [];
    client.socket.on('data', (text: string) => texts.push(text));
    const body = JSON.stringify(health);
    client.write(`Content-Length: 3\r\n\r\n{x}content-length: ${body.length}\r\n\r\n${body}`);
    await untilFacts(server, () => texts.join('').includes('"status":"ok"'));
    assert.ok(texts.join('').includes('-32700'));
    client.write('Content-Length: 99999999999\r\n\r\n');
    await client.closed;
    assert.ok(texts.join('').includes('no valid Content-Length'));
  });

  it('answers a reply that does not fit with how to page', async () => {
    const client = await connect();
    const reply = await client.call('job.prompt', { job_id: 'j', sheet: 1, attempt: 17 });
    assert.equal(codeOf(reply), -32013);
    assert.match(JSON.stringify(reply), /page it.*remedy/);
    assert.ok((await client.call('job.prompt', { job_id: 'j', sheet: 1, attempt: 2 }))?.['result']);
  });

  it('answers a line that is too long, then ends', async () => {
    const client = await connect();
    client.write(Buffer.alloc(17 * 1024 * 1024, 0x20));
    assert.equal(codeOf(await client.next()), -32013);
    await client.closed;
  });

  it('makes a socket again that vanished, folder and all; connections stay', async () => {
    const client = await connect();
    await rm(dirname(server.path), { recursive: true });
    await server.ask({ ask: 'check' });
    const second = await connect();
    assert.ok((await second.call('daemon.health'))?.['result']);
    assert.ok((await client.call('daemon.health'))?.['result']);
    assert.equal((await lstat(server.path)).mode & 0o777, 0o600);
  });
});

describe('the bounds of the socket', () => {
  let server: TestServer | null = null;
  const clients: RawClient[] = [];
  const start = async (limits: Parameters<typeof startServer>[0]) => (server = await startServer(limits));
  const connect = async (path: string) => {
    const client = await RawClient.connect(path);
    clients.push(client);
    return client;
  };
  afterEach(async () => {
    clients.splice(0).forEach((client) => client.close());
    await server?.stop();
    server = null;
  });

  it('tells the connection over the limit why, and takes one when another left', async () => {
    const { path, facts } = await start({ maxConnections: 500 });
    for (let index = 0; index < 500; index += 1) await connect(path);
    await untilFacts(server as TestServer, (now) => now.connections === 500);
    const excess = await connect(path);
    assert.equal(codeOf(await excess.next()), -32001);
    await excess.closed;
    clients[0]?.close();
    await untilFacts(server as TestServer, (now) => now.connections === 499);
    const again = await connect(path);
    assert.ok((await again.call('daemon.health'))?.['result']);
    assert.equal((await facts()).connections, 500);
  });

  it('refuses requests over the limit, streams not counted', async () => {
    const { path } = await start({ maxConcurrentRequests: 2 });
    const stream = await connect(path);
    stream.send({ id: 1, method: 'daemon.monitor.stream' }, { id: 2, method: 'daemon.monitor.stream' });
    const client = await connect(path);
    for (const id of ['a', 'b']) client.send({ id, method: 'job.cancel', params: { job_id: 'j' } });
    assert.equal(codeOf(await client.call('daemon.health', {}, 'c')), -32001);
    client.send({ method: '$/cancelRequest', params: { id: 'a' } });
    assert.equal(codeOf(await client.next()), -32800);
    await untilFacts(server as TestServer, (facts) => facts.inFlight === 1);
    assert.ok((await client.call('daemon.health', {}, 'd'))?.['result']);
  });

  it('closes the connection that holds most when the inbound budget is used up', async () => {
    const { path } = await start({ inboundBudgetBytes: 1024 * 1024 });
    const small = await connect(path);
    small.write('{"id":1,"method":"daemon.health"');
    const fat = await connect(path);
    fat.write('{"x":"' + 'y'.repeat(1024 * 1024 + 10));
    assert.equal(codeOf(await fat.next()), -32001);
    await fat.closed;
    small.write('}\n');
    assert.ok((await small.next())?.['result']);
  });

  it('holds little for a client that stopped reading, and tells it to start over once', async () => {
    const { path, ask, facts } = await start({});
    const stalled = await connect(path);
    assert.deepEqual((await stalled.call('events.subscribe', {}))?.['result'], {
      seq: 0,
      resync: true,
      snapshot: { jobs: [] },
    });
    const reading = await connect(path);
    await reading.call('events.subscribe', { since: 0 });
    stalled.socket.pause();
    const before = (await facts()).rss;
    for (let round = 0; round < 100; round += 1) {
      await ask({ ask: 'publish', count: 100, bytes: 20_000 });
      for (let index = 0; index < 100; index += 1) {
        const event = await reading.next();
        assert.equal((event?.['params'] as { seq: number }).seq, round * 100 + index + 1);
      }
    }
    const grown = (await facts()).rss - before;
    assert.ok(grown < 100 * 1024 * 1024, `200 MB of events grew the server by ${grown} bytes`);
    assert.equal((await facts()).subscribers, 1);
    stalled.socket.resume();
    let last: Record<string, unknown> | null = null;
    let seq = 0;
    for (;;) {
      last = await stalled.next();
      if (last?.['method'] !== 'event') break;
      assert.equal((last['params'] as { seq: number }).seq, ++seq);
    }
    assert.equal(last?.['method'], 'resync');
    assert.ok((await stalled.call('daemon.health'))?.['result']);
    // The ring has only the last 100: what it missed is gone, so it gets a snapshot.
    const again = (await stalled.call('events.subscribe', { since: seq }))?.['result'] as {
      resync: boolean;
      seq: number;
    };
    assert.deepEqual([again.resync, again.seq], [true, 10_000]);
  });

  it('replays missed events, coalesces ephemeral ones, and serves the Python form', async () => {
    const { path, ask } = await start({});
    await ask({ ask: 'publish', count: 3, bytes: 1 });
    const client = await connect(path);
    const reply = await client.call('events.subscribe', { since: 1 });
    assert.deepEqual(reply?.['result'], { seq: 3, resync: false });
    assert.equal(((await client.next())?.['params'] as { seq: number }).seq, 2);
    assert.equal(((await client.next())?.['params'] as { seq: number }).seq, 3);
    const python = await connect(path);
    python.send({ jsonrpc: '2.0', id: 1, method: 'daemon.monitor.stream' });
    const quick = await connect(path);
    await quick.call('events.subscribe', { since: 3, ephemeral: true });
    quick.socket.pause();
    await ask({ ask: 'publish', count: 20_000, bytes: 2_000, ephemeralKey: 'p' });
    await ask({ ask: 'publish', count: 1, bytes: 1 });
    const monitor = await python.next();
    assert.deepEqual(Object.keys(monitor?.['params'] as object), [
      'job_id',
      'sheet_num',
      'event',
      'data',
      'timestamp',
    ]);
    assert.equal(((await client.next())?.['params'] as { seq: number }).seq, 4);
    quick.socket.resume();
    let progress = 0;
    for (;;) {
      const event = await quick.next();
      assert.equal(event?.['method'], 'event');
      if ((event['params'] as { seq?: number }).seq === 4) break;
      progress += 1;
    }
    assert.ok(progress < 2_000, `${progress} of 20,000 progress events came through`);
    assert.deepEqual((await client.call('events.unsubscribe'))?.['result'], { unsubscribed: true });
  });

  it('closes a client that does not read its replies once they are too much for all', async () => {
    const { path } = await start({ outboundBudgetBytes: 4 * 1024 * 1024 });
    const greedy = await connect(path);
    greedy.socket.pause();
    for (let id = 0; id < 20; id += 1)
      greedy.send({ id, method: 'job.prompt', params: { job_id: 'j', sheet: 1, attempt: 1 } });
    await untilFacts(server as TestServer, (facts) => facts.connections === 0);
    const other = await connect(path);
    assert.ok((await other.call('daemon.health'))?.['result']);
  });

  it('does not read on from a client that does not read its replies, and serves it when it does', async () => {
    const { path, facts } = await start({});
    const client = await connect(path);
    client.socket.pause();
    for (let id = 1; id <= 20; id += 1) {
      client.send({ id, method: 'job.prompt', params: { job_id: 'j', sheet: 1, attempt: 1 } });
      // A round trip of its own: so each request is a read of its own.
      await facts();
    }
    const { prompts } = await facts();
    assert.ok(prompts >= 1 && prompts <= 5, `${prompts} requests were worked on`);
    client.socket.resume();
    for (let id = 1; id <= 20; id += 1) assert.equal((await client.next())?.['id'], id);
  });

  it('closes gracefully: work is served, the rest is cut at the deadline, the socket is gone', async () => {
    const { path, ask } = await start({});
    const client = await connect(path);
    client.send({ id: 1, method: 'job.clear' });
    const idle = await connect(path);
    await untilFacts(server as TestServer, (facts) => facts.inFlight === 1 && facts.connections === 2);
    await ask({ ask: 'close', deadlineMs: 5_000 });
    assert.equal((await client.next())?.['method'], 'hello');
    assert.deepEqual((await client.next())?.['result'], { deleted: 0 });
    await Promise.all([client.closed, idle.closed]);
    await assert.rejects(lstat(path), { code: 'ENOENT' });
  });

  it('does not wait for ever for a request that does not end', async () => {
    const { path, ask } = await start({});
    const client = await connect(path);
    client.send({ id: 1, method: 'job.cancel', params: { job_id: 'j' } });
    await untilFacts(server as TestServer, (facts) => facts.inFlight === 1);
    await ask({ ask: 'close', deadlineMs: 20 });
    await client.closed;
  });
});
