/** What a client can meet before, or instead of, an answer of the conductor. */
import { DaemonError, ErrorCode } from '../protocol/errors';
import type { ErrorDetails } from '../protocol/errors';

/** Nobody listens for this state directory. */
export class ConductorNotRunning extends DaemonError {
  override readonly name = 'ConductorNotRunning';
  constructor(message = 'the conductor is not running', details: ErrorDetails = {}) {
    super(ErrorCode.notRunning, message, { remedy: 'Start it with `mzt start`.', ...details });
  }
}

/** It was started, and did not become ready. */
export class ConductorStartFailed extends DaemonError {
  override readonly name = 'ConductorStartFailed';
  constructor(
    message: string,
    /** The last lines that it wrote into its log since it was started. */
    readonly logTail: string,
    details: ErrorDetails = {},
  ) {
    super(ErrorCode.startFailed, message, details);
  }
}

/** No answer in time. What was asked may still be done. */
export class CallTimeout extends DaemonError {
  override readonly name = 'CallTimeout';
  constructor(message: string, details: ErrorDetails = {}) {
    super(ErrorCode.timeout, message, {
      remedy: 'The conductor may be busy: look with `mzt status`.',
      ...details,
    });
  }
}

/** The connection ended before the answer. What was asked may have been done. */
export class ConnectionLost extends DaemonError {
  override readonly name = 'ConnectionLost';
  constructor(
    message = 'the connection to the conductor ended before its answer',
    details: ErrorDetails = {},
  ) {
    super(ErrorCode.connectionLost, message, details);
  }
}

/** An answer that is not what the protocol says. */
export class BadReply extends DaemonError {
  override readonly name = 'BadReply';
  constructor(message: string, details: ErrorDetails = {}) {
    super(ErrorCode.badReply, message, {
      remedy: 'Client and conductor may be of different versions: restart the conductor.',
      ...details,
    });
  }
}
