/** How commands end: exit codes, and errors as a person and a program read them. */
import { DaemonError, ErrorCode } from '../protocol/errors';
import { UnsafeFolderError } from '../protocol/private-folder';

/** Exit codes of `mzt`. */
export const Exit = {
  ok: 0,
  /** The job failed, a check found an error, or what was asked could not be done. */
  failed: 1,
  /** Bad usage, or a score that cannot be used. */
  usage: 2,
  /** The conductor could not be started or reached. */
  unreachable: 3,
  /** Ctrl-C: 128 + SIGINT. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof Exit)[keyof typeof Exit];

export interface FailureDetails {
  readonly hints?: readonly string[];
  /** Stable name for programs. */
  readonly errorCode?: string;
  readonly cause?: unknown;
}

/** Ends the command with a message. */
export class CliFailure extends Error {
  readonly hints: readonly string[];
  readonly errorCode: string | null;

  constructor(
    readonly exitCode: ExitCode,
    message: string,
    details: FailureDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.hints = details.hints ?? [];
    this.errorCode = details.errorCode ?? null;
  }
}

/** The user asked for what cannot be: exit code 2. */
export function usageError(message: string, ...hints: string[]): CliFailure {
  return new CliFailure(Exit.usage, message, { hints, errorCode: 'usage' });
}

/** What is told of an error. */
export interface ToldFailure {
  readonly exitCode: ExitCode;
  readonly message: string;
  readonly hints: readonly string[];
  readonly errorCode: string | null;
  /** Lines that help to find the cause, shown below the hints. */
  readonly details: readonly string[];
}

const unreachable = new Set<number>([
  ErrorCode.notRunning,
  ErrorCode.startFailed,
  ErrorCode.timeout,
  ErrorCode.connectionLost,
  ErrorCode.badReply,
  ErrorCode.socketPath,
  ErrorCode.shuttingDown,
  ErrorCode.ownershipMoved,
]);

const codeNames = new Map<number, string>(
  Object.entries(ErrorCode).map(([name, code]) => [code, snake(name)]),
);

/** Any thrown value as what is told of it. Faults of ours keep their message; the stack is shown by --verbose. */
export function tellFailure(error: unknown): ToldFailure {
  if (error instanceof CliFailure) {
    const { exitCode, message, hints, errorCode } = error;
    return { exitCode, message, hints, errorCode, details: [] };
  }
  if (error instanceof DaemonError) {
    const tail = 'logTail' in error && typeof error.logTail === 'string' ? error.logTail.trim() : '';
    return {
      exitCode: unreachable.has(error.code)
        ? Exit.unreachable
        : error.code === ErrorCode.invalidParams
          ? Exit.usage
          : Exit.failed,
      message: error.message,
      hints: error.remedy === null ? [] : [error.remedy],
      errorCode: codeNames.get(error.code) ?? String(error.code),
      details: logLines(tail),
    };
  }
  if (error instanceof UnsafeFolderError) {
    const { message, remedy } = error;
    return { exitCode: Exit.unreachable, message, hints: [remedy], errorCode: 'unsafe_folder', details: [] };
  }
  const fault = error instanceof Error ? error : new Error(String(error));
  const code = 'code' in fault && typeof fault.code === 'string' ? fault.code : null;
  const hint = code === null ? undefined : systemHints.get(code);
  return {
    exitCode: Exit.failed,
    message: fault.message,
    hints: hint === undefined ? [] : [hint],
    errorCode: code === null ? 'internal' : code.toLowerCase(),
    details: [],
  };
}

/** The end of a log without the stacks in it: the log itself has them. */
function logLines(tail: string): string[] {
  return tail
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s+at /.test(line))
    .slice(-10);
}

const systemHints = new Map([
  ['ENOTDIR', 'A part of that path is a file, not a folder.'],
  ['ELOOP', 'A symbolic link in that path points back to itself: remove it.'],
  ['EACCES', 'Check the permissions of that file and its folder.'],
  ['EPERM', 'Check the owner of that file.'],
  ['ENOSPC', 'The disk is full: free some space.'],
  ['EROFS', 'That file system is read-only: choose another place.'],
]);

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
