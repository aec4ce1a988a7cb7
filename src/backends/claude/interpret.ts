import type { PaidBy } from '../../instruments/agent-facts';
import type { CliProfile } from '../../instruments/schema';
import { ANTHROPIC_ERROR_TYPES } from '../anthropic-error-types';
import type { ProcessOutcome } from '../contract';
import { failureFromStatus, failureFromText, isLimit, tailOf } from '../failure-texts';
import { baseFacts, diskNote, exitMessage, failuresOf, forcedEnd, signalFailure, statusOf } from '../outcome';
import { parseWait } from '../reset-time';
import { executionResult, type ErrorType, type ExecutionResult } from '../result';
import type { ClaudeOutputFormat } from './prepare';
import { readClaudeOutput, type ClaudeReading } from './read-output';

const PROGRAM = 'Claude Code';

/** A whole answer that is nothing but the program's word on a limit; older versions print it with exit code 0. */
const LIMIT_SENTENCE = /^You[’']ve hit your [^\n]{0,60}limit\b[^\n]{0,120}$/i;

const ROOT_REFUSAL = /cannot be used with root\/sudo privileges/i;

const ROOT_ADVICE =
  'Claude Code does not skip permissions for root. Run as another user, set skip_permissions: false (with allowed_tools), or set IS_SANDBOX=1 if ' +
  'this is a container';

/**
 * What Claude Code's end means. Pure, and the same for runs and adopted runs. Exit code and `subtype` prove nothing by themselves: an API failure has
 * subtype "success", a denied tool exit code 0, and SIGINT gives exit code 0 with empty output.
 * @param format What it was asked to print.
 * @param model The model that was asked for; the output may name another.
 */
export function interpretClaude(
  profile: CliProfile,
  outcome: ProcessOutcome,
  format: ClaudeOutputFormat,
  model: string | null,
): ExecutionResult {
  const status = statusOf(outcome, profile.cli.errors.signal_exit_codes);
  const reading = readClaudeOutput(format === 'text' ? '' : outcome.stdout.text);
  const facts = {
    ...baseFacts(outcome),
    stdout: reading.answer ?? outcome.stdout.text,
    exitSignal: status.exitSignal,
    model: reading.model ?? model,
    inputTokens: reading.inputTokens,
    outputTokens: reading.outputTokens,
    costUsd: reading.costUsd,
    paidBy: paidBy(reading.keySource),
    sessionId: reading.sessionId,
  };
  const failed = failuresOf(facts, status);
  const limited = (errorType: ErrorType, message: string, evidence: string): ExecutionResult =>
    failed(errorType, message, {
      rateLimited: isLimit(errorType),
      rateLimitWaitSeconds: statedWait(reading, errorType, evidence, outcome.endedAt),
    });

  const forced = forcedEnd(outcome, PROGRAM);
  if (forced !== null) return failed(forced.errorType, forced.message, { exitReason: forced.exitReason });
  if (status.exitSignal !== null) {
    const { errorType, message } = signalFailure(status.exitSignal, PROGRAM);
    return failed(errorType, message);
  }

  if (status.exitCode !== 0 || reading.isError) {
    const finding = findFailure(reading, outcome, format);
    if (finding !== null) {
      const message = ROOT_REFUSAL.test(finding.evidence) ? ROOT_ADVICE : finding.message;
      return limited(finding.type, message, finding.evidence);
    }
    // It catches these signals and exits by itself.
    if (status.exitCode === 129 || status.exitCode === 143) {
      return failed(
        'interrupted',
        `${PROGRAM} was asked to end by somebody else (exit code ${status.exitCode})`,
      );
    }
    const said = reading.errorText || outcome.stderr.text || tailOf(outcome.stdout.text, 500);
    return failed('nonzero_exit', exitMessage(status, PROGRAM, said));
  }

  if (reading.deniedTools.length > 0) {
    const message =
      `${PROGRAM} was denied the use of ${reading.deniedTools.join(', ')}: ` +
      'allow it with allowed_tools, or set skip_permissions: true';
    return failed('permission_denied', message);
  }
  if (reading.stopReason === 'refusal') return failed('refused', `${PROGRAM}: the model refused to answer`);

  const answer = reading.answer ?? (reading.result === null ? outcome.stdout.text : '');
  if (answer.trim() === '') {
    return reading.result === null
      ? failed(
          'interrupted',
          outcome.diskWasFull === true
            ? `${PROGRAM} ended without any output${diskNote(outcome)}`
            : `${PROGRAM} ended without any output, as it does when somebody interrupts it`,
        )
      : failed('empty_answer', `${PROGRAM} ended with an empty answer`);
  }
  if (LIMIT_SENTENCE.test(answer.trim())) return limited('usage_limit', answer.trim(), answer);
  if (reading.result === null && reading.structured) {
    return outcome.stdout.truncated
      ? failed(
          'bad_response',
          `${PROGRAM} printed more than could be read back, and its result is not in what is left`,
        )
      : failed('interrupted', `${PROGRAM} ended without a result`);
  }
  return executionResult({ ...facts, success: true, exitCode: 0 });
}

/** `none` says nothing: a login, a token and a cloud account are all told so. */
function paidBy(keySource: string | null): PaidBy | null {
  if (keySource === null || keySource === 'none') return null;
  return keySource === 'oauth' ? 'subscription' : 'key';
}

interface Finding {
  readonly type: ErrorType;
  readonly message: string;
  readonly evidence: string;
}

function findFailure(
  reading: ClaudeReading,
  outcome: ProcessOutcome,
  format: ClaudeOutputFormat,
): Finding | null {
  // Without its structured form the message stands on stdout, and stderr may be full of harmless notes.
  const printed =
    reading.result === null && (format === 'text' || !reading.structured)
      ? tailOf(outcome.stdout.text, 4_000)
      : '';
  const said = reading.errorText || printed.trim();
  const evidence = [said, reading.apiError, tailOf(outcome.stderr.text, 16_000)]
    .filter((text) => text !== '')
    .join('\n');
  const type =
    ownEnd(reading) ??
    fromFields(reading) ??
    failureFromText(said) ??
    failureFromText(reading.apiError) ??
    (reading.apiStatus === null ? null : failureFromStatus(reading.apiStatus)) ??
    (said === '' ? failureFromText(outcome.stderr.text) : null);
  if (type === null) return null;
  const message = (said || outcome.stderr.text.trim()).split('\n')[0]?.slice(0, 500) ?? '';
  return { type, message, evidence };
}

/** What the fields say, before any text is looked at; a plain 400 says too little. `api_error` is any failure without a name of its own: the status tells. */
function fromFields(reading: ClaudeReading): ErrorType | null {
  if (reading.limitResetsAt !== null) return 'usage_limit';
  for (const name of reading.apiError.split(' ')) {
    const type = Object.hasOwn(ANTHROPIC_ERROR_TYPES, name) ? ANTHROPIC_ERROR_TYPES[name] : undefined;
    if (type !== undefined) return type;
  }
  const status = reading.apiStatus;
  if (status !== null && status !== 400) return failureFromStatus(status);
  return status === null && reading.apiError.split(' ').includes('api_error') ? 'bad_response' : null;
}

/** Ends that the program names itself. */
function ownEnd(reading: ClaudeReading): ErrorType | null {
  if (reading.subtype === 'error_max_budget_usd') return 'configuration';
  if (reading.subtype === 'error_max_turns') return 'nonzero_exit';
  if (/\busage_limit_reached\b/.test(reading.apiError)) return 'usage_limit';
  if (/\bconnection_failed\b/.test(reading.apiError)) return 'network';
  if (/\bmax_output_tokens\b/.test(reading.apiError)) return 'bad_response';
  return reading.stopReason === 'refusal' ? 'refused' : null;
}

function statedWait(reading: ClaudeReading, type: ErrorType, evidence: string, now: Date): number | null {
  if (isLimit(type) && reading.limitResetsAt !== null)
    return Math.max(0, (reading.limitResetsAt - now.getTime()) / 1000);
  return parseWait(evidence, now);
}
