import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectJsonRpc } from '../../src/client/json-rpc-link';
import { readOwner } from '../../src/protocol/owner-record';
import { TestConductor } from '../support/conductor';

describe('a conductor that nobody needs', () => {
  it('ends by itself and gives its ownership back, but not while a window is connected', async function () {
    this.timeout(60_000);
    const conductor = new TestConductor();
    try {
      mkdirSync(conductor.home, { mode: 0o700 });
      writeFileSync(join(conductor.home, 'conductor.yaml'), 'idle_exit_minutes: 0.001\n');
      await conductor.start();
      const { child } = conductor;
      assert.ok(child);
      const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
      const owner = await readOwner(conductor.home);
      assert.ok(owner);
      const window = await connectJsonRpc(owner.record.socket);
      await window.call('initialize', {
        protocol_versions: [1],
        client: { name: 'test', version: '0', kind: 'test' },
      });
      // It looks every 5 s: one of those goes by.
      const early = await Promise.race([
        ended,
        new Promise((done) => setTimeout(() => done('alive'), 7_000)),
      ]);
      assert.equal(early, 'alive');
      window.close();
      assert.equal(await ended, 0);
      assert.equal((await readOwner(conductor.home))?.record.released, true);
    } finally {
      await conductor.dispose();
    }
  });
});
