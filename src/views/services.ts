/** What commands work with. */
import type * as vscode from 'vscode';
import type { Connection } from './connection/connection';
import type { SecretKeys } from './connection/secret-keys';
import type { AttemptDocuments } from './output/attempt-documents';
import type { ConductorLog } from './output/conductor-log';
import type { SheetOutput } from './output/sheet-output';
import type { PromptPreview } from './preview/prompt-preview';
import type { LoadCommandRoom } from './rare/contract';
import type { LoadScoreRoom } from './scores/score-room';
import type { JobFeed } from './store/job-feed';
import type { JobStore } from './store/job-store';
import type { SubmittedJobs } from './submit/submitted-jobs';
import type { TextPages } from './text-pages';
import type { JobsView } from './trees/jobs-view';
import type { SheetsView } from './trees/sheets-view';
import type { InstrumentsView } from './trees/instruments-view';

export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly conductorLog: ConductorLog;
  readonly connection: Connection;
  readonly store: JobStore;
  readonly feed: JobFeed;
  readonly output: SheetOutput;
  readonly attempts: AttemptDocuments;
  readonly preview: PromptPreview;
  readonly pages: TextPages;
  readonly secrets: SecretKeys;
  readonly scoreRoom: LoadScoreRoom;
  readonly commandRoom: LoadCommandRoom;
  readonly submitted: SubmittedJobs;
  readonly jobsView: JobsView;
  readonly sheetsView: SheetsView;
  readonly instrumentsView: InstrumentsView;
}
