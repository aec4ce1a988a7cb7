import { cutAnswer } from '../../score/cross-sheet';
import type { Plan, PlannedInstrument, PlannedSheet } from '../../score/plan';
import { PrepareError, type AttemptEnd, type AttemptRequest, type AttemptRunner } from '../attempts/runner';
import type { Clock } from '../clock';
import type { AttemptOutcome, AttemptStarted, RecordDraft } from '../records';
import { finishedWithResult, finishedWithoutResult, outcomeOf, withinBudget } from './attempt-record';
import type { AttemptHooks, AttemptServices, SheetPrompt, ValidationReport } from './attempt-services';
import type { StoredBundle } from './bundles';
import type { EngineCore } from './core';
import { decide, type Verdict } from './decide';
import type { Flight, Flights } from './flight';
import type { OfferedKey } from './key-choice';
import type { Ledger, OtherKeys } from './ledger';
import { instrumentFor, instrumentKey, type Candidate } from './ready';
import { refusalInWords } from './refused-keys';
import { currentAttempt, sheetOf, type AttemptState, type JobState, type SheetState } from './state';

/** Wait before a start that failed for reasons of ours is tried again, milliseconds. */
const troubleMs = 2000;

/** Carries one attempt from "ready" to its record: prepare, journal, run, validate, decide, journal. */
export class AttemptConductor {
  private readonly validating = new Map<string, AbortController>();
  private stopped = false;

  constructor(
    private readonly core: EngineCore,
    private readonly flights: Flights,
    private readonly runner: AttemptRunner,
    private readonly services: AttemptServices,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly hooks: AttemptHooks,
    private readonly ledger: Ledger,
  ) {}

  /** Starts a sheet, with the account that the look at this instant found free. Returns at once; everything after is told through records. */
  begin(candidate: Candidate, now: number): void {
    const { job, sheet, instrument } = candidate;
    const { account, key } = this.ledger.take(job, instrument, now);
    const probe = this.ledger.limitOf(account) !== null;
    const flight = this.flights.enter(job.run, sheet.num, instrumentKey(instrument), account, probe, key);
    this.inBackground(job, flight, () => this.run(candidate, flight));
  }

  /** Takes up the attempt that was in flight when the last conductor ended. */
  adopt(job: JobState, sheet: SheetState): void {
    const attempt = currentAttempt(sheet);
    const bundle = this.core.bundleOf(job);
    const planned = bundle.plan.sheets[sheet.num - 1];
    if (!attempt || !planned) return;
    const instrument = instrumentFor(planned, attempt.fallback_index);
    // Keys are gone with the last conductor; which account it was is in the record.
    const account = attempt.account === '' ? instrument.profile : attempt.account;
    const limit = this.ledger.limitOf(account);
    const probe = limit !== null && attempt.started_at >= limit.until;
    const key = this.ledger.keyOf(job, instrument, account);
    const flight = this.flights.enter(job.run, sheet.num, instrumentKey(instrument), account, probe, key);
    this.services.changes.enter(flight, job.workspace);
    this.inBackground(job, flight, async () => {
      const handle = this.runner.attach({
        ...this.request(
          job,
          sheet,
          planned,
          instrument,
          attempt.attempt,
          attempt.started_at,
          { preamble: null, prompt: '' },
          key,
        ),
        promptSha256: attempt.prompt_sha256,
      });
      flight.handle = handle;
      if (flight.cancelled || job.cancelling) handle.cancel();
      await this.finish(job, flight, planned, instrument, attempt, await handle.done);
    });
  }

  /** Ends a run's attempts, or one sheet's, and their validations. */
  cancel(run: string, sheet?: number): void {
    this.flights.cancel(run, sheet);
    for (const [key, controller] of this.validating) {
      if (key === `${run}/${sheet}` || (sheet === undefined && key.startsWith(`${run}/`))) controller.abort();
    }
  }

  /** Starts nothing more, and leaves what is not recorded to the next conductor. */
  stop(): void {
    this.stopped = true;
    for (const controller of this.validating.values()) controller.abort();
    this.flights.detachAll();
  }

  private inBackground(job: JobState, flight: Flight, work: () => Promise<void>): void {
    const leave = () => {
      this.services.changes.leave(flight);
      // An attempt that came to its end has left already, and whatever followed from that was done then.
      if (this.flights.leave(flight)) this.hooks.changed(job);
    };
    work().then(leave, (error: unknown) => {
      this.services.changes.leave(flight);
      if (this.stopped) return;
      this.hooks.report(`attempt of ${job.run} sheet ${flight.sheet} stopped on an internal error`, error);
      if (this.failInternally(job, flight.sheet, error)) {
        leave();
        return;
      }
      // Nothing was begun, so nothing is recorded: it is tried again, but not at once, since a full disk stays full for a while.
      flight.trouble = error instanceof Error ? error.message : String(error);
      this.clock.schedule(troubleMs, leave);
    });
  }

  /** A fault of ours must not leave a sheet that looks as if it ran for ever. False: no attempt was in flight. */
  private failInternally(job: JobState, num: number, error: unknown): boolean {
    const live = this.core.state.jobs.get(job.run);
    const sheet = live?.sheets[num - 1];
    const attempt = sheet && currentAttempt(sheet);
    const planned = live && this.core.bundleOf(live).plan.sheets[num - 1];
    if (!live || !sheet || !attempt || !planned) return false;
    const bundle = this.core.bundleOf(live);
    const message = `internal error: ${error instanceof Error ? error.message : String(error)}`;
    const verdict: Verdict = {
      code: 'E999',
      category: 'fatal',
      action: 'retry',
      waitSeconds: null,
      quota: false,
      message,
    };
    const decision = this.decision(bundle.plan, sheet, planned, 'failed', verdict, null, this.clock.now());
    void this.core.commit([
      finishedWithoutResult(
        live.run,
        sheet,
        attempt.attempt,
        attempt.instrument,
        attempt.model,
        'internal',
        verdict,
        decision.next,
      ),
    ]);
    return true;
  }

  private async run({ job, sheet, planned, instrument }: Candidate, flight: Flight): Promise<void> {
    const bundle = this.core.bundleOf(job);
    if (sheet.attempts.length === 0 && (await this.skipped(job, bundle, planned, instrument))) return;
    const attempt = (sheet.attempts.at(-1)?.attempt ?? 0) + 1;
    const mode = sheet.mode === 'normal' && sheet.normal_attempts > 0 ? 'retry' : sheet.mode;
    const base = this.services.attemptBase(job.run, sheet.num, attempt);
    const started: AttemptStarted = {
      sheet: sheet.num,
      attempt,
      mode,
      instrument: instrument.profile,
      model: instrument.config.model,
      account: flight.account,
      key_label: flight.key?.label ?? null,
      fallback_index: sheet.fallback_index,
      prompt_sha256: null,
      argv: [],
      cwd: null,
      env_names: [],
      base,
      file_marks: {},
      tree_before: null,
    };
    if (flight.probe && !(await this.mayProbe(job, flight, instrument, started))) return;
    this.services.changes.enter(flight, job.workspace);
    const before = this.services.changes.record(job.run, job.workspace, `${sheet.num}.${attempt}.before`);
    let prepared;
    try {
      // An interrupted or limited attempt judged nothing: what is left to do is told by the last that did.
      const judged = sheet.attempts.findLast((candidate) => candidate.pass_percent !== null);
      const previous = mode === 'completion' ? (judged ?? null) : null;
      const prompt = await this.services.renderPrompt({
        job,
        bundle,
        planned,
        instrument,
        attempt,
        mode,
        previous,
        hint: sheet.hint,
      });
      const marks = await this.services.markFiles(job, bundle, planned, instrument);
      prepared = await this.runner.prepare(
        this.request(job, sheet, planned, instrument, attempt, this.clock.now(), prompt, flight.key),
      );
      Object.assign(started, {
        prompt_sha256: prepared.promptSha256,
        argv: [...prepared.argv],
        cwd: prepared.cwd,
        env_names: [...prepared.envNames],
        file_marks: marks,
        tree_before: await before,
      });
    } catch (error) {
      if (!(error instanceof PrepareError)) throw error;
      await this.failBeforeStart(job, sheet, planned, instrument, started, error);
      return;
    }
    if (!this.mayStart(job, sheet)) return;
    await this.core.commit([{ type: 'attempt.started', run: job.run, body: started }]);
    const state = currentAttempt(sheetOf(job, sheet.num));
    if (!state || this.stopped) return;
    const handle = prepared.start();
    flight.handle = handle;
    if (flight.cancelled || job.cancelling) handle.cancel();
    await this.finish(job, flight, planned, instrument, state, await handle.done);
  }

  /** Asks the instrument, at no cost of quota, whether it could be used: a limit that is over has been told of before. */
  private async mayProbe(
    job: JobState,
    flight: Flight,
    instrument: PlannedInstrument,
    { attempt, sheet }: Pick<AttemptStarted, 'attempt' | 'sheet'>,
  ): Promise<boolean> {
    const planned = this.core.bundleOf(job).plan.sheets[sheet - 1];
    if (!planned) return false;
    const state = sheetOf(job, sheet);
    const empty = { preamble: null, prompt: '' };
    const now = this.clock.now();
    const request = this.request(job, state, planned, instrument, attempt, now, empty, flight.key);
    const check = await this.runner.available(request);
    if (check.ok) return true;
    const wait = this.ledger.unusable(flight.account, check.message, this.clock.now());
    if (wait) await this.core.commit([wait]);
    return wait === null;
  }

  /** A pause or cancel may have come while the attempt was prepared; nothing has happened yet, so nothing is recorded. */
  private mayStart(job: JobState, sheet: SheetState): boolean {
    if (this.stopped || job.status !== 'running' || job.cancelling) return false;
    return sheetOf(job, sheet.num).status !== 'dispatched';
  }

  private async skipped(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
  ): Promise<boolean> {
    if (planned.skipWhen === null && planned.skipWhenCommand === null) return false;
    const message = await this.withSignal(job.run, planned.num, (signal) =>
      this.services.skipReason(job, bundle, planned, instrument, signal),
    );
    if (message === null || !this.mayStart(job, sheetOf(job, planned.num))) return message !== null;
    await this.core.commit([
      {
        type: 'sheet.status',
        run: job.run,
        body: { sheet: planned.num, status: 'skipped', reason: { code: 'skip_when', message } },
      },
    ]);
    return true;
  }

  private request(
    job: JobState,
    sheet: SheetState,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    attempt: number,
    startedAt: number,
    prompt: SheetPrompt,
    key: OfferedKey | null,
  ): AttemptRequest {
    return {
      run: job.run,
      sheet: sheet.num,
      attempt,
      base: this.services.attemptBase(job.run, sheet.num, attempt),
      instrument,
      workspace: job.workspace,
      ...prompt,
      session: sessionToResume(sheet, instrument),
      env: job.env,
      secrets: this.services.secretsFor(job, instrument, key),
      redacted: this.services.redacted(),
      variables: this.services.variables(job, planned, this.core.bundleOf(job), instrument),
      startedAt,
      onProgress: (progress) => this.services.progress(job.run, sheet.num, attempt, progress),
    };
  }

  private async failBeforeStart(
    job: JobState,
    sheet: SheetState,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    started: AttemptStarted,
    error: PrepareError,
  ): Promise<void> {
    if (!this.mayStart(job, sheet)) return;
    const now = this.clock.now();
    const verdict: Verdict = {
      code: error.code,
      category: error.category,
      action: error.fallbackHelps ? 'fallback' : 'stop',
      waitSeconds: null,
      quota: false,
      message: error.message,
    };
    // Without a remedy elsewhere, another instrument would fail in the same way: the fallbacks are passed over.
    const decision = this.decision(
      this.core.bundleOf(job).plan,
      sheet,
      planned,
      'failed',
      verdict,
      null,
      now,
      error.fallbackHelps ? undefined : sheet.fallback_index,
    );
    await this.core.commit([
      { type: 'attempt.started', run: job.run, body: started },
      finishedWithoutResult(
        job.run,
        sheet,
        started.attempt,
        instrument.profile,
        instrument.config.model,
        'not_started',
        verdict,
        decision.next,
      ),
    ]);
  }

  private async finish(
    job: JobState,
    flight: Flight,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    attempt: AttemptState,
    end: AttemptEnd,
  ): Promise<void> {
    if (this.stopped) return;
    const { result } = end;
    const num = flight.sheet;
    const bundle = this.core.bundleOf(job);
    let report: ValidationReport | null = null;
    let outcome: AttemptOutcome = outcomeOf(end);
    if (outcome === 'success') {
      try {
        report = await this.withSignal(job.run, num, (signal) =>
          this.services.validate(job, bundle, planned, instrument, attempt.file_marks, signal),
        );
        if (report.passPercent < 100) outcome = 'invalid';
      } catch (error) {
        if (!job.cancelling) throw error;
        outcome = 'cancelled';
      }
    }
    const treeAfter = await this.services.changes.record(
      job.run,
      job.workspace,
      `${num}.${attempt.attempt}.after`,
    );
    if (this.stopped) return;
    if (outcome !== 'success' && job.cancelling) outcome = 'cancelled';
    const now = this.clock.now();
    const others = this.ledger.others(job, instrument, flight.account, now, sheetOf(job, num));
    const { key_label: label, started_at: startedAt } = attempt;
    let verdict = outcome === 'failed' ? this.services.classify(result, job, bundle.plan, instrument) : null;
    if (verdict?.category === 'auth' && label !== null)
      verdict = { ...verdict, message: refusalInWords(verdict.message, label, others) };
    if (verdict?.action === 'wait') outcome = 'rate_limited';
    const cost = result.costUsd ?? this.services.price(job, bundle.plan, instrument, result);
    const payer = result.paidBy ?? this.services.paidBy(job, instrument, attempt.env_names);
    const decision = withinBudget(
      this.decision(bundle.plan, sheetOf(job, num), planned, outcome, verdict, report, now, undefined, {
        account: flight.account,
        started_at: startedAt,
        others,
      }),
      sheetOf(job, num),
      payer === 'subscription' ? 0 : (cost ?? 0),
      bundle.plan,
    );
    const kept = cutAnswer(end.answer, instrument.config.maxOutputCaptureBytes);
    if (kept !== '') await this.services.keepAnswer(attempt.base, kept);
    const drafts: RecordDraft[] = [
      finishedWithResult(job.run, {
        sheet: num,
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
    const { account } = flight;
    const limit = decision.limit && {
      ...decision.limit,
      message: verdict?.message ?? 'rate limited',
    };
    const used = { account, instrument: instrument.profile, started_at: startedAt, key_label: label };
    if (outcome !== 'cancelled') drafts.push(...this.ledger.ended(used, result, limit, now));
    // Decided here and not from the state, so that a resume can say: wait it out.
    if (decision.next.status === 'waiting' && !job.auto_continue && job.status === 'running') {
      const message = 'an instrument is limited, and the job was submitted not to go on by itself';
      drafts.push({
        type: 'job.status',
        run: job.run,
        body: { status: 'paused', reason: { code: 'rate_limit', message } },
      });
    }
    const pause = bundle.plan.pauseBetweenSheetsSeconds;
    const more = this.core.indexOf(job).open > 1;
    if (decision.next.status === 'completed' && pause > 0 && more && this.flights.perJob(job.run) <= 1) {
      drafts.push({ type: 'job.pacing', run: job.run, body: { until: now + pause * 1000 } });
    }
    const durable = this.core.commit(drafts);
    this.services.changes.leave(flight);
    this.flights.leave(flight);
    this.hooks.changed(job);
    await durable;
    // The next attempt may have been decided together with this end: its start goes first.
    await new Promise((later) => setImmediate(later));
    await this.runner.discard(attempt.base);
  }

  private decision(
    plan: Plan,
    sheet: SheetState,
    planned: PlannedSheet,
    outcome: AttemptOutcome,
    verdict: Verdict | null,
    report: ValidationReport | null,
    now: number,
    fallbackCount = planned.fallbacks.length,
    attempt: (Pick<AttemptState, 'account' | 'started_at'> & { readonly others: OtherKeys }) | null = null,
  ): ReturnType<typeof decide> {
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
      fallbackCount,
      policy: plan.retry,
      maxWaits: plan.rateLimit.maxWaits,
      maxQuotaWaits: plan.rateLimit.maxQuotaWaits,
      others: attempt?.others ?? null,
      known: attempt ? this.ledger.limitOf(attempt.account) : null,
      startedAt: attempt?.started_at ?? now,
      maxUnstatedWaitSeconds: plan.rateLimit.waitMinutes * 60,
      now,
      random: this.random(),
    });
  }

  private async withSignal<T>(
    run: string,
    sheet: number,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const key = `${run}/${sheet}`;
    const controller = new AbortController();
    this.validating.set(key, controller);
    try {
      return await work(controller.signal);
    } finally {
      this.validating.delete(key);
    }
  }
}

/** The agent's session of the attempt before, where the score asks to go on with it, and the same agent plays. */
function sessionToResume(sheet: SheetState, instrument: PlannedInstrument): string | null {
  const before = sheet.attempts.findLast((attempt) => attempt.ended_at !== null);
  if (instrument.config.resumeSession !== true || before?.instrument !== instrument.profile) return null;
  return before.fallback_index === sheet.fallback_index ? before.session_id : null;
}
