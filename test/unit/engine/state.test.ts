import assert from 'node:assert/strict';
import type { Plan, PlannedSheet } from '../../../src/score/plan';
import { readySheets } from '../../../src/conductor/engine/ready';
import { settle } from '../../../src/conductor/engine/settle';
import {
  applyRecord,
  emptyState,
  jobState,
  type EngineState,
  type JobState,
} from '../../../src/conductor/engine/state';
import type { RecordDraft } from '../../../src/conductor/records';

const config = {
  model: null,
  timeoutSeconds: null,
  firstOutputTimeoutSeconds: null,
  idleTimeoutSeconds: null,
  skipPermissions: null,
  disableMcp: null,
  outputFormat: null,
  allowedTools: null,
  systemPromptFile: null,
  workingDirectory: null,
  maxOutputCaptureBytes: null,
  extraArgs: null,
  apiKeyEnv: null,
  maxTokens: null,
  temperature: null,
  other: {},
};

/** A plan whose sheet i+1 depends on `edges[i]`. */
function planOf(edges: number[][], parallel: Partial<Plan['parallel']> = {}): Plan {
  const sheets = edges.map((dependsOn, i): PlannedSheet => ({
    num: i + 1,
    stage: i + 1,
    instance: 1,
    fanCount: 1,
    startItem: i + 1,
    endItem: i + 1,
    description: null,
    movementName: null,
    dependsOn,
    instrument: { profile: 'cli', label: 'cli', config },
    fallbacks: [],
    skipWhen: null,
    skipWhenCommand: null,
    validations: [],
  }));
  return {
    format: 1,
    name: 'p',
    description: null,
    workspace: '/w',
    scoreDir: '/s',
    totalSheets: sheets.length,
    totalStages: sheets.length,
    sheets,
    retry: {
      maxRetries: 0,
      baseDelaySeconds: 1,
      maxDelaySeconds: 1,
      exponentialBase: 2,
      jitter: false,
      maxCompletionAttempts: 0,
      completionDelaySeconds: 0,
      completionThresholdPercent: 50,
    },
    rateLimit: { waitMinutes: 60, maxWaits: 24, maxQuotaWaits: 48, detectionPatterns: [] },
    parallel: { enabled: false, maxConcurrent: 3, failFast: true, staggerDelayMs: 0, ...parallel },
    crossSheet: null,
    pauseBetweenSheetsSeconds: 0,
    costLimits: null,
  };
}

class Story {
  readonly state: EngineState = emptyState();
  private seq = 0;

  constructor(readonly plan: Plan) {
    this.apply({
      type: 'job.submitted',
      run: 'r',
      body: {
        job: {
          stem: 'r',
          name: 'r',
          description: null,
          score_path: '/s/r.yaml',
          bundle: 'b',
          workspace: '/w',
          total_sheets: plan.totalSheets,
          total_stages: plan.totalStages,
          sheets: plan.sheets.map((sheet) => ({
            num: sheet.num,
            movement: sheet.stage,
            voice: 1,
            description: null,
            instrument: 'cli',
            model: null,
          })),
        },
      },
    });
    this.apply({ type: 'job.status', run: 'r', body: { status: 'running' } });
  }

  get job(): JobState {
    const job = this.state.jobs.get('r');
    assert.ok(job);
    return job;
  }

  apply(draft: RecordDraft): void {
    this.seq += 1;
    applyRecord(this.state, { seq: this.seq, t: this.seq, ...draft });
  }

  set(sheet: number, status: 'completed' | 'failed' | 'skipped' | 'cancelled', code = 'test'): void {
    this.apply({ type: 'sheet.status', run: 'r', body: { sheet, status, reason: { code, message: code } } });
  }

  settle(): RecordDraft[] {
    const drafts = settle(this.job, this.plan, () => false, 1000);
    for (const draft of drafts) this.apply(draft);
    return drafts;
  }

  ready(): number[] {
    return readySheets(this.job, this.plan, 1000, () => false).map(({ sheet }) => sheet.num);
  }

  statuses(): string[] {
    return this.job.sheets.map((sheet) => sheet.status);
  }
}

describe('state as a fold', () => {
  it('starts what has no prerequisite, and what follows once that is done', () => {
    const story = new Story(planOf([[], [1], [1], [2, 3]]));
    assert.deepEqual(story.ready(), [1]);
    story.set(1, 'completed');
    assert.deepEqual(story.ready(), [2, 3]);
  });

  it('takes a skip on purpose for done, and one behind a failure not', () => {
    const wanted = new Story(planOf([[], [1]]));
    wanted.set(1, 'skipped', 'start_sheet');
    assert.deepEqual(wanted.ready(), [2]);
    wanted.set(2, 'completed');
    wanted.settle();
    assert.equal(wanted.job.status, 'completed');

    const blocked = new Story(planOf([[], [1], [2], []]));
    blocked.set(1, 'failed');
    blocked.settle();
    assert.deepEqual(blocked.statuses(), ['failed', 'skipped', 'skipped', 'pending']);
    assert.equal(blocked.job.status, 'running', 'an independent branch goes on');
    blocked.set(4, 'completed');
    blocked.settle();
    assert.equal(blocked.job.status, 'failed');
    assert.match(blocked.job.error ?? '', /sheet 1 failed/);
  });

  it('with fail_fast starts nothing after a failure and says why', () => {
    const story = new Story(planOf([[], [], []], { enabled: true }));
    story.set(2, 'failed');
    assert.deepEqual(story.ready(), []);
    story.settle();
    assert.deepEqual(story.statuses(), ['skipped', 'failed', 'skipped']);
    assert.equal(story.job.sheets[0]?.reason?.code, 'fail_fast');
  });

  it('ends a cancelled job with a final state for every sheet', () => {
    const story = new Story(planOf([[], [1]]));
    story.set(1, 'completed');
    story.apply({ type: 'job.cancelling', run: 'r', body: {} });
    assert.deepEqual(story.ready(), []);
    story.settle();
    assert.deepEqual(story.statuses(), ['completed', 'cancelled']);
    assert.equal(story.job.status, 'cancelled');
    assert.equal(story.job.cancelling, false);
  });

  it('ignores a record that it has already', () => {
    const story = new Story(planOf([[]]));
    const record = { seq: 99, t: 99, type: 'job.status', run: 'r', body: { status: 'paused' } };
    applyRecord(story.state, record);
    applyRecord(story.state, { ...record, body: { status: 'running' } });
    assert.equal(story.job.status, 'paused');
  });

  it('survives a snapshot: the stored state is the state', () => {
    const story = new Story(planOf([[], [1]]));
    story.set(1, 'completed');
    const stored: unknown = JSON.parse(JSON.stringify(story.job));
    const other = emptyState();
    applyRecord(other, { seq: 1, t: 1, type: 'snapshot.job', run: 'r', body: { state: stored } });
    assert.deepEqual(other.jobs.get('r'), jobState.parse(stored));
    assert.deepEqual(other.jobs.get('r'), story.job);
  });

  it('keeps attempts over a reset and forgets budgets', () => {
    const story = new Story(planOf([[]]));
    story.set(1, 'failed');
    story.apply({ type: 'sheet.reset', run: 'r', body: { sheet: 1, hint: 'look again', reason: 'rerun' } });
    assert.equal(story.job.sheets[0]?.status, 'pending');
    assert.equal(story.job.sheets[0]?.hint, 'look again');
  });
});
