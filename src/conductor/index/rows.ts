import type { JournalRecord, RecordBody } from '../journal/record';

/** A value of a column. Booleans are 0 and 1. */
export type Cell = string | number | null;
export type Cells = Readonly<Record<string, Cell>>;

export type TableName = 'jobs' | 'sheets' | 'execution_history' | 'rule_results' | 'errors';

/** A change of the index. Column names come from this file only, never from a record. */
export type RowChange =
  /**
   * The row with this key is made or changed: `set` replaces, `once` only fills what is still empty, `add` adds to what is there.
   */
  | {
      readonly kind: 'put';
      readonly table: TableName;
      readonly key: Cells;
      readonly set?: Cells;
      readonly once?: Cells;
      readonly add?: Cells;
    }
  /** Every row of a run goes. */
  | { readonly kind: 'forget'; readonly run: string };

const terminalJob = new Set(['completed', 'failed', 'cancelled']);
const terminalSheet = new Set(['completed', 'failed', 'skipped', 'cancelled']);

/**
 * What a journal record means for the index. Pure; a body that lacks what a row needs changes nothing.
 * Instants are milliseconds since the epoch. Row ids are the seq of the record that made the row, so that a rebuilt index is the same.
 */
export function rowsOf(record: JournalRecord): readonly RowChange[] {
  const { run } = record;
  if (run === undefined) return [];
  switch (record.type) {
    case 'job.submitted':
      return jobSubmitted(run, record);
    case 'job.status':
      return jobStatus(run, record);
    case 'attempt.started':
      return attemptStarted(run, record);
    case 'attempt.finished':
      return attemptFinished(run, record);
    case 'sheet.status':
      return sheetStatus(run, record);
    case 'job.deleted':
      return [{ kind: 'forget', run }];
    default:
      return [];
  }
}

function jobSubmitted(run: string, { t, body }: JournalRecord): RowChange[] {
  const job = objectIn(body, 'job');
  if (job === null) return [];
  return [
    {
      kind: 'put',
      table: 'jobs',
      key: { run },
      set: {
        stem: text(job, 'stem') ?? run,
        name: text(job, 'name') ?? run,
        workspace: text(job, 'workspace'),
        score_path: text(job, 'score_path'),
        total_sheets: number(job, 'total_sheets') ?? 0,
      },
      once: { submitted_at: t },
    },
    ...skippedAtSubmit(run, t, job),
  ];
}

function skippedAtSubmit(run: string, t: number, job: RecordBody): RowChange[] {
  const skips = job['skips'];
  if (!Array.isArray(skips)) return [];
  return skips.flatMap((skip: unknown): RowChange[] => {
    const sheet = isObject(skip) ? number(skip, 'sheet') : null;
    if (sheet === null) return [];
    const set = { status: 'skipped', finished_at: t };
    return [{ kind: 'put', table: 'sheets', key: { run, sheet_num: sheet }, set }];
  });
}

function jobStatus(run: string, { seq, t, body }: JournalRecord): RowChange[] {
  const status = text(body, 'status');
  if (status === null) return [];
  const message = text(body, 'error');
  const job: RowChange = {
    kind: 'put',
    table: 'jobs',
    key: { run },
    set: { status, finished_at: terminalJob.has(status) ? t : null, error_message: message },
    ...(status === 'running' ? { once: { started_at: t } } : {}),
  };
  if (message === null) return [job];
  return [job, errorRow({ seq, run, t, sheet: null, attempt: null, code: null, category: 'job', message })];
}

function attemptStarted(run: string, { seq, t, body }: JournalRecord): RowChange[] {
  const sheet = number(body, 'sheet');
  const attempt = number(body, 'attempt');
  if (sheet === null || attempt === null) return [];
  const base = text(body, 'base');
  const instrument = text(body, 'instrument');
  const model = text(body, 'model');
  return [
    { kind: 'put', table: 'jobs', key: { run }, once: { started_at: t } },
    {
      kind: 'put',
      table: 'sheets',
      key: { run, sheet_num: sheet },
      set: { status: 'dispatched', attempts: attempt, instrument, model, finished_at: null },
      once: { started_at: t },
    },
    {
      kind: 'put',
      table: 'execution_history',
      key: { run, sheet_num: sheet, attempt },
      set: {
        mode: text(body, 'mode'),
        instrument,
        model,
        started_at: t,
        prompt_sha256: text(body, 'prompt_sha256'),
        stdout_log: base === null ? null : `${base}.stdout.log`,
        stderr_log: base === null ? null : `${base}.stderr.log`,
      },
      once: { id: seq },
    },
  ];
}

function attemptFinished(run: string, { seq, t, body }: JournalRecord): RowChange[] {
  const sheet = number(body, 'sheet');
  const attempt = number(body, 'attempt');
  if (sheet === null || attempt === null) return [];
  const code = text(body, 'error_code');
  const message = text(body, 'error_message');
  const usage = {
    input_tokens: number(body, 'input_tokens'),
    output_tokens: number(body, 'output_tokens'),
    // A list price that a subscription covered was not paid.
    cost_usd: text(body, 'paid_by') === 'subscription' ? null : number(body, 'cost_usd'),
  };
  const model = text(body, 'model');
  const answered: Cells = model === null ? {} : { model };
  const changes: RowChange[] = [
    {
      kind: 'put',
      table: 'execution_history',
      key: { run, sheet_num: sheet, attempt },
      set: {
        finished_at: t,
        duration_seconds: number(body, 'duration_seconds'),
        exit_code: number(body, 'exit_code'),
        exit_signal: number(body, 'exit_signal'),
        exit_reason: text(body, 'exit_reason'),
        outcome: text(body, 'outcome'),
        error_code: code,
        error_message: message,
        pass_percent: number(body, 'pass_percent'),
        ...usage,
        ...answered,
      },
      once: { id: seq },
    },
    {
      kind: 'put',
      table: 'jobs',
      key: { run },
      add: {
        cost_usd: usage.cost_usd ?? 0,
        input_tokens: usage.input_tokens ?? 0,
        output_tokens: usage.output_tokens ?? 0,
      },
    },
  ];
  const status = text(body, 'sheet_status');
  changes.push({
    kind: 'put',
    table: 'sheets',
    key: { run, sheet_num: sheet },
    set: {
      ...(status === null ? {} : { status, finished_at: terminalSheet.has(status) ? t : null }),
      error_code: code,
      error_message: message,
      ...answered,
    },
  });
  if (code !== null || message !== null) {
    const category = text(body, 'error_category');
    changes.push(errorRow({ seq, run, t, sheet, attempt, code, category, message }));
  }
  return [...changes, ...ruleRows(run, sheet, attempt, body)];
}

function ruleRows(run: string, sheet: number, attempt: number, body: RecordBody): RowChange[] {
  const rules = body['rules'];
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown): RowChange[] => {
    if (!isObject(rule)) return [];
    const index = number(rule, 'index');
    if (index === null) return [];
    return [
      {
        kind: 'put',
        table: 'rule_results',
        key: { run, sheet_num: sheet, attempt, rule_index: index },
        set: {
          type: text(rule, 'type'),
          description: text(rule, 'description'),
          passed: rule['passed'] === true ? 1 : 0,
          message: text(rule, 'message'),
        },
      },
    ];
  });
}

function sheetStatus(run: string, { seq, t, body }: JournalRecord): RowChange[] {
  const sheet = number(body, 'sheet');
  const status = text(body, 'status');
  if (sheet === null || status === null) return [];
  const code = text(body, 'error_code');
  const message = text(body, 'error_message');
  const change: RowChange = {
    kind: 'put',
    table: 'sheets',
    key: { run, sheet_num: sheet },
    set: {
      status,
      error_code: code,
      error_message: message,
      finished_at: terminalSheet.has(status) ? t : null,
    },
  };
  if (code === null && message === null) return [change];
  return [change, errorRow({ seq, run, t, sheet, attempt: null, code, category: null, message })];
}

interface ErrorFacts {
  readonly seq: number;
  readonly run: string;
  readonly t: number;
  readonly sheet: number | null;
  readonly attempt: number | null;
  readonly code: string | null;
  readonly category: string | null;
  readonly message: string | null;
}

function errorRow({ seq, run, t, sheet, attempt, code, category, message }: ErrorFacts): RowChange {
  return {
    kind: 'put',
    table: 'errors',
    key: { id: seq },
    set: { run, sheet_num: sheet, attempt, t, code, category, message },
  };
}

function isObject(value: unknown): value is RecordBody {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectIn(body: RecordBody, key: string): RecordBody | null {
  const value = body[key];
  return isObject(value) ? value : null;
}

function text(body: RecordBody, key: string): string | null {
  const value = body[key];
  return typeof value === 'string' ? value : null;
}

function number(body: RecordBody, key: string): number | null {
  const value = body[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
