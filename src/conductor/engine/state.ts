import { z } from 'zod';
import { addUsd } from '../../protocol/usd';
import {
  agentState,
  attemptMode,
  attemptOutcome,
  isRecordType,
  jobStatus,
  reason,
  recordBodies,
  sheetStatus,
  treeRecord,
  type LimitState,
  type RecordBody,
  type RecordType,
  type SheetSkeleton,
} from '../records';
import { instrumentFailures } from './breaker';
import { runNumber } from './run-ids';
import { ruleResultSchema } from '../validations/result';
import { snapshotSchema } from '../validations/snapshot';

/** One attempt as the journal tells it. `ended_at` null = still in flight. */
export const attemptState = z.object({
  attempt: z.number(),
  mode: attemptMode,
  instrument: z.string(),
  model: z.string().nullable(),
  account: z.string().default(''),
  key_label: z.string().nullable().default(null),
  fallback_index: z.number(),
  started_at: z.number(),
  ended_at: z.number().nullable(),
  prompt_sha256: z.string().nullable(),
  argv: z.array(z.string()),
  cwd: z.string().nullable(),
  env_names: z.array(z.string()),
  base: z.string(),
  file_marks: snapshotSchema,
  outcome: attemptOutcome.nullable(),
  exit_code: z.number().nullable(),
  exit_signal: z.number().nullable(),
  exit_reason: z.string().nullable(),
  raw_status: z.number().nullable(),
  error_type: z.string().nullable(),
  error_code: z.string().nullable(),
  error_category: z.string().nullable(),
  error_message: z.string().nullable(),
  duration_seconds: z.number().nullable(),
  input_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  cost_usd: z.number().nullable(),
  cost_estimated: z.boolean(),
  paid_by: z.enum(['subscription', 'key', 'cloud']).nullable().default(null),
  pass_percent: z.number().nullable(),
  rules: z.array(ruleResultSchema),
  session_id: z.string().nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable().default(null),
  output_tail: z.string(),
  stderr_tail: z.string(),
  tree_before: treeRecord.nullable().default(null),
  tree_after: treeRecord.nullable().default(null),
  mixed: z.boolean().default(false),
  /** Where the sheet went after it: what a fallback or a retry was decided from. */
  next_status: sheetStatus.nullable(),
});
export type AttemptState = z.infer<typeof attemptState>;

export const sheetState = z.object({
  num: z.number(),
  movement: z.number(),
  voice: z.number(),
  description: z.string().nullable(),
  /** The planned instrument; an attempt names the one that it used. */
  instrument: z.string(),
  model: z.string().nullable(),
  status: sheetStatus,
  reason: reason.nullable(),
  mode: attemptMode,
  fallback_index: z.number(),
  normal_attempts: z.number(),
  completion_attempts: z.number(),
  rate_limit_waits: z.number(),
  quota_waits: z.number().default(0),
  interruptions: z.number(),
  due_at: z.number().nullable(),
  hint: z.string().nullable(),
  error_code: z.string().nullable(),
  error_category: z.string().nullable(),
  error_message: z.string().nullable(),
  started_at: z.number().nullable(),
  completed_at: z.number().nullable(),
  attempts: z.array(attemptState),
});
export type SheetState = z.infer<typeof sheetState>;

export const jobState = z.object({
  run: z.string(),
  stem: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  score_path: z.string(),
  bundle: z.string(),
  workspace: z.string(),
  client_cwd: z.string().nullable(),
  submit_key: z.string().nullable(),
  env: z.record(z.string(), z.string()),
  secret_names: z.array(z.string()),
  stored_secret_names: z.array(z.string()).default([]),
  agents: z.array(agentState).default([]),
  auto_continue: z.boolean(),
  total_stages: z.number(),
  status: jobStatus,
  reason: reason.nullable(),
  error: z.string().nullable(),
  cancelling: z.boolean(),
  submitted_at: z.number(),
  started_at: z.number().nullable(),
  finished_at: z.number().nullable(),
  updated_at: z.number(),
  pacing_until: z.number().nullable(),
  /** What was paid for by use; a subscription's list prices are apart. */
  cost_usd: z.number(),
  list_price_usd: z.number().default(0),
  /** Sheets whose limit was nearly spent, and 0 for the job: each was told once. */
  cost_warned: z.array(z.number()).default([]),
  /** Some attempt had tokens but no price: the cost is a lower bound. */
  unpriced: z.boolean(),
  input_tokens: z.number(),
  output_tokens: z.number(),
  /** By instrument: failures in a row that are its own, and when the last of them was. */
  failing: z.record(z.string(), z.object({ count: z.number(), last_at: z.number() })).default({}),
  sheets: z.array(sheetState),
});
export type JobState = z.infer<typeof jobState>;

/** Everything the journal says about what is not finished and archived. */
export interface EngineState {
  readonly jobs: Map<string, JobState>;
  readonly limits: Map<string, LimitState>;
  /** The highest run number that a stem was ever given. */
  readonly numbers: Map<string, number>;
  lastSeq: number;
}

export function emptyState(): EngineState {
  return { jobs: new Map(), limits: new Map(), numbers: new Map(), lastSeq: 0 };
}

/** What the fold needs of a record. */
export interface FoldRecord {
  readonly seq: number;
  readonly t: number;
  readonly type: string;
  readonly run?: string | undefined;
  readonly body: unknown;
  /** The body is what its schema gives already: folded in a second time, or told to listeners. */
  readonly parsed?: boolean;
}

/** Statuses that nothing changes but an explicit reset. */
export const terminalSheet: ReadonlySet<string> = new Set(['completed', 'failed', 'skipped', 'cancelled']);
export const terminalJob: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/** Outcomes and types of failures of an attempt after which nobody has acted on its hint: the next one gets it again. */
const hintUnread: ReadonlySet<string> = new Set([
  'interrupted',
  'rate_limited',
  'not_started',
  'authentication',
]);

/** A skip that somebody wanted satisfies dependants and does not fail the job; one that follows a failure does neither. */
export function skippedOnPurpose(sheet: SheetState): boolean {
  return (
    sheet.status === 'skipped' &&
    sheet.reason?.code !== 'upstream_failed' &&
    sheet.reason?.code !== 'fail_fast'
  );
}

export function sheetOf(job: JobState, num: number): SheetState {
  const sheet = job.sheets[num - 1];
  if (!sheet) throw new RangeError(`job ${job.run} has no sheet ${num}`);
  return sheet;
}

export function currentAttempt(sheet: SheetState): AttemptState | undefined {
  const last = sheet.attempts.at(-1);
  return last && last.ended_at === null ? last : undefined;
}

/**
 * Applies one record. A record whose seq is already in the state is ignored (a batch may be written twice after a failed sync); an unknown type is
 * ignored (a newer build wrote it); a body that does not parse throws, since guessing at stored truth would be worse.
 */
export function applyRecord(state: EngineState, record: FoldRecord): void {
  // All records of a snapshot bear the seq of the last record that they sum up.
  const old = record.type.startsWith('snapshot.') ? record.seq < state.lastSeq : record.seq <= state.lastSeq;
  if (old) return;
  state.lastSeq = record.seq;
  if (!isRecordType(record.type)) return;
  const handler = handlers[record.type] as (s: EngineState, run: string, body: unknown, t: number) => void;
  handler(
    state,
    record.run ?? '',
    record.parsed === true ? record.body : recordBodies[record.type].parse(record.body),
    record.t,
  );
  const job = record.run === undefined ? undefined : state.jobs.get(record.run);
  // What a snapshot restores was not changed by it.
  if (job && record.type !== 'snapshot.job') job.updated_at = record.t;
}

type Handlers = {
  [T in RecordType]: (state: EngineState, run: string, body: RecordBody<T>, t: number) => void;
};

function withJob(state: EngineState, run: string, change: (job: JobState) => void): void {
  const job = state.jobs.get(run);
  if (job) change(job);
}

const freshBudgets = {
  mode: 'normal',
  normal_attempts: 0,
  completion_attempts: 0,
  rate_limit_waits: 0,
  quota_waits: 0,
  interruptions: 0,
} as const;

/** What ran says that its instrument works, whatever it did; a limit, a restart or a cancel says nothing. */
function noteFailing(job: JobState, end: RecordBody<'attempt.finished'>, t: number): void {
  const { [end.instrument]: failing, ...others } = job.failing;
  if (end.outcome === 'success' || end.outcome === 'invalid') job.failing = others;
  else if (end.outcome === 'failed' && instrumentFailures.has(end.error_type ?? ''))
    job.failing = { ...others, [end.instrument]: { count: (failing?.count ?? 0) + 1, last_at: t } };
}

function freshSheet(skeleton: SheetSkeleton): SheetState {
  return {
    ...skeleton,
    ...freshBudgets,
    status: 'pending',
    reason: null,
    fallback_index: 0,
    due_at: null,
    hint: null,
    error_code: null,
    error_category: null,
    error_message: null,
    started_at: null,
    completed_at: null,
    attempts: [],
  };
}

const handlers: Handlers = {
  'job.submitted': (state, run, { job }, t) => {
    const { sheets, total_sheets: _total, skips, ...head } = job;
    const number = Math.max(state.numbers.get(job.stem) ?? 0, runNumber(job.stem, run));
    state.numbers.set(job.stem, number);
    state.jobs.set(run, {
      ...head,
      run,
      status: 'queued',
      reason: null,
      error: null,
      cancelling: false,
      submitted_at: t,
      started_at: null,
      finished_at: null,
      updated_at: t,
      pacing_until: null,
      cost_usd: 0,
      list_price_usd: 0,
      cost_warned: [],
      unpriced: false,
      input_tokens: 0,
      output_tokens: 0,
      failing: {},
      sheets: sheets.map(freshSheet),
    });
    withJob(state, run, (submitted) => {
      for (const { sheet, reason: why } of skips) {
        Object.assign(sheetOf(submitted, sheet), { status: 'skipped', reason: why, completed_at: t });
      }
    });
  },
  'job.status': (state, run, body, t) =>
    withJob(state, run, (job) => {
      job.status = body.status;
      job.reason = body.reason;
      job.error = body.error;
      if (body.status === 'running') job.started_at ??= t;
      const ended = terminalJob.has(body.status);
      job.finished_at = ended ? t : null;
      if (ended) job.cancelling = false;
    }),
  'job.cancelling': (state, run) =>
    withJob(state, run, (job) => {
      job.cancelling = true;
    }),
  'job.replanned': (state, run, body) =>
    withJob(state, run, (job) => {
      job.bundle = body.bundle;
      job.score_path = body.score_path;
      job.name = body.name;
      job.description = body.description;
      job.total_stages = body.total_stages;
      if (body.agents) job.agents = body.agents;
      if (body.secret_names) job.secret_names = body.secret_names;
      job.sheets = body.sheets.map((skeleton) => {
        const old = job.sheets[skeleton.num - 1];
        return old ? { ...old, ...skeleton } : freshSheet(skeleton);
      });
    }),
  'job.pacing': (state, run, { until }) =>
    withJob(state, run, (job) => {
      job.pacing_until = until;
    }),
  'job.cost_warning': (state, run, { sheet }) =>
    withJob(state, run, (job) => {
      job.cost_warned = [...job.cost_warned, sheet ?? 0];
    }),
  'job.archived': (state, run) => {
    state.jobs.delete(run);
  },
  'job.reopened': (state, _run, body) => restoreJob(state, body.state),
  'job.deleted': (state, run) => {
    state.jobs.delete(run);
  },
  'attempt.started': (state, run, body, t) =>
    withJob(state, run, (job) => {
      const sheet = sheetOf(job, body.sheet);
      sheet.status = 'dispatched';
      sheet.reason = null;
      sheet.due_at = null;
      sheet.started_at ??= t;
      // Past an open circuit: as after any fallback, budgets are fresh.
      if (sheet.fallback_index !== body.fallback_index) Object.assign(sheet, freshBudgets);
      sheet.fallback_index = body.fallback_index;
      const { sheet: _sheet, ...facts } = body;
      sheet.attempts.push({
        ...facts,
        started_at: t,
        ended_at: null,
        outcome: null,
        exit_code: null,
        exit_signal: null,
        exit_reason: null,
        raw_status: null,
        error_type: null,
        error_code: null,
        error_category: null,
        error_message: null,
        duration_seconds: null,
        input_tokens: null,
        output_tokens: null,
        cost_usd: null,
        cost_estimated: false,
        paid_by: null,
        pass_percent: null,
        rules: [],
        session_id: null,
        metadata: null,
        output_tail: '',
        stderr_tail: '',
        tree_after: null,
        mixed: false,
        next_status: null,
      });
    }),
  'attempt.finished': (state, run, body, t) =>
    withJob(state, run, (job) => {
      const sheet = sheetOf(job, body.sheet);
      const attempt = sheet.attempts.find((candidate) => candidate.attempt === body.attempt);
      if (!attempt || attempt.ended_at !== null) return;
      const { sheet: _sheet, attempt: _attempt, next, sheet_status: _status, ...facts } = body;
      Object.assign(attempt, facts, { ended_at: t, next_status: next.status, file_marks: {} });
      sheet.status = next.status;
      sheet.reason = next.reason;
      sheet.mode = next.mode;
      sheet.due_at = next.due_at;
      sheet.fallback_index = next.fallback_index;
      sheet.normal_attempts = next.normal_attempts;
      sheet.completion_attempts = next.completion_attempts;
      sheet.rate_limit_waits = next.rate_limit_waits;
      sheet.quota_waits = next.quota_waits;
      sheet.interruptions = next.interruptions;
      if (!hintUnread.has(body.outcome) && !hintUnread.has(body.error_type ?? '')) sheet.hint = null;
      noteFailing(job, body, t);
      sheet.error_code = body.error_code;
      sheet.error_category = body.error_category;
      sheet.error_message = body.error_message;
      if (terminalSheet.has(next.status)) sheet.completed_at = t;
      if (body.paid_by === 'subscription') job.list_price_usd = addUsd(job.list_price_usd, body.cost_usd);
      else job.cost_usd = addUsd(job.cost_usd, body.cost_usd);
      job.input_tokens += body.input_tokens ?? 0;
      job.output_tokens += body.output_tokens ?? 0;
      if (body.cost_usd === null && (body.input_tokens ?? 0) + (body.output_tokens ?? 0) > 0)
        job.unpriced = true;
    }),
  'sheet.status': (state, run, body, t) =>
    withJob(state, run, (job) => {
      const sheet = sheetOf(job, body.sheet);
      sheet.status = body.status;
      sheet.reason = body.reason;
      sheet.due_at = null;
      sheet.error_code = body.error_code;
      sheet.error_message = body.error_message;
      if (terminalSheet.has(body.status)) sheet.completed_at = t;
    }),
  'sheet.reset': (state, run, body) =>
    withJob(state, run, (job) => {
      const old = sheetOf(job, body.sheet);
      // A person has another try: with the instrument, too.
      job.failing = {};
      job.sheets[body.sheet - 1] = { ...freshSheet(old), attempts: old.attempts, hint: body.hint };
    }),
  'limit.set': (state, _run, body) => {
    state.limits.set(body.account, body);
  },
  'limit.cleared': (state, _run, { account }) => {
    state.limits.delete(account);
  },
  'conductor.started': () => undefined,
  'snapshot.job': (state, _run, body) => restoreJob(state, body.state),
  'snapshot.limits': (state, _run, { limits }) => {
    state.limits.clear();
    for (const limit of limits) state.limits.set(limit.account, limit);
  },
  'snapshot.numbers': (state, _run, { numbers }) => {
    state.numbers.clear();
    for (const [stem, number] of Object.entries(numbers)) state.numbers.set(stem, number);
  },
};

function restoreJob(state: EngineState, stored: unknown): void {
  const job = jobState.parse(stored);
  state.jobs.set(job.run, job);
}
