/** A window's tie to the conductor, as VS Code holds it, without VS Code. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ConductorNotRunning } from '../../src/client/errors';
import { readOwner } from '../../src/protocol/owner-record';
import { ownerRecordPath } from '../../src/protocol/paths';
import { Connection } from '../../src/views/connection/connection';

const support = JSON.stringify(join(__dirname, '../support/wire-conductor.js'));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('the windows of one conductor', function () {
  this.timeout(60_000);
  let root: string;
  let stateDir: string;
  let distDir: string;
  const open: Connection[] = [];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'win-'));
    stateDir = join(root, 's');
    distDir = join(root, 'dist');
    await mkdir(distDir);
    await writeFile(join(distDir, 'conductor.js'), `require(${support}).main(__dirname);`);
    const build = { build: 'b1', version: '1.0.0', built_at: 1 };
    await writeFile(join(distDir, 'build.json'), JSON.stringify(build));
  });
  afterEach(async () => {
    for (const connection of open.splice(0)) connection.dispose();
    const owner = await readOwner(stateDir);
    if (owner !== null && !owner.record.released) process.kill(owner.record.pid, 'SIGKILL');
    await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  function window() {
    const said: string[] = [];
    const connection = new Connection({
      stateDir,
      distDir,
      client: { name: 'test', version: '1', kind: 'vscode' },
      env: process.env,
      node: process.execPath,
      mayStart: () => true,
      hasWork: () => true,
      onSnapshot: () => undefined,
      onEvent: () => undefined,
      onStarting: () => undefined,
      log: { info: (text) => said.push(text), warn: (text) => said.push(text) },
    });
    open.push(connection);
    return { connection, said };
  }
  const connected = (connection: Connection) => until(() => connection.state === 'connected');

  it('leave it alone when it was stopped from another one', async () => {
    const [here, there] = [window(), window()];
    await here.connection.ensure();
    there.connection.look();
    await connected(there.connection);
    await here.connection.stop(false);
    await until(() => there.said.some((text) => /ended (in order|unexpectedly)/.test(text)));
    assert.match(there.said.at(-1) ?? '', /ended in order/);
    const owner = await readOwner(stateDir);
    assert.deepEqual([owner?.epoch, owner?.record.released], [2, true]);
  });

  it('start it again once when it was killed', async () => {
    const [here, there] = [window(), window()];
    await here.connection.ensure();
    there.connection.look();
    await connected(there.connection);
    const killed = here.connection.info?.pid ?? 0;
    process.kill(killed, 'SIGKILL');
    await until(() => here.connection.state !== 'connected' && there.connection.state !== 'connected');
    await Promise.all([connected(here.connection), connected(there.connection)]);
    assert.equal(here.connection.info?.pid, there.connection.info?.pid);
    assert.notEqual(here.connection.info?.pid, killed);
    assert.equal((await readOwner(stateDir))?.epoch, 2);
  });

  it('that stopped it follow the next one like every other', async () => {
    const [here, there] = [window(), window()];
    await here.connection.ensure();
    await here.connection.stop(false);
    const began = Date.now();
    await there.connection.ensure();
    await connected(here.connection);
    assert.ok(Date.now() - began < 3_000, 'a new owner record cuts every pause short');
    there.connection.dispose();
    process.kill(here.connection.info?.pid ?? 0, 'SIGKILL');
    await until(() => here.connection.state !== 'connected');
    await connected(here.connection);
  });

  it('that have ended do not come back with a start that was under way', async () => {
    const { connection } = window();
    const starting = connection.ensure();
    connection.dispose();
    await assert.rejects(starting);
    assert.notEqual(connection.state, 'connected');
  });

  it('find one that runs for an editor that is opened again, and start none for it', async () => {
    const { connection } = window();
    await assert.rejects(connection.whenRunning(), ConductorNotRunning);
    assert.equal(await readOwner(stateDir), null);
    await window().connection.ensure();
    assert.equal((await connection.whenRunning()).isOpen, true);
  });

  it('refuse to stop what does not run', async () => {
    await assert.rejects(window().connection.stop(false), ConductorNotRunning);
  });

  it('close the connection over which they got no answer', async () => {
    // Answers the first `initialize`, by which it is found, in line framing; and never one in the other framing.
    const sockets = new Set<Socket>();
    let framed = 0;
    const path = join(root, 'socket');
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        if (data.toString().startsWith('Content-Length')) {
          framed += 1;
          const error = { jsonrpc: '2.0', id: 0, error: { code: -32603, message: 'no' } };
          const body = JSON.stringify(error);
          socket.write(`Content-Length: ${body.length}\r\n\r\n${body}`);
          return;
        }
        const { id } = JSON.parse(data.toString()) as { id: number };
        const result = {
          ...{ protocol: 1, build: 'x', version: '1.0.0', built_at: 1, epoch: 1, seq: 1, pid: process.pid },
          ...{ capabilities: [], socket: path, state_dir: stateDir },
        };
        socket.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`);
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await mkdir(dirname(ownerRecordPath(stateDir, 1)), { recursive: true, mode: 0o700 });
    const record = {
      ...{ pid: process.pid, start_time: '1', boot_id: 'b', build: 'x', version: '1.0.0', socket: path },
      ...{ nonce: 'n', protocol: 1, released: true, built_at: 1 },
    };
    await writeFile(ownerRecordPath(stateDir, 1), JSON.stringify({ ...record, released: false }));
    window().connection.look();
    await until(() => framed >= 3);
    assert.ok(sockets.size <= 2, `${sockets.size} connections are open`);
    // So that the end of the test ends no process.
    await writeFile(ownerRecordPath(stateDir, 1), JSON.stringify(record));
    for (const connection of open.splice(0)) connection.dispose();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
