import type {
  AttemptSummary,
  Checkpoint,
  ErrorRecord,
  SheetState as WireSheet,
  ValidationDetail,
} from '../../protocol/checkpoint';
import { isUnpriced } from '../../protocol/checkpoint';
import type { WireDiagnostic } from '../../protocol/diagnostic';
import type { JobRow, StatusReason } from '../../protocol/states';
import type { Plan } from '../../score/plan';
import type { AttemptState, JobState, SheetState } from '../engine/state';
import { terminalSheet } from '../engine/state';
import { idleReason } from './idle-reason';
import { paidFor } from '../engine/attempt-record';
import { addUsd } from '../../protocol/usd';
import type { Reason } from '../records';
import type { RuleResult } from '../validations/result';
import { ruleName } from '../validations/summary';

/** What a checkpoint is told from, beside the state of the job. */
export interface CheckpointContext {
  readonly plan: Plan | null;
  readonly diagnostics: readonly WireDiagnostic[];
  readonly seq: number;
  readonly pid: number;
  /** Reasons that are not state: a missing key, a limit that holds a sheet back. */
  holdOf(sheet: SheetState): Reason | null;
}

export function iso(instant: number): string;
export function iso(instant: number | null): string | null;
export function iso(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}

export function wireReason(reason: Reason | null): StatusReason | null {
  if (!reason) return null;
  return {
    code: reason.code,
    message: reason.message,
    ...(reason.until === null ? {} : { until: iso(reason.until) }),
  };
}

/** A row of `job.list`. Instants are epoch seconds there, as the Python clients expect. */
export function jobRow(job: JobState, pid: number): JobRow {
  const completed = job.sheets.filter((sheet) => sheet.status === 'completed').length;
  return {
    job_id: job.run,
    status: job.status,
    config_path: job.score_path,
    workspace: job.workspace,
    submitted_at: job.submitted_at / 1000,
    started_at: job.started_at === null ? null : job.started_at / 1000,
    completed_at: job.finished_at === null ? null : job.finished_at / 1000,
    error_message: job.error,
    progress_completed: completed,
    progress_skipped: job.sheets.filter((sheet) => sheet.status === 'skipped').length,
    progress_total: job.sheets.length,
    current_sheet: currentSheet(job),
    total_sheets: job.sheets.length,
    pid: job.status === 'running' ? pid : null,
    job_name: job.name,
    status_reason: wireReason(job.reason),
    total_cost_usd: job.cost_usd,
    unpriced: job.unpriced,
    agents: job.agents,
  };
}

/** Sheets that are asked why they do not start: they are mostly held by one limit. */
const askedForHold = 20;

/** When the limit ends that sheets of the job wait for, or that holds all that could start; null = none. */
function limitEnd(job: JobState, context: CheckpointContext): number | null {
  const waiting = job.sheets.filter((sheet) => sheet.status === 'waiting');
  if (waiting.length > 0) return Math.max(...waiting.map((sheet) => sheet.due_at ?? 0));
  if (job.status !== 'running' || job.sheets.some((sheet) => sheet.status === 'dispatched')) return null;
  const open = job.sheets.filter((sheet) => !terminalSheet.has(sheet.status)).slice(0, askedForHold);
  const holds = open.map((sheet) => context.holdOf(sheet)).filter((hold) => hold?.code === 'rate_limit');
  return holds.find((hold) => (hold?.until ?? null) !== null)?.until ?? null;
}

/** The result of `job.status`. Keys that this system has no use for are there with their empty value: the Python clients read them. */
export function checkpoint(job: JobState, context: CheckpointContext, withSheets: boolean): Checkpoint {
  const { plan } = context;
  const limitedUntil = limitEnd(job, context);
  return {
    job_id: job.run,
    job_name: job.name,
    config_hash: job.bundle,
    config_snapshot: null,
    config_path: job.score_path,
    created_at: iso(job.submitted_at),
    updated_at: iso(job.updated_at),
    started_at: iso(job.started_at),
    completed_at: iso(job.finished_at),
    total_sheets: job.sheets.length,
    last_completed_sheet: job.sheets.filter((sheet) => sheet.status === 'completed').length,
    progress_skipped: job.sheets.filter((sheet) => sheet.status === 'skipped').length,
    current_sheet: currentSheet(job),
    status: job.status,
    sheets: withSheets
      ? Object.fromEntries(
          job.sheets.map((sheet) => [String(sheet.num), wireSheet(sheet, plan, context.holdOf(sheet))]),
        )
      : {},
    instruments_used: [
      ...new Set(job.sheets.flatMap((sheet) => sheet.attempts.map((attempt) => attempt.instrument))),
    ],
    total_movements: job.total_stages,
    pid: job.status === 'running' ? context.pid : null,
    error_message: job.error,
    total_retry_count: sum(job.sheets, (sheet) => Math.max(0, sheet.attempts.length - 1)),
    rate_limit_waits: sum(
      job.sheets,
      (sheet) => sheet.attempts.filter((attempt) => attempt.outcome === 'rate_limited').length,
    ),
    quota_waits: sum(
      job.sheets,
      (sheet) => sheet.attempts.filter((attempt) => attempt.error_code === 'E104').length,
    ),
    resume_at: iso(limitedUntil),
    total_input_tokens: job.input_tokens,
    total_output_tokens: job.output_tokens,
    total_estimated_cost: job.cost_usd,
    unpriced: job.unpriced,
    cost_limit_reached: job.reason?.code === 'cost_limit',
    worktree_path: null,
    worktree_branch: null,
    worktree_locked: false,
    worktree_base_commit: null,
    isolation_mode: null,
    isolation_fallback_used: false,
    parallel_enabled: plan?.parallel.enabled ?? false,
    parallel_max_concurrent: plan?.parallel.maxConcurrent ?? 1,
    parallel_batches_executed: 0,
    sheets_in_progress: job.sheets.filter((sheet) => sheet.status === 'dispatched').map((sheet) => sheet.num),
    synthesis_results: {},
    hook_results: [],
    spec_corpus_hash: null,
    circuit_breaker_history: [],
    workspace: job.workspace,
    diagnostics: [...context.diagnostics],
    agents: job.agents,
    total_list_price_usd: job.list_price_usd,
    cost_warning: costWarning(job, plan),
    status_reason: wireReason(
      job.cancelling
        ? { code: 'cancelling', message: 'being cancelled', until: null }
        : (job.reason ?? idleReason(job, (sheet) => context.holdOf(sheet))),
    ),
    seq: context.seq,
  };
}

/** What is said when most of a limit is spent; null before, and when there is none. */
function costWarning(job: JobState, plan: Plan | null): string | null {
  const limit = plan?.costLimits?.maxCostPerJob ?? null;
  if (limit === null || !job.cost_warned.includes(0)) return null;
  return `spent ${dollars(job.cost_usd)} of ${dollars(limit)} (cost_limits.max_cost_per_job)`;
}

function dollars(usd: number): string {
  return `$${usd.toFixed(usd < 0.01 && usd > 0 ? 4 : 2)}`;
}

export function wireSheet(sheet: SheetState, plan: Plan | null, hold: Reason | null): WireSheet {
  const planned = plan?.sheets[sheet.num - 1];
  const last = sheet.attempts.at(-1);
  const judged = [...sheet.attempts].reverse().find((attempt) => attempt.pass_percent !== null);
  const chain = planned
    ? [planned.instrument, ...planned.fallbacks].map((instrument) => instrument.profile)
    : [sheet.instrument];
  const hasTokens = sheet.attempts.some(
    (attempt) => attempt.input_tokens !== null || attempt.output_tokens !== null,
  );
  const covered = sheet.attempts.filter((attempt) => attempt.paid_by === 'subscription');
  const hasCost = sheet.attempts.some((attempt) => attempt.cost_usd !== null && !covered.includes(attempt));
  const hasListPrice = covered.some((attempt) => attempt.cost_usd !== null);
  return {
    sheet_num: sheet.num,
    status: sheet.status,
    display_status: displayStatus(sheet),
    started_at: iso(sheet.started_at),
    completed_at: iso(sheet.completed_at),
    attempt_count: sheet.attempts.length,
    normal_attempts: sheet.normal_attempts,
    completion_attempts: sheet.completion_attempts,
    healing_attempts: 0,
    max_retries: plan?.retry.maxRetries ?? 0,
    max_completion: plan?.retry.maxCompletionAttempts ?? 0,
    exit_code: last?.exit_code ?? null,
    exit_signal: last?.exit_signal ?? null,
    exit_reason: last?.exit_reason ?? null,
    execution_duration_seconds: last?.duration_seconds ?? null,
    error_message: sheet.error_message,
    error_category: sheet.error_category,
    error_code: sheet.error_code,
    validation_passed: judged ? judged.pass_percent === 100 : null,
    validation_details: judged ? judged.rules.map((rule) => validationDetail(rule, judged.ended_at)) : null,
    passed_validations: judged?.rules.filter((rule) => rule.passed).map(ruleName) ?? [],
    failed_validations: judged?.rules.filter((rule) => !rule.passed).map(ruleName) ?? [],
    last_pass_percentage: judged?.pass_percent ?? null,
    instrument_name: last?.instrument ?? sheet.instrument,
    instrument_model: last?.model ?? sheet.model,
    model: last?.model ?? sheet.model,
    fallback_chain: chain.slice(1),
    current_instrument_index: sheet.fallback_index,
    fallback_attempts: Object.fromEntries(
      chain.map((name) => [name, sheet.attempts.filter((attempt) => attempt.instrument === name).length]),
    ),
    instrument_fallback_history: fallbackHistory(sheet),
    movement: sheet.movement,
    voice: sheet.voice,
    description: sheet.description,
    execution_mode: last?.mode ?? null,
    outcome_data: null,
    outcome_category: outcomeCategory(sheet),
    confidence_score: confidenceOf(last),
    learned_patterns: [],
    applied_patterns: [],
    similar_outcomes_count: null,
    success_without_retry: sheet.status === 'completed' ? sheet.attempts.length === 1 : null,
    stdout_tail: last && last.ended_at !== null ? last.output_tail : null,
    stderr_tail: last && last.ended_at !== null ? last.stderr_tail : null,
    output_truncated: (last?.output_tail.length ?? 0) >= 2000,
    prompt_metrics: null,
    preflight_warnings: [],
    progress_snapshots: [],
    last_activity_at: iso(last?.ended_at ?? last?.started_at ?? null),
    error_history: sheet.attempts
      .filter((attempt) => attempt.error_message !== null)
      .slice(-50)
      .map(errorRecord),
    fire_at: iso(sheet.status === 'retry_scheduled' ? sheet.due_at : null),
    rate_limit_expires_at: iso(sheet.status === 'waiting' ? sheet.due_at : null),
    total_cost_usd: paidFor(sheet),
    total_duration_seconds: sum(sheet.attempts, (attempt) => attempt.duration_seconds ?? 0),
    sheet_timeout_seconds: planned?.instrument.config.timeoutSeconds ?? 1800,
    grounding_passed: null,
    grounding_confidence: null,
    grounding_guidance: null,
    input_tokens: hasTokens ? sum(sheet.attempts, (attempt) => attempt.input_tokens ?? 0) : null,
    output_tokens: hasTokens ? sum(sheet.attempts, (attempt) => attempt.output_tokens ?? 0) : null,
    estimated_cost: hasCost ? paidFor(sheet) : null,
    cost_confidence: sheet.attempts.some((attempt) => attempt.cost_estimated) ? 0.5 : 1,
    agent_feedback: null,
    unpriced: sheet.attempts.some(isUnpriced),
    attempts: sheet.attempts.map(attemptSummary),
    status_reason: wireReason(hold ?? sheet.reason),
    list_price_usd: hasListPrice ? addUsd(...covered.map(({ cost_usd: cost }) => cost)) : null,
    depends_on: [...(planned?.dependsOn ?? [])],
  };
}

/** How sure the instrument was of its last answer, 0 to 1, if it is one that tells. */
function confidenceOf(attempt: AttemptState | undefined): number | null {
  const told = attempt?.metadata?.['confidence_score'];
  return typeof told === 'number' ? told : null;
}

export function attemptSummary(attempt: AttemptState): AttemptSummary {
  return {
    attempt: attempt.attempt,
    mode: attempt.mode === 'completion' ? 'completion' : 'normal',
    instrument: attempt.instrument,
    model: attempt.model,
    started_at: iso(attempt.started_at),
    completed_at: iso(attempt.ended_at),
    outcome: wireOutcome(attempt),
    decision: attempt.next_status,
    exit_code: attempt.exit_code,
    exit_signal: attempt.exit_signal,
    exit_reason: attempt.exit_reason,
    error_code: attempt.error_code,
    error_message: attempt.error_message,
    duration_seconds: attempt.duration_seconds,
    pass_percentage: attempt.pass_percent,
    input_tokens: attempt.input_tokens,
    output_tokens: attempt.output_tokens,
    cost_usd: attempt.cost_usd,
    cost_estimated: attempt.cost_estimated,
    metadata: attempt.metadata,
    changes: changesOf(attempt),
    paid_by: attempt.paid_by,
    key_label: attempt.key_label,
  };
}

function changesOf({
  tree_before: before,
  tree_after: after,
  ended_at: end,
}: AttemptState): AttemptSummary['changes'] {
  if (!before?.tree) return 'unrecorded';
  if (end === null) return 'recording';
  if (!after?.tree) return 'unrecorded';
  return before.tree === after.tree ? 'none' : 'some';
}

export function validationDetail(rule: RuleResult, checkedAt: number | null): ValidationDetail {
  return {
    rule_type: rule.type,
    description: rule.description,
    path: rule.path,
    pattern: rule.pattern,
    passed: rule.passed,
    actual_value: rule.actual,
    expected_value: rule.expected,
    error_message: rule.passed ? null : rule.message,
    checked_at: iso(checkedAt),
    check_duration_ms: rule.duration_ms,
    confidence: rule.confidence,
    confidence_factors: {},
    failure_reason: rule.passed ? null : rule.message,
    failure_category: rule.failure_category,
    suggested_fix: rule.suggested_fix,
    error_type: rule.error_type,
  };
}

function wireOutcome(attempt: AttemptState): AttemptSummary['outcome'] {
  switch (attempt.outcome) {
    case null:
      return null;
    case 'success':
      return 'completed';
    case 'invalid':
      return (attempt.pass_percent ?? 0) > 0 ? 'partial' : 'failed';
    case 'failed':
      return attempt.exit_reason === 'timeout' ? 'timeout' : 'failed';
    default:
      return attempt.outcome;
  }
}

function displayStatus(sheet: SheetState): string {
  if (sheet.status === 'dispatched') return 'playing';
  return sheet.status === 'retry_scheduled' ? 'retrying' : sheet.status;
}

function outcomeCategory(sheet: SheetState): string | null {
  if (sheet.status === 'completed') {
    if (sheet.attempts.some((attempt) => attempt.mode === 'completion')) return 'success_completion';
    return sheet.attempts.length === 1 ? 'success_first_try' : 'success_retry';
  }
  return sheet.status === 'failed' ? 'failed_exhausted' : null;
}

function fallbackHistory(sheet: SheetState): WireSheet['instrument_fallback_history'] {
  const history: WireSheet['instrument_fallback_history'] = [];
  sheet.attempts.forEach((attempt, i) => {
    const before = sheet.attempts[i - 1];
    if (!before || before.fallback_index === attempt.fallback_index) return;
    history.push({
      from: before.instrument,
      to: attempt.instrument,
      reason: before.error_message ?? before.outcome ?? 'unknown',
      timestamp: iso(attempt.started_at),
    });
  });
  return history;
}

function errorRecord(attempt: AttemptState): ErrorRecord {
  const code = attempt.error_code;
  return {
    timestamp: iso(attempt.ended_at ?? attempt.started_at),
    error_type: code?.startsWith('E0') ? 'transient' : code?.startsWith('E1') ? 'rate_limit' : 'permanent',
    error_code: code,
    error_message: attempt.error_message ?? '',
    attempt_number: attempt.attempt,
    context: {
      exit_code: attempt.exit_code,
      signal: attempt.exit_signal,
      category: attempt.error_category,
      instrument: attempt.instrument,
    },
    stdout_tail: attempt.output_tail === '' ? null : attempt.output_tail,
    stderr_tail: attempt.stderr_tail === '' ? null : attempt.stderr_tail,
    stack_trace: null,
  };
}

function currentSheet(job: JobState): number | null {
  const running = job.sheets.find((sheet) => sheet.status === 'dispatched');
  return (running ?? job.sheets.find((sheet) => !terminalSheet.has(sheet.status)))?.num ?? null;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
