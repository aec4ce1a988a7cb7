import { JobSubmissionError, NotResumableError, UnknownSheetError } from '../../protocol/errors';
import type { RecordDraft } from '../records';
import type { AttemptConductor } from './attempts';
import type { EngineCore } from './core';
import type { Jobs } from './jobs';
import type { Flights } from './flight';
import type { Ledger } from './ledger';
import { budgetSpent } from './settle';
import { skippedOnPurpose, terminalJob, type JobState, type SheetState } from './state';

/** Loads a stored score into memory before its job becomes live. */
export type LoadBundle = (digest: string) => Promise<void>;

/**
 * What a person can ask of a job. Each resolves when the journal has it. What goes on is queued: the dispatcher makes it running at once while there is
 * room for it.
 */
export class Commands {
  constructor(
    private readonly core: EngineCore,
    private readonly jobs: Jobs,
    private readonly flights: Flights,
    private readonly attempts: AttemptConductor,
    private readonly ledger: Ledger,
    private readonly loadBundle: LoadBundle,
    /** Has everything of a job at hand that it needs to go on. */
    private readonly takeUp: (job: JobState) => Promise<void>,
    /** Applies what follows from a job's state by itself. */
    private readonly settle: (job: JobState) => void,
    private readonly dispatch: () => void,
  ) {}

  /** Stops further dispatch; what runs, runs on. @throws JobSubmissionError when the job is not running or queued. */
  async pause(run: string): Promise<void> {
    const job = this.jobs.live(run) ?? (await this.jobs.get(run));
    if (job.status === 'paused') return;
    if (terminalJob.has(job.status))
      throw new JobSubmissionError(`${run} is ${job.status}, there is nothing to pause`);
    await this.core.commit([
      {
        type: 'job.status',
        run,
        body: { status: 'paused', reason: { code: 'user_paused', message: 'paused by request' } },
      },
    ]);
  }

  /**
   * Paused: goes on. Failed or cancelled: failed, blocked and cancelled sheets run again, finished ones do not.
   * @throws NotResumableError when the job runs already or is completed.
   */
  async resume(run: string): Promise<void> {
    const job = await this.jobs.get(run);
    if (job.status === 'completed') {
      throw new NotResumableError(`${run} is completed`, {
        remedy: `To run a sheet again: mzt rerun ${run} SHEET`,
      });
    }
    if (job.status === 'running' || job.status === 'queued') {
      throw new NotResumableError(`${run} is ${job.status} already`, { remedy: `mzt status ${run}` });
    }
    if (job.cancelling)
      throw new NotResumableError(`${run} is being cancelled`, { remedy: 'Try again in a moment.' });
    const drafts = await this.reopen(job);
    const spent = budgetSpent(job, this.core.bundleOf(job).plan);
    if (spent !== null) {
      throw new NotResumableError(`${run} has ${spent}`, {
        remedy: `Raise the limit in the score, then: mzt resume ${run} --config ${job.score_path}`,
      });
    }
    for (const sheet of job.sheets) if (needsReset(sheet)) drafts.push(reset(job, sheet, null, 'resume'));
    drafts.push({ type: 'job.status', run, body: { status: 'queued' } });
    this.ledger.retryRefused();
    await this.commit(run, drafts);
  }

  /**
   * Ends the job: nothing more starts, what runs is ended with all it started, every sheet gets its final state.
   * Resolves when that is recorded. Gives false when the job was at its end already.
   */
  async cancel(run: string): Promise<boolean> {
    const job = this.jobs.live(run);
    if (!job || terminalJob.has(job.status)) {
      await this.jobs.get(run);
      return false;
    }
    const cancelled = new Promise<void>((resolve) => {
      const off = this.core.onRecord((record, told) => {
        if (record.run === run && told && terminalJob.has(told.status)) {
          off();
          resolve();
        }
      });
    });
    const asked = job.cancelling
      ? this.core.settled()
      : this.core.commit([{ type: 'job.cancelling', run, body: {} }]);
    this.attempts.cancel(run);
    this.settle(job);
    await asked;
    await cancelled;
    return true;
  }

  /**
   * Runs one sheet again (with `cascade`, also whatever depends on it); its earlier attempts stay in the record.
   * @throws UnknownSheetError, JobSubmissionError when that sheet is running.
   */
  async rerun(
    run: string,
    num: number,
    options: { readonly hint: string | null; readonly cascade: boolean },
  ): Promise<number[]> {
    const job = await this.jobs.get(run);
    if (!job.sheets[num - 1]) {
      throw new UnknownSheetError(`${run} has no sheet ${num}`, {
        remedy: `It has sheets 1 to ${job.sheets.length}.`,
      });
    }
    if (job.cancelling)
      throw new JobSubmissionError(`${run} is being cancelled`, { remedy: 'Try again in a moment.' });
    await this.loadBundle(job.bundle);
    const plan = this.core.bundleOf(job).plan;
    const again = new Set([num]);
    if (options.cascade) {
      for (let grew = true; grew;) {
        grew = false;
        for (const planned of plan.sheets) {
          if (again.has(planned.num) || !planned.dependsOn.some((upstream) => again.has(upstream))) continue;
          again.add(planned.num);
          grew = true;
        }
      }
    }
    const busy = [...again].filter((sheet) => this.flights.has(run, sheet));
    if (busy.length > 0) {
      throw new JobSubmissionError(`sheet ${busy.join(', ')} of ${run} is running`, {
        remedy: 'Wait for it, or cancel the job.',
      });
    }
    const drafts = await this.reopen(job);
    for (const sheet of job.sheets) {
      const blockedByIt = sheet.status === 'skipped' && !skippedOnPurpose(sheet);
      if (again.has(sheet.num) || (blockedByIt && dependsOn(plan, sheet.num, again))) {
        drafts.push(reset(job, sheet, sheet.num === num ? options.hint : null, 'rerun'));
      }
    }
    if (job.status !== 'running' && job.status !== 'queued')
      drafts.push({ type: 'job.status', run, body: { status: 'queued' } });
    this.ledger.retryRefused();
    await this.commit(run, drafts);
    return [...again].sort((a, b) => a - b);
  }

  /** Takes rate limits back: what waits for one becomes due. Keys that were refused are tried again. @param instrument null = of all */
  async clearLimits(instrument: string | null): Promise<string[]> {
    const limits = [...this.core.state.limits.values()];
    const accounts = limits
      .filter((limit) => instrument === null || limit.instrument === instrument)
      .map(({ account }) => account);
    this.ledger.retryRefused(instrument);
    const drafts: RecordDraft[] = accounts.map((account) => ({
      type: 'limit.cleared',
      body: { account, instrument: this.ledger.limitOf(account)?.instrument ?? account },
    }));
    for (const account of accounts) this.ledger.forget(account);
    for (const job of this.core.state.jobs.values()) {
      for (const sheet of job.sheets) {
        const last = sheet.attempts.at(-1);
        const account = last?.account === '' ? last.instrument : (last?.account ?? '');
        if (sheet.status !== 'waiting' || !accounts.includes(account)) continue;
        const reason = { code: 'limit_cleared', message: 'the rate limit was cleared by request' };
        drafts.push({
          type: 'sheet.status',
          run: job.run,
          body: { sheet: sheet.num, status: 'pending', reason },
        });
      }
    }
    const durable = this.core.commit(drafts);
    this.dispatch();
    await durable;
    return accounts;
  }

  /** Takes sheets for done whose results are there (recovery); the job then goes on only when it is resumed. */
  async markCompleted(run: string, sheets: readonly number[]): Promise<void> {
    const job = await this.jobs.get(run);
    const drafts = await this.reopen(job);
    // Not an end any more: what stays open is for the next resume.
    if (terminalJob.has(job.status)) {
      drafts.push({
        type: 'job.status',
        run,
        body: { status: 'paused', reason: { code: 'recovered', message: 'recovered from artifacts' } },
      });
    }
    const done = { code: 'recovered', message: 'its results were found, and its validations hold' };
    for (const sheet of sheets)
      drafts.push({ type: 'sheet.status', run, body: { sheet, status: 'completed', reason: done } });
    for (const sheet of job.sheets)
      if (needsReset(sheet) && !sheets.includes(sheet.num)) drafts.push(reset(job, sheet, null, 'recover'));
    await this.commit(run, drafts);
  }

  /** Replaces what the job is planned from (checked by the caller) and lets it run on. */
  async replan(
    run: string,
    body: Extract<RecordDraft, { type: 'job.replanned' }>['body'],
    resume: boolean,
  ): Promise<void> {
    const job = await this.jobs.get(run);
    const drafts = await this.reopen(job);
    drafts.push({ type: 'job.replanned', run, body });
    if (resume && job.status !== 'running' && job.status !== 'queued') {
      for (const sheet of job.sheets) {
        if (needsReset(sheet) && sheet.num <= body.sheets.length)
          drafts.push(reset(job, sheet, null, 'modify'));
      }
      drafts.push({ type: 'job.status', run, body: { status: 'queued' } });
    }
    this.ledger.retryRefused();
    await this.loadBundle(body.bundle);
    await this.commit(run, drafts);
  }

  private async commit(run: string, drafts: RecordDraft[]): Promise<void> {
    const durable = this.core.commit(drafts);
    const job = this.jobs.live(run);
    if (job) this.settle(job);
    this.dispatch();
    await durable;
  }

  /** A finished job comes back to life with its whole state in one record; the archive keeps its past. */
  private async reopen(job: JobState): Promise<RecordDraft[]> {
    await this.takeUp(job);
    if (this.jobs.live(job.run)) return [];
    this.jobs.forget(job.run);
    return [{ type: 'job.reopened', run: job.run, body: { state: structuredClone(job) } }];
  }
}

function needsReset(sheet: SheetState): boolean {
  return (
    sheet.status === 'failed' ||
    sheet.status === 'cancelled' ||
    (sheet.status === 'skipped' && !skippedOnPurpose(sheet))
  );
}

function dependsOn(
  plan: { readonly sheets: readonly { readonly num: number; readonly dependsOn: readonly number[] }[] },
  num: number,
  upstream: ReadonlySet<number>,
): boolean {
  const seen = new Set<number>();
  const open = [num];
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    for (const dependency of plan.sheets[current - 1]?.dependsOn ?? []) {
      if (upstream.has(dependency)) return true;
      if (!seen.has(dependency)) open.push(dependency);
      seen.add(dependency);
    }
  }
  return false;
}

function reset(job: JobState, sheet: SheetState, hint: string | null, reason: string): RecordDraft {
  return { type: 'sheet.reset', run: job.run, body: { sheet: sheet.num, hint, reason } };
}
