import type { ProcessOutcome } from './contract';
import { describeStatus, signalName, trueStatus, type TrueStatus } from './process-status';
import { executionResult, type ErrorType, type ExecutionResult, type ExitReason } from './result';

/** What an attempt's end already decides, whatever the output says. */
export interface ForcedEnd {
  readonly exitReason: ExitReason;
  readonly errorType: ErrorType;
  readonly message: string;
}

/**
 * The ends that are not the program's own: timers, cancelling, a lost process, no start. Null when the program ended by itself with all its output.
 * Partial output stays with the result in every case.
 */
export function forcedEnd(outcome: ProcessOutcome, program: string): ForcedEnd | null {
  const seconds = Math.round((outcome.endedAt.getTime() - outcome.startedAt.getTime()) / 1000);
  switch (outcome.endedBy) {
    case 'exit':
      if (outcome.diskWasFull !== true || !saysDiskFull(outcome)) return null;
      return {
        exitReason: 'error',
        errorType: 'interrupted',
        message: `the disk of the state directory was full when ${program} ended: what it printed was lost, in part or all of it`,
      };
    case 'total_timeout':
      return {
        exitReason: 'timeout',
        errorType: 'timeout',
        message: `${program} ran into its time limit after ${seconds} s`,
      };
    case 'first_output_timeout':
      return {
        exitReason: 'timeout',
        errorType: 'first_output_timeout',
        message: `${program} printed nothing in ${seconds} s and was ended`,
      };
    case 'idle_timeout':
      return {
        exitReason: 'timeout',
        errorType: 'stale',
        message: `${program} fell silent and was ended after ${seconds} s`,
      };
    case 'cancelled':
      return { exitReason: 'killed', errorType: 'cancelled', message: 'cancelled' };
    case 'lost':
      return {
        exitReason: 'error',
        errorType: 'interrupted',
        message: `${program} vanished without an exit record: the machine went down or something ended it together with its shim`,
      };
    case 'not_started': {
      const code = outcome.startError?.code ?? null;
      const reason = outcome.startError?.message ?? 'no reason recorded';
      if (code === 'ENOENT')
        return { exitReason: 'error', errorType: 'not_found', message: `${program} not found: ${reason}` };
      if (code === null)
        return { exitReason: 'error', errorType: 'interrupted', message: `${program} was never started` };
      return {
        exitReason: 'error',
        errorType: 'failed_to_start',
        message: `${program} could not be started: ${code}: ${reason}`,
      };
    }
  }
}

/** strerror's words and the names of the errors. Without the word of the program nobody knows whether it had more to say. */
const noRoomWords = /No space left on device|Disk quota exceeded|\b(?:ENOSPC|EDQUOT)\b/i;

function saysDiskFull({ stdout, stderr }: ProcessOutcome): boolean {
  return noRoomWords.test(stderr.text) || noRoomWords.test(stdout.text);
}

/** What to add to a failure of which a full disk may be the reason. */
export function diskNote(outcome: ProcessOutcome): string {
  return outcome.diskWasFull === true
    ? ': the disk of the state directory was full when it ended, and may have taken it away'
    : '';
}

/** Facts that every result of a process has. */
export function baseFacts(
  outcome: ProcessOutcome,
): Pick<ExecutionResult, 'stdout' | 'stderr' | 'durationSeconds' | 'startedAt'> {
  return {
    stdout: outcome.stdout.text,
    stderr: outcome.stderr.text,
    durationSeconds: Math.max(0, (outcome.endedAt.getTime() - outcome.startedAt.getTime()) / 1000),
    startedAt: outcome.startedAt,
  };
}

/** The status as recorded, told truly; a program that a timer or a person ended keeps no exit code. */
export function statusOf(outcome: ProcessOutcome, claimedCodes: readonly number[]): TrueStatus {
  const status = trueStatus(outcome.rawStatus, outcome.signalSent, claimedCodes);
  if (outcome.endedBy === 'exit') return status;
  return { exitCode: null, exitSignal: status.exitSignal ?? outcome.signalSent };
}

/** What a signal from outside says about the run: a crash of the program itself, or somebody's doing. */
export function signalFailure(signal: number, program: string): { errorType: ErrorType; message: string } {
  // SIGINT is a person's "stop".
  const errorType = signal === 2 ? 'interrupted' : 'crash';
  return { errorType, message: `${program} was ended by ${signalName(signal)}` };
}

/** Makes failures of an ended process: what is known of it, how it ended, and then why. */
export function failuresOf(
  facts: ReturnType<typeof baseFacts> & Partial<ExecutionResult>,
  status: TrueStatus,
): (errorType: ErrorType, errorMessage: string, more?: Partial<ExecutionResult>) => ExecutionResult {
  return (errorType, errorMessage, more = {}) =>
    executionResult({
      ...facts,
      success: false,
      exitCode: status.exitCode,
      exitReason: status.exitSignal === null ? 'completed' : 'killed',
      errorType,
      errorMessage,
      ...more,
    });
}

/** "exit code 3: <last line of what it said>". */
export function exitMessage(status: TrueStatus, program: string, said: string): string {
  const line = said.trim().split('\n').at(-1)?.trim().slice(0, 500) ?? '';
  const what = `${program}: ${describeStatus(status)}`;
  return line === '' ? what : `${what}: ${line}`;
}

/** A failure that needed no process: a refused preparation, a missing program. */
export function failedBeforeStart(errorType: ErrorType, message: string, at: Date): ExecutionResult {
  return executionResult({
    success: false,
    stdout: '',
    stderr: '',
    durationSeconds: 0,
    startedAt: at,
    exitReason: 'error',
    errorType,
    errorMessage: message,
  });
}
