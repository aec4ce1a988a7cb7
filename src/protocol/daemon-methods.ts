/** Params and results of `initialize`, `events.*`, `daemon.*`, `secrets.*`, `instruments.*` and `trust.*`. */
import { z } from 'zod';
import { monitorEventSchema } from './events';
import { logPageParams, logPageSchema } from './job-methods';
import { count, filePath, flag, jobId, namedValues, noParams, optional } from './schema-parts';
import { jobRowSchema, statusReasonSchema } from './states';

/** The version of this protocol. Raised only when an older client would misunderstand; keys are added without. */
export const PROTOCOL_VERSION = 1;

const text = z.string();
const anyObject = z.record(z.string(), z.unknown());

/** What a conductor says about itself. */
export const initializeResultSchema = z.object({
  protocol: z.number(),
  build: text,
  version: text,
  /** Milliseconds since the epoch at which the build was made; 0 = unknown. Orders builds of one version. */
  built_at: z.number().default(0),
  epoch: z.number(),
  /** Number of the last durable journal record. */
  seq: z.number(),
  pid: z.number(),
  capabilities: z.array(text),
  socket: text,
  state_dir: text,
});
export type InitializeResult = z.infer<typeof initializeResultSchema>;

const processMetricSchema = z.object({
  pid: z.number(),
  ppid: z.number(),
  command: text,
  state: text,
  cpu_percent: z.number(),
  rss_mb: z.number(),
  vms_mb: z.number(),
  threads: z.number(),
  open_fds: z.number(),
  age_seconds: z.number(),
  job_id: text.nullable(),
  sheet_num: z.number().nullable(),
  syscall_counts: z.record(z.string(), z.number()),
  syscall_time_pct: z.record(z.string(), z.number()),
});

/** `daemon.top`: what runs on this machine for us. */
export const systemSnapshotSchema = z.object({
  timestamp: z.number(),
  daemon_pid: z.number(),
  system_memory_total_mb: z.number(),
  system_memory_available_mb: z.number(),
  system_memory_used_mb: z.number(),
  daemon_rss_mb: z.number(),
  load_avg_1: z.number(),
  load_avg_5: z.number(),
  load_avg_15: z.number(),
  processes: z.array(processMetricSchema),
  gpus: z.array(
    z.object({
      index: z.number(),
      utilization_pct: z.number(),
      memory_used_mb: z.number(),
      memory_total_mb: z.number(),
      temperature_c: z.number(),
    }),
  ),
  pressure_level: z.enum(['none', 'low', 'medium', 'high', 'critical']),
  running_jobs: z.number(),
  active_sheets: z.number(),
  zombie_count: z.number(),
  zombie_pids: z.array(z.number()),
  job_progress: z.array(
    z.object({
      job_id: text,
      total_sheets: z.number(),
      last_completed_sheet: z.number(),
      current_sheet: z.number().nullable(),
      status: text,
    }),
  ),
  conductor_uptime_seconds: z.number(),
});
export type SystemSnapshot = z.infer<typeof systemSnapshotSchema>;

const processEventSchema = z.object({
  timestamp: z.number(),
  pid: z.number(),
  event_type: z.enum(['spawn', 'exit', 'signal', 'kill', 'oom']),
  exit_code: z.number().nullable(),
  signal_num: z.number().nullable(),
  job_id: text.nullable(),
  sheet_num: z.number().nullable(),
  details: text,
});

const learningPatternSchema = z.object({
  id: text,
  pattern_type: text,
  pattern_name: text,
  description: text.nullable(),
  effectiveness_score: z.number(),
  priority_score: z.number(),
  occurrence_count: z.number(),
  last_seen: text.nullable(),
  quarantine_status: text,
  trust_score: z.number(),
});

/** One instrument as a list shows it. */
export const instrumentRowSchema = z.object({
  name: text,
  display_name: text,
  description: text.nullable(),
  kind: z.enum(['cli', 'http']),
  /** Where the profile came from. */
  source: z.enum(['built-in', 'user', 'folder']),
  path: text.nullable(),
  status: z.enum(['ready', 'missing', 'needs_key', 'untrusted', 'unknown']),
  /** What is missing, or what it resolved to. */
  detail: text.nullable(),
  /** ISO-8601 UTC, while a rate limit holds it back. */
  limited_until: text.nullish(),
  default_model: text.nullable(),
  models: z.array(text),
  capabilities: z.array(text),
});
export type InstrumentRow = z.infer<typeof instrumentRowSchema>;

/** Something that a folder or a score brings and that counts only once the user approved it. */
export const trustEntrySchema = z.object({
  /** For example `profile`, `executable`, `mcp_server`, `base_url`. */
  kind: text,
  name: text,
  path: text,
  /** sha256 of what is approved, hex. */
  digest: text,
  /** What approving it allows, for a person. */
  summary: text,
  approved: z.boolean(),
  /** ISO-8601 UTC. */
  approved_at: text.nullable(),
});
export type TrustEntry = z.infer<typeof trustEntrySchema>;

const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const daemonMethods = {
  initialize: {
    params: z.object({
      /** Versions that the caller speaks, best first. None in common is an error. */
      protocol_versions: optional(z.array(z.number())),
      client: optional(z.object({ name: text, version: text, kind: text })),
      build: optional(text),
      capabilities: optional(z.array(text)),
    }),
    result: initializeResultSchema,
    idempotent: true,
  },
  'events.subscribe': {
    params: z.object({
      /** Last seq that the caller has; null: it has nothing and gets a snapshot. */
      since: optional(z.int().min(0)),
      job_id: optional(jobId),
      /** Also ephemeral events (progress). */
      ephemeral: flag(false),
    }),
    result: z.object({
      seq: z.number(),
      /** True: the missed events are gone (or none were had); the snapshot replaces what the caller knows. */
      resync: z.boolean(),
      snapshot: z.object({ jobs: z.array(jobRowSchema) }).optional(),
    }),
    idempotent: true,
  },
  'events.unsubscribe': {
    params: noParams,
    result: z.object({ unsubscribed: z.boolean() }),
    idempotent: true,
  },
  'daemon.health': {
    params: noParams,
    result: z.object({
      status: z.literal('ok'),
      pid: z.number(),
      uptime_seconds: z.number(),
      shutting_down: z.boolean(),
    }),
    idempotent: true,
  },
  'daemon.ready': {
    params: noParams,
    result: z.object({
      status: z.enum(['ready', 'not_ready']),
      running_jobs: z.number(),
      memory_mb: z.number(),
      child_processes: z.number(),
      accepting_work: z.boolean(),
      shutting_down: z.boolean(),
      failure_rate_elevated: z.boolean(),
      notifications_degraded: z.boolean(),
      uptime_seconds: z.number(),
      /** Ours: why it is not ready. */
      status_reason: statusReasonSchema.nullish(),
    }),
    idempotent: true,
  },
  'daemon.status': {
    params: noParams,
    result: z.object({
      pid: z.number(),
      uptime_seconds: z.number(),
      running_jobs: z.number(),
      total_jobs_active: z.number(),
      memory_usage_mb: z.number(),
      version: text,
      build: text.optional(),
      epoch: z.number().optional(),
      seq: z.number().optional(),
      running_sheets: z.number().optional(),
      /** Other clients that listen to events: editors and followers. The caller is not counted, nor are single calls. */
      clients: z.number().optional(),
      /** US dollars since local midnight; null when the index cannot say. */
      cost_today_usd: z.number().nullish(),
      state_dir: text.optional(),
      socket: text.optional(),
      status_reason: statusReasonSchema.nullish(),
    }),
    idempotent: true,
  },
  'daemon.config': { params: noParams, result: anyObject, idempotent: true },
  'daemon.shutdown': {
    params: z.object({
      graceful: flag(true),
      /** Ours: also cancel the running jobs. Without it agents run on and the next conductor adopts them. */
      cancel: flag(false),
    }),
    result: z.object({ shutting_down: z.literal(true) }),
    idempotent: true,
  },
  /** Take no new work, hand over: the caller starts its own build when this conductor has released ownership. */
  'daemon.drain': {
    params: noParams,
    result: z.object({ draining: z.boolean(), reason: text.nullable(), running_sheets: z.number() }),
    idempotent: true,
  },
  'daemon.rate_limits': {
    params: noParams,
    result: z.object({
      backends: z.record(z.string(), z.object({ seconds_remaining: z.number() })),
      active_limits: z.number(),
      recent_events_count: z.number(),
      /** Ours: every limit, by account (an instrument, and a print of the key where there is one). One that is over stays until a probe succeeded. */
      accounts: z
        .array(
          z.object({
            account: text,
            /** Of its key, where that is one of the keyring. */
            key_label: text.nullish(),
            instrument: text,
            /** ISO-8601. */
            until: text,
            seconds_remaining: z.number(),
            /** The vendor said so; else it is our guess. */
            stated: z.boolean(),
            message: text,
            /** Limits in a row. */
            hits: z.number(),
          }),
        )
        .optional(),
    }),
    idempotent: true,
  },
  'daemon.clear_rate_limits': {
    params: z.object({ instrument: optional(text) }),
    result: z.object({ cleared: z.number(), instrument: text.nullable() }),
    idempotent: true,
  },
  'daemon.learning.patterns': {
    params: z.object({ limit: count(20, 1_000) }),
    result: z.object({ patterns: z.array(learningPatternSchema) }),
    idempotent: true,
  },
  'daemon.top': {
    params: noParams,
    result: z.union([systemSnapshotSchema, z.object({ error: text })]),
    idempotent: true,
  },
  'daemon.top.stream': {
    params: noParams,
    result: z.union([z.object({ jsonl_path: text }), z.object({ error: text })]),
    idempotent: true,
  },
  'daemon.events': {
    params: z.object({ limit: count(50, 1_000) }),
    result: z.object({ events: z.array(processEventSchema), error: text.optional() }),
    idempotent: true,
  },
  'daemon.observer_events': {
    params: z.object({ job_id: optional(jobId), limit: count(50, 1_000) }),
    result: z.object({ events: z.array(monitorEventSchema) }),
    idempotent: true,
  },
  /** Endless: notifications `monitor.event`, never a reply. */
  'daemon.monitor.stream': {
    params: z.object({ job_id: optional(jobId) }),
    result: z.null(),
    idempotent: true,
    streaming: true,
  },
  'daemon.log': { params: z.object(logPageParams), result: logPageSchema, idempotent: true },
  'secrets.offer': {
    params: z.object({ values: z.record(z.string().min(1), z.string()) }),
    /** Names that some job waits for or may use; the values of others are forgotten at once. */
    result: z.object({ accepted: z.array(text) }),
    idempotent: true,
  },
  'secrets.wanted': { params: noParams, result: z.object({ names: z.array(text) }), idempotent: true },
  'instruments.list': {
    /** With a workspace, its own profiles too, if they are approved. */
    params: z.object({
      workspace: optional(filePath),
      /** Names of the variables that the caller has: tells whether a key is there. */
      have: optional(z.array(text)),
    }),
    result: z.object({ instruments: z.array(instrumentRowSchema) }),
    idempotent: true,
  },
  'instruments.check': {
    params: z.object({
      name: z.string().min(1),
      workspace: optional(filePath),
      /** Also ask it for one word: costs a request. */
      quota: flag(false),
      /** What a job of the caller would bring; used for this check only. */
      env: namedValues.default({}),
      secrets: namedValues.default({}),
    }),
    result: z.object({
      name: text,
      ok: z.boolean(),
      version: text.nullable(),
      checks: z.array(
        z.object({ name: text, ok: z.boolean().nullable(), message: text, remedy: text.nullable() }),
      ),
    }),
    idempotent: true,
  },
  'instruments.models': {
    params: z.object({ name: z.string().min(1) }),
    result: z.object({
      /** What `model:` may be now. An Ollama server is asked; other instruments list what their profile knows. */
      models: z.array(text),
      /** Why the server could not be asked; `models` then has what the profile knows. */
      error: text.nullable(),
    }),
    idempotent: true,
  },
  'mcp.offer': {
    /** MCP servers of a client's user settings, by name, defined as in `mcp_servers` of conductor.yaml; they replace those offered before. */
    params: z.object({ servers: z.record(z.string(), z.unknown()) }),
    result: z.object({
      accepted: z.array(text),
      refused: z.array(z.object({ name: text, message: text })),
    }),
    idempotent: true,
  },
  'instruments.show': {
    params: z.object({ name: z.string().min(1), workspace: optional(filePath) }),
    result: z.object({ instrument: instrumentRowSchema, profile: anyObject }),
    idempotent: true,
  },
  'trust.list': {
    params: z.object({ dir: filePath }),
    result: z.object({ dir: text, entries: z.array(trustEntrySchema) }),
    idempotent: true,
  },
  'trust.approve': {
    params: z.object({ dir: filePath, digests: z.array(digest) }),
    result: z.object({ approved: z.array(text) }),
    idempotent: true,
  },
  'trust.revoke': {
    params: z.object({ dir: filePath }),
    result: z.object({ revoked: z.number() }),
    idempotent: true,
  },
  /** Addresses that scores may name as `base_url`; a key never goes there. */
  'trust.origins': {
    params: z.object({
      /** Null: only list. */
      url: optional(z.string().min(1).max(2000)),
      /** With `url`: approve it, or take the approval back. */
      approve: flag(false),
    }),
    result: z.object({
      origins: z.array(z.object({ origin: text, approved_at: text })),
      /** What `url` came to; null without one. */
      origin: text.nullable(),
    }),
    idempotent: true,
  },
} as const;
