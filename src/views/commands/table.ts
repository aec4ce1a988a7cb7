/** All commands. A test compares this table with the manifest. */
import { showChanges, undoSheet } from './change-commands';
import type { Command } from './command';
import {
  refreshInstruments,
  restartConductor,
  showConductorLog,
  showLog,
  showStatus,
  startConductor,
  stopConductor,
} from './conductor-commands';
import { dryRunScore } from './dry-run-score';
import {
  cancelJob,
  clearFinished,
  deleteJob,
  openWorkspaceFolder,
  pauseJob,
  rerunSheet,
  resumeJob,
  retryJob,
  retryWithHint,
  showJob,
} from './job-commands';
import { newScore } from './new-score';
import {
  continueInClaudeCode,
  openAttempt,
  openReport,
  pinSheetOutput,
  showSheetOutput,
} from './output-commands';
import { filterJobs } from './filter-jobs';
import { runFromSheet, runSheet, runSheetWithDependencies } from './run-sheet';
import { openScore, previewPrompt, validateScore } from './score-commands';
import { doctor, installMzt, reportIssue, uninstallMzt } from './rare-commands';
import { openTerminal, selectInstrument, setApiKey, trustFolder } from './setup-commands';
import { submitScore } from './submit-score';

export const commands: readonly Command[] = [
  submitScore,
  dryRunScore,
  runSheet,
  runFromSheet,
  runSheetWithDependencies,
  validateScore,
  previewPrompt,
  openScore,
  pauseJob,
  resumeJob,
  retryJob,
  retryWithHint,
  rerunSheet,
  cancelJob,
  deleteJob,
  clearFinished,
  filterJobs,
  showJob,
  openWorkspaceFolder,
  showSheetOutput,
  pinSheetOutput,
  openAttempt,
  showChanges,
  undoSheet,
  openReport,
  continueInClaudeCode,
  trustFolder,
  selectInstrument,
  setApiKey,
  newScore,
  openTerminal,
  installMzt,
  uninstallMzt,
  doctor,
  reportIssue,
  startConductor,
  stopConductor,
  restartConductor,
  showConductorLog,
  showLog,
  showStatus,
  refreshInstruments,
];
