import assert from 'node:assert/strict';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { encodeRecord } from '../../../src/conductor/journal/record';
import type { JournalRecord } from '../../../src/conductor/journal/record';
import { recoverSegments } from '../../../src/conductor/journal/recovery';
import { openJournal, temporaryState } from '../../support/journal-folder';

/** A segment with a snapshot and `count` records after it, as bytes. */
function segmentBytes(first: number, count: number): { bytes: Buffer; snapshotEnd: number; ends: number[] } {
  const asOf = first - 1;
  const frame = { journal_id: 'j', as_of: asOf, records: 1 };
  const record = (type: string, seq: number, body: object): JournalRecord => ({
    seq,
    epoch: 1,
    t: seq,
    type,
    run: 'r',
    body: { ...body },
  });
  const head = [
    encodeRecord(record('snapshot.begin', asOf, frame)),
    encodeRecord(record('snapshot.count', asOf, { count: asOf, sum: 0 })),
    encodeRecord(record('snapshot.end', asOf, frame)),
  ];
  const lines = Array.from({ length: count }, (_, n) =>
    encodeRecord(record('test.note', first + n, { n, text: 'ü'.repeat(n % 7) })),
  );
  const snapshotEnd = Buffer.concat(head).length;
  let at = snapshotEnd;
  return {
    bytes: Buffer.concat([...head, ...lines]),
    snapshotEnd,
    ends: lines.map(({ length }) => (at += length)),
  };
}

describe('journal recovery', () => {
  it('keeps every complete record before any damage, invents none, and never fails', async () => {
    await using state = await temporaryState();
    await (await openJournal(state)).journal.close();
    const path = join(state.dir, '000000000021.jsonl');
    const { bytes, snapshotEnd, ends } = segmentBytes(21, 30);
    let before: string[] = [];
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: snapshotEnd, max: bytes.length - 1 }),
        fc.oneof(fc.constant('cut' as const), fc.uint8Array({ minLength: 1, maxLength: 40 })),
        async (at, damage) => {
          const damaged = damage === 'cut' ? bytes.subarray(0, at) : Buffer.from(bytes);
          if (damage !== 'cut') damaged.set(damage.subarray(0, bytes.length - at), at);
          await writeFile(path, damaged);
          const seen: JournalRecord[] = [];
          const recovery = await recoverSegments(state.dir, (record) => seen.push(record));
          const notes = seen.filter(({ type }) => type === 'test.note');
          const firstChange = damaged.equals(bytes)
            ? bytes.length
            : damage === 'cut'
              ? at
              : bytes.findIndex((byte, index) => byte !== damaged[index]);
          const whole = ends.filter((end) => end <= firstChange).length;
          assert.deepEqual(
            notes.map(({ seq }) => seq),
            Array.from({ length: whole }, (_, n) => 21 + n),
          );
          assert.equal(recovery.lastSeq, 20 + whole);
          const kept = [snapshotEnd, ...ends][whole] ?? 0;
          const left = await readFile(path);
          assert.ok(left.equals(bytes.subarray(0, kept)), 'cut at the end of the last good record');
          assert.equal(recovery.torn === null, damaged.length === kept);
          if (recovery.torn?.keptAs) {
            assert.ok((await readFile(recovery.torn.keptAs)).equals(damaged.subarray(kept)));
          }
          const again = await recoverSegments(state.dir, () => undefined);
          assert.deepEqual([again.torn, again.lastSeq], [null, recovery.lastSeq]);
          const names = await readdir(state.dir);
          assert.equal(
            names.length,
            before.length === 0 ? names.length : before.length + (recovery.torn ? 1 : 0),
          );
          before = names;
        },
      ),
      { numRuns: 120 },
    );
  });

  it('keeps what was appended together whole, or drops all of it, wherever it is torn', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state);
    const sizes = [1, 3, 2, 1, 4];
    /** Seq of the last record of each group. */
    const ends = [0];
    for (const size of sizes) {
      const records = await journal.append(
        Array.from({ length: size }, (_, n) => ({ type: 'test.note', body: { n } })),
      );
      ends.push(records.at(-1)?.seq ?? 0);
    }
    const path = journal.store.segments().at(-1)?.path ?? '';
    await journal.close();
    const bytes = await readFile(path);
    const notes = bytes.indexOf('"test.note"');
    const from = bytes.lastIndexOf(10, notes) + 1;
    const cuts = [from];
    for (let end = bytes.indexOf(10, from); end >= 0; end = bytes.indexOf(10, end + 1))
      cuts.push(end - 20, end, end + 1);
    for (const at of cuts) {
      await writeFile(path, bytes.subarray(0, at));
      const seen: number[] = [];
      const recovery = await recoverSegments(state.dir, ({ seq, type }) => {
        if (type === 'test.note') seen.push(seq);
      });
      assert.ok(ends.includes(seen.at(-1) ?? 0), `half a group is left of ${at} bytes: ${seen.join()}`);
      assert.equal(recovery.lastSeq, seen.at(-1) ?? 0);
      const again = await recoverSegments(state.dir, () => undefined);
      assert.deepEqual([again.torn, again.lastSeq], [null, recovery.lastSeq]);
    }
    assert.equal(ends.at(-1), 11);
  });

  it('goes back to the segment before when a snapshot is damaged, and uses what follows it', async () => {
    await using state = await temporaryState();
    await (await openJournal(state)).journal.close();
    const older = segmentBytes(21, 10);
    const newer = segmentBytes(31, 5);
    // What a displaced writer put behind it does not count: the newer segment says what 31 is.
    const stale = encodeRecord({ seq: 31, epoch: 1, t: 1, type: 'test.note', run: 'r', body: { n: 999 } });
    await writeFile(join(state.dir, '000000000021.jsonl'), Buffer.concat([older.bytes, stale]));
    newer.bytes.write('?', 40);
    await writeFile(join(state.dir, '000000000031.jsonl'), newer.bytes);

    const opened = await openJournal(state);
    assert.deepEqual([opened.fold.count, opened.report.lastSeq], [35, 35]);
    assert.equal(opened.fold.seen.find(({ seq }) => seq === 31)?.body['n'], 0);
    assert.deepEqual(
      opened.report.corruption.map(({ kind }) => kind),
      ['snapshot'],
    );
    assert.equal(opened.report.torn, null);
    await opened.journal.close();
  });

  it('reports what is missing from an older segment and uses the good rest', async () => {
    await using state = await temporaryState();
    await (await openJournal(state)).journal.close();
    const older = segmentBytes(21, 10);
    older.bytes.write('?', (older.ends[3] ?? 0) + 20);
    await writeFile(join(state.dir, '000000000021.jsonl'), older.bytes);
    await writeFile(join(state.dir, '000000000031.jsonl'), 'no snapshot\n');

    const opened = await openJournal(state);
    assert.deepEqual(
      opened.fold.seen.map(({ seq }) => seq),
      [21, 22, 23, 24, 26, 27, 28, 29, 30],
    );
    const gap = opened.report.corruption.find(({ kind }) => kind === 'gap');
    assert.deepEqual(gap?.missing, { from: 25, to: 25 });
    assert.equal(gap?.offset, older.ends[3]);
    await opened.journal.close();
  });

  it('never uses a lost number again, and says so when everything is damaged', async () => {
    await using state = await temporaryState();
    await (await openJournal(state)).journal.close();
    await writeFile(join(state.dir, '000000000021.jsonl'), 'x'.repeat(500));
    const opened = await openJournal(state);
    assert.equal(opened.report.lastSeq, 20);
    assert.ok(opened.report.corruption.length > 0);
    assert.equal((await opened.journal.append([{ type: 'test.note', body: {} }]))[0]?.seq, 21);
    await opened.journal.close();
  });
});
