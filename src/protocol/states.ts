import { z } from 'zod';

/** Status of a job as `job.list` and `job.status` tell it. Names are the Python system's. */
export const jobStatusSchema = z.enum([
  'queued',
  'pending',
  'running',
  'paused',
  'paused_at_chain',
  'completed',
  'failed',
  'cancelled',
]);
export type JobStatus = z.infer<typeof jobStatusSchema>;

/** Status of a sheet. `dispatched` is the running state; `ready` and `in_progress` are kept for the Python clients. */
export const sheetStatusSchema = z.enum([
  'pending',
  'ready',
  'dispatched',
  'in_progress',
  'waiting',
  'retry_scheduled',
  'fermata',
  'completed',
  'failed',
  'skipped',
  'cancelled',
]);
export type SheetStatus = z.infer<typeof sheetStatusSchema>;

/** Why a job or sheet is in its status, for a person and for a program. */
export const statusReasonSchema = z.object({
  /** Stable, for example `rate_limited`, `waiting_for_key`, `user_paused`, `storage_failed`, `cost_limit`. */
  code: z.string(),
  message: z.string(),
  /** ISO-8601 UTC: when it will end by itself, if that is known. */
  until: z.string().nullish(),
});
export type StatusReason = z.infer<typeof statusReasonSchema>;

/** Ours: what a person should know of an agent of the job. */
export const agentSchema = z.object({
  instrument: z.string(),
  /** It uses its tools without asking anybody (`skip_permissions`). */
  acts_unasked: z.boolean(),
  /** Its own MCP servers are switched off. */
  mcp_off: z.boolean(),
  /** Null = not known. */
  paid_by: z.enum(['subscription', 'key', 'cloud']).nullable(),
});
export type AgentRow = z.infer<typeof agentSchema>;

/** Row of `job.list`. Instants are epoch seconds. Keys from `job_name` on are ours. */
export const jobRowSchema = z.object({
  job_id: z.string(),
  status: jobStatusSchema,
  config_path: z.string(),
  workspace: z.string(),
  submitted_at: z.number(),
  started_at: z.number().nullable(),
  error_message: z.string().nullish(),
  error_traceback: z.string().nullish(),
  chain_depth: z.number().nullish(),
  progress_completed: z.number().nullish(),
  /** Ours: sheets that will never play; not in `progress_completed`. */
  progress_skipped: z.number().nullish(),
  progress_total: z.number().nullish(),
  pid: z.number().nullish(),
  completed_at: z.number().nullish(),
  current_sheet: z.number().nullish(),
  total_sheets: z.number().nullish(),
  log_path: z.string().nullish(),
  snapshot_path: z.string().nullish(),
  job_name: z.string().nullish(),
  status_reason: statusReasonSchema.nullish(),
  total_cost_usd: z.number().nullish(),
  /** Some tokens have no known price: the cost says less than was spent. */
  unpriced: z.boolean().nullish(),
  agents: z.array(agentSchema).nullish(),
});
export type JobRow = z.infer<typeof jobRowSchema>;
