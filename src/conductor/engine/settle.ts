import type { Plan } from '../../score/plan';
import type { RecordDraft } from '../records';
import { paidFor } from './attempt-record';
import { dependenciesOf } from './ready';
import { SheetIndex } from './sheet-index';
import { skippedOnPurpose, terminalJob, terminalSheet, type JobState, type SheetState } from './state';

/**
 * What follows from the state of a job's sheets, without anybody deciding anything: sheets behind a failure are skipped, a cancelled job's sheets are
 * cancelled, a job whose sheets are all at their end is at its end. `inFlight`: some attempt of it is being prepared or running. Pure; called after every change and at start (a crash may have come between).
 */
export function settle(
  job: JobState,
  plan: Plan,
  inFlight: boolean,
  index: SheetIndex = new SheetIndex(job, plan),
): RecordDraft[] {
  if (terminalJob.has(job.status)) return [];
  const drafts: RecordDraft[] = [];
  const active = inFlight || index.dispatched > 0;
  if (job.cancelling) {
    if (active) return [];
    for (const sheet of job.sheets)
      if (!terminalSheet.has(sheet.status))
        drafts.push(sheetDraft(job, sheet, 'cancelled', 'cancelled', 'cancelled by request'));
    drafts.push({
      type: 'job.status',
      run: job.run,
      body: { status: 'cancelled', reason: { code: 'cancelled', message: 'cancelled by request' } },
    });
    return drafts;
  }
  const skipped = new Set<number>();
  if (index.stuck > 0) skipBlocked(job, plan, skipped, drafts);
  if (plan.parallel.enabled && plan.parallel.failFast && !active && index.failed > 0)
    skipAfterFailure(job, skipped, drafts);
  const open = index.open > skipped.size;
  if (!open) drafts.push(finalStatus(job, skipped));
  else if (job.status === 'running') drafts.push(...costWarnings(job, plan), ...overBudget(job, plan));
  return drafts;
}

/** Says once of each limit that most of it is spent. */
function costWarnings(job: JobState, plan: Plan): RecordDraft[] {
  if (!plan.costLimits) return [];
  const { warnAtPercent, maxCostPerJob, maxCostPerSheet } = plan.costLimits;
  const nearly = (spent: number, limit: number | null) =>
    limit !== null && spent >= (limit * warnAtPercent) / 100;
  const warning = (sheet: number | null, spent: number, limit: number | null): RecordDraft => ({
    type: 'job.cost_warning',
    run: job.run,
    body: { sheet, spent_usd: spent, limit_usd: limit ?? 0 },
  });
  const told = new Set(job.cost_warned);
  const drafts: RecordDraft[] = [];
  if (!told.has(0) && nearly(job.cost_usd, maxCostPerJob))
    drafts.push(warning(null, job.cost_usd, maxCostPerJob));
  if (maxCostPerSheet === null) return drafts;
  for (const sheet of job.sheets) {
    if (terminalSheet.has(sheet.status) || told.has(sheet.num)) continue;
    const spent = paidFor(sheet);
    if (nearly(spent, maxCostPerSheet)) drafts.push(warning(sheet.num, spent, maxCostPerSheet));
  }
  return drafts;
}

/** A running job that has spent its budget pauses by itself. */
function overBudget(job: JobState, plan: Plan): RecordDraft[] {
  const message = budgetSpent(job, plan);
  if (message === null) return [];
  const reason = { code: 'cost_limit', message };
  return [{ type: 'job.status', run: job.run, body: { status: 'paused', reason } }];
}

/** What the job has spent, in words, when that is more than it may; else null. */
export function budgetSpent(job: JobState, plan: Plan): string | null {
  const limit = plan.costLimits?.maxCostPerJob ?? null;
  if (limit === null || job.cost_usd <= limit) return null;
  return `spent ${job.cost_usd.toFixed(4)} USD of ${limit} USD (cost_limits.max_cost_per_job)`;
}

function skipBlocked(job: JobState, plan: Plan, skipped: Set<number>, drafts: RecordDraft[]): void {
  // Until nothing more is blocked: a skip blocks what is behind it. Plans are mostly in order, so this is one or two passes.
  for (let changed = true; changed;) {
    changed = false;
    for (const planned of plan.sheets) {
      const sheet = job.sheets[planned.num - 1];
      if (
        !sheet ||
        terminalSheet.has(sheet.status) ||
        sheet.status === 'dispatched' ||
        skipped.has(sheet.num)
      )
        continue;
      const blocker =
        dependenciesOf(job, planned).blocker?.num ?? planned.dependsOn.find((num) => skipped.has(num));
      if (blocker === undefined) continue;
      skipped.add(sheet.num);
      changed = true;
      const state = job.sheets[blocker - 1]?.status ?? 'skipped';
      const verb = skipped.has(blocker) ? 'skipped' : state;
      drafts.push(
        sheetDraft(
          job,
          sheet,
          'skipped',
          'upstream_failed',
          `sheet ${blocker} was ${verb === 'failed' ? 'not successful' : verb}`,
          'E999',
        ),
      );
    }
  }
}

function skipAfterFailure(job: JobState, skipped: Set<number>, drafts: RecordDraft[]): void {
  const failed = job.sheets.find((sheet) => sheet.status === 'failed');
  if (!failed) return;
  for (const sheet of job.sheets) {
    if (terminalSheet.has(sheet.status) || skipped.has(sheet.num)) continue;
    skipped.add(sheet.num);
    drafts.push(
      sheetDraft(
        job,
        sheet,
        'skipped',
        'fail_fast',
        `not started after sheet ${failed.num} failed (parallel.fail_fast)`,
        'E999',
      ),
    );
  }
}

function finalStatus(job: JobState, skipped: ReadonlySet<number>): RecordDraft {
  const failed = job.sheets.filter((sheet) => sheet.status === 'failed');
  const behind = job.sheets.filter(
    (sheet) => skipped.has(sheet.num) || (sheet.status === 'skipped' && !skippedOnPurpose(sheet)),
  );
  if (failed.length === 0 && behind.length === 0)
    return { type: 'job.status', run: job.run, body: { status: 'completed' } };
  const first = failed[0];
  const message = first
    ? `sheet ${first.num} failed: ${first.error_message ?? first.reason?.message ?? 'no reason recorded'}`
    : `${behind.length} sheets could not run`;
  return {
    type: 'job.status',
    run: job.run,
    body: { status: 'failed', reason: { code: 'sheets_failed', message }, error: message },
  };
}

export function sheetDraft(
  job: JobState,
  sheet: SheetState,
  status: 'cancelled' | 'skipped' | 'failed' | 'pending',
  code: string,
  message: string,
  errorCode: string | null = null,
): RecordDraft {
  return {
    type: 'sheet.status',
    run: job.run,
    body: {
      sheet: sheet.num,
      status,
      reason: { code, message },
      error_code: errorCode,
      error_message: errorCode === null ? null : message,
    },
  };
}
