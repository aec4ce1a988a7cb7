/**
 * The errors that cross the socket: one class per JSON-RPC error code. Codes to −32005 are the Python system's; ours follow below −32010, and
 * −32800 is the Language Server Protocol's `RequestCancelled`.
 */
export const ErrorCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  jobSubmission: -32000,
  resourceExhausted: -32001,
  alreadyRunning: -32002,
  shuttingDown: -32003,
  notResumable: -32004,
  workspaceNotFound: -32005,
  storageFailed: -32011,
  ownershipMoved: -32012,
  messageTooLarge: -32013,
  untrusted: -32014,
  unknownSheet: -32015,
  modifyRefused: -32016,
  indexUnavailable: -32017,
  cancelled: -32800,
  // Made by clients about the conductor; a conductor never sends these.
  notRunning: -32030,
  startFailed: -32031,
  timeout: -32032,
  connectionLost: -32033,
  badReply: -32034,
  socketPath: -32035,
} as const;

/** Extra facts of an error, as sent in the wire error's `data`. */
export type ErrorData = Readonly<Record<string, unknown>>;

/** The `error` member of a JSON-RPC response. `data` is always present: the Python clients expect the key. */
export interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data: ErrorData | null;
}

/** What an error class takes beside its message. */
export interface ErrorDetails {
  /** Facts for programs; must be JSON. */
  readonly data?: ErrorData;
  /** One sentence: what the person can do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** Root of everything that a call of the conductor can fail with. Also stands for a code that this build does not know. */
export class DaemonError extends Error {
  override readonly name: string = 'DaemonError';
  readonly data: ErrorData;
  readonly remedy: string | null;

  constructor(
    readonly code: number,
    message: string,
    details: ErrorDetails = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.data = details.data ?? {};
    this.remedy = details.remedy ?? null;
  }
}

/** The message was not JSON. */
export class ParseError extends DaemonError {
  override readonly name = 'ParseError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.parse, message, details);
  }
}

/** JSON, but not a JSON-RPC 2.0 request that we serve. */
export class InvalidRequestError extends DaemonError {
  override readonly name = 'InvalidRequestError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.invalidRequest, message, details);
  }
}

/** This conductor has no such method; usually it is an older build. */
export class MethodNotFoundError extends DaemonError {
  override readonly name = 'MethodNotFoundError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.methodNotFound, message, details);
  }
}

/** The params do not fit the method. */
export class InvalidParamsError extends DaemonError {
  override readonly name = 'InvalidParamsError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.invalidParams, message, details);
  }
}

/** A fault of the conductor itself; its log has the details. */
export class InternalError extends DaemonError {
  override readonly name = 'InternalError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.internal, message, details);
  }
}

/** No such job, or the job cannot be taken as asked (the Python system has one code for both). */
export class JobSubmissionError extends DaemonError {
  override readonly name = 'JobSubmissionError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.jobSubmission, message, details);
  }
}

/** A bound of the conductor is reached: connections, requests in flight, buffered bytes. Trying later helps. */
export class ResourceExhaustedError extends DaemonError {
  override readonly name = 'ResourceExhaustedError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.resourceExhausted, message, details);
  }
}

/** The job, or another conductor, runs already. */
export class AlreadyRunningError extends DaemonError {
  override readonly name = 'AlreadyRunningError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.alreadyRunning, message, details);
  }
}

/** The conductor is stopping or draining and takes no new work. */
export class ShuttingDownError extends DaemonError {
  override readonly name = 'ShuttingDownError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.shuttingDown, message, details);
  }
}

/** The job's state does not allow to resume it. */
export class NotResumableError extends DaemonError {
  override readonly name = 'NotResumableError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.notResumable, message, details);
  }
}

/** The job's workspace folder is gone. */
export class WorkspaceNotFoundError extends DaemonError {
  override readonly name = 'WorkspaceNotFoundError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.workspaceNotFound, message, details);
  }
}

/** The journal cannot be written (full disk, I/O error): nothing is acknowledged until it can. */
export class StorageFailedError extends DaemonError {
  override readonly name = 'StorageFailedError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.storageFailed, message, details);
  }
}

/** Another conductor owns the state directory now; find it again by its owner record. */
export class OwnershipMovedError extends DaemonError {
  override readonly name = 'OwnershipMovedError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.ownershipMoved, message, details);
  }
}

/** A message over 16 MiB, in either direction. Replies that do not fit name the call that pages. */
export class MessageTooLargeError extends DaemonError {
  override readonly name = 'MessageTooLargeError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.messageTooLarge, message, details);
  }
}

/** The score or folder brings executables, servers or URLs that the user has not approved. */
export class UntrustedError extends DaemonError {
  override readonly name = 'UntrustedError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.untrusted, message, details);
  }
}

/** The job has no sheet of that number, or the sheet no such attempt. */
export class UnknownSheetError extends DaemonError {
  override readonly name = 'UnknownSheetError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.unknownSheet, message, details);
  }
}

/** The changed score cannot take over the state of the run. */
export class ModifyRefusedError extends DaemonError {
  override readonly name = 'ModifyRefusedError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.modifyRefused, message, details);
  }
}

/** The index (history, errors, costs) is being rebuilt or was made by a newer build. */
export class IndexUnavailableError extends DaemonError {
  override readonly name = 'IndexUnavailableError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.indexUnavailable, message, details);
  }
}

/** The caller cancelled the request. */
export class CancelledError extends DaemonError {
  override readonly name = 'CancelledError';
  constructor(message = 'request cancelled', details?: ErrorDetails) {
    super(ErrorCode.cancelled, message, details);
  }
}

/** An explicit socket path that no system can bind whole. */
export class SocketPathError extends DaemonError {
  override readonly name = 'SocketPathError';
  constructor(message: string, details?: ErrorDetails) {
    super(ErrorCode.socketPath, message, details);
  }
}

type WireErrorClass = new (message: string, details?: ErrorDetails) => DaemonError;

const classes: ReadonlyMap<number, WireErrorClass> = new Map<number, WireErrorClass>([
  [ErrorCode.parse, ParseError],
  [ErrorCode.invalidRequest, InvalidRequestError],
  [ErrorCode.methodNotFound, MethodNotFoundError],
  [ErrorCode.invalidParams, InvalidParamsError],
  [ErrorCode.internal, InternalError],
  [ErrorCode.jobSubmission, JobSubmissionError],
  [ErrorCode.resourceExhausted, ResourceExhaustedError],
  [ErrorCode.alreadyRunning, AlreadyRunningError],
  [ErrorCode.shuttingDown, ShuttingDownError],
  [ErrorCode.notResumable, NotResumableError],
  [ErrorCode.workspaceNotFound, WorkspaceNotFoundError],
  [ErrorCode.storageFailed, StorageFailedError],
  [ErrorCode.ownershipMoved, OwnershipMovedError],
  [ErrorCode.messageTooLarge, MessageTooLargeError],
  [ErrorCode.untrusted, UntrustedError],
  [ErrorCode.unknownSheet, UnknownSheetError],
  [ErrorCode.modifyRefused, ModifyRefusedError],
  [ErrorCode.indexUnavailable, IndexUnavailableError],
  [ErrorCode.cancelled, CancelledError],
]);

/** What the system says when a disk takes nothing more, in words. */
const storageTroubles = new Map([
  ['ENOSPC', 'the disk of the state directory is full'],
  ['EDQUOT', 'the disk quota of the state directory is used up'],
  ['EROFS', 'the file system of the state directory is read-only'],
  ['EIO', 'the disk of the state directory reports an error'],
]);

function storageFailure(error: unknown): StorageFailedError | null {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const trouble = storageTroubles.get(code);
  if (trouble === undefined) return null;
  return new StorageFailedError(`${trouble} (${code})`, {
    data: { errno: code },
    remedy: 'Make room or repair it, and ask again.',
  });
}

/**
 * The wire form of an error. A disk that is full or broken is told as that; anything else that is not ours becomes `internal error`: its text may
 * hold paths or secrets and belongs into the log.
 */
export function toWire(thrown: unknown): WireError {
  const error = thrown instanceof DaemonError ? thrown : storageFailure(thrown);
  if (error === null) return { code: ErrorCode.internal, message: 'internal error', data: null };
  const data = error.remedy === null ? error.data : { ...error.data, remedy: error.remedy };
  return { code: error.code, message: error.message, data: Object.keys(data).length === 0 ? null : data };
}

/** The error of a response's `error` member. Never throws: what is malformed becomes a plain DaemonError. */
export function fromWire(wire: unknown): DaemonError {
  const fields = isRecord(wire) ? wire : {};
  const code = typeof fields['code'] === 'number' ? fields['code'] : ErrorCode.internal;
  const message = typeof fields['message'] === 'string' ? fields['message'] : 'malformed error reply';
  const { remedy, ...data } = isRecord(fields['data']) ? fields['data'] : {};
  const details = { data, ...(typeof remedy === 'string' ? { remedy } : {}) };
  const known = classes.get(code);
  return known === undefined ? new DaemonError(code, message, details) : new known(message, details);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
