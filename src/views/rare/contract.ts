/** Commands that few people run, in a bundle of their own (`src/command-room.ts`) that is loaded when one is run. */
import type * as vscode from 'vscode';
import type { Services } from '../services';
import type { Submitting } from '../tasks/score-tasks';

export interface CommandRoom {
  doctor(services: Services): Promise<void>;
  reportIssue(services: Services): Promise<void>;
  installMzt(services: Services): Promise<void>;
  uninstallMzt(services: Services): Promise<void>;
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

/** Loads it once. */
export type LoadCommandRoom = () => Promise<CommandRoom>;
