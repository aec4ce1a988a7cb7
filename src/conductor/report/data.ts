import type { RuleResult } from '../validations/result';

/** What a report of a run shows; plain data, filled by the engine. Texts need not be redacted or escaped. Instants: ms since the epoch. */
export interface ReportData {
  readonly name: string;
  readonly runId: string;
  readonly status: string;
  readonly workspace: string;
  readonly scorePath: string | null;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  /** When the report was made: open bars of the timeline end here. */
  readonly generatedAt: number;
  /** US dollars; null = unpriced. */
  readonly costUsd: number | null;
  /** Tokens were used that `costUsd` does not hold, because their price is not known. */
  readonly unpriced: boolean;
  /** A part of the cost was estimated. */
  readonly costEstimated: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  /** Why the run failed. */
  readonly error: string | null;
  readonly sheets: readonly ReportSheet[];
}

export interface ReportSheet {
  readonly num: number;
  readonly title: string | null;
  readonly status: string;
  /** Why it failed, was skipped or waits. */
  readonly note: string | null;
  readonly attempts: readonly ReportAttempt[];
}

export interface ReportAttempt {
  readonly attempt: number;
  /** normal, completion, healing. */
  readonly mode: string;
  readonly instrument: string;
  readonly model: string | null;
  readonly startedAt: number;
  /** Null while it runs. */
  readonly finishedAt: number | null;
  readonly outcome: string;
  /** In words: `exit code 1`, `SIGKILL`, `HTTP 429`. */
  readonly exit: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly passPercent: number | null;
  readonly rules: readonly RuleResult[];
  readonly prompt: string | null;
  readonly stdout: string | null;
  readonly stderr: string | null;
}
