import { z } from 'zod';
import type { Cell } from './rows';

const int = z.number();
const text = z.string();

const jobRow = z.object({
  run: text,
  stem: text,
  name: text,
  status: text,
  workspace: text.nullable(),
  score_path: text.nullable(),
  submitted_at: int.nullable(),
  started_at: int.nullable(),
  finished_at: int.nullable(),
  total_sheets: int,
  completed_sheets: int,
  cost_usd: int,
  input_tokens: int,
  output_tokens: int,
  error_message: text.nullable(),
});

const historyRow = z.object({
  id: int,
  run: text,
  sheet_num: int,
  attempt: int,
  mode: text.nullable(),
  instrument: text.nullable(),
  model: text.nullable(),
  started_at: int.nullable(),
  finished_at: int.nullable(),
  duration_seconds: int.nullable(),
  exit_code: int.nullable(),
  exit_signal: int.nullable(),
  exit_reason: text.nullable(),
  outcome: text.nullable(),
  error_code: text.nullable(),
  error_message: text.nullable(),
  pass_percent: int.nullable(),
  input_tokens: int.nullable(),
  output_tokens: int.nullable(),
  cost_usd: int.nullable(),
  prompt_sha256: text.nullable(),
  stdout_log: text.nullable(),
  stderr_log: text.nullable(),
});

const errorRow = z.object({
  id: int,
  run: text,
  sheet_num: int.nullable(),
  attempt: int.nullable(),
  t: int,
  code: text.nullable(),
  category: text.nullable(),
  message: text.nullable(),
});

const costRow = z.object({ cost_usd: int, input_tokens: int, output_tokens: int, attempts: int });
const statusRow = z.object({ status: text, sheets: int });
const countsRow = z.object({ jobs: int, sheets: int, attempts: int, errors: int });

/** A row of `jobs`. Instants: milliseconds since the epoch; null = not yet. */
export type JobRow = z.infer<typeof jobRow>;
/** A row of `execution_history`: one attempt. `finished_at` null = it runs, or nobody saw its end yet. */
export type HistoryRow = z.infer<typeof historyRow>;
/** A row of `errors`; without a sheet it concerns the job, without an attempt the sheet as such. */
export type ErrorRow = z.infer<typeof errorRow>;
/** Sums over attempts. */
export type CostRow = z.infer<typeof costRow>;
/** How many rows there are. */
export type CountsRow = z.infer<typeof countsRow>;

/** A page: at most `limit` rows (1 to 10,000) after the first `offset`. */
export interface Page {
  readonly limit: number;
  readonly offset?: number;
}

/** A question to the index. */
export type IndexQuery =
  /** Attempts of a run, newest first. */
  | ({ readonly name: 'history'; readonly run: string; readonly sheet?: number } & Page)
  /** Errors of a run, newest first; `code` matches exactly. */
  | {
      readonly name: 'errors';
      readonly run: string;
      readonly sheet?: number;
      readonly code?: string;
      readonly limit: number;
    }
  /** Jobs, the latest submitted first; `since`: submitted at that instant or later. */
  | ({ readonly name: 'listJobs'; readonly statuses?: readonly string[]; readonly since?: number } & Page)
  /** What attempts that finished at `since` or later have cost. */
  | { readonly name: 'costSince'; readonly since: number }
  | { readonly name: 'job'; readonly run: string }
  /** Sheets of a run by status. */
  | { readonly name: 'sheetStatuses'; readonly run: string }
  | { readonly name: 'counts' };

/** Row type of each question. */
export interface QueryRows {
  history: HistoryRow;
  errors: ErrorRow;
  listJobs: JobRow;
  costSince: CostRow;
  job: JobRow;
  sheetStatuses: z.infer<typeof statusRow>;
  counts: CountsRow;
}

/** What reads each question's rows: the image is a file, and whoever can write it can write anything into it. */
export const rowSchemas: { [Name in keyof QueryRows]: z.ZodType<QueryRows[Name]> } = {
  history: historyRow,
  errors: errorRow,
  listJobs: jobRow,
  costSince: costRow,
  job: jobRow,
  sheetStatuses: statusRow,
  counts: countsRow,
};

/** Statement and parameters of a question. */
export function sqlOf(query: IndexQuery): { sql: string; params: Cell[] } {
  switch (query.name) {
    case 'history': {
      const { where, params } = conditions([
        ['run = ?', query.run],
        ['sheet_num = ?', query.sheet],
      ]);
      return paged(
        `SELECT * FROM execution_history ${where} ORDER BY COALESCE(started_at, finished_at) DESC, id DESC`,
        params,
        query,
      );
    }
    case 'errors': {
      const { where, params } = conditions([
        ['run = ?', query.run],
        ['sheet_num = ?', query.sheet],
        ['code = ?', query.code],
      ]);
      return paged(`SELECT * FROM errors ${where} ORDER BY t DESC, id DESC`, params, query);
    }
    case 'listJobs': {
      const { where, params } = conditions([['submitted_at >= ?', query.since]]);
      const { statuses } = query;
      const marks = statuses?.map(() => '?').join(', ');
      const of =
        marks === undefined ? where : `${where === '' ? 'WHERE' : `${where} AND`} status IN (${marks})`;
      return paged(
        `SELECT * FROM jobs ${of} ORDER BY submitted_at DESC, run DESC`,
        [...params, ...(statuses ?? [])],
        query,
      );
    }
    case 'costSince':
      return {
        sql: `SELECT COALESCE(SUM(cost_usd), 0) AS cost_usd, COALESCE(SUM(input_tokens), 0) AS input_tokens,
          COALESCE(SUM(output_tokens), 0) AS output_tokens, COUNT(*) AS attempts FROM execution_history WHERE finished_at >= ?`,
        params: [query.since],
      };
    case 'job':
      return { sql: 'SELECT * FROM jobs WHERE run = ?', params: [query.run] };
    case 'sheetStatuses':
      return {
        sql: 'SELECT status, COUNT(*) AS sheets FROM sheets WHERE run = ? GROUP BY status ORDER BY status',
        params: [query.run],
      };
    case 'counts':
      return {
        sql: `SELECT (SELECT COUNT(*) FROM jobs) AS jobs, (SELECT COUNT(*) FROM sheets) AS sheets,
          (SELECT COUNT(*) FROM execution_history) AS attempts, (SELECT COUNT(*) FROM errors) AS errors`,
        params: [],
      };
  }
}

function conditions(pairs: readonly (readonly [string, Cell | undefined])[]): {
  where: string;
  params: Cell[];
} {
  const given = pairs.filter((pair): pair is readonly [string, Cell] => pair[1] !== undefined);
  const where = given.length === 0 ? '' : `WHERE ${given.map(([condition]) => condition).join(' AND ')}`;
  return { where, params: given.map(([, value]) => value) };
}

function paged(sql: string, params: Cell[], { limit, offset = 0 }: Page): { sql: string; params: Cell[] } {
  const rows = Math.min(Math.max(Math.trunc(limit), 1), 10_000);
  return { sql: `${sql} LIMIT ? OFFSET ?`, params: [...params, rows, Math.max(Math.trunc(offset), 0)] };
}
