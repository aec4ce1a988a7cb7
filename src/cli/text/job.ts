/** A job's record as people read it: `mzt status JOB`, and the end of a followed run. */
import type { Checkpoint, SheetState } from '../../protocol/checkpoint';
import { UnknownSheetError } from '../../protocol/errors';
import type { JobStatus } from '../../protocol/states';
import type { Colors } from '../output';
import { counted, duration, instant, money, spent, tokens } from './amounts';
import { printable } from './printable';
import type { Symbols } from './symbols';
import { statusWord } from './symbols';
import { table } from './table';

export interface JobStyle {
  readonly colors: Colors;
  readonly symbols: Symbols;
  readonly width: number | undefined;
  readonly now: number;
}

const over: ReadonlySet<JobStatus> = new Set(['completed', 'failed', 'cancelled']);

/** True when nothing will happen to the job by itself. */
export function isOver(status: JobStatus): boolean {
  return over.has(status);
}

/** Sheets in order. */
export function sheetsOf(job: Checkpoint): SheetState[] {
  return Object.values(job.sheets).sort((a, b) => a.sheet_num - b.sheet_num);
}

/** Refuses a sheet that the job has not. @throws UnknownSheetError */
export function requireSheet(job: Checkpoint, wanted: number | undefined): void {
  if (wanted === undefined || job.sheets[String(wanted)] !== undefined) return;
  throw new UnknownSheetError(`${job.job_id} has no sheet ${wanted}`, {
    remedy: `It has ${counted(job.total_sheets, 'sheet')}.`,
  });
}

/** Seconds from the job's start to its end, or to now. */
export function elapsedSeconds(
  job: Pick<Checkpoint, 'started_at' | 'completed_at' | 'status'>,
  now: number,
): number | null {
  if (job.started_at === null) return null;
  const end = job.completed_at !== null && isOver(job.status) ? Date.parse(job.completed_at) : now;
  return Math.max(0, (end - Date.parse(job.started_at)) / 1000);
}

/** How many sheets of a job will never play. */
export function skippedCount(sheets: readonly SheetState[]): number {
  return sheets.filter(({ status }) => status === 'skipped').length;
}

/** `repo-report  completed  5/7 sheets, 2 skipped  12s  8.1k tokens  $0.02` */
export function jobHeadline(
  job: Checkpoint,
  style: JobStyle,
  skipped: number = skippedCount(sheetsOf(job)),
): string {
  const elapsed = elapsedSeconds(job, style.now);
  const used = job.total_input_tokens + job.total_output_tokens;
  return [
    `${style.symbols.mark(job.status)} ${style.colors.bold(job.job_id)}`,
    style.symbols.word(job.status),
    `${job.last_completed_sheet}/${counted(job.total_sheets, 'sheet')}${skipped === 0 ? '' : `, ${skipped} skipped`}`,
    ...(elapsed === null ? [] : [duration(elapsed)]),
    ...(used === 0 ? [] : [`${tokens(used)} tokens`]),
    ...costParts(job),
  ].join('  ');
}

/** What was paid, what a subscription covered, and what has no price. */
export function costParts(job: Checkpoint): string[] {
  const paid = spent(job.total_estimated_cost === 0 ? null : job.total_estimated_cost, job.unpriced);
  const covered = job.total_list_price_usd ?? 0;
  return [
    ...(paid === '' ? [] : [paid]),
    ...(covered === 0 ? [] : [`subscription (list price ${money(covered)})`]),
  ];
}

/** Why a job or sheet is as it is, with the instant until which it stays so. */
export function reasonText(
  reason: { readonly message: string; readonly until?: string | null | undefined } | null | undefined,
  now: number,
): string {
  if (reason === null || reason === undefined) return '';
  const until = reason.until === null || reason.until === undefined ? null : Date.parse(reason.until);
  const left = until === null || until <= now ? '' : ` (${duration((until - now) / 1000)} left)`;
  return `${printable(reason.message)}${left}`;
}

/** What is said of a sheet beside its state. */
export function sheetRemark(sheet: SheetState, now: number): string {
  const due = sheet.fire_at ?? sheet.rate_limit_expires_at;
  const wait = due === null ? '' : `again in ${duration(Math.max(0, (Date.parse(due) - now) / 1000))}`;
  const reason = reasonText(sheet.status_reason, now);
  if (sheet.status === 'completed') return '';
  const error = [sheet.error_code, sheet.error_message].filter((part) => part !== null).join(' ');
  return [wait, reason === '' ? printable(error) : reason].filter((part) => part !== '').join('; ');
}

/** `3/3`, `1/2`; empty before anything was checked. */
export function validationText(sheet: SheetState): string {
  if (sheet.validation_passed === null) return '';
  const passed = sheet.passed_validations.length;
  return `${passed}/${passed + sheet.failed_validations.length}`;
}

export function sheetTable(job: Checkpoint, style: JobStyle): string[] {
  const { symbols, colors, now } = style;
  return table(
    [
      { title: '#', align: 'right' },
      { title: 'SHEET', flexible: true },
      { title: 'STATE' },
      { title: 'INSTRUMENT', flexible: true },
      { title: 'TRIES', align: 'right' },
      { title: 'TIME', align: 'right' },
      { title: 'CHECKS' },
      { title: 'TOKENS', align: 'right' },
      { title: 'COST', align: 'right' },
      { title: 'REMARK', flexible: true },
    ],
    sheetsOf(job).map((sheet) => [
      String(sheet.sheet_num),
      printable(sheet.description ?? ''),
      `${symbols.mark(sheet.status)} ${statusWord(sheet.status)}`,
      [sheet.instrument_name, sheet.instrument_model, fallbackMark(sheet)]
        .filter((part) => part !== null)
        .join(' '),
      sheet.attempt_count === 0 ? '' : String(sheet.attempt_count),
      sheetTime(sheet, now),
      validationText(sheet),
      sheetTokens(sheet),
      sheetCost(sheet),
      sheetRemark(sheet, now),
    ]),
    style.width,
    colors.dim,
  );
}

export function sheetTokens(sheet: SheetState): string {
  if (sheet.input_tokens === null && sheet.output_tokens === null) return '';
  return tokens((sheet.input_tokens ?? 0) + (sheet.output_tokens ?? 0));
}

/** `(for claude-code)`: it plays because that one could not. */
function fallbackMark(sheet: SheetState): string | null {
  const last = sheet.instrument_fallback_history.at(-1);
  return last === undefined ? null : `(for ${last.from})`;
}

/** `~` marks what was priced by us. */
function sheetCost(sheet: SheetState): string {
  const mark = sheet.attempts.some((attempt) => attempt.cost_estimated) ? '~' : '';
  const paid = spent(sheet.estimated_cost, sheet.unpriced);
  if (paid !== '') return sheet.estimated_cost === null ? paid : mark + paid;
  return typeof sheet.list_price_usd === 'number' ? `(${mark}${money(sheet.list_price_usd)})` : '';
}

function sheetTime(sheet: SheetState, now: number): string {
  if (sheet.status === 'dispatched') {
    const started = sheet.attempts.at(-1)?.started_at ?? sheet.started_at;
    if (started !== null) return duration(Math.max(0, (now - Date.parse(started)) / 1000));
  }
  return sheet.attempt_count === 0 ? '' : duration(sheet.total_duration_seconds);
}

/** Failed rules of sheets that did not end well. */
export function failedRules(job: Checkpoint, { colors }: JobStyle): string[] {
  return sheetsOf(job)
    .filter((sheet) => sheet.status !== 'completed' && sheet.validation_details !== null)
    .flatMap((sheet) =>
      (sheet.validation_details ?? [])
        .filter((rule) => !rule.passed)
        .map((rule) => {
          const name = rule.description ?? `${rule.rule_type} ${rule.path ?? rule.pattern ?? ''}`;
          const why = rule.error_message === null ? '' : `: ${rule.error_message}`;
          return `  ${colors.red('failed')}  sheet ${sheet.sheet_num}  ${printable(name)}${printable(why)}`;
        }),
    );
}

/** Everything `mzt status JOB` shows. */
export function jobLines(job: Checkpoint, style: JobStyle): string[] {
  const { colors, now, symbols } = style;
  const fact = (name: string, value: string | null) =>
    value === null || value === '' ? [] : [`  ${colors.dim(name.padEnd(10))} ${value}`];
  const at = (iso: string | null) => (iso === null ? null : instant(Date.parse(iso), now));
  const rules = failedRules(job, style);
  const agents = job.agents ?? [];
  const unasked = agents
    .filter(({ acts_unasked: acts }) => acts)
    .map(({ instrument }) => instrument)
    .join(', ');
  const payers = agents
    .flatMap(({ instrument, paid_by: payer }) => (payer === null ? [] : [`${instrument}: ${payer}`]))
    .join(', ');
  // Mostly the reason is the error: once is enough.
  const error = printable(job.error_message ?? '');
  return [
    jobHeadline(job, style),
    `  ${symbols.bar(job.last_completed_sheet + skippedCount(sheetsOf(job)), job.total_sheets, 30)}`,
    ...fact('name', job.job_name === job.job_id ? null : printable(job.job_name)),
    ...fact('score', job.config_path),
    ...fact('workspace', job.workspace),
    ...fact('submitted', at(job.created_at)),
    ...fact('started', at(job.started_at)),
    ...fact('ended', isOver(job.status) ? at(job.completed_at) : null),
    ...fact('reason', reasonText(job.status_reason, now)),
    ...fact('cost', colors.yellow(job.cost_warning ?? '') || null),
    ...fact(
      'unasked',
      unasked === '' ? null : colors.red(`${unasked} acts without asking (skip_permissions)`),
    ),
    ...fact('paid by', payers),
    ...fact('error', error === job.status_reason?.message ? null : colors.red(error)),
    '',
    ...sheetTable(job, style),
    ...(rules.length === 0 ? [] : ['', ...rules]),
  ];
}

/** What to do next, by the state of the job. */
export function nextSteps(job: Checkpoint): string[] {
  const id = job.job_id;
  switch (job.status) {
    case 'failed':
    case 'cancelled': {
      const failed = sheetsOf(job).find((sheet) => sheet.status === 'failed');
      return [
        `mzt diagnose ${id}${failed === undefined ? '' : ` --sheet ${failed.sheet_num}`}    what was run and what came of it`,
        `mzt resume ${id}    go on with what is not finished`,
      ];
    }
    case 'paused':
    case 'paused_at_chain':
      return [`mzt resume ${id}    go on`];
    case 'completed':
      return [`mzt report ${id}    one HTML page of everything`];
    default:
      return [
        `mzt status ${id} -W    watch`,
        `mzt logs ${id} -f    output of the sheet that plays`,
        `mzt cancel ${id}    end it`,
      ];
  }
}
