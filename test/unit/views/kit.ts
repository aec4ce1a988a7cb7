/** Jobs and sheets as the conductor tells them, for the tests of views. */
import type { Checkpoint, SheetState } from '../../../src/protocol/checkpoint';
import type { JobRow } from '../../../src/protocol/states';
import { jobFromRow, sheetFromWire } from '../../../src/views/store/model';
import type { AttemptModel, JobModel, SheetModel } from '../../../src/views/store/model';

export const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);

export function row(id: string, changes: Partial<JobRow> = {}): JobRow {
  return {
    job_id: id,
    status: 'running',
    config_path: `/w/${id}.yaml`,
    workspace: '/w',
    submitted_at: NOW / 1000 - 60,
    started_at: NOW / 1000 - 50,
    progress_completed: 0,
    total_sheets: 3,
    ...changes,
  };
}

export function job(id: string, changes: Partial<JobModel> = {}): JobModel {
  return { ...jobFromRow(row(id), undefined), ...changes };
}

export function attempt(num: number, changes: Partial<AttemptModel> = {}): AttemptModel {
  return {
    attempt: num,
    mode: 'normal',
    instrument: 'cli',
    model: null,
    startedAt: NOW - 30_000,
    endedAt: null,
    outcome: null,
    exitCode: null,
    errorMessage: null,
    durationSeconds: null,
    costUsd: null,
    costEstimated: false,
    unpriced: false,
    passPercent: null,
    changes: null,
    ...changes,
  };
}

export function sheet(num: number, changes: Partial<SheetModel> = {}): SheetModel {
  return { ...sheetFromWire(wireSheet(num)), ...changes };
}

export function wireSheet(num: number, changes: Partial<SheetState> = {}): SheetState {
  return {
    sheet_num: num,
    status: 'pending',
    display_status: null,
    started_at: null,
    completed_at: null,
    attempt_count: 0,
    normal_attempts: 0,
    completion_attempts: 0,
    healing_attempts: 0,
    max_retries: 0,
    max_completion: 0,
    exit_code: null,
    exit_signal: null,
    exit_reason: null,
    execution_duration_seconds: null,
    error_message: null,
    error_category: null,
    error_code: null,
    validation_passed: null,
    validation_details: null,
    passed_validations: [],
    failed_validations: [],
    last_pass_percentage: null,
    instrument_name: 'cli',
    instrument_model: null,
    model: null,
    fallback_chain: [],
    current_instrument_index: 0,
    fallback_attempts: {},
    instrument_fallback_history: [],
    movement: 1,
    voice: null,
    description: null,
    execution_mode: null,
    outcome_data: null,
    outcome_category: null,
    confidence_score: null,
    learned_patterns: [],
    applied_patterns: [],
    similar_outcomes_count: null,
    success_without_retry: null,
    stdout_tail: null,
    stderr_tail: null,
    output_truncated: false,
    prompt_metrics: null,
    preflight_warnings: [],
    progress_snapshots: [],
    last_activity_at: null,
    error_history: [],
    fire_at: null,
    rate_limit_expires_at: null,
    total_cost_usd: 0,
    unpriced: false,
    total_duration_seconds: 0,
    sheet_timeout_seconds: 1800,
    grounding_passed: null,
    grounding_confidence: null,
    grounding_guidance: null,
    input_tokens: null,
    output_tokens: null,
    estimated_cost: null,
    cost_confidence: 1,
    agent_feedback: null,
    attempts: [],
    status_reason: null,
    depends_on: [],
    ...changes,
  };
}

export function checkpoint(id: string, changes: Partial<Checkpoint> = {}): Checkpoint {
  return {
    job_id: id,
    job_name: id,
    config_hash: null,
    config_snapshot: null,
    config_path: `/w/${id}.yaml`,
    created_at: new Date(NOW - 60_000).toISOString(),
    updated_at: new Date(NOW).toISOString(),
    started_at: new Date(NOW - 50_000).toISOString(),
    completed_at: null,
    total_sheets: 3,
    last_completed_sheet: 0,
    current_sheet: 1,
    status: 'running',
    sheets: {},
    instruments_used: ['cli'],
    total_movements: 1,
    pid: null,
    error_message: null,
    total_retry_count: 0,
    rate_limit_waits: 0,
    quota_waits: 0,
    resume_at: null,
    total_input_tokens: 0,
    total_output_tokens: 0,
    total_estimated_cost: 0,
    unpriced: false,
    cost_limit_reached: false,
    worktree_path: null,
    worktree_branch: null,
    worktree_locked: false,
    worktree_base_commit: null,
    isolation_mode: null,
    isolation_fallback_used: false,
    parallel_enabled: false,
    parallel_max_concurrent: 1,
    parallel_batches_executed: 0,
    sheets_in_progress: [],
    synthesis_results: {},
    hook_results: [],
    spec_corpus_hash: null,
    circuit_breaker_history: [],
    workspace: '/w',
    diagnostics: [],
    status_reason: null,
    seq: 1,
    ...changes,
  };
}
