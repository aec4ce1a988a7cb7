import assert from 'node:assert/strict';
import type { JobModel, SheetModel } from '../../../src/views/store/model';
import { readDefinition } from '../../../src/views/tasks/definition';
import { JobLines, plain } from '../../../src/views/tasks/job-lines';
import { NOW, attempt, job, sheet } from './kit';

describe('a task’s definition', () => {
  const said = (definition: Record<string, unknown>) => {
    const read = readDefinition(definition);
    return typeof read === 'string' ? read : '';
  };
  it('is read, with what is wrong with it', () => {
    assert.deepEqual(readDefinition({ type: 'marianne', score: 'a.yaml' }), {
      score: 'a.yaml',
      sheet: null,
      cancelOnTerminate: false,
    });
    assert.deepEqual(readDefinition({ score: '/a.yaml', sheet: 3, cancelOnTerminate: true }), {
      score: '/a.yaml',
      sheet: 3,
      cancelOnTerminate: true,
    });
    for (const wrong of [{}, { score: 7 }, { score: ' ' }]) assert.match(said(wrong), /score/);
    for (const sheetNumber of [0, 1.5, '2', null])
      assert.match(said({ score: 'a', sheet: sheetNumber }), /sheet/);
    assert.match(said({ score: 'a', cancelOnTerminate: 'yes' }), /cancelOnTerminate/);
  });
});

describe('a job, line by line', () => {
  let model: JobModel | undefined;
  let sheets: SheetModel[];
  let lines: JobLines;
  const bare = (text: string[]) => text.map((line) => line.replace(/\x1b\[\d+m/g, ''));
  const next = () => bare(lines.next(NOW));
  beforeEach(() => {
    model = job('duet', { total: 2 });
    sheets = [sheet(1, { description: 'Sing' }), sheet(2)];
    const store = { job: () => model, sheets: () => sheets };
    lines = new JobLines(store, 'duet', (num, number) => `/logs/${num}.${number}.stdout.log`);
  });

  it('says each change once: begun with the place of its output, tried again, ended', () => {
    assert.deepEqual(next(), []);
    sheets[0] = sheet(1, { description: 'Sing', status: 'dispatched', attempts: [attempt(1)] });
    assert.deepEqual(next(), ['▶ 1 Sing: cli', '  /logs/1.1.stdout.log']);
    assert.deepEqual(next(), []);
    sheets[0] = sheet(1, {
      description: 'Sing',
      status: 'retry_scheduled',
      errorMessage: 'out of\x1b[2J tune',
      dueAt: NOW + 5_000,
      attempts: [attempt(1)],
    });
    assert.match(next()[0] ?? '', /^· 1 Sing: retries in 5s: out of \[2J tune/);
    sheets[0] = sheet(1, { description: 'Sing', status: 'dispatched', attempts: [attempt(1), attempt(2)] });
    assert.deepEqual(next(), ['▶ 1 Sing: cli · attempt 2', '  /logs/1.2.stdout.log']);
    sheets[0] = sheet(1, {
      status: 'completed',
      description: 'Sing',
      durationSeconds: 41,
      attempts: [attempt(2)],
    });
    sheets[1] = sheet(2, { status: 'failed', errorMessage: 'exit code 3', attempts: [attempt(1)] });
    assert.deepEqual(next(), [
      '✓ 1 Sing: completed · 41s',
      '✗ Sheet 2: failed: exit code 3',
      '  /logs/2.1.stdout.log',
    ]);
  });

  it('says why a job is paused, and how it ended', () => {
    model = job('duet', {
      status: 'paused',
      reason: { code: 'cost_limit', message: 'cost limit', until: null },
    });
    assert.deepEqual(next(), ['duet is paused: cost limit']);
    assert.deepEqual(next(), []);
    model = job('duet', { status: 'completed', completed: 2, total: 2 });
    assert.deepEqual(bare([lines.ending()]), ['✓ duet: completed · 2 of 2 sheets']);
    model = job('duet', { status: 'failed', completed: 1, total: 2, error: 'sheet 2 failed' });
    assert.deepEqual(bare([lines.ending()]), ['✗ duet: failed · 1 of 2 sheets · sheet 2 failed']);
    model = undefined;
    assert.equal(lines.ending(), 'duet was deleted.');
  });

  it('knows whether it has heard of all sheets', () => {
    sheets = [sheet(1, { status: 'completed' }), sheet(2, { status: 'dispatched', attempts: [attempt(1)] })];
    model = job('duet', { status: 'completed', completed: 2, total: 2 });
    assert.equal(lines.isWhole(), false);
    sheets[1] = sheet(2);
    assert.equal(lines.isWhole(), false);
    sheets[1] = sheet(2, { status: 'completed' });
    assert.equal(lines.isWhole(), true);
  });

  it('lets nothing of an agent move the cursor', () => {
    assert.equal(plain('a\x1b[2Jb\r\nc\x07\x9bd'), 'a [2Jb c d');
  });
});
