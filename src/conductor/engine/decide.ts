import type { RetryPolicy } from '../../score/plan';
import type { AttemptMode, AttemptOutcome, LimitState, NextStep, Reason } from '../records';
import { isSameWindow, type OtherKeys } from './ledger';

/** What the classifier says of a failed execution. */
export interface Verdict {
  readonly code: string;
  readonly category: string;
  readonly action: 'retry' | 'wait' | 'fallback' | 'stop';
  /** Seconds until a limit ends, as stated; null = not stated. */
  readonly waitSeconds: number | null;
  /** A usage limit or a spent quota: counted apart from limits of pace. */
  readonly quota: boolean;
  readonly message: string;
}

/** Facts about the attempt that just ended, and about the sheet before it. */
export interface DecisionInput {
  readonly outcome: AttemptOutcome;
  /** Of the attempt that ended: an interruption or a limit does not change what the sheet was about to do. */
  readonly mode: AttemptMode;
  /** Null unless the execution failed. */
  readonly verdict: Verdict | null;
  /** Percent of the rules that hold; 100 when there are none; null when they were not run. */
  readonly passPercent: number | null;
  /** One line about what did not hold. */
  readonly failureSummary: string | null;
  readonly counters: {
    readonly normalAttempts: number;
    readonly completionAttempts: number;
    readonly rateLimitWaits: number;
    readonly quotaWaits: number;
    readonly interruptions: number;
  };
  readonly fallbackIndex: number;
  readonly fallbackCount: number;
  readonly policy: RetryPolicy;
  readonly maxWaits: number;
  readonly maxQuotaWaits: number;
  /** What is known of the account's limit; null = it was not limited. */
  readonly known: LimitState | null;
  /** Where several keys are configured: what the others promise. */
  readonly others?: Pick<OtherKeys, 'usable' | 'free' | 'until'> | null;
  /** When the attempt began, milliseconds. */
  readonly startedAt: number;
  /** Longest wait when none is stated, seconds. */
  readonly maxUnstatedWaitSeconds: number;
  /** Instant, milliseconds. */
  readonly now: number;
  /** 0 ≤ random < 1. */
  readonly random: number;
}

export interface Decision {
  readonly next: NextStep;
  /** When the instrument is limited: until when, and whether it said so itself. */
  readonly limit: { readonly until: number; readonly spread_ms: number; readonly stated: boolean } | null;
}

/** An agent that never ends by itself (something kills it again and again) stops being "interrupted" after this many times in a row. */
const maxInterruptions = 5;
/** Wait after a rate limit that does not say how long, seconds; doubled with each window in a row. */
const firstUnstatedWaitSeconds = 60;
/** After a wait the account is tried up to this much of it later, so that not everybody who was told one instant comes at once. */
const jitterShare = 0.05;
const mostJitterSeconds = 5;
/** A limit that ended so long ago says nothing about how long the next one lasts, milliseconds. */
const forgottenAfterMs = 60 * 60_000;

/**
 * Decides what a sheet does after an attempt:
 *
 * | what happened | then |
 * |---|---|
 * | cancelled | cancelled |
 * | interrupted | again at once, no budget used; from the 5th time in a row an ordinary failure |
 * | rate limited | wait until the stated end, else 60 s doubled; after `max_waits` waits (`max_quota_waits` for a quota): exhausted |
 * | rate limited, and another key of the keyring is not | again at once with that one, not counted as a wait |
 * | a key of the keyring is refused, and another one is not | again at once with that one, not counted as a retry |
 * | quota spent, no end stated | next fallback instrument; if there is none, wait as above |
 * | ran, all rules hold | completed |
 * | ran, more than `completion_threshold_percent` hold | completion mode, `max_completion_attempts` times; then exhausted (no second round through the retries) |
 * | ran, fewer hold | retry with back-off, `max_retries` times; then exhausted |
 * | failed, worth a retry | the same |
 * | failed in a way that this instrument will repeat (authentication, missing program) | next fallback instrument, else failed at once |
 * | failed in a way that only a person can mend (a refused permission) | failed at once |
 * | exhausted | next fallback instrument with fresh budgets, else failed |
 */
export function decide(input: DecisionInput): Decision {
  const { counters } = input;
  const base: NextStep = {
    status: 'failed',
    reason: null,
    due_at: null,
    mode: 'normal',
    fallback_index: input.fallbackIndex,
    normal_attempts: counters.normalAttempts,
    completion_attempts: counters.completionAttempts,
    rate_limit_waits: counters.rateLimitWaits,
    quota_waits: counters.quotaWaits,
    interruptions: 0,
  };
  switch (input.outcome) {
    case 'cancelled':
      return plain({ ...base, status: 'cancelled', reason: because('cancelled', 'cancelled by request') });
    case 'interrupted': {
      const interruptions = counters.interruptions + 1;
      if (interruptions >= maxInterruptions) return retryOrExhaust(input, { ...base, interruptions: 0 });
      return plain({
        ...base,
        status: 'pending',
        mode: input.mode,
        interruptions,
        reason: because('interrupted', 'interrupted, starts again'),
      });
    }
    case 'rate_limited':
      return waitOrExhaust(input, base);
    case 'success':
      return plain({ ...base, status: 'completed' });
    case 'invalid':
      if ((input.passPercent ?? 0) > input.policy.completionThresholdPercent)
        return completeOrExhaust(input, base);
      return retryOrExhaust(input, base);
    case 'failed':
      if (input.verdict?.action === 'stop') return failed(input, base);
      if (input.verdict?.category === 'auth' && input.others && input.others.usable !== null)
        return withAnotherKey(input, base, input.others.usable);
      if (input.verdict?.action === 'fallback') return exhausted(input, base);
      return retryOrExhaust(input, base);
  }
}

/** Seconds before retry number `n` (1-based): exponential, capped, spread by ±25 % when jitter is on. */
export function backoffSeconds(policy: RetryPolicy, n: number, random: number): number {
  const plainDelay = policy.baseDelaySeconds * policy.exponentialBase ** (n - 1);
  const spread = policy.jitter ? plainDelay * (0.75 + random * 0.5) : plainDelay;
  return Math.min(spread, policy.maxDelaySeconds);
}

function plain(next: NextStep): Decision {
  return { next, limit: null };
}

function because(code: string, message: string, until: number | null = null): Reason {
  return { code, message, until };
}

function waitOrExhaust(input: DecisionInput, before: NextStep): Decision {
  const { verdict, counters } = input;
  const quota = verdict?.quota ?? false;
  const waits = (quota ? counters.quotaWaits : counters.rateLimitWaits) + 1;
  const most = quota ? input.maxQuotaWaits : input.maxWaits;
  const base: NextStep = { ...before, ...(quota ? { quota_waits: waits } : { rate_limit_waits: waits }) };
  const stated = verdict?.waitSeconds ?? null;
  const message = verdict?.message ?? 'rate limited';
  const { free = null, until: othersUntil = null } = input.others ?? {};
  // Not a wait, so it is not counted: each such turn limits one key more, until none is free.
  if (free !== null)
    return { ...withAnotherKey(input, before, free), limit: limitAfter(input, stated, waits) };
  // Credit comes back when a person pays: whoever can go elsewhere does not wait for that.
  if (quota && stated === null && input.fallbackIndex < input.fallbackCount)
    return exhausted(input, before, message);
  const limit = limitAfter(input, stated, waits);
  if (waits > most)
    return { ...exhausted(input, base, `still limited after ${most} waits: ${message}`), limit };
  const due = Math.max(input.now, Math.min(limit.until, othersUntil ?? Infinity));
  return {
    next: {
      ...base,
      status: 'waiting',
      mode: input.mode,
      due_at: due,
      reason: because('rate_limit', message, due),
    },
    limit,
  };
}

function withAnotherKey(input: DecisionInput, base: NextStep, label: string): Decision {
  const reason = because('another_key', `goes on with the key "${label}": ${why(input)}`);
  return plain({ ...base, status: 'pending', mode: input.mode, reason });
}

/** Until when the account is limited. Several attempts that met one limit together know it as one, and its longest wait counts. */
function limitAfter(
  input: DecisionInput,
  stated: number | null,
  waits: number,
): NonNullable<Decision['limit']> {
  const { known, now } = input;
  const same = known !== null && isSameWindow(known, input.startedAt, now) ? known : null;
  if (stated === null && same) return { until: same.until, spread_ms: same.spread_ms, stated: same.stated };
  // Nobody tried for long after the last window: this one is not its sequel.
  const inARow = known !== null && input.startedAt - known.until < forgottenAfterMs ? known.hits : 0;
  const doublings = Math.min(Math.max(waits - 1, inARow), 30);
  const unstated = Math.min(firstUnstatedWaitSeconds * 2 ** doublings, input.maxUnstatedWaitSeconds);
  const seconds = stated ?? unstated;
  const until = now + Math.ceil(seconds * 1000);
  if (same && same.until >= until)
    return { until: same.until, spread_ms: same.spread_ms, stated: same.stated };
  const spread = Math.min(seconds * jitterShare, mostJitterSeconds) * input.random;
  return { until, spread_ms: Math.round(spread * 1000), stated: stated !== null };
}

function completeOrExhaust(input: DecisionInput, base: NextStep): Decision {
  const completion = input.counters.completionAttempts + 1;
  if (completion > input.policy.maxCompletionAttempts) return exhausted(input, base);
  const due = input.now + input.policy.completionDelaySeconds * 1000;
  return plain({
    ...base,
    status: 'retry_scheduled',
    mode: 'completion',
    due_at: due,
    completion_attempts: completion,
    reason: because('completion', input.failureSummary ?? 'some validations failed', due),
  });
}

function retryOrExhaust(input: DecisionInput, base: NextStep): Decision {
  const retry = input.counters.normalAttempts + 1;
  if (retry > input.policy.maxRetries) return exhausted(input, base);
  const due = input.now + Math.round(backoffSeconds(input.policy, retry, input.random) * 1000);
  return plain({
    ...base,
    status: 'retry_scheduled',
    mode: retryMode,
    due_at: due,
    normal_attempts: retry,
    reason: because('retry', why(input), due),
  });
}

const retryMode: AttemptMode = 'retry';

function exhausted(input: DecisionInput, base: NextStep, message = why(input)): Decision {
  if (input.fallbackIndex < input.fallbackCount) {
    return plain({
      ...base,
      status: 'pending',
      fallback_index: input.fallbackIndex + 1,
      normal_attempts: 0,
      completion_attempts: 0,
      rate_limit_waits: 0,
      quota_waits: 0,
      reason: because('fallback', message),
    });
  }
  return failed(input, base, message);
}

function failed(input: DecisionInput, base: NextStep, message = why(input)): Decision {
  return plain({
    ...base,
    status: 'failed',
    reason: because(input.verdict?.category ?? 'validation', message),
  });
}

function why(input: DecisionInput): string {
  return input.verdict?.message ?? input.failureSummary ?? 'the attempt was interrupted';
}
