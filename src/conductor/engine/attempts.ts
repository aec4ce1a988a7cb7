import type { PlannedInstrument, PlannedSheet } from '../../score/plan';
import { PrepareError, type AttemptRequest, type AttemptRunner } from '../attempts/runner';
import type { Clock } from '../clock';
import type { AttemptStarted } from '../records';
import { AbortableWork } from './abortable-work';
import { AttemptJudge, type EndedAttempt } from './attempt-judge';
import type { AttemptHooks, AttemptServices, SheetPrompt } from './attempt-services';
import type { StoredBundle } from './bundles';
import type { EngineCore } from './core';
import type { Flight, Flights } from './flight';
import type { OfferedKey } from './key-choice';
import type { Ledger } from './ledger';
import { instrumentFor, instrumentKey, type Candidate } from './ready';
import { currentAttempt, sheetOf, type JobState, type SheetState } from './state';

/** Wait before a start that failed for reasons of ours is tried again, milliseconds. */
const troubleMs = 2000;

/** Carries one attempt from "ready" to its record: prepare, journal, run, have it judged, journal. */
export class AttemptConductor {
  private readonly work = new AbortableWork();
  private readonly judge: AttemptJudge;
  private stopped = false;

  constructor(
    private readonly core: EngineCore,
    private readonly flights: Flights,
    private readonly runner: AttemptRunner,
    private readonly services: AttemptServices,
    private readonly clock: Clock,
    random: () => number,
    private readonly hooks: AttemptHooks,
    private readonly ledger: Ledger,
  ) {
    this.judge = new AttemptJudge(core, flights, services, clock, random, ledger, this.work);
  }

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
      await this.finish({ job, flight, planned, instrument, attempt, end: await handle.done });
    });
  }

  /** Ends a run's attempts, or one sheet's, and their validations. */
  cancel(run: string, sheet?: number): void {
    this.flights.cancel(run, sheet);
    this.work.abort(run, sheet);
  }

  /** Starts nothing more, and leaves what is not recorded to the next conductor. */
  stop(): void {
    this.stopped = true;
    this.work.abortAll();
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
      const drafts = this.judge.internalFault(job.run, flight.sheet, error);
      if (drafts) {
        void this.core.commit(drafts);
        leave();
        return;
      }
      // Nothing was begun, so nothing is recorded: it is tried again, but not at once, since a full disk stays full for a while.
      flight.trouble = error instanceof Error ? error.message : String(error);
      this.clock.schedule(troubleMs, leave);
    });
  }

  private async run(candidate: Candidate, flight: Flight): Promise<void> {
    const { job, sheet, planned, instrument, fallbackIndex } = candidate;
    const bundle = this.core.bundleOf(job);
    if (sheet.attempts.length === 0 && (await this.skipped(job, bundle, planned, instrument))) return;
    const attempt = (sheet.attempts.at(-1)?.attempt ?? 0) + 1;
    const again = sheet.mode === 'normal' && sheet.normal_attempts > 0 ? 'retry' : sheet.mode;
    const mode = fallbackIndex === sheet.fallback_index ? again : 'normal';
    const base = this.services.attemptBase(job.run, sheet.num, attempt);
    const started: AttemptStarted = {
      sheet: sheet.num,
      attempt,
      mode,
      instrument: instrument.profile,
      model: instrument.config.model,
      account: flight.account,
      key_label: flight.key?.label ?? null,
      fallback_index: fallbackIndex,
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
      if (this.mayStart(job, sheet))
        await this.core.commit(this.judge.notStarted(job, sheet, planned, started, error));
      return;
    }
    if (!this.mayStart(job, sheet)) return;
    await this.core.commit([{ type: 'attempt.started', run: job.run, body: started }]);
    const state = currentAttempt(sheetOf(job, sheet.num));
    if (!state || this.stopped) return;
    const handle = prepared.start();
    flight.handle = handle;
    if (flight.cancelled || job.cancelling) handle.cancel();
    await this.finish({ job, flight, planned, instrument, attempt: state, end: await handle.done });
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
    const message = await this.work.run(job.run, planned.num, (signal) =>
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

  private async finish(ended: EndedAttempt): Promise<void> {
    if (this.stopped) return;
    const findings = await this.judge.examine(ended);
    if (this.stopped) return;
    const durable = this.core.commit(await this.judge.records(ended, findings));
    this.services.changes.leave(ended.flight);
    this.flights.leave(ended.flight);
    this.hooks.changed(ended.job);
    await durable;
    // The next attempt may have been decided together with this end: its start goes first.
    await new Promise((later) => setImmediate(later));
    await this.runner.discard(ended.attempt.base);
  }
}

/** The agent's session of the attempt before, where the score asks to go on with it, and the same agent plays. */
function sessionToResume(sheet: SheetState, instrument: PlannedInstrument): string | null {
  const before = sheet.attempts.findLast((attempt) => attempt.ended_at !== null);
  if (instrument.config.resumeSession !== true || before?.instrument !== instrument.profile) return null;
  return before.fallback_index === sheet.fallback_index ? before.session_id : null;
}
