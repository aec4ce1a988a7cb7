import { signalName } from './process-status';
import { parseWait } from './reset-time';
import type { ErrorType, ExecutionResult } from './result';

/** Codes of the Python system that an execution can end in (its E2xx come from validations, E4xx from state, E6xx from preflight checks). */
export type ErrorCode =
  | 'E001'
  | 'E002'
  | 'E003'
  | 'E004'
  | 'E005'
  | 'E006'
  | 'E009'
  | 'E101'
  | 'E102'
  | 'E103'
  | 'E104'
  | 'E301'
  | 'E502'
  | 'E503'
  | 'E505'
  | 'E602'
  | 'E901'
  | 'E902'
  | 'E903'
  | 'E904'
  | 'E999';

export type ErrorCategory =
  | 'timeout'
  | 'signal'
  | 'transient'
  | 'rate_limit'
  | 'configuration'
  | 'auth'
  | 'network'
  | 'preflight'
  | 'fatal';

/**
 * What to do next: `retry` the same instrument at the cost of a retry; `wait` and try again at no cost; `fallback` to the next instrument
 * and fail if there is none, because this one would fail again; `stop`, because a person must decide.
 */
export type FailureAction = 'retry' | 'wait' | 'fallback' | 'stop';

export interface Classification {
  readonly code: ErrorCode;
  readonly category: ErrorCategory;
  /** May the same instrument do better later? */
  readonly retriable: boolean;
  readonly action: FailureAction;
  /** Seconds that the instrument itself stated; null = not stated. Only with `wait`. */
  readonly waitSeconds: number | null;
  /** A usage limit or a spent quota, which lasts longer than a limit of pace. */
  readonly quota: boolean;
  /** For people. */
  readonly message: string;
}

export interface ClassifyContext {
  /** A program counts limits as E102, an HTTP API as E101. */
  readonly kind: 'cli' | 'http';
}

type Verdict = Pick<Classification, 'code' | 'category' | 'action'>;

function verdict(code: ErrorCode, category: ErrorCategory, action: FailureAction): Verdict {
  return { code, category, action };
}

/** Failures that need no look at anything but their type. */
const BY_TYPE: Readonly<
  Record<Exclude<ErrorType, 'rate_limit' | 'network' | 'crash' | 'failed_to_start' | 'nonzero_exit'>, Verdict>
> = {
  usage_limit: verdict('E104', 'rate_limit', 'wait'),
  quota_exhausted: verdict('E104', 'rate_limit', 'wait'),
  overloaded: verdict('E103', 'rate_limit', 'wait'),
  authentication: verdict('E502', 'auth', 'fallback'),
  context_too_long: verdict('E602', 'preflight', 'fallback'),
  refused: verdict('E503', 'fatal', 'fallback'),
  permission_denied: verdict('E301', 'configuration', 'stop'),
  empty_answer: verdict('E503', 'transient', 'retry'),
  interrupted: verdict('E004', 'signal', 'retry'),
  bad_request: verdict('E301', 'configuration', 'fallback'),
  bad_response: verdict('E503', 'transient', 'retry'),
  not_found: verdict('E505', 'configuration', 'fallback'),
  configuration: verdict('E301', 'configuration', 'fallback'),
  timeout: verdict('E001', 'timeout', 'retry'),
  first_output_timeout: verdict('E006', 'timeout', 'retry'),
  stale: verdict('E006', 'timeout', 'retry'),
  cancelled: verdict('E002', 'signal', 'stop'),
};

const OUT_OF_MEMORY =
  /out of memory|cannot allocate memory|memory limit|heap limit|std::bad_alloc|MemoryError/i;

/** Words with exit code 1 or 2 that mean a second try ends alike. Looked for in the message only: output of tools is full of them. */
const NOT_TRANSIENT =
  /permission denied|access denied|not permitted|validation failed|invalid argument|syntax error/i;

/**
 * Turns a failed execution into a code and a decision. Pure. Codes are the Python system's; delays are the score's (`retry`, `rate_limit`). Different are:
 * `interrupted` may be tried again; an unknown exit code may be tried again, because a lost night costs more than a lost try.
 * @throws RangeError for a successful result.
 */
export function classify(result: ExecutionResult, context: ClassifyContext): Classification {
  if (result.success) throw new RangeError('a successful execution has no error to classify');
  const found = verdictOf(result, context);
  const retriable = found.action === 'retry' || found.action === 'wait';
  return {
    ...found,
    retriable,
    quota: found.code === 'E104',
    waitSeconds: found.action === 'wait' ? result.rateLimitWaitSeconds : null,
    message: result.errorMessage ?? defaultMessage(result),
  };
}

function verdictOf(result: ExecutionResult, context: ClassifyContext): Verdict {
  switch (result.errorType) {
    case 'rate_limit':
      return context.kind === 'cli'
        ? verdict('E102', 'rate_limit', 'wait')
        : verdict('E101', 'rate_limit', 'wait');
    case 'network':
      return networkVerdict(result.errorMessage ?? '');
    case 'failed_to_start':
      // Too many processes or files, or no memory: that passes. No right to run it: that does not.
      return /\b(EAGAIN|ENOMEM|EMFILE|ENFILE|ETXTBSY)\b/.test(result.errorMessage ?? '')
        ? verdict('E009', 'transient', 'retry')
        : verdict('E505', 'configuration', 'fallback');
    case 'crash':
    case 'nonzero_exit':
    case null:
      return result.exitSignal === null
        ? exitVerdict(result)
        : signalVerdict(result.exitSignal, result.stderr);
    default:
      return BY_TYPE[result.errorType];
  }
}

function networkVerdict(message: string): Verdict {
  if (/ENOTFOUND|EAI_AGAIN|getaddrinfo|resolve|name resolution|\bDNS\b/i.test(message)) {
    return verdict('E902', 'network', 'retry');
  }
  if (/\b(ssl|tls)\b|certificate/i.test(message)) return verdict('E903', 'network', 'retry');
  if (/timed? ?out|ETIMEDOUT/i.test(message)) return verdict('E904', 'network', 'retry');
  return verdict('E901', 'network', 'retry');
}

function signalVerdict(signal: number, stderr: string): Verdict {
  switch (signalName(signal)) {
    case 'SIGSEGV':
    case 'SIGBUS':
    case 'SIGABRT':
    case 'SIGFPE':
    case 'SIGILL':
      return verdict('E003', 'signal', 'fallback');
    case 'SIGKILL':
      return OUT_OF_MEMORY.test(stderr.slice(-4_000))
        ? verdict('E005', 'signal', 'fallback')
        : verdict('E002', 'signal', 'retry');
    case 'SIGTERM':
    case 'SIGHUP':
    case 'SIGPIPE':
      return verdict('E002', 'signal', 'retry');
    case 'SIGINT':
      return verdict('E004', 'signal', 'retry');
    default:
      return verdict('E002', 'signal', 'retry');
  }
}

function exitVerdict(result: ExecutionResult): Verdict {
  const message = result.errorMessage ?? '';
  switch (result.exitCode) {
    case 1:
    case 2:
      return NOT_TRANSIENT.test(message)
        ? verdict('E009', 'fatal', 'fallback')
        : verdict('E009', 'transient', 'retry');
    // `timeout(1)`.
    case 124:
      return verdict('E001', 'timeout', 'retry');
    // The shell's "cannot execute" and "not found".
    case 126:
    case 127:
      return verdict('E505', 'configuration', 'fallback');
    default:
      return verdict('E999', 'transient', 'retry');
  }
}

function defaultMessage(result: ExecutionResult): string {
  if (result.exitSignal !== null) return `ended by ${signalName(result.exitSignal)}`;
  return result.exitCode === null ? 'failed without a status' : `exit code ${result.exitCode}`;
}

/** Failures that say too little: the score's own words may say more. */
const VAGUE: ReadonlySet<ErrorType | null> = new Set(['nonzero_exit', 'crash', 'bad_response', null]);

/**
 * Reads a failed run again by the `rate_limit.detection_patterns` that a score writes: its message and stderr, never an answer.
 * Invalid expressions match nothing; validation told of them.
 */
export function withDetectionPatterns(
  result: ExecutionResult,
  patterns: readonly string[],
  now: Date,
): ExecutionResult {
  if (result.success || !VAGUE.has(result.errorType)) return result;
  const text = [result.errorMessage ?? '', result.stderr.slice(-16_000)].join('\n');
  const matches = patterns.some((pattern) => {
    try {
      return new RegExp(pattern, 'i').test(text);
    } catch {
      return false;
    }
  });
  if (!matches) return result;
  const rateLimitWaitSeconds = result.rateLimitWaitSeconds ?? parseWait(text, now);
  return { ...result, errorType: 'rate_limit', rateLimited: true, rateLimitWaitSeconds };
}
