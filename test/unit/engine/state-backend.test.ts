import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineCore } from '../../../src/conductor/engine/core';
import { Jobs } from '../../../src/conductor/engine/jobs';
import { applyRecord, emptyState } from '../../../src/conductor/engine/state';
import { inferStateFromArtifacts, StateBackend } from '../../../src/conductor/state-backend';

/** A core that has folded two jobs, one of them with an attempt. */
function backend(): StateBackend {
  const state = emptyState();
  let seq = 0;
  const apply = (type: string, run: string, body: unknown) =>
    applyRecord(state, { seq: ++seq, t: seq * 1000, type, run, body });
  const head = (stem: string) => ({
    job: {
      stem,
      name: `${stem} name`,
      description: null,
      score_path: `/s/${stem}.yaml`,
      bundle: 'b',
      workspace: '/w',
      total_sheets: 2,
      total_stages: 2,
      sheets: [1, 2].map((num) => ({
        num,
        movement: num,
        voice: 1,
        description: null,
        instrument: 'cli',
        model: null,
      })),
    },
  });
  apply('job.submitted', 'a', head('a'));
  apply('job.submitted', 'b', head('b'));
  apply('attempt.started', 'a', {
    sheet: 1,
    attempt: 1,
    mode: 'normal',
    instrument: 'cli',
    model: null,
    prompt_sha256: 'p',
    base: '/x/1.1',
  });
  apply('attempt.finished', 'a', {
    sheet: 1,
    attempt: 1,
    outcome: 'success',
    instrument: 'cli',
    model: null,
    exit_code: 0,
    exit_signal: null,
    exit_reason: 'completed',
    error_code: null,
    error_category: null,
    error_message: null,
    duration_seconds: 2,
    input_tokens: null,
    output_tokens: null,
    cost_usd: null,
    pass_percent: 100,
    output_tail: 'said',
    sheet_status: 'completed',
    next: {
      status: 'completed',
      fallback_index: 0,
      normal_attempts: 0,
      completion_attempts: 0,
      rate_limit_waits: 0,
      interruptions: 0,
    },
  });
  const core = new EngineCore(state, state, new Map());
  const jobs = new Jobs(core, {
    runs: () => [],
    read: () => {
      throw new Error('nothing is archived');
    },
  });
  return new StateBackend(
    { jobs, clear: (runs) => Promise.resolve(runs.filter((run) => run === 'b')) },
    core,
    null,
  );
}

describe('the state interface over the journal', () => {
  it('loads by run, name or prefix, and gives null for what is not there', async () => {
    const state = backend();
    assert.equal((await state.load('a'))?.run, 'a');
    assert.equal((await state.load('b name'))?.run, 'b');
    assert.equal(await state.load('zzz'), null);
  });

  it('knows the next sheet, 1 for an unknown job', async () => {
    const state = backend();
    assert.equal(await state.nextSheet('a'), 2);
    assert.equal(await state.nextSheet('b'), 1);
    assert.equal(await state.nextSheet('zzz'), 1);
  });

  it('lists the latest change first and deletes what is finished', async () => {
    const state = backend();
    assert.deepEqual(
      (await state.listJobs()).map((job) => job.run),
      ['a', 'b'],
    );
    assert.equal(await state.delete('b'), true);
    assert.equal(await state.delete('a'), false);
  });

  it('keeps execution history', async () => {
    const state = backend();
    assert.equal(state.supportsExecutionHistory, true);
    const [record, ...more] = await state.executionHistory('a', { sheet: null, limit: 10 });
    assert.deepEqual(
      [record?.sheet, record?.attempt, record?.exitCode, record?.output, record?.promptSha256, more.length],
      [1, 1, 0, 'said', 'p', 0],
    );
    assert.deepEqual(await state.executionHistory('a', { sheet: 2, limit: 10 }), []);
    assert.equal(await state.costSince(0), null, 'without an index nobody can say');
  });
});

describe('state from artifacts', () => {
  it('reads sheet numbers out of file names that match', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mzt-infer-'));
    try {
      for (const name of [
        'sheet1-report.md',
        'sheet-03-report.md',
        'Sheet_12-report.md',
        'sheet2.txt',
        'notes.md',
      ]) {
        writeFileSync(join(folder, name), '');
      }
      assert.deepEqual(await inferStateFromArtifacts(folder, '*-report.md'), [1, 3, 12]);
      assert.deepEqual(await inferStateFromArtifacts(folder, '*.nothing'), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
