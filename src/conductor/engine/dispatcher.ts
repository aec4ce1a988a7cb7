import type { Plan } from '../../score/plan';
import type { Clock } from '../clock';
import type { AttemptConductor } from './attempts';
import { openCircuit } from './breaker';
import type { EngineCore } from './core';
import type { Flights } from './flight';
import type { Ledger } from './ledger';
import {
  instrumentFor,
  instrumentKey,
  jobWidth,
  nextDue,
  readySheets,
  type Candidate,
  type DispatchLimits,
} from './ready';
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
  /** When the first circuit that keeps a sheet waiting may be tried. */
  private circuitCloses = Infinity;
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
    this.circuitCloses = Infinity;
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
      const candidate = this.pastOpenCircuits(next.value, plan, now);
      if (!candidate || !this.allowed(candidate, now)) continue;
      this.lastStart.set(job.run, now);
      this.attempts.begin(candidate, now);
      return true;
    }
    return false;
  }

  /** With the first of its instruments that the job does not leave alone now; null = it waits for one. */
  private pastOpenCircuits(candidate: Candidate, plan: Plan, now: number): Candidate | null {
    const { job, planned } = candidate;
    for (let index = candidate.fallbackIndex; index <= planned.fallbacks.length; index += 1) {
      const instrument = instrumentFor(planned, index);
      const open = openCircuit(job, plan, instrument.profile);
      // When its time is over, one sheet tries.
      const mayTry = open === null || open.until <= now;
      if (mayTry && (open === null || this.flights.perJobAndInstrument(job.run, instrument.profile) === 0))
        return index === candidate.fallbackIndex
          ? candidate
          : { ...candidate, instrument, fallbackIndex: index };
      if (!mayTry) this.circuitCloses = Math.min(this.circuitCloses, open.until);
    }
    return null;
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
    if (this.circuitCloses < Infinity) due = Math.min(due ?? Infinity, this.circuitCloses);
    if (this.waitsForKeyFile) due = Math.min(due ?? Infinity, now + keyFileLook);
    if (due !== null)
      this.cancelTimer = this.clock.schedule(Math.min(due - now, longestSleep), () => this.dispatch());
  }
}
