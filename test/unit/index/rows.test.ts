import assert from 'node:assert/strict';
import fc from 'fast-check';
import { rowsOf } from '../../../src/conductor/index/rows';
import { RecordMaker } from '../../support/journal-records';

describe('index rows', () => {
  it('ignores records without a run, of unknown type, or without what a row needs', () => {
    const make = new RecordMaker();
    assert.deepEqual(rowsOf(make.add('job.status', undefined, { status: 'running' })), []);
    assert.deepEqual(rowsOf(make.add('limits.changed', 'a', {})), []);
    for (const type of [
      'job.submitted',
      'job.status',
      'attempt.started',
      'attempt.finished',
      'sheet.status',
    ]) {
      assert.deepEqual(rowsOf(make.add(type, 'a', { sheet: '1', status: 3, job: [] })), [], type);
    }
  });

  it('never throws and never gives a cell that SQLite cannot take', () => {
    const types = [
      'job.submitted',
      'job.status',
      'attempt.started',
      'attempt.finished',
      'sheet.status',
      'job.deleted',
    ];
    const keys = [
      'sheet',
      'attempt',
      'status',
      'job',
      'rules',
      'error',
      'error_code',
      'cost_usd',
      'model',
      'base',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        fc.dictionary(fc.constantFrom(...keys), fc.oneof(fc.jsonValue(), fc.nat())),
        (type, body) => {
          for (const change of rowsOf({ seq: 1, epoch: 1, t: 1, type, run: 'a', body })) {
            if (change.kind === 'forget') continue;
            const cells = [change.key, change.set, change.once, change.add].flatMap((part) =>
              Object.values(part ?? {}),
            );
            assert.ok(cells.every((cell) => cell === null || ['string', 'number'].includes(typeof cell)));
          }
        },
      ),
    );
  });

  it('files errors of jobs, sheets and attempts', () => {
    const make = new RecordMaker();
    make.status('a', 'failed', 'out of budget');
    make.add('sheet.status', 'a', {
      sheet: 2,
      status: 'skipped',
      error_code: 'E999',
      error_message: 'sheet 1 failed',
    });
    make.finished('a', 1, 1, false);
    const errors = make.records.flatMap(rowsOf).flatMap((change) => {
      return change.kind === 'put' && change.table === 'errors' ? [change.set ?? {}] : [];
    });
    assert.deepEqual(
      errors.map(({ sheet_num, attempt, code, category }) => [sheet_num, attempt, code, category]),
      [
        [null, null, null, 'job'],
        [2, null, 'E999', null],
        [1, 1, 'E203', 'validation'],
      ],
    );
  });
});
