import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CheckResult } from '../../backends/contract';
import type { InstrumentCatalogue } from '../../instruments/catalogue';
import type { InstrumentProfile } from '../../instruments/schema';
import { giveUp, removeAttemptFiles } from '../../process/attempt';
import { endProcessTree } from '../../process/tree';
import { findMarked } from '../../process/table';
import { archivePath, runPath, statePaths } from '../../protocol/paths';
import type { Asker, AttemptRunner } from '../attempts/runner';
import type { Clock } from '../clock';
import type { Journal } from '../journal/journal';
import type { RecordDraft } from '../records';
import type { PlannedInstrument } from '../../score/plan';
import type { AttemptServices } from './attempt-services';
import { abandoned } from './attempt-record';
import { AttemptConductor } from './attempts';
import { loadBundle } from './bundles';
import { Commands } from './commands';
import type { EngineCore } from './core';
import { Dispatcher } from './dispatcher';
import { Flights } from './flight';
import { Jobs } from './jobs';
import { Ledger, type AccountOf, type KeysOf } from './ledger';
import type { Candidate, DispatchLimits } from './ready';
import type { RefusedKey } from './refused-keys';
import { settle, sheetDraft } from './settle';
import { sweepStored } from './sweep';
import { Submissions, type SubmissionOptions } from './submission';
import { currentAttempt, terminalJob, terminalSheet, type JobState } from './state';

export interface EngineLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface EngineOptions {
  readonly core: EngineCore;
  readonly journal: Journal;
  readonly archives: Set<string>;
  readonly stateDir: string;
  readonly stateHash: string;
  readonly scoresDir: string;
  /** Time between the polite and the last signal to an agent, milliseconds. */
  readonly politeEndMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly runner: AttemptRunner;
  readonly services: AttemptServices;
  readonly limits: DispatchLimits & { readonly maxConcurrentJobs: number };
  readonly maxJobHistory: number;
  readonly missingKey: (candidate: Candidate) => string | null;
  readonly accountOf: AccountOf;
  readonly keysOf: KeysOf;
  /** A key of the keyring is set aside: told once. */
  readonly onKeyRefused: (key: RefusedKey) => void;
  readonly catalogues: Map<string, InstrumentCatalogue>;
  readonly submissions: Omit<SubmissionOptions, 'scoresDir' | 'adoptBundle'>;
  /** The journal was read whole: what no record refers to is not needed. */
  readonly storedIsKnown: boolean;
  readonly log: EngineLog;
}

/** The engine: wires dispatch, attempts and commands over one core, takes up what an earlier conductor left, and puts finished jobs away. */
export class Engine {
  readonly flights = new Flights();
  readonly ledger: Ledger;
  readonly jobs: Jobs;
  readonly commands: Commands;
  readonly submissions: Submissions;
  readonly dispatcher: Dispatcher;
  private readonly attempts: AttemptConductor;
  private putAway: Promise<void> = Promise.resolve();
  private sweeping: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: EngineOptions) {
    const { core, clock, journal, archives } = options;
    this.jobs = new Jobs(core, { runs: () => [...archives], read: (run) => journal.store.readArchive(run) });
    this.ledger = new Ledger(
      core,
      this.flights,
      options.accountOf,
      options.limits.maxConcurrentSheets,
      options.keysOf,
      options.onKeyRefused,
    );
    this.attempts = new AttemptConductor(
      core,
      this.flights,
      options.runner,
      options.services,
      clock,
      options.random,
      {
        changed: (job) => this.changed(job),
        report: (message, error) =>
          options.log.error({ error: error instanceof Error ? error.stack : String(error) }, message),
      },
      this.ledger,
    );
    this.dispatcher = new Dispatcher(
      core,
      this.flights,
      this.attempts,
      clock,
      options.limits,
      options.missingKey,
      this.ledger,
    );
    this.commands = new Commands(
      core,
      this.jobs,
      this.flights,
      this.attempts,
      this.ledger,
      (digest) => this.ensureBundle(digest),
      (job) => this.takeUp(job),
      (job) => this.settleJob(job),
      () => this.dispatcher.dispatch(),
    );
    this.submissions = new Submissions(core, this.jobs, {
      ...options.submissions,
      scoresDir: options.scoresDir,
      adoptBundle: async (run, bundle) => {
        core.bundles.set(bundle.digest, bundle);
        options.catalogues.set(run, await options.submissions.loadCatalogue(bundle.plan.workspace));
      },
    });
    core.onRecord((record, job) => {
      // Who submits may have put a refused key right before.
      if (record.type === 'job.submitted') this.ledger.retryRefused();
      if (record.type === 'job.submitted' || record.type === 'job.status') this.dispatcher.dispatch();
      if (record.type === 'job.status' && job && terminalJob.has(job.status)) this.scheduleArchive(job.run);
    });
    journal.on('failed', () => this.dispatcher.setStorageFailed(true));
    journal.on('recovered', () => this.dispatcher.setStorageFailed(false));
  }

  /** Takes up what the journal says: adopts attempts, settles jobs, starts what is due. */
  async start(): Promise<void> {
    const { options } = this;
    const { core } = options;
    for (const job of [...core.state.jobs.values()]) {
      try {
        await this.load(job);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        options.log.error({ run: job.run, error: message }, 'a job cannot be taken up');
        this.failUntaken(job, message);
        continue;
      }
      await this.removeLeftovers(job);
      for (const sheet of job.sheets) if (currentAttempt(sheet)) this.attempts.adopt(job, sheet);
      this.settleJob(job);
      if (terminalJob.has(job.status)) this.scheduleArchive(job.run);
    }
    if (this.options.journal.failed) this.dispatcher.setStorageFailed(true);
    this.dispatcher.start();
    this.sweep();
  }

  /** A job whose stored score cannot be read any more fails, told as that; the others go on. Its agents are ended as strays. */
  private failUntaken(job: JobState, why: string): void {
    const message = `the run's stored copy of its score cannot be used: ${why}`;
    const { core } = this.options;
    if (!terminalJob.has(job.status)) {
      const drafts: RecordDraft[] = [];
      for (const sheet of job.sheets) {
        const attempt = currentAttempt(sheet);
        if (attempt) {
          this.giveUpUntaken(attempt.base);
          drafts.push(abandoned(job.run, sheet, attempt, message));
        } else if (!terminalSheet.has(sheet.status))
          drafts.push(sheetDraft(job, sheet, 'failed', 'score_lost', message, 'E999'));
      }
      const reason = { code: 'score_lost', message };
      drafts.push({
        type: 'job.status',
        run: job.run,
        body: { status: 'failed', reason, error: message },
      });
      void core.commit(drafts);
    } else this.scheduleArchive(job.run);
  }

  /** Without room for a claim the start goes on all the same: what runs of a failed job is ended as a stray, a shim that has not claimed is not. */
  private giveUpUntaken(base: string): void {
    try {
      giveUp(base);
    } catch (error) {
      this.options.log.warn({ base, error: String(error) }, 'an attempt could not be given up');
    }
  }

  /** No further dispatch; running attempts are left to the next conductor. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.dispatcher.stop();
    this.attempts.stop();
    await this.options.runner.close();
    await this.putAway;
    await this.sweeping;
  }

  /** Jobs that still have something to do. */
  activeJobs(): JobState[] {
    return [...this.options.core.state.jobs.values()].filter((job) => !terminalJob.has(job.status));
  }

  /** Do a sheet's validations hold as its workspace is now? Rules that compare with "before" count as holding when the file is there. */
  async validatesNow(job: JobState, num: number): Promise<boolean> {
    await this.load(job);
    const bundle = this.options.core.bundleOf(job);
    const planned = bundle.plan.sheets[num - 1];
    if (!planned) return false;
    const present = planned.validations.map((rule) =>
      rule.type === 'file_modified' ? { ...rule, type: 'file_exists' as const } : rule,
    );
    const never = new AbortController().signal;
    const report = await this.options.services.validate(
      job,
      bundle,
      { ...planned, validations: present },
      planned.instrument,
      {},
      never,
    );
    return report.passPercent === 100;
  }

  /** The command line of an instrument as it would be started now. @throws PrepareError */
  describeCall(instrument: PlannedInstrument, workspace: string): Promise<string[]> {
    return this.options.runner.describe(instrument, workspace);
  }

  /** Is the instrument healthy? May use the network. With `ask` it is also asked for one word, which uses quota. */
  async checkInstrument(
    profile: InstrumentProfile,
    asker: Asker,
    ask: boolean,
  ): Promise<{ readonly health: CheckResult; readonly answer: CheckResult | null }> {
    const { runner } = this.options;
    const health = await runner.check(profile, asker);
    return { health, answer: ask && health.ok ? await runner.ask(profile, asker) : null };
  }

  /** Models of the instrument that can be named now. @throws Error in words for a person */
  modelsOf(profile: InstrumentProfile): Promise<readonly string[]> {
    return this.options.runner.models(profile);
  }

  /** Deletes finished runs with all that was kept of them. Gives the runs that were deleted. */
  async clear(runs: readonly string[]): Promise<string[]> {
    await this.putAway;
    const finished = runs.filter((run) => {
      const live = this.jobs.live(run);
      return live === undefined || terminalJob.has(live.status);
    });
    await this.deleteRuns(finished);
    this.sweep();
    return finished;
  }

  private async ensureBundle(digest: string): Promise<void> {
    const { bundles } = this.options.core;
    if (!bundles.has(digest)) bundles.set(digest, await loadBundle(this.options.scoresDir, digest));
  }

  /** Score and instruments of a job, as long as they are not here. */
  private async load({ run, bundle, workspace }: JobState): Promise<void> {
    const { catalogues, submissions } = this.options;
    await this.ensureBundle(bundle);
    if (!catalogues.has(run)) catalogues.set(run, await submissions.loadCatalogue(workspace));
  }

  /** A job that is to go on. One that is on its way to the archive is put away first, or what is loaded here would go with it. */
  private async takeUp(job: JobState): Promise<void> {
    if (!this.jobs.live(job.run)) await this.putAway;
    await this.load(job);
  }

  private changed(job: JobState): void {
    if (this.stopped) return;
    this.settleJob(job);
    this.dispatcher.dispatch();
  }

  private settleJob(job: JobState): void {
    const live = this.jobs.live(job.run);
    if (!live) return;
    const { core } = this.options;
    const inFlight = this.flights.perJob(live.run) > 0;
    void core.commit(settle(live, core.bundleOf(live).plan, inFlight, core.indexOf(live)));
  }

  /** Strays are ended once no attempt of the run is left, then its records go to the archive. */
  private scheduleArchive(run: string): void {
    this.putAway = this.putAway
      .then(() => this.archive(run))
      .catch((error: unknown) => {
        this.options.log.error(
          { run, error: error instanceof Error ? error.message : String(error) },
          'a finished job could not be archived',
        );
      });
  }

  private async archive(run: string): Promise<void> {
    const { core, journal, archives, stateHash } = this.options;
    const isDone = () => {
      const job = core.state.jobs.get(run);
      return job !== undefined && terminalJob.has(job.status) && this.flights.perJob(run) === 0;
    };
    if (this.stopped || !isDone()) return;
    await core.settled();
    const marker = `${stateHash}:${run}:`;
    if ((await findMarked(marker, undefined, 'prefix')).length > 0 && isDone()) await this.endStrays(run);
    await journal.store.archiveRun(run);
    // It may have been resumed meanwhile: then it stays, and the archive is written again at its next end.
    if (!isDone()) return;
    const bundle = core.state.jobs.get(run)?.bundle;
    // Known as archived before it stops being live, so that it is found at every moment.
    this.jobs.forget(run);
    archives.add(run);
    await core.commit([{ type: 'job.archived', run, body: {} }]);
    this.options.catalogues.delete(run);
    if (bundle !== undefined && ![...core.state.jobs.values()].some((job) => job.bundle === bundle))
      core.bundles.delete(bundle);
    await journal.store.retire(new Set(core.state.jobs.keys()));
    await this.prune();
  }

  /** Of attempts that have ended: the job may be resumed while this goes on. */
  private async endStrays(run: string): Promise<void> {
    const { core, stateHash, politeEndMs: graceMs } = this.options;
    const markers = (core.state.jobs.get(run)?.sheets ?? []).flatMap(({ num, attempts }) =>
      attempts.map(({ attempt }) => `${stateHash}:${run}:${num}.${attempt}`),
    );
    for (const marker of markers)
      if ((await findMarked(marker)).length > 0) await endProcessTree({ shim: null, marker, graceMs });
  }

  /** In the background: nobody waits for it, and what it misses is there the next time. */
  private sweep(): void {
    const { core, journal, stateDir, clock, log, storedIsKnown } = this.options;
    if (!storedIsKnown) return;
    const { scores, prompts } = statePaths(stateDir);
    const stopped = () => this.stopped;
    async function* archived(): AsyncGenerator<unknown> {
      for (const run of await journal.store.listArchives())
        for await (const { body } of journal.store.readArchive(run)) yield body;
    }
    const live = () => core.state.jobs.values();
    this.sweeping = this.sweeping
      .then(() =>
        sweepStored({ folders: [scores, prompts], live, archived, now: () => clock.now(), stopped }),
      )
      .then(
        (removed) => {
          if (removed > 0) log.info({ removed }, 'stored scores and prompts that no run needs were removed');
        },
        (error: unknown) => {
          log.warn({ error: String(error) }, 'stored scores and prompts were not looked through');
        },
      );
  }

  /** Keeps the newest `max_job_history` finished runs. */
  private async prune(): Promise<void> {
    const { archives, maxJobHistory } = this.options;
    // A resumed run keeps its archive until its next end, and is no history meanwhile.
    const finished = [...archives].filter((run) => !this.jobs.live(run));
    if (finished.length <= maxJobHistory) return;
    const newest = (await this.jobs.newestFinished()).filter(({ run }) => !this.jobs.live(run));
    await this.deleteRuns(newest.slice(maxJobHistory).map(({ run }) => run));
  }

  private async deleteRuns(runs: readonly string[]): Promise<void> {
    for (const run of runs) {
      await this.options.core.commit([{ type: 'job.deleted', run, body: {} }]);
      this.options.archives.delete(run);
      this.jobs.forget(run);
      await rm(archivePath(this.options.stateDir, run), { force: true });
      await rm(runPath(this.options.stateDir, run), { recursive: true, force: true });
    }
  }

  /** Claims, exit records and spools of attempts whose end is recorded: the last conductor died before it removed them. */
  private async removeLeftovers(job: JobState): Promise<void> {
    const folder = runPath(this.options.stateDir, job.run);
    const open = new Set(
      job.sheets.flatMap((sheet) =>
        currentAttempt(sheet) ? [`${sheet.num}.${currentAttempt(sheet)?.attempt}`] : [],
      ),
    );
    const names = await readdir(folder).catch(() => []);
    const leftover = new Set(
      names.flatMap((name) => /^(\d+\.\d+)\.(claim|exit|keys|out\.spool|err\.spool)$/.exec(name)?.[1] ?? []),
    );
    for (const attempt of leftover) if (!open.has(attempt)) removeAttemptFiles(join(folder, attempt));
  }
}
