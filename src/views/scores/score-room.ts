/** What views ask of scores and instruments. The implementation is loaded when it is first needed (`src/score-room.ts`). */
import type { SubmitEnvironment } from '../../instruments/submit-environment';
import type { InstrumentCatalogue } from '../../score/catalogue';
import type { Environment } from '../../protocol/paths';

export interface ScoreProblem {
  readonly code: string;
  readonly message: string;
  /** 1-based; null for what has no place. */
  readonly line: number | null;
}

export interface PlannedSheetSummary {
  readonly num: number;
  /** Movement number. */
  readonly stage: number;
  readonly movementName: string | null;
  readonly description: string | null;
  readonly instrument: string;
  readonly dependsOn: readonly number[];
}

export interface PlannedScore {
  readonly name: string;
  readonly description: string | null;
  /** The workspace that the score itself names, absolute; null when it names none. */
  readonly writtenWorkspace: string | null;
  readonly stages: number;
  readonly sheets: readonly PlannedSheetSummary[];
}

export interface ScoreSummary {
  /** Errors of the text alone. */
  readonly problems: readonly ScoreProblem[];
  readonly score: PlannedScore | null;
}

export interface ScoreRoom {
  /** Never throws for what is wrong with the text. */
  summarise(text: string, path: string): ScoreSummary;
  /** @param workspace of a job, whose instruments count when they are approved; null = none. */
  scoreCatalogue(distDir: string, stateDir: string, workspace: string | null): Promise<InstrumentCatalogue>;
  submitEnvironment(env: Environment, distDir: string, stateDir: string): Promise<SubmitEnvironment>;
  /** Variables with the keys of an instrument, its own profile's; empty for one that is not known. */
  keysOf(instrument: string, distDir: string, stateDir: string): Promise<readonly string[]>;
  /** A new idempotency key. */
  submitKey(): string;
}

/** Loads it once. */
export type LoadScoreRoom = () => Promise<ScoreRoom>;
