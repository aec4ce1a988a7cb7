/** Every command, in the order of the help. */
import type { CliCommand } from './command';
import { changesCommand, undoCommand } from './commands/changes';
import { clearCommand } from './commands/clear';
import { completionCommand } from './commands/completion';
import { configCommand } from './commands/config';
import { cancelCommand, modifyCommand, pauseCommand, rerunCommand, resumeCommand } from './commands/control';
import {
  clearRateLimitsCommand,
  conductorStatusCommand,
  rateLimitsCommand,
  restartCommand,
  startCommand,
  stopCommand,
} from './commands/daemon';
import { diagnoseCommand, recoverCommand, reportCommand } from './commands/diagnose';
import { doctorCommand } from './commands/doctor';
import { errorsCommand, historyCommand } from './commands/history';
import { initCommand } from './commands/init';
import { instrumentsCommand } from './commands/instruments';
import { listCommand } from './commands/list';
import { logsCommand } from './commands/logs';
import { runCommand } from './commands/run';
import { serviceCommand } from './commands/service';
import { statusCommand } from './commands/status';
import { trustCommand } from './commands/trust';
import { validateCommand } from './commands/validate';

export const allCommands: readonly { readonly title: string; readonly commands: readonly CliCommand[] }[] = [
  { title: 'Scores:', commands: [initCommand, validateCommand, runCommand, trustCommand] },
  {
    title: 'Looking:',
    commands: [
      statusCommand,
      listCommand,
      logsCommand,
      changesCommand,
      historyCommand,
      errorsCommand,
      diagnoseCommand,
      reportCommand,
    ],
  },
  {
    title: 'Jobs:',
    commands: [
      pauseCommand,
      resumeCommand,
      cancelCommand,
      rerunCommand,
      undoCommand,
      modifyCommand,
      recoverCommand,
      clearCommand,
    ],
  },
  {
    title: 'Instruments and this machine:',
    commands: [
      instrumentsCommand,
      rateLimitsCommand,
      clearRateLimitsCommand,
      doctorCommand,
      configCommand,
      completionCommand,
    ],
  },
  {
    title: 'Conductor:',
    commands: [startCommand, stopCommand, restartCommand, conductorStatusCommand, serviceCommand],
  },
];

/** Commands of the Python system that are not here, and what to do. */
export const elsewhere: ReadonlyMap<string, string> = new Map([
  ['top', 'mzt status -W shows what plays.'],
  ['dashboard', 'Use the Marianne views of VS Code, or mzt status -W.'],
  ['mcp', 'Programs can use the socket: one JSON object a line, see docs/protocol.md.'],
  ['compile', 'Write the score itself; mzt init makes a first one.'],
  ['compose', 'Write the score itself; mzt init makes a first one.'],
  ...[
    'patterns-list patterns-why patterns-entropy patterns-budget entropy-status learning-stats learning-insights',
    'learning-drift learning-epistemic-drift learning-activity learning-export learning-record-evolution',
  ]
    .join(' ')
    .split(' ')
    .map((name): [string, string] => [name, 'Learning is not part of this version.']),
]);
