import assert from 'node:assert/strict';
import { readySheets } from '../../src/conductor/engine/ready';
import { settle } from '../../src/conductor/engine/settle';
import { applyRecord, emptyState, type EngineState, type JobState } from '../../src/conductor/engine/state';
import type { RecordDraft } from '../../src/conductor/records';
import { SILENT_CONFIG, type Plan, type PlannedSheet } from '../../src/score/plan';

/** A plan whose sheet i+1 depends on `edges[i]`. */
export function planOf(edges: number[][], parallel: Partial<Plan['parallel']> = {}): Plan {
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
    instrument: { profile: 'cli', label: 'cli', config: SILENT_CONFIG },
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

/** A job's records one after another, applied to a state. */
export class Story {
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
    const drafts = settle(this.job, this.plan, false);
    for (const draft of drafts) this.apply(draft);
    return drafts;
  }

  ready(): number[] {
    return [...readySheets(this.job, this.plan, 1000, () => false)].map(({ sheet }) => sheet.num);
  }

  statuses(): string[] {
    return this.job.sheets.map((sheet) => sheet.status);
  }
}
