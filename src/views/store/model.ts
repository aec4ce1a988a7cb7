/** What the views know of jobs: a slim form of the wire's, with instants in milliseconds since the epoch. */
import { isUnpriced } from '../../protocol/checkpoint';
import type { AttemptSummary, Checkpoint, SheetState } from '../../protocol/checkpoint';
import type { AgentRow, JobRow, JobStatus, SheetStatus } from '../../protocol/states';

export interface Reason {
  readonly code: string;
  readonly message: string;
  /** When it ends by itself; null = unknown. */
  readonly until: number | null;
}

export interface JobModel {
  /** Run id. */
  readonly id: string;
  readonly name: string;
  readonly status: JobStatus;
  readonly scorePath: string;
  readonly workspace: string;
  readonly submittedAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly completed: number;
  /** Will never play; not in `completed`. */
  readonly skipped: number;
  readonly total: number;
  readonly costUsd: number;
  /** More was spent than `costUsd`: some tokens have no known price. */
  readonly unpriced: boolean;
  readonly error: string | null;
  readonly reason: Reason | null;
  readonly currentSheet: number | null;
  /** Number of movements; null until `job.status` was asked. */
  readonly stages: number | null;
  readonly instruments: readonly string[];
  /** When the last rate limit ends that sheets wait for. */
  readonly resumeAt: number | null;
  /** Instruments that act without asking. */
  readonly unasked: readonly string[];
  /** Instruments whose MCP servers are off. */
  readonly mcpOff: readonly string[];
  /** Who pays, by instrument; only where that is known. */
  readonly payers: readonly { readonly instrument: string; readonly paidBy: PaidBy }[];
  /** List price of what a subscription covered; not in `costUsd`. */
  readonly listPriceUsd: number;
  /** Most of a cost limit is spent: in words. */
  readonly costWarning: string | null;
}

export type PaidBy = NonNullable<AgentRow['paid_by']>;

export interface AttemptModel {
  readonly attempt: number;
  readonly mode: AttemptSummary['mode'];
  readonly instrument: string;
  readonly model: string | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: AttemptSummary['outcome'];
  readonly exitCode: number | null;
  readonly errorMessage: string | null;
  readonly durationSeconds: number | null;
  readonly costUsd: number | null;
  readonly costEstimated: boolean;
  /** With `subscription` the cost is a list price that nobody pays. */
  readonly paidBy: PaidBy | null;
  /** Tokens were used and nobody knows their price. */
  readonly unpriced: boolean;
  readonly passPercent: number | null;
  /** Null: an older conductor does not say. */
  readonly changes: NonNullable<AttemptSummary['changes']> | null;
}

export interface SheetModel {
  readonly num: number;
  readonly status: SheetStatus;
  /** Movement number; null = unknown. */
  readonly movement: number | null;
  readonly description: string | null;
  readonly instrument: string | null;
  readonly model: string | null;
  /** The instrument that could not do it, when this one is its fallback. */
  readonly fallbackFrom: string | null;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Over all attempts. */
  readonly durationSeconds: number;
  readonly exitCode: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly failedValidations: readonly string[];
  readonly passPercent: number | null;
  readonly reason: Reason | null;
  /** When a retry or the end of a rate limit is due. */
  readonly dueAt: number | null;
  readonly costUsd: number;
  readonly unpriced: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly dependsOn: readonly number[];
  readonly attempts: readonly AttemptModel[];
}

/** Latest progress of a running sheet. */
export interface Progress {
  readonly attempt: number | null;
  readonly lastLine: string | null;
}

const endedStatuses: ReadonlySet<JobStatus> = new Set(['completed', 'failed', 'cancelled']);

export function hasEnded(job: JobModel): boolean {
  return endedStatuses.has(job.status);
}

const personNeeded = new Set(['waiting_for_key', 'fermata', 'cost_limit', 'storage_failed']);

/** True when nothing goes on until a person does something. */
export function needsPerson(job: JobModel): boolean {
  if (hasEnded(job)) return false;
  if (job.status === 'paused_at_chain' || job.reason === null) return job.status === 'paused_at_chain';
  // Paused at a limit: it was submitted not to go on by itself.
  return personNeeded.has(job.reason.code) || (job.status === 'paused' && job.reason.code === 'rate_limit');
}

/** True when a rate limit is what holds it. */
export function isLimited(job: JobModel): boolean {
  return !hasEnded(job) && (job.resumeAt !== null || job.reason?.code === 'rate_limit');
}

export function jobFromRow(row: JobRow, before: JobModel | undefined): JobModel {
  return {
    id: row.job_id,
    name: row.job_name ?? row.job_id,
    status: row.status,
    scorePath: row.config_path,
    workspace: row.workspace,
    submittedAt: row.submitted_at * 1000,
    startedAt: row.started_at === null ? null : row.started_at * 1000,
    endedAt: typeof row.completed_at === 'number' ? row.completed_at * 1000 : null,
    completed: row.progress_completed ?? 0,
    skipped: row.progress_skipped ?? 0,
    total: row.total_sheets ?? row.progress_total ?? 0,
    costUsd: row.total_cost_usd ?? 0,
    unpriced: row.unpriced ?? false,
    error: row.error_message ?? null,
    reason: reasonOf(row.status_reason),
    currentSheet: row.current_sheet ?? null,
    stages: before?.stages ?? null,
    instruments: before?.instruments ?? [],
    resumeAt: before?.resumeAt ?? null,
    ...agentsOf(row.agents ?? []),
    listPriceUsd: before?.listPriceUsd ?? 0,
    costWarning: before?.costWarning ?? null,
  };
}

/** `before`: what was known of it; an older conductor leaves some of it out. */
export function jobFromStatus(status: Checkpoint, before: JobModel | undefined): JobModel {
  return {
    id: status.job_id,
    name: status.job_name,
    status: status.status,
    scorePath: status.config_path ?? '',
    workspace: status.workspace,
    submittedAt: instant(status.created_at) ?? 0,
    startedAt: instant(status.started_at),
    endedAt: instant(status.completed_at),
    completed: status.last_completed_sheet,
    skipped: status.progress_skipped ?? before?.skipped ?? 0,
    total: status.total_sheets,
    costUsd: status.total_estimated_cost,
    unpriced: status.unpriced,
    error: status.error_message,
    reason: reasonOf(status.status_reason),
    currentSheet: status.current_sheet,
    stages: status.total_movements,
    instruments: status.instruments_used,
    resumeAt: instant(status.resume_at),
    ...agentsOf(status.agents ?? []),
    listPriceUsd: status.total_list_price_usd ?? 0,
    costWarning: status.cost_warning ?? null,
  };
}

function agentsOf(agents: readonly AgentRow[]): Pick<JobModel, 'unasked' | 'mcpOff' | 'payers'> {
  const named = (which: (agent: AgentRow) => boolean) =>
    agents.filter(which).map(({ instrument }) => instrument);
  return {
    unasked: named((agent) => agent.acts_unasked),
    mcpOff: named((agent) => agent.mcp_off),
    payers: agents.flatMap(({ instrument, paid_by: paidBy }) =>
      paidBy === null ? [] : [{ instrument, paidBy }],
    ),
  };
}

export function sheetFromWire(sheet: SheetState): SheetModel {
  return {
    num: sheet.sheet_num,
    status: sheet.status,
    movement: sheet.movement,
    description: sheet.description,
    instrument: sheet.instrument_name,
    model: sheet.model,
    fallbackFrom: sheet.instrument_fallback_history.at(-1)?.from ?? null,
    startedAt: instant(sheet.started_at),
    endedAt: instant(sheet.completed_at),
    durationSeconds: sheet.total_duration_seconds,
    exitCode: sheet.exit_code,
    errorCode: sheet.error_code,
    errorMessage: sheet.error_message,
    failedValidations: sheet.failed_validations,
    passPercent: sheet.last_pass_percentage,
    reason: reasonOf(sheet.status_reason),
    dueAt: instant(sheet.fire_at) ?? instant(sheet.rate_limit_expires_at),
    costUsd: sheet.total_cost_usd,
    unpriced: sheet.unpriced,
    inputTokens: sheet.input_tokens,
    outputTokens: sheet.output_tokens,
    dependsOn: sheet.depends_on,
    attempts: sheet.attempts.map((attempt) => ({
      attempt: attempt.attempt,
      mode: attempt.mode,
      instrument: attempt.instrument,
      model: attempt.model,
      startedAt: instant(attempt.started_at) ?? 0,
      endedAt: instant(attempt.completed_at),
      outcome: attempt.outcome,
      exitCode: attempt.exit_code,
      errorMessage: attempt.error_message,
      durationSeconds: attempt.duration_seconds,
      costUsd: attempt.cost_usd,
      costEstimated: attempt.cost_estimated,
      paidBy: attempt.paid_by ?? null,
      unpriced: isUnpriced(attempt),
      passPercent: attempt.pass_percentage,
      changes: attempt.changes ?? null,
    })),
  };
}

function reasonOf(
  reason: { code: string; message: string; until?: string | null | undefined } | null | undefined,
): Reason | null {
  if (!reason) return null;
  return { code: reason.code, message: reason.message, until: instant(reason.until ?? null) };
}

function instant(text: string | null): number | null {
  if (text === null) return null;
  const value = Date.parse(text);
  return Number.isNaN(value) ? null : value;
}
