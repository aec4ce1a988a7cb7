import { signalName } from './process-status';
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
  /** Seconds before the next try, when the retry policy of the score gives none; 0 when not retriable. */
  readonly baseDelaySeconds: number;
  readonly action: FailureAction;
  /** Seconds that the instrument itself stated; null = not stated. Only with `wait`. */
  readonly waitSeconds: number | null;
  /** For people. */
  readonly message: string;
}

export interface ClassifyContext {
  /** A program counts limits as E102, an HTTP API as E101. */
  readonly kind: 'cli' | 'http';
}

type Verdict = Pick<Classification, 'code' | 'category' | 'action' | 'baseDelaySeconds'>;

function verdict(
  code: ErrorCode,
  category: ErrorCategory,
  action: FailureAction,
  baseDelaySeconds = 0,
): Verdict {
  return { code, category, action, baseDelaySeconds };
}

/** Failures that need no look at anything but their type. */
const BY_TYPE: Readonly<
  Record<Exclude<ErrorType, 'rate_limit' | 'network' | 'crash' | 'failed_to_start' | 'nonzero_exit'>, Verdict>
> = {
  usage_limit: verdict('E104', 'rate_limit', 'wait', 3600),
  quota_exhausted: verdict('E104', 'rate_limit', 'wait', 3600),
  overloaded: verdict('E103', 'rate_limit', 'wait', 300),
  authentication: verdict('E502', 'auth', 'fallback'),
  context_too_long: verdict('E602', 'preflight', 'fallback'),
  refused: verdict('E503', 'fatal', 'fallback'),
  permission_denied: verdict('E301', 'configuration', 'stop'),
  empty_answer: verdict('E503', 'transient', 'retry', 15),
  interrupted: verdict('E004', 'signal', 'retry', 10),
  bad_request: verdict('E301', 'configuration', 'fallback'),
  bad_response: verdict('E503', 'transient', 'retry', 15),
  not_found: verdict('E505', 'configuration', 'fallback'),
  configuration: verdict('E301', 'configuration', 'fallback'),
  timeout: verdict('E001', 'timeout', 'retry', 60),
  first_output_timeout: verdict('E006', 'timeout', 'retry', 120),
  stale: verdict('E006', 'timeout', 'retry', 120),
  cancelled: verdict('E002', 'signal', 'stop'),
};

const OUT_OF_MEMORY =
  /out of memory|cannot allocate memory|memory limit|heap limit|std::bad_alloc|MemoryError/i;

/** Words with exit code 1 or 2 that mean a second try ends alike. Looked for in the message only: output of tools is full of them. */
const NOT_TRANSIENT =
  /permission denied|access denied|not permitted|validation failed|invalid argument|syntax error/i;

/**
 * Turns a failed execution into a code and a decision. Pure. Codes and delays are the Python system's table, with these differences: limits wait
 * without a floor; `interrupted` may be tried again; an unknown exit code may be tried again, because a lost night costs more than a lost try.
 * @throws RangeError for a successful result.
 */
export function classify(result: ExecutionResult, context: ClassifyContext): Classification {
  if (result.success) throw new RangeError('a successful execution has no error to classify');
  const found = verdictOf(result, context);
  const retriable = found.action === 'retry' || found.action === 'wait';
  return {
    ...found,
    retriable,
    baseDelaySeconds: retriable ? found.baseDelaySeconds : 0,
    waitSeconds: found.action === 'wait' ? result.rateLimitWaitSeconds : null,
    message: result.errorMessage ?? defaultMessage(result),
  };
}

function verdictOf(result: ExecutionResult, context: ClassifyContext): Verdict {
  switch (result.errorType) {
    case 'rate_limit':
      return context.kind === 'cli'
        ? verdict('E102', 'rate_limit', 'wait', 900)
        : verdict('E101', 'rate_limit', 'wait', 3600);
    case 'network':
      return networkVerdict(result.errorMessage ?? '');
    case 'failed_to_start':
      // Too many processes or files, or no memory: that passes. No right to run it: that does not.
      return /\b(EAGAIN|ENOMEM|EMFILE|ENFILE|ETXTBSY)\b/.test(result.errorMessage ?? '')
        ? verdict('E009', 'transient', 'retry', 10)
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
    return verdict('E902', 'network', 'retry', 30);
  }
  if (/\b(ssl|tls)\b|certificate/i.test(message)) return verdict('E903', 'network', 'retry', 30);
  if (/timed? ?out|ETIMEDOUT/i.test(message)) return verdict('E904', 'network', 'retry', 60);
  return verdict('E901', 'network', 'retry', 30);
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
        : verdict('E002', 'signal', 'retry', 30);
    case 'SIGTERM':
    case 'SIGHUP':
    case 'SIGPIPE':
      return verdict('E002', 'signal', 'retry', 10);
    case 'SIGINT':
      return verdict('E004', 'signal', 'retry', 10);
    default:
      return verdict('E002', 'signal', 'retry', 30);
  }
}

function exitVerdict(result: ExecutionResult): Verdict {
  const message = result.errorMessage ?? '';
  switch (result.exitCode) {
    case 1:
    case 2:
      return NOT_TRANSIENT.test(message)
        ? verdict('E009', 'fatal', 'fallback')
        : verdict('E009', 'transient', 'retry', 10);
    // `timeout(1)`.
    case 124:
      return verdict('E001', 'timeout', 'retry', 60);
    // The shell's "cannot execute" and "not found".
    case 126:
    case 127:
      return verdict('E505', 'configuration', 'fallback');
    case null:
      return verdict('E999', 'transient', 'retry', OUT_OF_MEMORY.test(result.stderr.slice(-4_000)) ? 60 : 10);
    default:
      return verdict('E999', 'transient', 'retry', 30);
  }
}

function defaultMessage(result: ExecutionResult): string {
  if (result.exitSignal !== null) return `ended by ${signalName(result.exitSignal)}`;
  return result.exitCode === null ? 'failed without a status' : `exit code ${result.exitCode}`;
}

/**
 * Does a text look like a limit by the user's own words? For `rate_limit.detection_patterns` of a score: given to failed runs only.
 * Invalid expressions match nothing; validation told of them.
 */
export function matchesDetectionPatterns(result: ExecutionResult, patterns: readonly string[]): boolean {
  if (result.success) return false;
  const text = [result.errorMessage ?? '', result.stderr.slice(-16_000)].join('\n');
  return patterns.some((pattern) => {
    try {
      return new RegExp(pattern, 'i').test(text);
    } catch {
      return false;
    }
  });
}
