import type { ExecutionResult } from '../../backends/result';
import type { PaidBy } from '../../instruments/agent-facts';
import type { Plan, PlannedInstrument } from '../../score/plan';
import type { AttemptEnd } from '../attempts/runner';
import { addUsd } from '../../protocol/usd';
import type { AttemptOutcome, NextStep, RecordDraft, TreeRecord } from '../records';
import type { ValidationReport } from './attempt-services';
import type { Decision, Verdict } from './decide';
import { terminalSheet, type AttemptState, type SheetState } from './state';

/** Characters of output kept in the record. */
const tailChars = 2000;

/** The end of an attempt that has no execution result: it was never started, or we failed. */
export function finishedWithoutResult(
  run: string,
  sheet: number,
  { attempt, instrument, model }: Pick<AttemptState, 'attempt' | 'instrument' | 'model'>,
  errorType: 'not_started' | 'internal',
  verdict: Verdict,
  next: NextStep,
): RecordDraft {
  return {
    type: 'attempt.finished',
    run,
    body: {
      sheet,
      attempt,
      outcome: 'failed',
      instrument,
      model,
      exit_code: null,
      exit_signal: null,
      exit_reason: 'error',
      error_type: errorType,
      error_code: verdict.code,
      error_category: verdict.category,
      error_message: verdict.message,
      duration_seconds: 0,
      input_tokens: null,
      output_tokens: null,
      cost_usd: null,
      pass_percent: null,
      sheet_status: next.status,
      next,
    },
  };
}

/** All that is known of an attempt at its end. */
export interface AttemptFacts {
  readonly sheet: number;
  readonly attempt: number;
  readonly instrument: PlannedInstrument;
  readonly outcome: AttemptOutcome;
  readonly end: AttemptEnd;
  readonly verdict: Verdict | null;
  readonly report: ValidationReport | null;
  /** US dollars; null = no price is known. */
  readonly cost: number | null;
  readonly payer: PaidBy | null;
  readonly treeAfter: TreeRecord | null;
  readonly mixed: boolean;
  readonly next: NextStep;
}

/** The end of an attempt that an instrument played. */
export function finishedWithResult(run: string, facts: AttemptFacts): RecordDraft {
  const { outcome, instrument, end, verdict, report, cost, next } = facts;
  const { result } = end;
  return {
    type: 'attempt.finished',
    run,
    body: {
      sheet: facts.sheet,
      attempt: facts.attempt,
      outcome,
      instrument: instrument.profile,
      model: result.model ?? instrument.config.model,
      exit_code: result.exitCode,
      exit_signal: result.exitSignal,
      exit_reason: result.exitReason,
      raw_status: end.rawStatus,
      error_type: result.errorType,
      ...errorFacts(outcome, verdict, report, result),
      duration_seconds: result.durationSeconds,
      input_tokens: result.inputTokens,
      output_tokens: result.outputTokens,
      cost_usd: cost,
      cost_estimated: cost !== null && (result.costUsd === null || result.costEstimated),
      paid_by: facts.payer,
      pass_percent: report?.passPercent ?? null,
      rules: report ? [...report.rules] : [],
      session_id: result.sessionId,
      metadata: result.metadata,
      output_tail: tail(end.answer),
      stderr_tail: tail(result.stderr),
      tree_after: facts.treeAfter,
      mixed: facts.mixed,
      sheet_status: next.status,
      next,
    },
  };
}

/** The end of an attempt that nobody can judge any more; the sheet fails with it. */
export function abandoned(
  run: string,
  sheet: SheetState,
  attempt: AttemptState,
  message: string,
): RecordDraft {
  const verdict: Verdict = {
    code: 'E999',
    category: 'fatal',
    action: 'stop',
    waitSeconds: null,
    quota: false,
    message,
  };
  const { mode, fallback_index, normal_attempts, completion_attempts } = sheet;
  const { rate_limit_waits, quota_waits, interruptions } = sheet;
  const spent = { fallback_index, normal_attempts, completion_attempts };
  const counters = { ...spent, rate_limit_waits, quota_waits, interruptions };
  const reason = { code: verdict.category, message, until: null };
  const next: NextStep = { status: 'failed', reason, due_at: null, mode, ...counters };
  return finishedWithoutResult(run, sheet.num, attempt, 'internal', verdict, next);
}

/** US dollars that a sheet's attempts were paid for; list prices of a subscription are not. */
export function paidFor(sheet: SheetState): number {
  return addUsd(
    ...sheet.attempts.map(({ cost_usd: cost, paid_by: payer }) => (payer === 'subscription' ? 0 : cost)),
  );
}

/** A sheet that has spent its budget is not tried again. */
export function withinBudget(decision: Decision, sheet: SheetState, cost: number, plan: Plan): Decision {
  const limit = plan.costLimits?.maxCostPerSheet ?? null;
  if (limit === null || terminalSheet.has(decision.next.status)) return decision;
  const spent = addUsd(paidFor(sheet), cost);
  if (spent <= limit) return decision;
  const message = `spent ${spent.toFixed(4)} USD of ${limit} USD (cost_limits.max_cost_per_sheet)`;
  const next: NextStep = {
    ...decision.next,
    status: 'failed',
    due_at: null,
    reason: { code: 'cost_limit', message, until: null },
  };
  return { ...decision, next };
}

/** What the end alone says; whether a failure is a limit is the classifier's to say. */
export function outcomeOf(end: AttemptEnd): AttemptOutcome {
  if (end.kind !== 'ended') return end.kind;
  return end.result.success ? 'success' : 'failed';
}

function errorFacts(
  outcome: AttemptOutcome,
  verdict: Verdict | null,
  report: ValidationReport | null,
  result: ExecutionResult,
): { error_code: string | null; error_category: string | null; error_message: string | null } {
  if (verdict)
    return { error_code: verdict.code, error_category: verdict.category, error_message: verdict.message };
  if (outcome === 'invalid') {
    return {
      error_code: 'E209',
      error_category: 'validation',
      error_message: report?.summary ?? 'validation failed',
    };
  }
  if (outcome === 'interrupted') {
    return {
      error_code: 'E004',
      error_category: 'signal',
      error_message: result.errorMessage ?? 'interrupted',
    };
  }
  return {
    error_code: null,
    error_category: null,
    error_message: outcome === 'success' ? null : result.errorMessage,
  };
}

/** The last part of an output, as rows and `status` show it; all of it is in the log. */
function tail(text: string): string {
  return text.length <= tailChars ? text : text.slice(-tailChars);
}
