import assert from 'node:assert/strict';
import { appendFile, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Journal } from '../../../src/conductor/journal/journal';
import type { JournalRecord, RecordDraft } from '../../../src/conductor/journal/record';
import { openJournal, temporaryState } from '../../support/journal-folder';

async function seqs(records: AsyncIterable<JournalRecord>): Promise<number[]> {
  const found: number[] = [];
  for await (const { seq } of records) found.push(seq);
  return found;
}

function note(run: string, type = 'test.note'): RecordDraft {
  return { type, run, body: {} };
}

/** One segment per group: each opening makes a new one. */
async function segments(
  state: { dir: string; archiveDir: string },
  groups: readonly RecordDraft[][],
): Promise<Journal> {
  for (const group of groups) {
    const { journal } = await openJournal(state);
    await journal.append(group);
    await journal.close();
  }
  return (await openJournal(state)).journal;
}

function firsts(journal: Journal): number[] {
  return journal.store.segments().map(({ first }) => first);
}

describe('journal store', () => {
  it('copies a run into its archive, once', async () => {
    await using state = await temporaryState();
    const journal = await segments(state, [
      [note('a'), note('b')],
      [note('a'), note('ab')],
      [note('b'), note('a')],
    ]);
    assert.deepEqual(await seqs(journal.store.readRun('a')), [1, 3, 6]);
    assert.equal(await journal.store.archiveRun('a'), 3);
    assert.equal(await journal.store.archiveRun('a'), 0);
    assert.deepEqual(await seqs(journal.store.readArchive('a')), [1, 3, 6]);
    assert.deepEqual(await journal.store.listArchives(), ['a']);
    assert.deepEqual((await seqs(journal.store.records())).sort(), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual((await seqs(journal.store.records(3))).sort(), [4, 5, 6]);
    await journal.close();
  });

  it('keeps the old records in front when a reopened run is archived again', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state);
    await journal.append([note('a'), note('a')]);
    await journal.store.archiveRun('a');
    await journal.append([note('a', 'job.archived'), note('a', 'job.reopened'), note('a')]);
    const before = await readFile(join(state.archiveDir, 'a.jsonl'));
    await journal.store.archiveRun('a');
    const after = await readFile(join(state.archiveDir, 'a.jsonl'));
    assert.ok(after.subarray(0, before.length).equals(before));
    assert.deepEqual(await seqs(journal.store.readRun('a')), [1, 2, 3, 4, 5]);
    assert.deepEqual(await readdir(state.archiveDir), ['a.jsonl']);
    await journal.close();
  });

  it('reads an archive past a damaged line, and knows its last seq', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state);
    await journal.append([note('a')]);
    await journal.store.archiveRun('a');
    await journal.close();
    await appendFile(join(state.archiveDir, 'a.jsonl'), '{"torn');
    const again = await openJournal(state);
    await again.journal.append([note('a')]);
    assert.equal(await again.journal.store.archiveRun('a'), 1);
    assert.deepEqual(await seqs(again.journal.store.readArchive('a')), [1, 2]);
    await again.journal.close();
  });

  it('refuses a run that would leave the folder', async () => {
    await using state = await temporaryState();
    const { journal } = await openJournal(state);
    for (const run of ['../a', 'a/b', '.a', '', 'a\0'])
      await assert.rejects(journal.store.archiveRun(run), RangeError);
    await journal.close();
  });

  it('retires only segments that nothing needs', async () => {
    await using state = await temporaryState();
    const journal = await segments(state, [
      [note('a'), note('b')], // 1
      [note('c')], // 3
      [note('a')], // 4
      [{ type: 'test.note', body: {} }], // 5
    ]);
    assert.deepEqual(firsts(journal), [1, 3, 4, 5, 6]);
    await journal.store.retire(new Set(['a', 'b', 'c']));
    assert.deepEqual(firsts(journal), [1, 3, 4, 6], 'a segment without runs is not needed');
    await journal.store.retire(new Set(['a', 'b']));
    assert.deepEqual(firsts(journal), [1, 3, 4, 6], 'c is finished, but not archived');
    await journal.store.archiveRun('c');
    await journal.append([note('c', 'job.archived')]);
    await journal.store.retire(new Set(['a', 'b']));
    assert.deepEqual(firsts(journal), [1, 4, 6]);
    await journal.store.archiveRun('a');
    await journal.store.retire(new Set(['b']));
    assert.deepEqual(firsts(journal), [1, 6]);
    await journal.store.archiveRun('b');
    await journal.store.retire(new Set());
    assert.deepEqual(firsts(journal), [6]);
    assert.deepEqual(
      (await readdir(state.dir)).filter((name) => name.endsWith('.jsonl')),
      ['000000000006.jsonl'],
    );
    assert.deepEqual((await seqs(journal.store.records())).sort(), [1, 2, 3, 4, 6]);
    await journal.close();
  });

  it('keeps a segment whose run went on after it was archived', async () => {
    await using state = await temporaryState();
    const first = await openJournal(state);
    await first.journal.append([note('a')]);
    await first.journal.store.archiveRun('a');
    await first.journal.append([note('a')]);
    await first.journal.close();
    const { journal } = await openJournal(state);
    await journal.store.retire(new Set());
    assert.deepEqual(firsts(journal), [1, 3]);
    await journal.store.archiveRun('a');
    await journal.store.retire(new Set());
    assert.deepEqual(firsts(journal), [3]);
    await journal.close();
  });

  it('keeps the note of a deletion as long as records of that run', async () => {
    await using state = await temporaryState();
    const journal = await segments(state, [[note('gone'), note('live')], [note('gone', 'job.deleted')]]);
    await journal.store.retire(new Set(['live']));
    assert.deepEqual(firsts(journal), [1, 3, 4]);
    await journal.store.retire(new Set());
    assert.deepEqual(firsts(journal), [1, 3, 4], 'live is not archived');
    await journal.store.archiveRun('live');
    await journal.store.retire(new Set());
    assert.deepEqual(firsts(journal), [4]);
    await journal.close();
  });

  it('deletes nothing under a reader', async () => {
    await using state = await temporaryState();
    const journal = await segments(state, [[note('a')], [note('a')]]);
    const reader = journal.store.readRun('a');
    await reader.next();
    await journal.store.archiveRun('a');
    assert.deepEqual(await journal.store.retire(new Set()), []);
    await reader.return(undefined);
    assert.equal((await journal.store.retire(new Set())).length, 2);
    await journal.close();
  });
});
