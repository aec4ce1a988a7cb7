import type { PaidBy } from '../../instruments/agent-facts';
import type { BackendProgress } from '../../backends/contract';
import type { ExecutionResult } from '../../backends/result';
import type { Plan, PlannedInstrument, PlannedSheet } from '../../score/plan';
import type { RecordedAttempt } from '../changes/recorder';
import type { AttemptMode, AttemptStarted, TreeRecord } from '../records';
import type { RuleResult } from '../validations/result';
import type { StoredBundle } from './bundles';
import type { Verdict } from './decide';
import type { OfferedKey } from './key-choice';
import type { AttemptState, JobState } from './state';

/** A prompt ready to be sent. */
export interface SheetPrompt {
  readonly preamble: string | null;
  readonly prompt: string;
}

/** What a sheet's prompt is made from, beside the stored score. */
export interface PromptRequest {
  readonly job: JobState;
  readonly bundle: StoredBundle;
  readonly planned: PlannedSheet;
  readonly instrument: PlannedInstrument;
  readonly attempt: number;
  readonly mode: AttemptMode;
  /** In completion mode: the last attempt whose rules were checked. */
  readonly previous: AttemptState | null;
  readonly hint: string | null;
}

export interface ValidationReport {
  readonly rules: readonly RuleResult[];
  /** 100 when no rule applies. */
  readonly passPercent: number;
  /** One line on what does not hold; null when all does. */
  readonly summary: string | null;
}

/** What an attempt changes in its workspace. Nothing here fails. */
export interface AttemptChanges {
  /** From now on the attempt may change its workspace. */
  enter(attempt: RecordedAttempt, workspace: string): void;
  leave(attempt: RecordedAttempt): void;
  /** Did others run there at the same time? */
  isMixed(attempt: RecordedAttempt): boolean;
  /** The workspace as it is now, under a name. */
  record(run: string, workspace: string, name: string): Promise<TreeRecord>;
}

/** Everything about an attempt that is not bookkeeping; implemented beside the engine, over score, backends and validations. */
export interface AttemptServices {
  readonly changes: AttemptChanges;
  /** @throws PrepareError when the prompt cannot be made. */
  renderPrompt(request: PromptRequest): Promise<SheetPrompt>;
  /** `MARIANNE_*` values. */
  variables(
    job: JobState,
    planned: PlannedSheet,
    bundle: StoredBundle,
    instrument: PlannedInstrument,
  ): Record<string, string>;
  markFiles(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
  ): Promise<AttemptStarted['file_marks']>;
  validate(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    marks: AttemptStarted['file_marks'],
    signal: AbortSignal,
  ): Promise<ValidationReport>;
  /** Why the sheet is to be skipped (`skip_when`, `skip_when_command`); null = it runs. */
  skipReason(
    job: JobState,
    bundle: StoredBundle,
    planned: PlannedSheet,
    instrument: PlannedInstrument,
    signal: AbortSignal,
  ): Promise<string | null>;
  classify(result: ExecutionResult, job: JobState, plan: Plan, instrument: PlannedInstrument): Verdict;
  /** US dollars, or null when the price is not known. */
  price(job: JobState, plan: Plan, instrument: PlannedInstrument, result: ExecutionResult): number | null;
  /** Who pays for an attempt that got these variables; null = not known. */
  paidBy(job: JobState, instrument: PlannedInstrument, envNames: readonly string[]): PaidBy | null;
  /** Keys that this instrument may be given; `key` of the keyring beats what the submit brought. */
  secretsFor(job: JobState, instrument: PlannedInstrument, key: OfferedKey | null): Record<string, string>;
  /** Keys of the keyring, which no output may show, whoever got them. */
  redacted(): readonly string[];
  attemptBase(run: string, sheet: number, attempt: number): string;
  /** Keeps the redacted answer where captured outputs are read from. */
  keepAnswer(base: string, answer: string): Promise<void>;
  progress(run: string, sheet: number, attempt: number, progress: BackendProgress): void;
}

/** What the engine wants to hear from an attempt's way. */
export interface AttemptHooks {
  /** The state changed: settle the job and dispatch. */
  changed(job: JobState): void;
  report(message: string, error: unknown): void;
}
