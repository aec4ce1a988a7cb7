import assert from 'node:assert/strict';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import initSqlJs from 'sql.js';
import type { SqlJsStatic } from 'sql.js';
import { IndexClient, IndexUnavailableError } from '../../../src/conductor/index/index-client';
import type { IndexOpening } from '../../../src/conductor/index/index-client';
import type { JournalRecord } from '../../../src/conductor/journal/record';
import { LogLines, ManualClock, indexWorkerFile, temporaryState } from '../../support/journal-folder';
import { RecordMaker, streamOf } from '../../support/journal-records';

interface Opened {
  index: IndexClient;
  opening: IndexOpening;
  clock: ManualClock;
  log: LogLines;
}

async function openIndex(file: string, lastSeq: number, journalId = 'j'): Promise<Opened> {
  const clock = new ManualClock();
  const log = new LogLines();
  const { index, opening } = await IndexClient.open({
    file,
    journalId,
    lastSeq,
    workerFile: indexWorkerFile,
    clock,
    log,
  });
  return { index, opening, clock, log };
}

/** Two jobs, one of them finished, one deleted in between. */
function someRecords(): JournalRecord[] {
  const make = new RecordMaker();
  make.submitted('a', 3);
  make.status('a', 'running');
  make.submitted('gone', 1);
  make.started('gone', 1, 1);
  make.started('a', 1, 1);
  make.finished('a', 1, 1, false);
  make.submitted('b', 1);
  make.started('a', 1, 2);
  make.finished('a', 1, 2, true);
  make.finished('gone', 1, 1, true);
  make.started('a', 2, 1);
  make.finished('a', 2, 1, true);
  make.add('job.deleted', 'gone', {});
  make.add('sheet.status', 'a', { sheet: 3, status: 'skipped', error_code: 'E999', error_message: 'no way' });
  make.status('a', 'failed', 'one sheet was skipped');
  make.add('conductor.started', undefined, {});
  return make.records;
}

const tables = ['jobs', 'sheets', 'execution_history', 'rule_results', 'errors', 'run_seq', 'meta'];

/** Every row of an image, read from its bytes by a SQLite of the test's own. */
function contents(sql: SqlJsStatic, image: Buffer): Record<string, unknown> {
  const db = new sql.Database(image);
  try {
    assert.deepEqual(db.exec('PRAGMA integrity_check')[0]?.values, [['ok']]);
    return Object.fromEntries(
      tables.map((table) => {
        const rows = db.exec(`SELECT * FROM ${table}`)[0]?.values ?? [];
        return [table, rows.map((row) => JSON.stringify(row)).sort()];
      }),
    );
  } finally {
    db.close();
  }
}

/** A complete image of `records`. */
async function builtImage(file: string, records: readonly JournalRecord[]): Promise<void> {
  const { index } = await openIndex(file, records.length);
  await index.rebuild(streamOf(records));
  await index.close();
}

describe('index', () => {
  let sql: SqlJsStatic;
  before(async () => {
    sql = await initSqlJs();
  });

  it('answers history, errors, jobs, costs and counts', async () => {
    await using state = await temporaryState();
    const records = someRecords();
    const { index, opening } = await openIndex(join(state.root, 'index.db'), records.length);
    assert.deepEqual(opening, { state: 'rebuild', feedFrom: 1, reason: 'missing' });
    await assert.rejects(index.counts(), IndexUnavailableError);
    await index.rebuild(streamOf(records));
    assert.equal(index.state, 'ok');

    const history = await index.history({ run: 'a', limit: 10 });
    assert.deepEqual(
      history.map(({ sheet_num, attempt, outcome, mode }) => [sheet_num, attempt, outcome, mode]),
      [
        [2, 1, 'success', 'normal'],
        [1, 2, 'success', 'retry'],
        [1, 1, 'failed', 'normal'],
      ],
    );
    assert.equal(history[0]?.stdout_log, 'jobs/a/2.1.stdout.log');
    assert.equal(history[0]?.started_at, records[10]?.t);
    assert.equal((await index.history({ run: 'a', sheet: 1, limit: 1, offset: 1 }))[0]?.attempt, 1);

    const errors = await index.errors({ run: 'a', limit: 10 });
    assert.deepEqual(
      errors.map(({ sheet_num, code }) => [sheet_num, code]),
      [
        [null, null],
        [3, 'E999'],
        [1, 'E203'],
      ],
    );
    assert.equal((await index.errors({ run: 'a', code: 'E203', limit: 10 })).length, 1);

    assert.deepEqual(
      (await index.listJobs({ limit: 10 })).map(({ run, status }) => [run, status]),
      [
        ['b', 'queued'],
        ['a', 'failed'],
      ],
    );
    assert.equal(
      (await index.listJobs({ statuses: ['failed', 'completed'], since: 0, limit: 10 })).length,
      1,
    );
    assert.equal((await index.listJobs({ statuses: [], limit: 10 })).length, 0);

    const summary = await index.jobSummary('a');
    assert.deepEqual(summary?.sheets, { completed: 2, skipped: 1 });
    assert.deepEqual(
      [
        summary.job.completed_sheets,
        summary.job.cost_usd,
        summary.job.input_tokens,
        summary.job.error_message,
      ],
      [2, 0.75, 300, 'one sheet was skipped'],
    );
    assert.equal(await index.jobSummary('gone'), null);
    assert.deepEqual(await index.costSince((records[8]?.t ?? 0) + 1), {
      cost_usd: 0.25,
      input_tokens: 100,
      output_tokens: 10,
      attempts: 1,
    });
    assert.deepEqual(await index.counts(), { jobs: 2, sheets: 3, attempts: 3, errors: 3 });
    await index.close();
    await assert.rejects(index.counts(), IndexUnavailableError);
  });

  it('is the same whether fed as things happen or rebuilt, in any order of runs, twice or once', async () => {
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    const event = fc.record({
      run: fc.constantFrom('a', 'b', 'c'),
      what: fc.constantFrom(
        'submitted',
        'running',
        'failed',
        'started',
        'good',
        'bad',
        'pending',
        'deleted',
        'none',
      ),
      sheet: fc.integer({ min: 1, max: 3 }),
      attempt: fc.integer({ min: 1, max: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 60 }), fc.nat(60), async (events, cut) => {
        const make = new RecordMaker();
        for (const { run, what, sheet, attempt } of events) {
          if (what === 'submitted') make.submitted(run, 3);
          else if (what === 'running' || what === 'failed')
            make.status(run, what, what === 'failed' ? 'no' : undefined);
          else if (what === 'started') make.started(run, sheet, attempt);
          else if (what === 'good' || what === 'bad') make.finished(run, sheet, attempt, what === 'good');
          else if (what === 'pending') make.add('sheet.status', run, { sheet, status: 'pending' });
          else if (what === 'deleted') make.add('job.deleted', run, {});
          else make.add('conductor.note', undefined, {});
        }
        const { records } = make;
        await rm(file, { force: true });
        await rm(`${file}.1`, { force: true });
        const live = await openIndex(file, 0);
        await live.index.rebuild(streamOf([]));
        live.index.feed(records.slice(0, cut));
        live.index.feed(records.slice(Math.max(0, cut - 3)));
        await live.index.close();
        const fed = contents(sql, await readFile(file));

        const byRun = [...records].sort((x, y) => (x.run ?? '').localeCompare(y.run ?? '') || x.seq - y.seq);
        await rm(file);
        const rebuilt = await openIndex(file, records.length);
        await rebuilt.index.rebuild(streamOf([...byRun, ...byRun.slice(-3)]));
        await rebuilt.index.close();
        assert.deepEqual(contents(sql, await readFile(file)), fed);
      }),
      { numRuns: 12 },
    );
  }).timeout(20_000);

  it('notices every torn, empty or foreign image', async () => {
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    const records = someRecords();
    await builtImage(file, records);
    const image = await readFile(file);
    const sizes = [1, 15, 99, 100, 4096, Math.floor(image.length / 2), image.length - 4096, image.length - 1];
    const cases: [string, Buffer][] = [
      ['empty', Buffer.alloc(0)],
      ['malformed', Buffer.alloc(image.length)],
      ['malformed', Buffer.concat([image, Buffer.alloc(4096)])],
      ['malformed', Buffer.concat([image.subarray(0, 100), Buffer.alloc(image.length - 100, 7)])],
      ...sizes.map((size): [string, Buffer] => ['malformed', image.subarray(0, size)]),
      ['other_schema', Buffer.from(new sql.Database().export())],
    ];
    for (const [reason, bytes] of cases) {
      await rm(`${file}.1`, { force: true });
      await writeFile(file, bytes);
      const { index, opening } = await openIndex(file, records.length);
      const expected = bytes.length === 0 ? 'empty' : reason;
      assert.deepEqual(opening, { state: 'rebuild', feedFrom: 1, reason: expected }, `${bytes.length} bytes`);
      await index.close();
      assert.ok((await readFile(file)).equals(bytes), 'nothing is written before it is rebuilt');
    }
  }).timeout(20_000);

  it('tells what it lacks, and catches up', async () => {
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    const records = someRecords();
    await builtImage(file, records.slice(0, 9));
    const { index, opening } = await openIndex(file, records.length);
    assert.deepEqual(opening, { state: 'behind', feedFrom: 10, reason: 'behind' });
    index.feed(records.slice(-1));
    await index.catchUp(streamOf(records.slice(9)));
    await index.close();
    const caughtUp = contents(sql, await readFile(file));
    // The image before this one is the shorter one, and stands in when this one is lost.
    await rm(file);
    const previous = await openIndex(file, records.length);
    assert.deepEqual(previous.opening, { state: 'behind', feedFrom: 10, reason: 'previous' });
    await previous.index.close();
    await builtImage(file, records);
    assert.deepEqual(contents(sql, await readFile(file)), caughtUp);

    const complete = await openIndex(file, records.length);
    assert.deepEqual(complete.opening, { state: 'ok', feedFrom: records.length + 1, reason: null });
    await complete.index.close();
    const ahead = await openIndex(file, 3);
    assert.deepEqual([ahead.opening.state, ahead.opening.reason], ['rebuild', 'ahead']);
    await ahead.index.close();
    await rm(`${file}.1`, { force: true });
    const other = await openIndex(file, records.length, 'another journal');
    assert.deepEqual([other.opening.state, other.opening.reason], ['rebuild', 'other_journal']);
    await other.index.close();
  });

  it('refuses an image of a newer program and leaves it alone', async () => {
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    const records = someRecords();
    await builtImage(file, records);
    const newer = await readFile(file);
    newer.writeUInt32BE(2, 60);
    await writeFile(file, newer);
    const { index, opening } = await openIndex(file, records.length);
    assert.equal(opening.state, 'newer_schema');
    index.feed(records);
    await assert.rejects(index.rebuild(streamOf(records)), IndexUnavailableError);
    await assert.rejects(index.counts(), IndexUnavailableError);
    await index.close();
    assert.ok((await readFile(file)).equals(newer));
  });

  it('writes the image two seconds after a change, and at most that often', async () => {
    await using state = await temporaryState();
    const file = join(state.root, 'index.db');
    const { index, clock } = await openIndex(file, 0);
    await index.rebuild(streamOf([]));
    await index.flush();
    const first = await stat(file);
    assert.equal(first.mode & 0o777, 0o600);
    clock.advance(5000);
    const records = someRecords();
    index.feed(records);
    await index.counts();
    assert.equal(clock.waiting, 1);
    clock.advance(1999);
    assert.equal((await stat(file)).ino, first.ino);
    clock.advance(1);
    await index.flush();
    assert.notEqual((await stat(file)).ino, first.ino);
    assert.equal(clock.waiting, 0);

    // Very many changes: at once, but not within two seconds of the last time.
    const make = new RecordMaker();
    make.records.push(...records);
    for (let n = 1; n < 2000; n += 2) (make.started('many', n, 1), make.finished('many', n, 1, true));
    index.feed(make.records.slice(records.length));
    assert.deepEqual((await index.counts()).attempts, 3 + 1000);
    const before = (await stat(file)).ino;
    clock.advance(2000);
    await index.flush();
    assert.notEqual((await stat(file)).ino, before);
    await index.close();
  });

  it('says once that it cannot be written, goes on, and writes when it can', async () => {
    await using state = await temporaryState();
    const folder = join(state.root, 'index');
    const file = join(folder, 'index.db');
    await mkdir(folder);
    const { index, clock, log } = await openIndex(file, 0);
    await rename(folder, `${folder}-away`);
    await index.rebuild(streamOf([]));
    for (let round = 0; round < 3; round += 1) {
      index.feed(someRecords());
      clock.advance(30_000);
      await index.flush();
    }
    assert.equal((await index.counts()).jobs, 2);
    assert.equal(log.lines.filter(({ message }) => message.includes('could not be written')).length, 1);
    await rename(`${folder}-away`, folder);
    clock.advance(30_000);
    await index.flush();
    assert.deepEqual(await readdir(folder), ['index.db']);
    await index.close();
  });
});
