/** Params and results of `job.*` and `log.read`. The first half is the Python system's surface, the second ours. */
import { z } from 'zod';
import {
  attemptSummarySchema,
  checkpointSchema,
  sheetStateSchema,
  validationDetailSchema,
} from './checkpoint';
import { wireDiagnosticSchema } from './diagnostic';
import {
  attemptNumber,
  count,
  filePath,
  flag,
  jobId,
  namedValues,
  optional,
  sheetNumber,
} from './schema-parts';
import { agentSchema, jobRowSchema, jobStatusSchema } from './states';

const text = z.string();
const workspace = optional(filePath);

/** The plan of a score, as much as people and views look at. */
export const wirePlanSchema = z.object({
  name: text,
  description: text.nullable(),
  workspace: text,
  total_sheets: z.number(),
  total_stages: z.number(),
  parallel_max_concurrent: z.number(),
  sheets: z.array(
    z.object({
      sheet: z.number(),
      stage: z.number(),
      instance: z.number(),
      fan_count: z.number(),
      description: text.nullable(),
      movement: text.nullable(),
      depends_on: z.array(z.number()),
      instrument: text,
      model: text.nullable(),
      fallbacks: z.array(text),
      skip_when: text.nullable(),
      validations: z.array(
        z.object({ index: z.number(), type: text, stage: z.number(), description: text.nullable() }),
      ),
    }),
  ),
});
export type WirePlan = z.infer<typeof wirePlanSchema>;

/** One rendered prompt of a dry run. */
export const renderingSchema = z.object({
  sheet: z.number(),
  /** Null when it could not be rendered; `error` says why. */
  prompt: text.nullable(),
  estimated_tokens: z.number().nullable(),
  error: text.nullable(),
});
export type Rendering = z.infer<typeof renderingSchema>;

/** What submit, resume and modify answer. A rejection is a result, not an error, as in the Python system. */
export const jobResponseSchema = z.object({
  job_id: text,
  status: z.enum(['accepted', 'rejected', 'pending', 'error', 'dry_run']),
  message: text,
  /** Run id; absent from an answer that made none. */
  run: text.optional(),
  warnings: z.array(wireDiagnosticSchema).optional(),
  /** Of a rejection and of a dry run: everything that was found. */
  diagnostics: z.array(wireDiagnosticSchema).optional(),
  /** Of a rejection that asking again never helps: `unknown_instrument`, `unknown_sheet`. */
  error_code: text.optional(),
  /** Of a rejection for an unknown instrument: a folder that brings instruments which nobody has approved (`trust.list`). */
  trust_needed: text.optional(),
  plan: wirePlanSchema.optional(),
  rendering: z.array(renderingSchema).optional(),
  agents: z.array(agentSchema).optional(),
  /** Of a rejection: these agents act without asking, and nobody has agreed to that in this workspace yet. Submit again with `consent: given`. */
  consent_needed: z.object({ workspace: text, instruments: z.array(text) }).optional(),
});
export type JobResponse = z.infer<typeof jobResponseSchema>;

/** A page of a text file: `data` never splits a character; `next_offset` is where to read on, in bytes. */
export const logPageSchema = z.object({
  path: text,
  offset: z.number(),
  next_offset: z.number(),
  /** Bytes in the file at the moment of reading. */
  size: z.number(),
  data: text,
  /** True when `next_offset` reached `size`. */
  eof: z.boolean(),
  /** True while more may be appended. */
  running: z.boolean(),
});
export type LogPage = z.infer<typeof logPageSchema>;

/** Most bytes that one log page may ask for: escaped as JSON it still fits a message. */
export const MAX_LOG_PAGE_BYTES = 2 * 1024 * 1024;
export const DEFAULT_LOG_PAGE_BYTES = 64 * 1024;

/** Most finished jobs that one `job.list` may ask for. */
export const MAX_LISTED_JOBS = 1_000;

export const logPageParams = {
  offset: optional(z.int().min(0)),
  max_bytes: count(DEFAULT_LOG_PAGE_BYTES, MAX_LOG_PAGE_BYTES),
  /** Instead of `offset`: the last so many bytes. */
  tail_bytes: optional(z.int().min(0).max(MAX_LOG_PAGE_BYTES)),
};

const historyRecordSchema = z.object({
  id: z.number(),
  job_id: text,
  sheet_num: z.number(),
  attempt_num: z.number(),
  prompt: text.nullable(),
  output: text.nullable(),
  exit_code: z.number().nullable(),
  duration_seconds: z.number().nullable(),
  executed_at: text,
});

const attemptDetailSchema = attemptSummarySchema.extend({
  validations: z.array(validationDetailSchema),
  /** sha256 of the prompt, hex; `job.prompt` gives the text. */
  prompt_digest: text.nullable(),
  stdout_path: text.nullable(),
  stderr_path: text.nullable(),
  /** Command line as started, redacted; empty for HTTP. */
  command: z.array(text),
  cwd: text.nullable(),
  /** Names of the variables that the agent got. */
  env_names: z.array(text),
  session_id: text.nullable(),
});
export type AttemptDetail = z.infer<typeof attemptDetailSchema>;

const submitKey = z.string().min(8).max(128);

const submitParams = z.object({
  config_path: filePath,
  workspace,
  fresh: flag(false),
  self_healing: flag(false),
  self_healing_auto_confirm: flag(false),
  start_sheet: optional(sheetNumber),
  dry_run: flag(false),
  chain_depth: optional(z.int().min(0)),
  client_cwd: optional(filePath),
  /** Idempotency key: a second submit with it answers what the first answered. A call that carries one may be sent twice. */
  submit_key: optional(submitKey),
  /** Start a further run although one of this score is active. */
  again: flag(false),
  /** Plain environment values for the agents; journalled. */
  env: optional(namedValues),
  /** Secret values by name; kept in memory only. */
  secrets: optional(namedValues),
  only_sheets: optional(z.array(sheetNumber)),
  /** Names in `secrets` that the client had stored: Claude Code is not given a stored Anthropic key. */
  stored_secrets: optional(z.array(z.string())),
  /**
   * May agents act without asking (`skip_permissions`) in this workspace? `ask`: only if a person has agreed before, else the answer says
   * `consent_needed`; `given`: a person agrees now, for good. Null: the client's own business, as in the Python system.
   */
  consent: optional(z.enum(['ask', 'given'])),
  /** False: a rate limit pauses the job instead of waiting by itself. */
  auto_continue: flag(true),
});

export const jobMethods = {
  'job.submit': { params: submitParams, result: jobResponseSchema, idempotent: false },
  /** What became of a submit whose answer did not come. Answered once the submits before it have been. */
  'job.submission': {
    params: z.object({ submit_key: submitKey }),
    /** Null: that submit made no run, and will make none. */
    result: z.object({ run: text.nullable() }),
    idempotent: true,
  },
  'job.status': {
    params: z.object({
      job_id: jobId,
      workspace,
      /** Ours: false leaves `sheets` empty; page them with `job.sheets`. */
      sheets: flag(true),
    }),
    result: checkpointSchema,
    idempotent: true,
  },
  'job.pause': {
    params: z.object({ job_id: jobId }),
    result: z.object({ paused: z.boolean(), error: text.optional() }),
    idempotent: true,
  },
  'job.resume': {
    params: z.object({ job_id: jobId, workspace, config_path: optional(filePath), no_reload: flag(false) }),
    result: jobResponseSchema,
    idempotent: false,
  },
  /** The same as `job.resume`, by the name that people look for. */
  'job.retry': {
    params: z.object({ job_id: jobId, workspace, config_path: optional(filePath), no_reload: flag(false) }),
    result: jobResponseSchema,
    idempotent: false,
  },
  'job.modify': {
    params: z.object({ job_id: jobId, config_path: optional(filePath), workspace }),
    result: jobResponseSchema,
    idempotent: false,
  },
  'job.cancel': {
    params: z.object({ job_id: jobId }),
    result: z.object({ cancelled: z.boolean() }),
    idempotent: true,
  },
  /** Jobs that live, and the newest of those that are over; further ones by `finished_offset`, without those that live. */
  'job.list': {
    params: z.object({
      /** Ours: most finished jobs in the answer. Default: as many as the Python system's. */
      finished: count(50, MAX_LISTED_JOBS),
      /** Ours: how many of the newest finished jobs are passed over. */
      finished_offset: count(0, 1_000_000),
    }),
    result: z.array(jobRowSchema),
    idempotent: true,
  },
  'job.clear': {
    params: z.object({
      /** Null: completed, failed and cancelled. Queued, running and pending jobs are never cleared. */
      statuses: optional(z.array(jobStatusSchema)),
      older_than_seconds: optional(z.number().min(0)),
      job_ids: optional(z.array(jobId)),
    }),
    result: z.object({ deleted: z.number() }),
    idempotent: false,
  },
  'job.errors': {
    params: z.object({ job_id: jobId, workspace }),
    result: z.object({ state: checkpointSchema }),
    idempotent: true,
  },
  'job.diagnose': {
    params: z.object({ job_id: jobId, workspace }),
    result: z.object({ state: checkpointSchema, workspace: text }),
    idempotent: true,
  },
  'job.history': {
    params: z.object({
      job_id: jobId,
      workspace,
      sheet_num: optional(sheetNumber),
      limit: count(50, 10_000),
    }),
    result: z.object({ job_id: text, records: z.array(historyRecordSchema), has_history: z.boolean() }),
    idempotent: true,
  },
  'job.recover': {
    params: z.object({
      job_id: jobId,
      workspace,
      sheet_num: optional(sheetNumber),
      dry_run: flag(false),
      /** Ours: a glob of files that the sheets made; what they prove is recovered. */
      from_artifacts: optional(z.string().min(1)),
    }),
    result: z.object({
      state: checkpointSchema,
      workspace: text,
      dry_run: z.boolean(),
      sheet_num: z.number().nullable(),
      /** Ours: sheets whose validations pass now, and which were (or would be) marked completed. */
      recovered: z.array(z.number()).optional(),
    }),
    idempotent: false,
  },
  'job.rerun': {
    params: z.object({
      job_id: jobId,
      sheet: sheetNumber,
      /** Added to the sheet's prompt. */
      hint: optional(z.string().max(64 * 1024)),
      /** Also run again whatever depends on it. */
      cascade: flag(false),
    }),
    result: z.object({
      job_id: text,
      status: z.enum(['accepted', 'rejected']),
      message: text,
      sheets: z.array(z.number()),
    }),
    idempotent: false,
  },
  'job.sheets': {
    params: z.object({ job_id: jobId, offset: count(0, 1_000_000), limit: count(100, 1_000) }),
    result: z.object({
      job_id: text,
      total: z.number(),
      offset: z.number(),
      /** Null at the end. */
      next_offset: z.number().nullable(),
      sheets: z.array(sheetStateSchema),
      seq: z.number(),
    }),
    idempotent: true,
  },
  'job.attempts': {
    params: z.object({ job_id: jobId, sheet: sheetNumber }),
    result: z.object({ job_id: text, sheet: z.number(), attempts: z.array(attemptDetailSchema) }),
    idempotent: true,
  },
  'job.prompt': {
    params: z.object({ job_id: jobId, sheet: sheetNumber, attempt: optional(attemptNumber) }),
    result: z.object({ job_id: text, sheet: z.number(), attempt: z.number(), prompt: text, digest: text }),
    idempotent: true,
  },
  'job.preview': {
    params: z
      .object({
        config_path: optional(filePath),
        /** Instead of, or with, `config_path` (then the path only says what relative names are relative to). */
        text: optional(z.string()),
        sheet: sheetNumber,
        workspace,
      })
      .refine(
        (params) => params.config_path !== null || params.text !== null,
        'config_path or text is required',
      ),
    result: z.object({
      sheet: z.number(),
      prompt: text.nullable(),
      estimated_tokens: z.number().nullable(),
      instrument: text.nullable(),
      model: text.nullable(),
      /** What would be run, argument by argument; null for HTTP instruments. */
      command: z.array(text).nullable(),
      diagnostics: z.array(wireDiagnosticSchema),
    }),
    idempotent: true,
  },
  'job.validate': {
    params: z.object({ config_path: filePath, workspace }),
    result: z.object({
      valid: z.boolean(),
      diagnostics: z.array(wireDiagnosticSchema),
      /** Null when the score cannot be planned. */
      plan: wirePlanSchema.nullable(),
    }),
    idempotent: true,
  },
  'job.report': {
    params: z.object({ job_id: jobId }),
    result: z.union([z.object({ path: text }), z.object({ html: text })]),
    idempotent: true,
  },
  'log.read': {
    params: z.object({
      job_id: jobId,
      sheet: sheetNumber,
      /** Null: the latest. */
      attempt: optional(attemptNumber),
      stream: z.enum(['stdout', 'stderr']),
      ...logPageParams,
    }),
    result: logPageSchema,
    idempotent: true,
  },
} as const;
