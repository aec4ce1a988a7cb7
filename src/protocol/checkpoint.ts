/** `job.status`: the whole state of a job, with every key that the Python clients read, and ours. Instants are ISO-8601 UTC texts. */
import { z } from 'zod';
import { wireDiagnosticSchema } from './diagnostic';
import { agentSchema, jobStatusSchema, sheetStatusSchema, statusReasonSchema } from './states';

const nullableText = z.string().nullable();
const nullableNumber = z.number().nullable();
const nullableFlag = z.boolean().nullable();
const anyObject = z.record(z.string(), z.unknown());

/** What one validation rule found. */
export const validationDetailSchema = z.object({
  rule_type: z.string(),
  description: nullableText,
  path: nullableText,
  pattern: nullableText,
  passed: z.boolean(),
  actual_value: nullableText,
  expected_value: nullableText,
  error_message: nullableText,
  checked_at: nullableText,
  check_duration_ms: nullableNumber,
  confidence: z.number(),
  confidence_factors: z.record(z.string(), z.number()),
  failure_reason: nullableText,
  failure_category: nullableText,
  suggested_fix: nullableText,
  error_type: nullableText,
});
export type ValidationDetail = z.infer<typeof validationDetailSchema>;

/** One recorded error of a sheet. */
export const errorRecordSchema = z.object({
  timestamp: z.string(),
  error_type: z.enum(['transient', 'rate_limit', 'permanent']),
  error_code: nullableText,
  error_message: z.string(),
  attempt_number: z.number(),
  context: anyObject,
  stdout_tail: nullableText,
  stderr_tail: nullableText,
  stack_trace: nullableText,
});
export type ErrorRecord = z.infer<typeof errorRecordSchema>;

/** Ours: one attempt of a sheet, without its outputs (`log.read` pages those). */
export const attemptSummarySchema = z.object({
  attempt: z.number(),
  mode: z.enum(['normal', 'completion', 'healing']),
  instrument: z.string(),
  model: nullableText,
  started_at: z.string(),
  completed_at: nullableText,
  /** Null while it runs. */
  outcome: z
    .enum([
      'completed',
      'failed',
      'partial',
      'rate_limited',
      'interrupted',
      'cancelled',
      'timeout',
      'skipped',
    ])
    .nullable(),
  /** What was decided after it, for example `retry`, `wait`, `fallback`, `failed`. */
  decision: nullableText,
  exit_code: nullableNumber,
  exit_signal: nullableNumber,
  exit_reason: nullableText,
  error_code: nullableText,
  error_message: nullableText,
  duration_seconds: nullableNumber,
  pass_percentage: nullableNumber,
  input_tokens: nullableNumber,
  output_tokens: nullableNumber,
  cost_usd: nullableNumber,
  /** True when the cost was priced or estimated by us and not stated by the instrument. */
  cost_estimated: z.boolean(),
  /** What else the instrument told about its answer, under its own names. */
  metadata: anyObject.nullish(),
  /** What is known of its workspace; `job.changes` has the files. Absent from older conductors. */
  changes: z.enum(['some', 'none', 'recording', 'unrecorded']).optional(),
  /** With `subscription`, `cost_usd` is the list price, which nobody pays. */
  paid_by: z.enum(['subscription', 'key', 'cloud']).nullish(),
  /** Which key of the user's keyring it had, by its label; null = none of them. Absent from older conductors. */
  key_label: z.string().nullish(),
});
export type AttemptSummary = z.infer<typeof attemptSummarySchema>;

/** Tokens were used and nobody knows what they cost. */
export function isUnpriced(
  attempt: Pick<AttemptSummary, 'cost_usd' | 'input_tokens' | 'output_tokens'>,
): boolean {
  return attempt.cost_usd === null && (attempt.input_tokens ?? 0) + (attempt.output_tokens ?? 0) > 0;
}

/** A sheet inside `job.status`. */
export const sheetStateSchema = z.object({
  sheet_num: z.number(),
  status: sheetStatusSchema,
  display_status: nullableText,
  started_at: nullableText,
  completed_at: nullableText,
  attempt_count: z.number(),
  normal_attempts: z.number(),
  completion_attempts: z.number(),
  healing_attempts: z.number(),
  max_retries: z.number(),
  max_completion: z.number(),
  exit_code: nullableNumber,
  exit_signal: nullableNumber,
  exit_reason: nullableText,
  execution_duration_seconds: nullableNumber,
  error_message: nullableText,
  error_category: nullableText,
  error_code: nullableText,
  validation_passed: nullableFlag,
  validation_details: z.array(validationDetailSchema).nullable(),
  passed_validations: z.array(z.string()),
  failed_validations: z.array(z.string()),
  last_pass_percentage: nullableNumber,
  instrument_name: nullableText,
  instrument_model: nullableText,
  model: nullableText,
  fallback_chain: z.array(z.string()),
  current_instrument_index: z.number(),
  fallback_attempts: z.record(z.string(), z.number()),
  instrument_fallback_history: z.array(
    z.object({ from: z.string(), to: z.string(), reason: z.string(), timestamp: z.string() }),
  ),
  movement: nullableNumber,
  voice: nullableNumber,
  description: nullableText,
  execution_mode: nullableText,
  outcome_data: anyObject.nullable(),
  outcome_category: nullableText,
  confidence_score: nullableNumber,
  learned_patterns: z.array(z.string()),
  applied_patterns: z.array(z.object({ id: z.string(), description: z.string() })),
  similar_outcomes_count: nullableNumber,
  success_without_retry: nullableFlag,
  stdout_tail: nullableText,
  stderr_tail: nullableText,
  output_truncated: z.boolean(),
  prompt_metrics: anyObject.nullable(),
  preflight_warnings: z.array(z.string()),
  progress_snapshots: z.array(anyObject),
  last_activity_at: nullableText,
  error_history: z.array(errorRecordSchema),
  fire_at: nullableText,
  rate_limit_expires_at: nullableText,
  total_cost_usd: z.number(),
  total_duration_seconds: z.number(),
  sheet_timeout_seconds: z.number(),
  grounding_passed: nullableFlag,
  grounding_confidence: nullableNumber,
  grounding_guidance: nullableText,
  input_tokens: nullableNumber,
  output_tokens: nullableNumber,
  estimated_cost: nullableNumber,
  cost_confidence: z.number(),
  agent_feedback: anyObject.nullable(),
  // Ours.
  /** Tokens were used for which no price is known: the cost says less than was spent. */
  unpriced: z.boolean().default(false),
  attempts: z.array(attemptSummarySchema),
  status_reason: statusReasonSchema.nullable(),
  /** List price of what a subscription covered; not in the costs above. */
  list_price_usd: nullableNumber.optional(),
  depends_on: z.array(z.number()),
});
export type SheetState = z.infer<typeof sheetStateSchema>;

/** Result of `job.status`. */
export const checkpointSchema = z.object({
  job_id: z.string(),
  job_name: z.string(),
  config_hash: nullableText,
  config_snapshot: anyObject.nullable(),
  config_path: nullableText,
  created_at: z.string(),
  updated_at: z.string(),
  started_at: nullableText,
  completed_at: nullableText,
  total_sheets: z.number(),
  /** The *number* of completed sheets, as in the Python system. */
  last_completed_sheet: z.number(),
  current_sheet: nullableNumber,
  status: jobStatusSchema,
  /** Keys are sheet numbers in decimal. Empty when the call asked for no sheets. */
  sheets: z.record(z.string(), sheetStateSchema),
  instruments_used: z.array(z.string()),
  total_movements: nullableNumber,
  pid: nullableNumber,
  error_message: nullableText,
  total_retry_count: z.number(),
  rate_limit_waits: z.number(),
  quota_waits: z.number(),
  resume_at: nullableText,
  total_input_tokens: z.number(),
  total_output_tokens: z.number(),
  total_estimated_cost: z.number(),
  /** Ours. Some tokens of this job have no known price: the cost says less than was spent. */
  unpriced: z.boolean().default(false),
  cost_limit_reached: z.boolean(),
  worktree_path: nullableText,
  worktree_branch: nullableText,
  worktree_locked: z.boolean(),
  worktree_base_commit: nullableText,
  isolation_mode: nullableText,
  isolation_fallback_used: z.boolean(),
  parallel_enabled: z.boolean(),
  parallel_max_concurrent: z.number(),
  parallel_batches_executed: z.number(),
  sheets_in_progress: z.array(z.number()),
  synthesis_results: anyObject,
  hook_results: z.array(anyObject),
  spec_corpus_hash: nullableText,
  circuit_breaker_history: z.array(anyObject),
  // Ours.
  workspace: z.string(),
  diagnostics: z.array(wireDiagnosticSchema),
  agents: z.array(agentSchema).optional(),
  /** List price of what a subscription covered; not in `total_estimated_cost`. */
  total_list_price_usd: z.number().optional(),
  /** Sheets that will never play; not in `last_completed_sheet`. */
  progress_skipped: z.number().optional(),
  /** Most of a limit is spent: in words. */
  cost_warning: nullableText.optional(),
  status_reason: statusReasonSchema.nullable(),
  /** Journal sequence number that this state includes: events up to it are already in here. */
  seq: z.number(),
});
export type Checkpoint = z.infer<typeof checkpointSchema>;
