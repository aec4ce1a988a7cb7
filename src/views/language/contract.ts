/** What the score language needs of the rest of the extension, and which commands it refers to. */
import type { Disposable, Event, TextDocument, Uri } from 'vscode';
import type { InstrumentCatalogue } from '../../score/catalogue';

/** Commands that lenses call; others implement them. Each gets one argument. */
export const lensCommands = {
  /** Argument: `ScoreTarget`. */
  submitScore: 'marianne.submitScore',
  /** Argument: `ScoreTarget`. */
  validateScore: 'marianne.validateScore',
  /** Argument: `SheetTarget`. */
  runSheet: 'marianne.runSheet',
  /** Argument: `SheetTarget`. */
  runFromSheet: 'marianne.runFromSheet',
  /** Argument: `SheetTarget`. */
  runSheetWithDependencies: 'marianne.runSheetWithDependencies',
  /** Argument: `SheetTarget`. */
  previewPrompt: 'marianne.previewPrompt',
} as const;

/** The score that a lens stands in, and the state of the text that the lens was made for. */
export interface ScoreTarget {
  readonly uri: Uri;
  /** `TextDocument.version`: when the document has a newer one, the sheet must be checked again before it runs. */
  readonly version: number;
}

/** The sheet that a lens means. */
export interface SheetTarget extends ScoreTarget {
  /** Concrete sheet number; the first of `sheets`. */
  readonly sheet: number;
  /** Set when the place stands for several sheets: the command asks which. */
  readonly sheets?: readonly number[];
}

/** What a sheet of a score is doing, or how it ended. */
export interface SheetLiveState {
  /** As on the wire: `running`, `completed`, `failed`, … */
  readonly status: string;
  /** Milliseconds since the epoch; of the running attempt. */
  readonly startedAt?: number;
  /** Of the attempt that ended. */
  readonly durationSeconds?: number;
}

/** How the last run of a score stands. */
export interface LastResult {
  readonly status: string;
  /** Short text for people, such as `7/12`. */
  readonly detail?: string;
}

export interface ScoreLanguageDeps {
  /** Instruments that scores of this workspace may name (null: of none); asked again after `onCatalogueChanged`. */
  catalogue(workspace: string | null): Promise<InstrumentCatalogue>;
  readonly onCatalogueChanged?: Event<unknown>;
  /** Models that an instrument has now; null when that cannot be asked, or takes too long. */
  readonly liveModels?: (instrument: string) => Promise<readonly string[] | null>;
  liveState?(uri: Uri, sheet: number): SheetLiveState | undefined;
  lastResult?(uri: Uri): LastResult | undefined;
  readonly onLiveStateChanged?: Event<unknown>;
  /** False in Restricted Mode: nothing that runs is offered. */
  isTrusted(): boolean;
  /** A setting below `marianne.`, for a resource. */
  setting<T>(key: string, scope?: Uri): T | undefined;
  /** Folder in which a score without `workspace:` runs, absolute. Default: its workspace folder, else its own folder. */
  jobFolder?(uri: Uri): string | undefined;
  /** Page about a diagnostic's code. */
  codeLink?(code: string): Uri | undefined;
  /** Told to agents in prompts; makes rendering here the same as there. */
  readonly productVersion: string;
  /** Told of faults of the language features; they never reach the user as messages. */
  log?(message: string, error: unknown): void;
}

/** The language features, from activation to deactivation. */
export interface ScoreLanguage extends Disposable {
  /** True for a YAML document that is a score. Cheap; nothing heavy is loaded. */
  isScore(document: TextDocument): boolean;
}
