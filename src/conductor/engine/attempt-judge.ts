import { cutAnswer } from '../../score/cross-sheet';
import type { PlannedInstrument, PlannedSheet } from '../../score/plan';
import type { AttemptEnd, PrepareError } from '../attempts/runner';
import type { Clock } from '../clock';
import type { AttemptOutcome, AttemptStarted, RecordDraft, TreeRecord } from '../records';
import type { AbortableWork } from './abortable-work';
import { finishedWithResult, finishedWithoutResult, outcomeOf, withinBudget } from './attempt-record';
import type { AttemptServices, ValidationReport } from './attempt-services';
import type { EngineCore } from './core';
import { decide, type Decision, type Verdict } from './decide';
import type { Flight, Flights } from './flight';
import type { Ledger, OtherKeys } from './ledger';
import { refusalInWords } from './refused-keys';
import { currentAttempt, sheetOf, type AttemptState, type JobState, type SheetState } from './state';

/** An attempt that has come to its end. */
export interface EndedAttempt {
  readonly job: JobState;
  readonly flight: Flight;
  readonly planned: PlannedSheet;
  readonly instrument: PlannedInstrument;
  readonly attempt: AttemptState;
  readonly end: AttemptEnd;
}

/** What was found in its workspace. */
export interface Findings {
  readonly outcome: AttemptOutcome;
  /** Null unless the rules were checked. */
  readonly report: ValidationReport | null;
  readonly treeAfter: TreeRecord;
}

/** What a decision is made from, beside the sheet's own state. */
interface Grounds {
  readonly outcome: AttemptOutcome;
  readonly verdict: Verdict | null;
  readonly report: ValidationReport | null;
  readonly now: number;
  /** How many fallbacks count; by default all that are planned. */
  readonly fallbackCount?: number;
  /** Null: it met no vendor. */
  readonly met: { readonly account: string; readonly startedAt: number; readonly others: OtherKeys } | null;
}

/** From the end of an attempt to the records that tell it: validates, classifies, prices, and decides what the sheet does next. It commits nothing. */
export class AttemptJudge {
  constructor(
    private readonly core: EngineCore,
    private readonly flights: Flights,
    private readonly services: AttemptServices,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly ledger: Ledger,
    private readonly work: AbortableWork,
  ) {}

  /** Looks at what the attempt has left behind; a cancel meanwhile is its outcome. */
  async examine({ job, flight, planned, instrument, attempt, end }: EndedAttempt): Promise<Findings> {
    let report: ValidationReport | null = null;
    let outcome = outcomeOf(end);
    if (outcome === 'success') {
      const bundle = this.core.bundleOf(job);
      try {
        report = await this.work.run(job.run, flight.sheet, (signal) =>
          this.services.validate(job, bundle, planned, instrument, attempt.file_marks, signal),
        );
        if (report.passPercent < 100) outcome = 'invalid';
      } catch (error) {
        if (!job.cancelling) throw error;
        outcome = 'cancelled';
      }
    }
    const name = `${flight.sheet}.${attempt.attempt}.after`;
    const treeAfter = await this.services.changes.record(job.run, job.workspace, name);
    if (outcome !== 'success' && job.cancelling) outcome = 'cancelled';
    return { outcome, report, treeAfter };
  }

  /** The records of its end: what it was, what follows for the sheet, for its account, and for the job. */
  async records(
    ended: EndedAttempt,
    { outcome: found, report, treeAfter }: Findings,
  ): Promise<RecordDraft[]> {
    const { job, flight, planned, instrument, attempt, end } = ended;
    const { result } = end;
    const { plan } = this.core.bundleOf(job);
    const sheet = sheetOf(job, flight.sheet);
    const now = this.clock.now();
    const { account } = flight;
    const { key_label: label, started_at: startedAt } = attempt;
    const others = this.ledger.others(job, instrument, account, now, sheet);
    const verdict = found === 'failed' ? this.verdict(ended, others) : null;
    const outcome = verdict?.action === 'wait' ? 'rate_limited' : found;
    const cost = result.costUsd ?? this.services.price(job, plan, instrument, result);
    const payer = result.paidBy ?? this.services.paidBy(job, instrument, attempt.env_names);
    const met = { account, startedAt, others };
    const decision = withinBudget(
      this.decision(job, sheet, planned, { outcome, verdict, report, now, met }),
      sheet,
      payer === 'subscription' ? 0 : (cost ?? 0),
      plan,
    );
    const kept = cutAnswer(end.answer, instrument.config.maxOutputCaptureBytes);
    if (kept !== '') await this.services.keepAnswer(attempt.base, kept);
    const drafts: RecordDraft[] = [
      finishedWithResult(job.run, {
        sheet: flight.sheet,
        attempt: attempt.attempt,
        instrument,
        outcome,
        end,
        verdict,
        report,
        cost,
        payer,
        treeAfter,
        mixed: this.services.changes.isMixed(flight),
        next: decision.next,
      }),
    ];
    const limit = decision.limit && { ...decision.limit, message: verdict?.message ?? 'rate limited' };
    const used = { account, instrument: instrument.profile, started_at: startedAt, key_label: label };
    if (outcome !== 'cancelled') drafts.push(...this.ledger.ended(used, result, limit, now));
    drafts.push(...this.consequences(job, decision, now));
    return drafts;
  }

  /** It could not be started. Without a remedy elsewhere another instrument would fail in the same way: the fallbacks are passed over. */
  notStarted(
    job: JobState,
    sheet: SheetState,
    planned: PlannedSheet,
    started: AttemptStarted,
    error: PrepareError,
  ): RecordDraft[] {
    const { code, category, message, fallbackHelps } = error;
    const action = fallbackHelps ? 'fallback' : 'stop';
    const verdict: Verdict = { code, category, action, waitSeconds: null, quota: false, message };
    const { fallback_index: index = 0 } = started;
    const { next } = this.decision(job, { ...sheet, fallback_index: index }, planned, {
      outcome: 'failed',
      verdict,
      report: null,
      now: this.clock.now(),
      met: null,
      ...(fallbackHelps ? {} : { fallbackCount: index }),
    });
    return [
      { type: 'attempt.started', run: job.run, body: started },
      finishedWithoutResult(job.run, sheet.num, started, 'not_started', verdict, next),
    ];
  }

  /** A fault of ours must not leave a sheet that looks as if it ran for ever. Null: no attempt was in flight. */
  internalFault(run: string, num: number, error: unknown): RecordDraft[] | null {
    const job = this.core.state.jobs.get(run);
    const sheet = job?.sheets[num - 1];
    const attempt = sheet && currentAttempt(sheet);
    const planned = job && this.core.bundleOf(job).plan.sheets[num - 1];
    if (!job || !sheet || !attempt || !planned) return null;
    const verdict: Verdict = {
      code: 'E999',
      category: 'fatal',
      action: 'retry',
      waitSeconds: null,
      quota: false,
      message: `internal error: ${error instanceof Error ? error.message : String(error)}`,
    };
    const now = this.clock.now();
    const grounds = { outcome: 'failed', verdict, report: null, now, met: null } as const;
    const { next } = this.decision(job, sheet, planned, grounds);
    return [finishedWithoutResult(run, num, attempt, 'internal', verdict, next)];
  }

  /** A refused key of the keyring is told by its name. */
  private verdict({ job, instrument, attempt, end }: EndedAttempt, others: OtherKeys): Verdict {
    const { plan } = this.core.bundleOf(job);
    const verdict = this.services.classify(end.result, job, plan, instrument);
    if (verdict.category !== 'auth' || attempt.key_label === null) return verdict;
    return { ...verdict, message: refusalInWords(verdict.message, attempt.key_label, others) };
  }

  /** What the end means for the job: a pause at a limit that it is not to wait out, and the pause between sheets. */
  private consequences(job: JobState, { next }: Decision, now: number): RecordDraft[] {
    const drafts: RecordDraft[] = [];
    // Decided here and not from the state, so that a resume can say: wait it out.
    if (next.status === 'waiting' && !job.auto_continue && job.status === 'running') {
      const message = 'an instrument is limited, and the job was submitted not to go on by itself';
      const reason = { code: 'rate_limit', message };
      drafts.push({ type: 'job.status', run: job.run, body: { status: 'paused', reason } });
    }
    const pause = this.core.bundleOf(job).plan.pauseBetweenSheetsSeconds;
    const more = this.core.indexOf(job).open > 1;
    if (next.status === 'completed' && pause > 0 && more && this.flights.perJob(job.run) <= 1)
      drafts.push({ type: 'job.pacing', run: job.run, body: { until: now + pause * 1000 } });
    return drafts;
  }

  private decision(job: JobState, sheet: SheetState, planned: PlannedSheet, grounds: Grounds): Decision {
    const { plan } = this.core.bundleOf(job);
    const { outcome, verdict, report, now, met } = grounds;
    return decide({
      outcome,
      mode: sheet.mode,
      verdict,
      passPercent: report?.passPercent ?? null,
      failureSummary: report?.summary ?? null,
      counters: {
        normalAttempts: sheet.normal_attempts,
        completionAttempts: sheet.completion_attempts,
        rateLimitWaits: sheet.rate_limit_waits,
        quotaWaits: sheet.quota_waits,
        interruptions: sheet.interruptions,
      },
      fallbackIndex: sheet.fallback_index,
      fallbackCount: grounds.fallbackCount ?? planned.fallbacks.length,
      policy: plan.retry,
      maxWaits: plan.rateLimit.maxWaits,
      maxQuotaWaits: plan.rateLimit.maxQuotaWaits,
      others: met?.others ?? null,
      known: met ? this.ledger.limitOf(met.account) : null,
      startedAt: met?.startedAt ?? now,
      maxUnstatedWaitSeconds: plan.rateLimit.waitMinutes * 60,
      now,
      random: this.random(),
    });
  }
}
