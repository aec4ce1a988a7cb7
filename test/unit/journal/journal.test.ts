import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, mkdir, readFile, readdir, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NewerJournalError } from '../../../src/conductor/journal/format';
import { JournalClosedError, RecordRefusedError } from '../../../src/conductor/journal/journal';
import { encodeRecord } from '../../../src/conductor/journal/record';
import type { JournalRecord, RecordDraft } from '../../../src/conductor/journal/record';
import { openJournal, temporaryState } from '../../support/journal-folder';

function draft(n: number, run = 'r'): RecordDraft {
  return { type: 'test.note', run, body: { n } };
}

async function collect(records: AsyncIterable<JournalRecord>): Promise<JournalRecord[]> {
  const found: JournalRecord[] = [];
  for await (const record of records) found.push(record);
  return found;
}

function seqs(records: readonly JournalRecord[]): number[] {
  return records.map(({ seq }) => seq);
}

describe('journal', () => {
  it('starts fresh, numbers in call order and brings everything back', async () => {
    await using state = await temporaryState();
    const first = await openJournal(state);
    assert.equal(first.report.state, 'fresh');
    const batches = await Promise.all([
      first.journal.append([draft(1), draft(2)]),
      first.journal.append([draft(3)]),
      first.journal.append([]),
      first.journal.append([{ type: 'test.alone', body: {}, t: 5 }]),
    ]);
    assert.deepEqual(batches.map(seqs), [[1, 2], [3], [], [4]]);
    assert.equal(first.journal.lastSeq, 4);
    await first.journal.close();

    const second = await openJournal(state, { epoch: 2 });
    assert.equal(second.report.state, 'recovered');
    assert.equal(second.report.journalId, first.report.journalId);
    assert.equal(second.report.lastEpoch, 1);
    assert.deepEqual(second.fold.seen, batches.flat());
    assert.equal(second.fold.seen[3]?.t, 5);
    assert.equal(second.report.torn, null);
    assert.deepEqual(second.report.corruption, []);
    const [next] = await second.journal.append([draft(5)]);
    assert.deepEqual([next?.seq, next?.epoch], [5, 2]);
    await second.journal.close();

    // The third start reads the snapshot of the second, not the first segment.
    const third = await openJournal(state);
    assert.deepEqual(seqs(third.fold.seen), [5]);
    assert.deepEqual([third.fold.count, third.fold.sum], [5, 11]);
    await third.journal.close();
  });

  it('keeps files and folders private', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state);
    await journal.append([draft(1)]);
    await journal.store.archiveRun('r');
    await journal.close();
    for (const dir of [state.dir, state.archiveDir]) {
      assert.equal((await stat(dir)).mode & 0o777, 0o700);
      for (const name of await readdir(dir))
        assert.equal((await stat(join(dir, name))).mode & 0o777, 0o600, name);
    }
  });

  it('hands durable records on before it resolves', async () => {
    await using state = await temporaryState();
    const { journal, fold } = await openJournal(state);
    const append = journal.append([draft(1)]).then(() => fold.count);
    assert.equal(fold.count, 0);
    assert.equal(await append, 1);
    await journal.close();
  });

  it('refuses a record as a whole and uses up no number for it', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state);
    const huge = { type: 'test.note', body: { text: 'ü'.repeat(4 * 1024 * 1024) } };
    await assert.rejects(journal.append([draft(1), huge]), RecordRefusedError);
    await assert.rejects(journal.append([{ type: 'snapshot.fake', body: {} }]), RecordRefusedError);
    await assert.rejects(journal.append([{ type: 'test.note', body: { n: 1n } }]), RecordRefusedError);
    const large = { type: 'test.note', body: { text: 'x'.repeat(1024 * 1024) } };
    assert.deepEqual(seqs(await journal.append([large, large])), [1, 2]);
    await journal.close();
    await assert.rejects(journal.append([draft(1)]), JournalClosedError);

    const again = await openJournal(state);
    assert.deepEqual(
      again.fold.seen.map(({ body }) => body),
      [large.body, large.body],
    );
    await again.journal.close();
  });

  it('makes everything durable that was appended before close', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state, { segmentBytes: 500 });
    const appends = Array.from({ length: 50 }, (_, n) => journal.append([draft(n)]));
    await journal.close();
    assert.deepEqual(
      (await Promise.all(appends)).flat().map(({ seq }) => seq),
      Array.from({ length: 50 }, (_, n) => n + 1),
    );
  });

  it('rolls over without losing order, each segment opening with the state before it', async () => {
    await using state = await temporaryState();
    const { journal, fold } = await openJournal(state, { segmentBytes: 2000 });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all(Array.from({ length: 12 }, (_, n) => journal.append([draft(n)])));
    }
    assert.ok(journal.store.segments().length > 3);
    assert.deepEqual(seqs(await collect(journal.store.readRun('r'))), seqs(fold.seen));
    assert.equal(fold.seen.length, 120);
    await journal.close();

    const files = journal.store.segments();
    for (let kept = files.length; kept > 0; kept -= 1) {
      const again = await openJournal(state);
      assert.equal(again.fold.count, kept === files.length ? 120 : (files[kept]?.first ?? 0) - 1);
      assert.equal(again.fold.asOf, again.report.lastSeq);
      await again.journal.close();
      for (const { first, path } of again.journal.store.segments()) {
        if (first >= (files[kept - 1]?.first ?? 0)) await unlink(path);
      }
    }
  });

  it('says that the journal is missing instead of looking new', async () => {
    await using state = await temporaryState();
    const first = await openJournal(state);
    await first.journal.append([draft(1), draft(2), draft(3)]);
    await first.journal.store.archiveRun('r');
    await first.journal.close();

    for (const { path } of first.journal.store.segments()) await unlink(path);
    const without = await openJournal(state);
    assert.equal(without.report.state, 'missing');
    assert.ok(without.log.lines.some(({ message }) => message.startsWith('journal_missing')));
    // Archived numbers are not used again.
    assert.deepEqual(seqs(await without.journal.append([draft(4)])), [4]);
    await without.journal.close();

    await rm(state.dir, { recursive: true });
    const gone = await openJournal(state);
    assert.equal(gone.report.state, 'missing');
    await gone.journal.close();

    await rm(state.dir, { recursive: true });
    await rm(state.archiveDir, { recursive: true });
    const told = await openJournal(state, { expectExisting: true });
    assert.equal(told.report.state, 'missing');
    await told.journal.close();
  });

  it('refuses a newer format and touches nothing; a lost FORMAT is written again with the same id', async () => {
    await using state = await temporaryState();
    const first = await openJournal(state);
    await first.journal.append([draft(1)]);
    await first.journal.close();
    const file = join(state.dir, 'FORMAT');

    await unlink(file);
    const second = await openJournal(state);
    assert.equal(second.report.journalId, first.report.journalId);
    await second.journal.close();
    assert.equal(
      (JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>)['journal_id'],
      first.report.journalId,
    );

    await writeFile(file, '{"version":2,"shape":"unknown"}');
    const before = await readdir(state.dir);
    await assert.rejects(openJournal(state), NewerJournalError);
    assert.deepEqual(await readdir(state.dir), before);
  });

  it('survives a folder that vanishes: waits, tries again, loses nothing', async () => {
    await using state = await temporaryState();
    const { journal, fold, clock } = await openJournal(state, { segmentBytes: 300 });
    const moved = `${state.dir}-moved`;
    await journal.append([draft(1)]);
    // The next segment cannot be made; the old one goes on.
    await rename(state.dir, moved);
    await Promise.all([draft(2), draft(3), draft(4), draft(5)].map((one) => journal.append([one])));
    assert.equal(journal.failed, false);
    await rename(moved, state.dir);
    for (let n = 6; n < 12; n += 1) await journal.append([draft(n)]);
    assert.ok(journal.store.segments().length > 1);
    assert.deepEqual(seqs(fold.seen), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    assert.equal(clock.waiting, 0);
    await journal.close();
    const again = await openJournal(state);
    assert.equal(again.fold.count, 11);
    await again.journal.close();
  });

  it('opens although no segment can be made, and writes what waited when one can', async () => {
    await using state = await temporaryState();
    // A folder where the temporary file would be: nothing can be opened there.
    const obstacle = join(state.dir, '000000000001.jsonl.tmp');
    let ready = false;
    const { journal, clock, log } = await openJournal(state, {
      snapshot: () => {
        if (!ready) throw new Error('no state yet');
        return [];
      },
    });
    assert.equal(journal.failed, true);
    const waiting = journal.append([draft(1)]);
    await mkdir(obstacle);
    ready = true;
    clock.advance(2000);
    await waitUntil(() => clock.waiting === 1);
    assert.equal(journal.failed, true);
    await rm(obstacle, { recursive: true });
    const recovered = once(journal, 'recovered');
    clock.advance(1999);
    assert.equal(journal.failed, true);
    clock.advance(1);
    assert.deepEqual(seqs(await waiting), [1]);
    await recovered;
    assert.equal(journal.failed, false);
    assert.equal(log.lines.filter(({ level }) => level === 'error').length, 1);
    await journal.close();
  });

  it('rejects what cannot be made durable at close', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state, {
      snapshot: () => {
        throw new Error('never');
      },
    });
    const waiting = assert.rejects(journal.append([draft(1)]), JournalClosedError);
    await journal.close();
    await waiting;
  });

  it('ignores what a segment holds beyond the first number of the next', async () => {
    await using state = await temporaryState();
    const first = await openJournal(state);
    await first.journal.append([draft(1)]);
    const stale = first.journal.store.segments()[0]?.path ?? '';
    await first.journal.close();
    const second = await openJournal(state, { epoch: 2 });
    await second.journal.append([draft(2)]);
    // A conductor that was displaced and does not know it.
    await appendFile(
      stale,
      encodeRecord({ seq: 2, epoch: 1, t: 1, type: 'test.note', run: 'r', body: { n: 99 } }),
    );
    await second.journal.close();
    const third = await openJournal(state, { epoch: 3 });
    assert.equal(third.fold.sum, 3);
    assert.deepEqual(
      (await collect(third.journal.store.readRun('r'))).map(({ body }) => body['n']),
      [1, 2],
    );
    await third.journal.close();
  });
});

/** Waits for something that another thread brings about. */
async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
