/** Commands that few people run, in a bundle of their own (`src/command-room.ts`) that is loaded when one is run. */
import type * as vscode from 'vscode';
import type { longWork } from '../long-work';
import type { Services } from '../services';
import type { Submitting } from '../tasks/score-tasks';

export interface CommandRoom {
  doctor(services: Services, longWork: LongWork): Promise<void>;
  reportIssue(services: Services, longWork: LongWork): Promise<void>;
  installMzt(services: Services, longWork: LongWork): Promise<void>;
  uninstallMzt(services: Services, longWork: LongWork): Promise<void>;
  /** The terminal of a task of type `marianne`. */
  scoreTerminal(
    services: Services,
    submitting: Submitting,
    definition: Readonly<Record<string, unknown>>,
    uriOf: (score: string) => vscode.Uri,
  ): vscode.Pseudoterminal;
  /** Nobody asked for it: fails in silence, into the log. */
  refreshMzt(services: Services): Promise<void>;
}

/** `longWork` of the extension's own bundle: an error is known by its class only there. */
export type LongWork = typeof longWork;

/** Loads it once. */
export type LoadCommandRoom = () => Promise<CommandRoom>;
