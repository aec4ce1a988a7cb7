import { z } from 'zod';
import { ruleResultSchema } from './validations/result';
import { snapshotSchema } from './validations/snapshot';

/**
 * Bodies of the journal's records: the only place where the shape of stored truth is spelled. A body is read back by these schemas, so a field
 * added later must have a default. Instants are milliseconds since the epoch; names are snake_case because people read the file.
 */

export const sheetStatus = z.enum([
  'pending',
  'dispatched',
  'waiting',
  'retry_scheduled',
  'fermata',
  'completed',
  'failed',
  'skipped',
  'cancelled',
]);
export type SheetStatus = z.infer<typeof sheetStatus>;

export const jobStatus = z.enum(['queued', 'running', 'paused', 'completed', 'failed', 'cancelled']);
export type JobStatus = z.infer<typeof jobStatus>;

/** Why something is as it is, for people and for programs; `until` is an instant. */
export const reason = z.object({
  code: z.string(),
  message: z.string(),
  until: z.number().nullable().default(null),
});
export type Reason = z.infer<typeof reason>;

export const attemptMode = z.enum(['normal', 'retry', 'completion']);
export type AttemptMode = z.infer<typeof attemptMode>;

export const attemptOutcome = z.enum([
  'success',
  /** Ran, but validations did not all hold. */
  'invalid',
  'failed',
  'rate_limited',
  /** Ended by no fault of its own (machine, restart); costs no retry. */
  'interrupted',
  'cancelled',
]);
export type AttemptOutcome = z.infer<typeof attemptOutcome>;

const sheetSkeleton = z.object({
  num: z.number().int().positive(),
  movement: z.number().int().positive(),
  voice: z.number().int().positive(),
  description: z.string().nullable(),
  instrument: z.string(),
  model: z.string().nullable(),
});
export type SheetSkeleton = z.infer<typeof sheetSkeleton>;

/** What a person should know of an agent of the job; see `instruments/agent-facts.ts`. */
export const agentState = z.object({
  instrument: z.string(),
  acts_unasked: z.boolean(),
  mcp_off: z.boolean(),
  paid_by: z.enum(['subscription', 'key', 'cloud']).nullable(),
});
export type AgentState = z.infer<typeof agentState>;

const jobHead = z.object({
  stem: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  score_path: z.string(),
  /** SHA-256 of the stored bundle: the run's own copy of its score. */
  bundle: z.string(),
  workspace: z.string(),
  client_cwd: z.string().nullable().default(null),
  total_sheets: z.number().int().positive(),
  total_stages: z.number().int().positive(),
  submit_key: z.string().nullable().default(null),
  /** Plain environment handed in by the submitting client. */
  env: z.record(z.string(), z.string()).default({}),
  /** Names of secrets that came with the submit; values are never stored. */
  secret_names: z.array(z.string()).default([]),
  /** Those of them that a client had stored: not every instrument is meant to get them. */
  stored_secret_names: z.array(z.string()).default([]),
  agents: z.array(agentState).default([]),
  /** False: a rate limit pauses the job instead of waiting by itself. */
  auto_continue: z.boolean().default(true),
  sheets: z.array(sheetSkeleton),
  /** Sheets that the submit left out; part of this record, so that no crash comes between. */
  skips: z.array(z.object({ sheet: z.number().int().positive(), reason })).default([]),
});
export type JobHead = z.infer<typeof jobHead>;

const jobStatusBody = z.object({
  status: jobStatus,
  reason: reason.nullable().default(null),
  error: z.string().nullable().default(null),
});

/** The workspace as a git tree, in one of our own stores (`conductor/changes`), or why there is none. */
export const treeRecord = z.object({
  tree: z.string().nullable(),
  store: z.string().nullable().default(null),
  reason: z
    .enum(['off', 'not_git', 'no_git', 'ignored', 'too_large', 'too_slow', 'failed'])
    .nullable()
    .default(null),
  /** Paths in the workspace that are not in the tree. */
  left_out: z.array(z.string()).default([]),
});
export type TreeRecord = z.infer<typeof treeRecord>;

const attemptStarted = z.object({
  sheet: z.number(),
  attempt: z.number(),
  mode: attemptMode,
  instrument: z.string(),
  model: z.string().nullable(),
  /** What rate limits are kept by: the instrument, and a print of the key. Empty in older journals: the instrument. */
  account: z.string().default(''),
  /** Which key of the user's keyring it got, by its label; null = what the submit brought. */
  key_label: z.string().nullable().default(null),
  fallback_index: z.number().default(0),
  prompt_sha256: z.string().nullable(),
  /** Command line as started, redacted; empty for HTTP. */
  argv: z.array(z.string()).default([]),
  cwd: z.string().nullable().default(null),
  env_names: z.array(z.string()).default([]),
  base: z.string(),
  file_marks: snapshotSchema.default({}),
  tree_before: treeRecord.nullable().default(null),
});
export type AttemptStarted = z.infer<typeof attemptStarted>;

/** What the sheet does next; decided together with the end of the attempt and stored with it. */
const nextStep = z.object({
  status: sheetStatus,
  reason: reason.nullable().default(null),
  due_at: z.number().nullable().default(null),
  mode: attemptMode.default('normal'),
  fallback_index: z.number(),
  normal_attempts: z.number(),
  completion_attempts: z.number(),
  rate_limit_waits: z.number(),
  /** Waits for a spent quota or a usage limit: they have a budget of their own. */
  quota_waits: z.number().default(0),
  interruptions: z.number(),
});
export type NextStep = z.infer<typeof nextStep>;

const attemptFinished = z.object({
  sheet: z.number(),
  attempt: z.number(),
  outcome: attemptOutcome,
  instrument: z.string(),
  model: z.string().nullable(),
  exit_code: z.number().nullable(),
  exit_signal: z.number().nullable(),
  exit_reason: z.string().nullable(),
  raw_status: z.number().nullable().default(null),
  error_type: z.string().nullable().default(null),
  error_code: z.string().nullable(),
  error_category: z.string().nullable(),
  error_message: z.string().nullable(),
  duration_seconds: z.number(),
  input_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  cost_usd: z.number().nullable(),
  /** Priced or estimated by us, not stated by the instrument. */
  cost_estimated: z.boolean().default(false),
  /** With `subscription` the cost is what it would have been at list price: nobody pays it. */
  paid_by: z.enum(['subscription', 'key', 'cloud']).nullable().default(null),
  pass_percent: z.number().nullable(),
  rules: z.array(ruleResultSchema).default([]),
  session_id: z.string().nullable().default(null),
  /** What else the instrument told about its answer. */
  metadata: z.record(z.string(), z.unknown()).nullable().default(null),
  /** Last part of the redacted answer, kept for captured outputs and rows. */
  output_tail: z.string().default(''),
  stderr_tail: z.string().default(''),
  tree_after: treeRecord.nullable().default(null),
  /** Others ran in the same workspace meanwhile: the trees tell of all of them. */
  mixed: z.boolean().default(false),
  sheet_status: sheetStatus,
  next: nextStep,
});
export type AttemptFinished = z.infer<typeof attemptFinished>;

const sheetStatusBody = z.object({
  sheet: z.number(),
  status: sheetStatus,
  reason: reason.nullable().default(null),
  error_code: z.string().nullable().default(null),
  error_message: z.string().nullable().default(null),
});

const sheetReset = z.object({
  sheet: z.number(),
  hint: z.string().nullable().default(null),
  reason: z.string(),
});

const limitSet = z.object({
  account: z.string(),
  instrument: z.string(),
  /** Of the key, where it is one of the keyring. */
  key_label: z.string().nullable().default(null),
  until: z.number(),
  /** Milliseconds after `until` at which the account is tried: not everybody who was told one instant should come at once. */
  spread_ms: z.number().default(0),
  message: z.string(),
  stated: z.boolean(),
  /** Windows in a row: attempts that met one limit together count once. */
  hits: z.number().default(1),
  /** When this window began. */
  since: z.number().default(0),
  /** How many attempts the account takes at once after it; null = as many as before. */
  width: z.number().nullable().default(null),
  /** Checks since the window's end that found the instrument unusable. */
  checks: z.number().default(0),
});
export type LimitState = z.infer<typeof limitSet>;

export const recordBodies = {
  'job.submitted': z.object({ job: jobHead }),
  'job.status': jobStatusBody,
  /** Cancel was asked for; holds over a restart until `job.status` says cancelled. */
  'job.cancelling': z.object({}),
  /** The plan was replaced (modify, resume with reload). Sheets keep their state by number. */
  'job.replanned': z.object({
    bundle: z.string(),
    score_path: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    total_stages: z.number(),
    sheets: z.array(sheetSkeleton),
    agents: z.array(agentState).optional(),
    /** With the keys that the new plan needs; absent from older journals: as they were. */
    secret_names: z.array(z.string()).optional(),
  }),
  /** Most of a cost limit is spent; said once a limit. */
  'job.cost_warning': z.object({
    sheet: z.number().nullable(),
    spent_usd: z.number(),
    limit_usd: z.number(),
  }),
  'job.pacing': z.object({ until: z.number() }),
  'job.archived': z.object({}),
  'job.reopened': z.object({ state: z.unknown() }),
  'job.deleted': z.object({}),
  'attempt.started': attemptStarted,
  'attempt.finished': attemptFinished,
  'sheet.status': sheetStatusBody,
  'sheet.reset': sheetReset,
  'limit.set': limitSet,
  'limit.cleared': z.object({ account: z.string(), instrument: z.string().default('') }),
  'conductor.started': z.object({ build: z.string(), pid: z.number() }),
  'snapshot.job': z.object({ state: z.unknown() }),
  'snapshot.limits': z.object({ limits: z.array(limitSet) }),
  /** The highest run number of each stem, deleted runs included. */
  'snapshot.numbers': z.object({ numbers: z.record(z.string(), z.number()) }),
} as const;

export type RecordType = keyof typeof recordBodies;
export type RecordBody<T extends RecordType> = z.infer<(typeof recordBodies)[T]>;

/** A record to be written: the journal adds seq, epoch, time and checksum. */
export type RecordDraft = {
  [T in RecordType]: {
    readonly type: T;
    readonly run?: string;
    readonly body: z.input<(typeof recordBodies)[T]>;
  };
}[RecordType];

export function isRecordType(type: string): type is RecordType {
  return Object.hasOwn(recordBodies, type);
}
