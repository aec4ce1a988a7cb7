/** A job that goes on, line by line: for a terminal that cannot redraw. Pure. */
import { l10n } from '../l10n';
import type { JobStore } from '../store/job-store';
import type { SheetModel } from '../store/model';
import { brief, cost, duration, parts } from '../trees/format';
import { isRunning, sheetLabel, sheetOutcome, sheetState } from '../trees/sheet-row';

const MARKS: Readonly<Partial<Record<SheetModel['status'], string>>> = {
  completed: '\x1b[32m✓\x1b[0m',
  failed: '\x1b[31m✗\x1b[0m',
  cancelled: '\x1b[31m✗\x1b[0m',
  skipped: '-',
};

export class JobLines {
  /** What was last said of each sheet. */
  private readonly said = new Map<number, string>();
  /** The attempt whose output was last named, of each sheet. */
  private readonly outputSaid = new Map<number, number>();
  private saidOfJob = '';

  constructor(
    private readonly store: Pick<JobStore, 'job' | 'sheets'>,
    private readonly run: string,
    /** The file with what an attempt says. */
    private readonly outputOf: (sheet: number, attempt: number) => string,
  ) {}

  /** What changed since the last time; `now` in milliseconds since the epoch. */
  next(now: number): string[] {
    const lines: string[] = [];
    for (const sheet of this.store.sheets(this.run) ?? []) {
      const attempt = sheet.attempts.at(-1)?.attempt ?? 0;
      const state = `${sheet.status} ${attempt}`;
      const before = this.said.get(sheet.num);
      this.said.set(sheet.num, state);
      // Nothing is said of a sheet that has not begun.
      if (state === before || (before === undefined && sheet.status === 'pending')) continue;
      lines.push(...this.sheetLines(sheet, attempt, now));
    }
    const job = this.store.job(this.run);
    if (job?.status === 'paused' && this.saidOfJob !== 'paused')
      lines.push(l10n.t('{0} is paused: {1}', this.run, plain(job.reason?.message ?? job.status)));
    this.saidOfJob = job?.status ?? '';
    return lines;
  }

  /** Is what is known of the sheets as new as what is known of the job? They are asked for one after the other. */
  isWhole(): boolean {
    const sheets = this.store.sheets(this.run) ?? [];
    const completed = sheets.filter(({ status }) => status === 'completed').length;
    return (
      !sheets.some(({ status }) => isRunning(status)) &&
      completed >= (this.store.job(this.run)?.completed ?? 0)
    );
  }

  /** The last line. */
  ending(): string {
    const job = this.store.job(this.run);
    if (job === undefined) return l10n.t('{0} was deleted.', this.run);
    const told = parts(
      job.status,
      l10n.t('{0} of {1} sheets', job.completed, job.total),
      (job.costUsd > 0 || job.unpriced) && cost(job.costUsd, job.unpriced),
      job.status === 'completed' ? null : job.error === null ? null : brief(plain(job.error)),
    );
    return `${job.status === 'completed' ? MARKS.completed : MARKS.failed} ${this.run}: ${told}`;
  }

  private sheetLines(sheet: SheetModel, attempt: number, now: number): string[] {
    const label = plain(sheetLabel(sheet.num, sheet.description));
    // A short one may have ended before it was seen to run: where its output is, is said all the same.
    const isNew = attempt > 0 && this.outputSaid.get(sheet.num) !== attempt;
    this.outputSaid.set(sheet.num, attempt);
    const output = isNew ? [`  ${this.outputOf(sheet.num, attempt)}`] : [];
    if (isRunning(sheet.status)) {
      const again = attempt > 1 ? l10n.t('attempt {0}', attempt) : null;
      return [`▶ ${label}: ${parts(sheet.instrument, sheet.model, again)}`, ...output];
    }
    const took = sheet.durationSeconds > 0 ? duration(sheet.durationSeconds * 1000) : null;
    const outcome = plain(sheetOutcome(sheet, now)) || sheetState(sheet.status);
    return [`${MARKS[sheet.status] ?? '·'} ${label}: ${parts(outcome, took)}`, ...output];
  }
}

/** Without what would move the cursor or colour the screen: it comes from agents. */
export function plain(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f]+/g, ' ');
}
