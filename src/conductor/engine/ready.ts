import type { Plan, PlannedInstrument, PlannedSheet } from '../../score/plan';
import type { LimitState, Reason } from '../records';
import { SheetIndex } from './sheet-index';
import { skippedOnPurpose, terminalSheet, type JobState, type SheetState } from './state';

/** The instrument a sheet would use now: the planned one, or the fallback it has come to. */
export function instrumentFor(planned: PlannedSheet, fallbackIndex: number): PlannedInstrument {
  return fallbackIndex === 0
    ? planned.instrument
    : (planned.fallbacks[fallbackIndex - 1] ?? planned.instrument);
}

export type Dependencies = 'satisfied' | 'open' | 'blocked';

/** Satisfied by completed, or by skipped on purpose; blocked once one can never be satisfied. */
export function dependenciesOf(
  job: JobState,
  planned: PlannedSheet,
): { readonly state: Dependencies; readonly blocker: SheetState | null } {
  let state: Dependencies = 'satisfied';
  for (const num of planned.dependsOn) {
    const upstream = job.sheets[num - 1];
    if (!upstream || upstream.status === 'completed' || skippedOnPurpose(upstream)) continue;
    if (terminalSheet.has(upstream.status)) return { state: 'blocked', blocker: upstream };
    state = 'open';
  }
  return { state, blocker: null };
}

/** Limits that hold over all jobs. */
export interface DispatchLimits {
  readonly maxConcurrentSheets: number;
  /** Most attempts at once of one instrument (and model), by its profile. */
  perInstrument(instrument: PlannedInstrument): number;
}

/** What is in flight or being prepared, by key. */
export interface InFlight {
  readonly total: number;
  perJob(run: string): number;
  perInstrument(key: string): number;
  has(run: string, sheet: number): boolean;
}

export interface Candidate {
  readonly job: JobState;
  readonly sheet: SheetState;
  readonly planned: PlannedSheet;
  readonly instrument: PlannedInstrument;
  /** Which of the planned instruments that is; 0 = the first choice. */
  readonly fallbackIndex: number;
}

export function instrumentKey(instrument: PlannedInstrument): string {
  return `${instrument.profile}:${instrument.config.model ?? ''}`;
}

/** Why a sheet whose turn it would be does not start; for rows and `status`. */
export interface Held {
  readonly candidate: Candidate;
  readonly reason: Reason;
}

/** True when time, prerequisites and its own state let the sheet start. */
export function isDue(sheet: SheetState, now: number): boolean {
  if (sheet.status === 'pending') return true;
  return (sheet.status === 'retry_scheduled' || sheet.status === 'waiting') && (sheet.due_at ?? 0) <= now;
}

/** Sheets of one job that could start now, in number order, before any limit is looked at. Found as they are asked for. */
export function* readySheets(
  job: JobState,
  plan: Plan,
  now: number,
  busy: (sheet: number) => boolean,
  index: SheetIndex = new SheetIndex(job, plan),
): Generator<Candidate, undefined> {
  if (job.status !== 'running' || job.cancelling) return;
  if (job.pacing_until !== null && job.pacing_until > now && index.dispatched === 0) return;
  if (plan.parallel.enabled && plan.parallel.failFast && index.failed > 0) return;
  for (let num = index.ready.next(1); num > 0; num = index.ready.next(num + 1)) {
    const planned = plan.sheets[num - 1];
    const sheet = job.sheets[num - 1];
    if (!planned || !sheet || !isDue(sheet, now) || busy(num)) continue;
    const fallbackIndex = sheet.fallback_index;
    yield { job, sheet, planned, instrument: instrumentFor(planned, fallbackIndex), fallbackIndex };
  }
}

/** How many sheets of a job may be in flight at once: one unless `parallel.enabled`. */
export function jobWidth(plan: Plan): number {
  return plan.parallel.enabled ? plan.parallel.maxConcurrent : 1;
}

/** The earliest instant at which something that waits becomes due; null = nothing waits for time. */
export function nextDue(
  jobs: Iterable<JobState>,
  limits: ReadonlyMap<string, LimitState>,
  now: number,
  indexOf: (job: JobState) => SheetIndex,
): number | null {
  let next: number | null = null;
  const consider = (instant: number | null) => {
    if (instant !== null && instant > now && (next === null || instant < next)) next = instant;
  };
  for (const job of jobs) {
    if (job.status !== 'running') continue;
    consider(job.pacing_until);
    const { timed } = indexOf(job);
    for (let num = timed.next(1); num > 0; num = timed.next(num + 1))
      consider(job.sheets[num - 1]?.due_at ?? null);
  }
  for (const limit of limits.values()) consider(limit.until + limit.spread_ms);
  return next;
}
