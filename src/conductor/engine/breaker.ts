/** `circuit_breaker` of a score: an instrument that fails again and again is left alone for a while. */
import type { Plan } from '../../score/plan';
import type { JobState } from './state';

/** Failures that say more of the instrument, or of the way to it, than of the sheet: only such break its circuit. */
export const instrumentFailures: ReadonlySet<string> = new Set([
  'network',
  'timeout',
  'first_output_timeout',
  'stale',
  'crash',
  'nonzero_exit',
  'empty_answer',
  'bad_response',
  'failed_to_start',
]);

/** An instrument that a job leaves alone. */
export interface OpenCircuit {
  readonly failures: number;
  /** From then on one sheet may try it, milliseconds. */
  readonly until: number;
}

/** Null = the job may use the instrument. Counted by job: another job has its own threshold. */
export function openCircuit(job: JobState, plan: Plan, profile: string): OpenCircuit | null {
  const { circuitBreaker: policy = null } = plan;
  const failing = Object.hasOwn(job.failing, profile) ? job.failing[profile] : undefined;
  if (policy === null || !failing || failing.count < policy.failureThreshold) return null;
  return { failures: failing.count, until: failing.last_at + policy.recoverySeconds * 1000 };
}
