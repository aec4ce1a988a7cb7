/** A window's tie to the conductor: a start that several wait for, and that a person gives up. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError } from '../../src/protocol/errors';
import { Connection } from '../../src/views/connection/connection';
import type { ConnectionState, Starting } from '../../src/views/connection/connection';

describe('a start that a window waits for', function () {
  this.timeout(40_000);
  let root: string;
  let connection: Connection;
  let starts: Starting[];
  let states: ConnectionState[];
  const support = JSON.stringify(join(__dirname, '../support/wire-conductor.js'));
  const pidFile = () => join(root, 'pid');

  /** A build whose conductor never gets ready while the file `slow` is there. */
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'win-'));
    const distDir = join(root, 'dist');
    await mkdir(distDir);
    const slow = JSON.stringify(join(root, 'slow'));
    await writeFile(
      join(distDir, 'conductor.js'),
      `const fs = require('node:fs');
       if (fs.existsSync(${slow})) { fs.writeFileSync(${JSON.stringify(pidFile())}, process.pid + '\\n'); setTimeout(() => {}, 60_000); }
       else require(${support}).main(__dirname);`,
    );
    await writeFile(
      join(distDir, 'build.json'),
      JSON.stringify({ build: 'b1', version: '1.0.0', built_at: 1 }),
    );
    await writeFile(join(root, 'slow'), '');
    starts = [];
    states = [];
    connection = new Connection({
      stateDir: join(root, 'home'),
      distDir,
      client: { name: 'test', version: '1', kind: 'test' },
      env: process.env,
      node: process.execPath,
      mayStart: () => true,
      hasWork: () => false,
      onSnapshot: () => undefined,
      onEvent: () => undefined,
      onStarting: (start) => starts.push(start),
      log: { info: () => undefined, warn: () => undefined },
    });
    connection.onState((state) => states.push(state));
  });
  afterEach(async () => {
    const pid = connection.info?.pid;
    connection.dispose();
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    await rm(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  });

  it('is told once, ends for all who wait when it is given up, and the next one works', async () => {
    const waiting = [connection.ensure(), connection.ensure(), connection.call('daemon.config', {})];
    const outcomes = Promise.allSettled(waiting);
    assert.equal(starts.length, 1);
    let text = '';
    while (!text.endsWith('\n')) text = await readFile(pidFile(), 'utf8').catch(() => '');
    await rm(join(root, 'slow'));
    starts[0]?.cancel();
    for (const outcome of await outcomes)
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof CancelledError);
    // Asked again at once: what was begun is ended first.
    const link = await connection.ensure();
    assert.throws(() => process.kill(Number(text), 0), { code: 'ESRCH' });
    assert.equal(link.isOpen, true);
    assert.equal(starts.length, 2);
    assert.deepEqual(states, ['starting', 'stopped', 'starting', 'connected']);
  });

  it('is not told of when nobody asked for it', async () => {
    await rm(join(root, 'slow'));
    await connection.ensure(true);
    assert.deepEqual([starts.length, connection.state], [0, 'connected']);
  });
});
