import type { Clock } from '../clock';
import type { AttemptConductor } from './attempts';
import type { EngineCore } from './core';
import type { Flights } from './flight';
import type { Ledger } from './ledger';
import { instrumentKey, jobWidth, nextDue, readySheets, type Candidate, type DispatchLimits } from './ready';
import type { JobState } from './state';

/** Instants are the wall clock's, and timers are not: after a sleep of the machine, or a change of the clock, they are looked at again this soon. Milliseconds. */
const longestSleep = 30_000;

/** Nobody tells when a key file has been mended: it is looked at again this soon. Milliseconds. */
const keyFileLook = 5_000;

/** Something outside the engine that can hold a sheet back: a missing key. Null = nothing holds it. */
export type HoldCheck = (candidate: Candidate) => string | null;

/**
 * Starts what may start. Round robin over jobs, so that a wide one cannot starve a narrow one; within a job by sheet number. Called whenever something
 * may have become possible, and by one timer for what only waits for time.
 */
export class Dispatcher {
  private rotation = 0;
  private open = false;
  private storageFailed = false;
  private cancelTimer: (() => void) | null = null;
  private waitsForKeyFile = false;
  private readonly lastStart = new Map<string, number>();
  /** Sheets that wait for a key, for `status`; by `run/sheet`, the name that is missing. */
  readonly waitingForKey = new Map<string, string>();

  constructor(
    private readonly core: EngineCore,
    private readonly flights: Flights,
    private readonly attempts: AttemptConductor,
    private readonly clock: Clock,
    private readonly limits: DispatchLimits & { readonly maxConcurrentJobs: number },
    private readonly missingKey: HoldCheck,
    private readonly ledger: Ledger,
  ) {}

  /** From now on; before, what earlier conductors left may not be loaded yet. */
  start(): void {
    this.open = true;
    this.dispatch();
  }

  /** No further start; what runs goes on. */
  stop(): void {
    this.open = false;
    this.cancelTimer?.();
  }

  /** No start while the journal cannot be written. */
  setStorageFailed(failed: boolean): void {
    this.storageFailed = failed;
    if (!failed) this.dispatch();
  }

  dispatch(): void {
    if (!this.open || this.storageFailed) return;
    this.promote();
    // One instant for both: what was not due yet when sheets were started must be what the timer is set for.
    const now = this.clock.now();
    this.startReady(now);
    this.armTimer(now);
  }

  /** Queued jobs become running while there is room for them; a paused job takes none. */
  private promote(): void {
    const jobs = [...this.core.state.jobs.values()];
    let running = jobs.filter((job) => job.status === 'running').length;
    for (const job of jobs) {
      if (running >= this.limits.maxConcurrentJobs) return;
      if (job.status !== 'queued') continue;
      running += 1;
      void this.core.commit([{ type: 'job.status', run: job.run, body: { status: 'running' } }]);
    }
  }

  private startReady(now: number): void {
    this.waitingForKey.clear();
    this.waitsForKeyFile = false;
    const jobs = [...this.core.state.jobs.values()].filter(
      (job) => job.status === 'running' && !job.cancelling,
    );
    if (jobs.length === 0) return;
    const queues = jobs.map((job) => ({
      job,
      ready: readySheets(
        job,
        this.core.bundleOf(job).plan,
        now,
        (sheet) => this.flights.has(job.run, sheet),
        this.core.indexOf(job),
      ),
    }));
    const first = this.rotation++ % queues.length;
    const order = [...queues.slice(first), ...queues.slice(0, first)];
    for (let progress = true; progress;) {
      progress = false;
      for (const queue of order) {
        if (this.flights.total >= this.limits.maxConcurrentSheets) return;
        if (this.startOne(queue.job, queue.ready, now)) progress = true;
      }
    }
  }

  private startOne(job: JobState, ready: Generator<Candidate, undefined>, now: number): boolean {
    const { plan } = this.core.bundleOf(job);
    if (this.flights.perJob(job.run) >= jobWidth(plan)) return false;
    if (
      plan.parallel.staggerDelayMs > 0 &&
      (this.lastStart.get(job.run) ?? -Infinity) + plan.parallel.staggerDelayMs > now
    )
      return false;
    // Not for … of: that would end the generator at the first that starts.
    for (let next = ready.next(); !next.done; next = ready.next()) {
      if (!this.allowed(next.value, now)) continue;
      this.lastStart.set(job.run, now);
      this.attempts.begin(next.value, now);
      return true;
    }
    return false;
  }

  private allowed(candidate: Candidate, now: number): boolean {
    const { instrument } = candidate;
    if (this.flights.perInstrument(instrumentKey(instrument)) >= this.limits.perInstrument(instrument))
      return false;
    const hold = this.ledger.holds(candidate.job, instrument, now);
    if (hold?.kind === 'no_key') this.waitsForKeyFile = true;
    if (hold) return false;
    const key = this.missingKey(candidate);
    if (key === null) return true;
    this.waitingForKey.set(`${candidate.job.run}/${candidate.sheet.num}`, key);
    return false;
  }

  private armTimer(now: number): void {
    this.cancelTimer?.();
    this.cancelTimer = null;
    const { jobs, limits } = this.core.state;
    let due = nextDue(jobs.values(), limits, now, (job) => this.core.indexOf(job));
    for (const [run, at] of this.lastStart) {
      const job = this.core.state.jobs.get(run);
      if (!job) {
        this.lastStart.delete(run);
        continue;
      }
      const stagger = this.core.bundleOf(job).plan.parallel.staggerDelayMs;
      if (stagger > 0 && at + stagger > now) due = Math.min(due ?? Infinity, at + stagger);
    }
    if (this.waitsForKeyFile) due = Math.min(due ?? Infinity, now + keyFileLook);
    if (due !== null)
      this.cancelTimer = this.clock.schedule(Math.min(due - now, longestSleep), () => this.dispatch());
  }
}
