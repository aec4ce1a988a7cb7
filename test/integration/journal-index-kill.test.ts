import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import initSqlJs from 'sql.js';
import { temporaryState } from '../support/journal-folder';

const child = resolve('out/test/support/index-child.js');

describe('index under kill -9', () => {
  it('is a whole image whenever the process dies', async function () {
    this.timeout(60_000);
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    const sql = await initSqlJs();
    for (let round = 0; round < 15; round += 1) {
      const running = spawn(process.execPath, [child, file], { stdio: ['ignore', 'pipe', 'inherit'] });
      const ended = new Promise<void>((done) => running.once('close', () => done()));
      const limit = 1 + Math.floor(Math.random() * 12);
      let exports = 0;
      for await (const line of createInterface({ input: running.stdout })) {
        assert.equal(line, 'exported');
        exports += 1;
        // Some time into the next export: each takes a few milliseconds.
        if (exports === limit) setTimeout(() => running.kill('SIGKILL'), Math.random() * 8);
      }
      await ended;
      const db = new sql.Database(await readFile(file));
      assert.deepEqual(db.exec('PRAGMA integrity_check')[0]?.values, [['ok']]);
      const [lastSeq, attempts] =
        db.exec('SELECT last_seq, (SELECT COUNT(*) FROM execution_history) FROM meta')[0]?.values[0] ?? [];
      assert.ok(Number(attempts) >= limit * 50, `${String(attempts)} attempts after ${limit} exports`);
      assert.equal(lastSeq, 1 + 2 * Number(attempts), 'the image says truly how far it goes');
      db.close();
    }
  });
});
