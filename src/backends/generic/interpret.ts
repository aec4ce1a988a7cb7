import type { CliProfile } from '../../instruments/schema';
import type { ProcessOutcome } from '../contract';
import { failureFromStatus, failureFromText, isLimit, tailOf, withoutAnsi } from '../failure-texts';
import { jsonLines, numbersAt, textAt, trailingJsonObject, valuesAt, type JsonObject } from '../json-output';
import { baseFacts, diskNote, exitMessage, failuresOf, forcedEnd, signalFailure, statusOf } from '../outcome';
import { parseWait } from '../reset-time';
import { executionResult, type ErrorType, type ExecutionResult } from '../result';

/** What a program's output says, by the paths of its profile. */
interface Reading {
  /** Stdout was in the profile's format. */
  readonly structured: boolean;
  /** Null = the output has no answer in it. */
  readonly answer: string | null;
  /** Structured error text. */
  readonly error: string | null;
  readonly errorStatus: number | null;
  /** An event of the type that means "limited" was there. */
  readonly limitEvent: boolean;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly sessionId: string | null;
  readonly model: string | null;
}

/** Error texts stand at the end; more is never searched. Less of stdout, where a text agent's answer stands too. */
const EVIDENCE_CHARACTERS = 16_384;
const STDOUT_EVIDENCE_CHARACTERS = 2_000;

/**
 * What a generic CLI profile makes of an ended process. Pure, and the same whether this conductor started the process or found it again.
 * @param model The model that was asked for; the output may name another.
 */
export function interpretCli(
  profile: CliProfile,
  outcome: ProcessOutcome,
  model: string | null,
): ExecutionResult {
  const program = profile.display_name;
  const { errors, output } = profile.cli;
  const status = statusOf(outcome, errors.signal_exit_codes);
  const reading = readOutput(profile, outcome);
  const facts = {
    ...baseFacts(outcome),
    stdout: reading.answer ?? outcome.stdout.text,
    exitSignal: status.exitSignal,
    model: reading.model ?? model,
    inputTokens: reading.inputTokens,
    outputTokens: reading.outputTokens,
    costUsd: believableCost(reading),
    sessionId: reading.sessionId,
  };
  const failed = failuresOf(facts, status);

  const forced = forcedEnd(outcome, program);
  if (forced !== null) return failed(forced.errorType, forced.message, { exitReason: forced.exitReason });

  // Before any text: what a killed program had printed is its work, not its reason.
  if (status.exitSignal !== null) {
    const { errorType, message } = signalFailure(status.exitSignal, program);
    return failed(errorType, message);
  }

  const succeeded = status.exitCode !== null && errors.success_exit_codes.includes(status.exitCode);
  if (succeeded) {
    // In a stream of events everything but the answer is noise; other output is an answer as it stands.
    const answer =
      reading.answer ?? (output.format === 'jsonl' && output.result_path !== null ? '' : outcome.stdout.text);
    if (output.requires_answer && answer.trim() === '') {
      // Some agents end like this when a signal stops them, others when every tool call was denied.
      if (outcome.stdout.text.trim() === '')
        return failed('interrupted', `${program} ended without any output${diskNote(outcome)}`);
      if (outcome.stdout.truncated)
        return failed('bad_response', `${program} printed more than could be read back`);
      return failed('empty_answer', `${program} ended without an answer`);
    }
    return executionResult({ ...facts, success: true, exitCode: 0 });
  }

  const finding = findFailure(profile, outcome, reading);
  if (finding !== null) {
    const limited = isLimit(finding.type);
    return failed(finding.type, exitMessage(status, program, finding.message), {
      rateLimited: limited,
      rateLimitWaitSeconds: parseWait(finding.evidence, outcome.endedAt),
    });
  }
  return failed('nonzero_exit', exitMessage(status, program, reading.error ?? outcome.stderr.text));
}

/** A program that does not know a model's price says 0 (opencode does); with tokens used that is "not known", and the price list decides. */
function believableCost({ costUsd, inputTokens, outputTokens }: Reading): number | null {
  return costUsd === 0 && (inputTokens ?? 0) + (outputTokens ?? 0) > 0 ? null : costUsd;
}

interface Finding {
  readonly type: ErrorType;
  readonly message: string;
  /** All that was searched: a waiting time may stand beside the message. */
  readonly evidence: string;
}

/**
 * Structured fields first, then stderr, then the end of stdout if that is plain text. Events are not searched: the output of tools is in them, and
 * that may say anything.
 */
function findFailure(profile: CliProfile, outcome: ProcessOutcome, reading: Reading): Finding | null {
  const stderr = withoutAnsi(tailOf(outcome.stderr.text, EVIDENCE_CHARACTERS));
  const plain = reading.answer === null && !reading.structured;
  const stdout = plain ? withoutAnsi(tailOf(outcome.stdout.text, STDOUT_EVIDENCE_CHARACTERS)) : '';
  const structured = reading.error ?? '';
  const all = [structured, stderr, stdout].filter((text) => text !== '').join('\n');
  if (reading.limitEvent)
    return { type: 'rate_limit', message: lastLine(structured || stderr), evidence: all };
  const fromStatus = reading.errorStatus === null ? null : failureFromStatus(reading.errorStatus);
  for (const text of [structured, stderr, stdout]) {
    if (text === '') continue;
    const type =
      ownPatterns(profile, text) ?? (profile.cli.errors.common_patterns ? failureFromText(text) : null);
    // A text tells more than a status: a usage limit is a 429 too, and an invalid key may be a 400.
    if (type !== null) return { type, message: matchedLine(text, type), evidence: all };
    if (text === structured && fromStatus !== null)
      return { type: fromStatus, message: lastLine(structured), evidence: all };
  }
  return fromStatus === null ? null : { type: fromStatus, message: lastLine(all), evidence: all };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** The line that tells the failure, for people; the last one of the text when it spans lines. */
function matchedLine(text: string, type: ErrorType): string {
  const line = text.split('\n').findLast((candidate) => failureFromText(candidate) === type);
  return line ?? lastLine(text);
}

function ownPatterns(profile: CliProfile, text: string): ErrorType | null {
  const { errors } = profile.cli;
  const lists: readonly (readonly [ErrorType, readonly string[]])[] = [
    ['rate_limit', errors.rate_limit_patterns],
    ['authentication', errors.auth_error_patterns],
    ['crash', errors.crash_patterns],
    ['stale', errors.stale_patterns],
    ['timeout', errors.timeout_patterns],
    ['overloaded', errors.capacity_patterns],
  ];
  for (const [type, patterns] of lists) {
    if (patterns.some((pattern) => new RegExp(pattern, 'i').test(text))) return type;
  }
  return null;
}

function readOutput(profile: CliProfile, outcome: ProcessOutcome): Reading {
  const { format } = profile.cli.output;
  if (format === 'text') return reading({});
  return format === 'json' ? readJson(profile, outcome) : readJsonLines(profile, outcome);
}

function reading(facts: Partial<Reading>): Reading {
  return {
    structured: false,
    answer: null,
    error: null,
    errorStatus: null,
    limitEvent: false,
    inputTokens: null,
    outputTokens: null,
    costUsd: null,
    sessionId: null,
    model: null,
    ...facts,
  };
}

function readJson(profile: CliProfile, outcome: ProcessOutcome): Reading {
  const { output } = profile.cli;
  const answerObject = trailingJsonObject(outcome.stdout.text);
  // On failures some programs print the object on stderr, after warnings.
  const errorObject = answerObject ?? trailingJsonObject(outcome.stderr.text);
  const amount = (path: string | null): number | null => {
    const numbers = numbersAt(answerObject, path);
    if (numbers.length === 0) return null;
    return output.aggregate_tokens ? numbers.reduce((sum, number) => sum + number, 0) : (numbers[0] ?? null);
  };
  return reading({
    structured: answerObject !== null,
    answer: textAt(answerObject, output.result_path),
    error: textAt(errorObject, output.error_path),
    errorStatus: numbersAt(errorObject, output.error_status_path)[0] ?? null,
    inputTokens: amount(output.input_tokens_path),
    outputTokens: amount(output.output_tokens_path),
    costUsd: amount(output.cost_path),
    sessionId: textAt(answerObject ?? errorObject, output.session_path),
    model: textAt(answerObject, output.model_path),
  });
}

function readJsonLines(profile: CliProfile, outcome: ProcessOutcome): Reading {
  const { output, errors } = profile.cli;
  const events = jsonLines(outcome.stdout.text);
  const completions = events.filter((event) =>
    isEvent(event, output.completion_event_type, output.completion_event_filter),
  );
  const answers = completions
    .map((event) => textAt(event, output.result_path))
    .filter((answer) => answer !== null);
  const answer =
    output.result_choice === 'join'
      ? answers.join('')
      : output.result_choice === 'first'
        ? answers[0]
        : (answers.findLast((text) => text.trim() !== '') ?? answers.at(-1));

  const errorEvents = events.filter(
    (event) =>
      output.error_event_types.length === 0 || output.error_event_types.includes(String(event['type'])),
  );
  const last = <T>(values: readonly T[]): T | null => values.at(-1) ?? null;
  const amount = (path: string | null): number | null => {
    const numbers = events.flatMap((event) => numbersAt(event, path));
    if (numbers.length === 0) return null;
    return output.aggregate_tokens ? numbers.reduce((sum, number) => sum + number, 0) : last(numbers);
  };
  const limit = errors.rate_limit_event_type;
  return reading({
    structured: events.length > 0,
    answer: answers.length === 0 ? null : (answer ?? null),
    // `error` lines of codex carry the text at their top.
    error: last(
      errorEvents
        .map(
          (event) =>
            textAt(event, output.error_path) ?? (event['type'] === 'error' ? textAt(event, 'message') : null),
        )
        .filter((text) => text !== null),
    ),
    errorStatus: last(errorEvents.flatMap((event) => numbersAt(event, output.error_status_path))),
    limitEvent:
      limit !== null && events.some((event) => isEvent(event, limit, errors.rate_limit_event_filter ?? {})),
    inputTokens: amount(output.input_tokens_path),
    outputTokens: amount(output.output_tokens_path),
    costUsd: amount(output.cost_path),
    sessionId: last(
      events.map((event) => textAt(event, output.session_path)).filter((text) => text !== null),
    ),
    model: last(events.map((event) => textAt(event, output.model_path)).filter((text) => text !== null)),
  });
}

function isEvent(
  event: JsonObject,
  type: string | null,
  filter: Readonly<Record<string, string | number | boolean>>,
): boolean {
  if (type !== null && event['type'] !== type) return false;
  return Object.entries(filter).every(([path, wanted]) => valuesAt(event, path).includes(wanted));
}
