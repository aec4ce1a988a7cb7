import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import initSqlJs from 'sql.js';
import { systemClock } from '../../src/conductor/journal/clock';
import { IndexClient } from '../../src/conductor/index/index-client';
import { LogLines, indexWorkerFile, temporaryState } from '../support/journal-folder';
import { RecordMaker, streamOf } from '../support/journal-records';

const child = resolve('out/test/support/index-child.js');

describe('index under kill -9', () => {
  it('is a whole image whenever the process dies', async function () {
    this.timeout(90_000);
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    // Large enough that a good part of each round is spent writing it.
    const { records } = manySheets(10_000);
    const log = new LogLines();
    const options = {
      file,
      journalId: 'j',
      lastSeq: records.length,
      workerFile: indexWorkerFile,
      clock: systemClock,
      log,
    };
    const { index } = await IndexClient.open(options);
    await index.rebuild(streamOf(records));
    await index.close();

    const sql = await initSqlJs();
    let known = records.length;
    for (let round = 0; round < 25; round += 1) {
      const running = spawn(process.execPath, [child, file, String(known)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = new Promise<void>((done) => running.once('close', () => done()));
      const lines: string[] = [];
      for await (const line of createInterface({ input: running.stdout })) {
        lines.push(line);
        if (lines.length === 3) setTimeout(() => running.kill('SIGKILL'), Math.random() * 25);
      }
      await ended;
      assert.equal(lines[0], 'ok', 'the image that the last round left is complete');
      const db = new sql.Database(await readFile(file));
      assert.deepEqual(db.exec('PRAGMA quick_check')[0]?.values, [['ok']]);
      const [lastSeq, ofRun] =
        db.exec("SELECT last_seq, (SELECT last_seq FROM run_seq WHERE run = 'a') FROM meta")[0]?.values[0] ??
        [];
      db.close();
      const exported = lines.length - 1;
      assert.ok(Number(lastSeq) >= known + exported, 'what was exported is there');
      assert.equal(ofRun, lastSeq, 'the image says truly how far it goes');
      known = Number(lastSeq);
    }
  });
});

function manySheets(count: number): RecordMaker {
  const make = new RecordMaker();
  make.submitted('a', count);
  for (let sheet = 1; sheet <= count; sheet += 1) {
    make.started('a', sheet, 1);
    make.finished('a', sheet, 1, true);
  }
  return make;
}
