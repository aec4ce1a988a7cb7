import type { PaidBy } from '../instruments/agent-facts';

/**
 * What one execution of an instrument gave. Field meanings follow the Python system's `ExecutionResult`, so that its clients find what they know.
 * Built by a backend, never changed afterwards.
 */
export interface ExecutionResult {
  /** No error. Implies an `exitCode` of null or 0. */
  readonly success: boolean;
  /** The answer: what the instrument's output format calls its result, else all of stdout (decoded as UTF-8 with replacement). */
  readonly stdout: string;
  readonly stderr: string;
  /** Wall clock, seconds. */
  readonly durationSeconds: number;
  /** Process exit code, or HTTP status (0 for HTTP success); null when a signal or a timer ended it, or when it never started. */
  readonly exitCode: number | null;
  /** Signal number, when a signal ended it (see `trueStatus` for how that is told from an exit code of 128+n). */
  readonly exitSignal: number | null;
  readonly exitReason: ExitReason;
  readonly startedAt: Date;
  readonly rateLimited: boolean;
  /** Seconds until the limit ends, as the instrument stated; null = not stated. */
  readonly rateLimitWaitSeconds: number | null;
  readonly errorType: ErrorType | null;
  readonly errorMessage: string | null;
  /** The model that answered, when known. */
  readonly model: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** US dollars as the instrument stated; null = not stated (the conductor then prices the tokens). */
  readonly costUsd: number | null;
  /** Who pays, as the instrument itself says; null = it does not. */
  readonly paidBy: PaidBy | null;
  /** Tokens, and the cost that follows from them, are an estimate: the answer was cut before the server told them, or it never does. */
  readonly costEstimated: boolean;
  /** Session id of the agent, for continuing it; null = none. */
  readonly sessionId: string | null;
  /** What else the instrument told about its answer, under its own names; plain JSON, small. Null = nothing. */
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

export type ExitReason = 'completed' | 'timeout' | 'killed' | 'error';

/** What kind of failure. The classifier (`backends/classify.ts`) turns it into a code and a decision. */
export type ErrorType =
  | 'rate_limit'
  | 'usage_limit'
  | 'quota_exhausted'
  | 'authentication'
  | 'overloaded'
  | 'network'
  | 'context_too_long'
  | 'refused'
  | 'permission_denied'
  | 'empty_answer'
  | 'interrupted'
  | 'bad_request'
  | 'bad_response'
  | 'not_found'
  | 'configuration'
  | 'crash'
  | 'timeout'
  | 'first_output_timeout'
  | 'stale'
  | 'cancelled'
  | 'failed_to_start'
  | 'nonzero_exit';

/** Builds a result and holds its invariant. @throws RangeError when a success carries a non-zero exit code. */
export function executionResult(
  facts: Pick<ExecutionResult, 'success' | 'stdout' | 'stderr' | 'durationSeconds' | 'startedAt'> &
    Partial<ExecutionResult>,
): ExecutionResult {
  if (facts.success && facts.exitCode !== undefined && facts.exitCode !== null && facts.exitCode !== 0) {
    throw new RangeError(`a successful execution cannot have exit code ${facts.exitCode}`);
  }
  return {
    exitCode: null,
    exitSignal: null,
    exitReason: 'completed',
    rateLimited: false,
    rateLimitWaitSeconds: null,
    errorType: null,
    errorMessage: null,
    model: null,
    inputTokens: null,
    outputTokens: null,
    costUsd: null,
    paidBy: null,
    costEstimated: false,
    sessionId: null,
    metadata: null,
    ...facts,
  };
}
