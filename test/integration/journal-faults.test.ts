import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { decodeLine } from '../../src/conductor/journal/record';
import type { JournalRecord } from '../../src/conductor/journal/record';
import { openJournal, temporaryState } from '../support/journal-folder';

const child = resolve('out/test/support/journal-child.js');

/** Runs the child until it ends or until `stop` says so for a line; then it is killed without notice. @returns its lines. */
async function run(
  command: string,
  args: string[],
  stop: (line: string, count: number) => boolean,
): Promise<string[]> {
  const process = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 25_000,
    killSignal: 'SIGKILL',
  });
  const lines: string[] = [];
  const ended = new Promise<void>((done) => process.once('close', () => done()));
  for await (const line of createInterface({ input: process.stdout })) {
    lines.push(line);
    if (stop(line, lines.length)) process.kill('SIGKILL');
  }
  await ended;
  return lines;
}

async function collect(records: AsyncIterable<JournalRecord>): Promise<JournalRecord[]> {
  const found: JournalRecord[] = [];
  for await (const record of records) found.push(record);
  return found;
}

describe('journal under faults', () => {
  it('has every acknowledged record exactly once after kill -9, sixty times', async function () {
    this.timeout(120_000);
    await using state = await temporaryState();
    const acked = new Map<number, number>();
    for (let round = 0; round < 60; round += 1) {
      const limit = 1 + Math.floor(Math.random() * 60);
      const lines = await run(process.execPath, [child, 'kill', state.root], (_, count) => count === limit);
      for (const line of lines) {
        const [word, seq, n] = line.split(' ');
        assert.equal(word, 'ack', line);
        assert.ok(!acked.has(Number(seq)), `seq ${seq} was given twice`);
        acked.set(Number(seq), Number(n));
      }
    }
    const { journal, report, fold } = await openJournal(state);
    assert.deepEqual(report.corruption, []);
    const records = await collect(journal.store.readRun('r'));
    assert.deepEqual(
      records.map(({ seq }) => seq),
      Array.from({ length: records.length }, (_, index) => index + 1),
    );
    for (const [seq, n] of acked) assert.equal(records[seq - 1]?.body['n'], n);
    assert.ok(acked.size >= 60);
    assert.equal(fold.count, records.length, 'snapshots and records say the same');
    // Torn tails were cut: every line of every segment is whole.
    for (const { path } of journal.store.segments()) {
      const lines = (await readFile(path, 'utf8')).split('\n');
      assert.equal(lines.pop(), '');
      for (const line of lines) assert.ok(decodeLine(Buffer.from(line)).ok, path);
    }
    await journal.close();
  });

  it('waits out a disk that takes no more, and loses and repeats nothing', async function () {
    this.timeout(30_000);
    await using state = await temporaryState();
    // A file may not grow beyond 8 KiB: writes are cut short, then fail with EFBIG, as on a full disk with ENOSPC; a new
    // segment has room again. Needs no privilege. (ulimit counts 512-byte blocks in POSIX mode, 1024-byte blocks otherwise.)
    const script = `ulimit -f 8; exec "$0" "$@"`;
    const args = ['-c', script, process.execPath, child, 'limit', state.root, '100', '300'];
    const lines = await run('bash', args, () => false);
    const acks = lines.filter((line) => line.startsWith('ack'));
    assert.deepEqual(
      acks,
      Array.from({ length: 100 }, (_, n) => `ack ${n + 1} ${n}`),
    );
    assert.ok(lines.includes('failed EFBIG'), lines.slice(0, 5).join());
    assert.ok(lines.includes('recovered'));
    assert.ok(lines.includes('wait 2000'));
    assert.equal(lines.at(-1), 'done 100');

    const { journal, fold, report } = await openJournal(state);
    assert.deepEqual([fold.count, fold.sum], [100, 4950]);
    assert.deepEqual(report.corruption, []);
    const records = await collect(journal.store.readRun('r'));
    assert.deepEqual(
      records.map(({ seq, body }) => [seq, body['n']]),
      Array.from({ length: 100 }, (_, n) => [n + 1, n]),
    );
    assert.ok((await readdir(state.dir)).every((name) => !name.endsWith('.tmp')));
    assert.ok((await readdir(join(state.dir))).length > 3);
    await journal.close();
  });
});
