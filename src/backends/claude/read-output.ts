import { isObject, jsonLines, numbersAt, textAt, tryJson, valuesAt, type JsonObject } from '../json-output';

/** What Claude Code's structured output says (measured with 2.1.329). */
export interface ClaudeReading {
  /** Anything of its event format was there. */
  readonly structured: boolean;
  /** The final `result` event; null when it is missing. */
  readonly result: JsonObject | null;
  readonly answer: string | null;
  /** `is_error`, or a subtype of its errors. An API failure has subtype "success". */
  readonly isError: boolean;
  readonly subtype: string;
  readonly errorText: string;
  readonly apiStatus: number | null;
  readonly apiError: string;
  readonly stopReason: string;
  readonly deniedTools: readonly string[];
  readonly model: string | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  /** What the init event says of the key: a variable's name, `oauth`, `none`, …; null = nothing. */
  readonly keySource: string | null;
  readonly sessionId: string | null;
  /** When the limit ends that refused a request, milliseconds since the epoch. */
  readonly limitResetsAt: number | null;
}

/** Reads all three shapes: one object, an array of events (json with --verbose), one event a line. */
export function readClaudeOutput(stdout: string): ClaudeReading {
  const events = eventsOf(stdout);
  const result = events.findLast((event) => event['type'] === 'result') ?? null;
  const first = (path: string): string | null =>
    events.map((event) => textAt(event, path)).find((text) => text !== null) ?? null;
  const subtype = textAt(result, 'subtype') ?? '';
  const answer = result === null ? null : typeof result['result'] === 'string' ? result['result'] : null;
  const errors = valuesAt(result, 'errors[*]').filter((value): value is string => typeof value === 'string');
  const resets = events
    .filter(
      (event) =>
        event['type'] === 'rate_limit_event' && textAt(event, 'rate_limit_info.status') === 'rejected',
    )
    .flatMap((event) => numbersAt(event, 'rate_limit_info.resetsAt'));
  const lastReset = resets.at(-1);
  return {
    structured: events.some((event) => typeof event['type'] === 'string'),
    result,
    answer,
    isError: result !== null && (result['is_error'] === true || subtype.startsWith('error')),
    subtype,
    errorText: [answer ?? '', ...errors].filter((text) => text !== '').join('\n'),
    apiStatus: numbersAt(result, 'api_error_status')[0] ?? null,
    apiError: [textAt(result, 'api_error'), textAt(result, 'api_error_type')]
      .filter((text) => text !== null)
      .join(' '),
    stopReason: textAt(result, 'stop_reason') ?? '',
    deniedTools: [
      ...new Set(
        valuesAt(result, 'permission_denials[*].tool_name').filter(
          (name): name is string => typeof name === 'string',
        ),
      ),
    ],
    model: busiestModel(result) ?? first('model'),
    inputTokens: sumOf(result, [
      'usage.input_tokens',
      'usage.cache_creation_input_tokens',
      'usage.cache_read_input_tokens',
    ]),
    outputTokens: sumOf(result, ['usage.output_tokens']),
    costUsd: statedCost(result),
    keySource: first('apiKeySource'),
    sessionId: textAt(result, 'session_id') ?? first('session_id'),
    limitResetsAt: lastReset === undefined ? null : lastReset * 1000,
  };
}

function eventsOf(stdout: string): JsonObject[] {
  const whole = tryJson(stdout.trim());
  if (Array.isArray(whole)) return whole.filter(isObject);
  if (isObject(whole)) return [whole];
  return jsonLines(stdout);
}

/** Numbers at these paths, added; null when there is none at all. Cached tokens are read by the model too, so they count as input. */
function sumOf(result: JsonObject | null, paths: readonly string[]): number | null {
  const numbers = paths.flatMap((path) => numbersAt(result, path));
  return numbers.length === 0 ? null : numbers.reduce((sum, number) => sum + number, 0);
}

/** The model that wrote most: helpers for titles and searches are in the same table. */
function busiestModel(result: JsonObject | null): string | null {
  const usage = result?.['modelUsage'];
  if (!isObject(usage)) return null;
  const written = Object.entries(usage).map(([name, entry]) => ({
    name,
    tokens: numbersAt(entry, 'outputTokens')[0] ?? 0,
  }));
  return written.sort((a, b) => b.tokens - a.tokens)[0]?.name ?? null;
}

/** The cost as stated, unless it was computed for a model whose price the program does not know. */
function statedCost(result: JsonObject | null): number | null {
  if (
    valuesAt(result, 'modelUsage')
      .flatMap((usage) => (isObject(usage) ? Object.values(usage) : []))
      .some(unknownPrice)
  )
    return null;
  return numbersAt(result, 'total_cost_usd')[0] ?? null;
}

function unknownPrice(usage: unknown): boolean {
  return textAt(usage, 'costBasis') === 'unknown';
}

/**
 * One stream-json line in words, for a progress display; null when there is nothing to say.
 */
export function describeClaudeLine(line: string): string | null {
  const event = tryJson(line);
  if (!isObject(event)) return line.trim() === '' ? null : line;
  if (event['type'] === 'system' && event['subtype'] === 'api_retry') {
    const status = textAt(event, 'error_status') ?? textAt(event, 'error') ?? 'no answer';
    return `API problem (${status}), try ${textAt(event, 'attempt') ?? '?'} of ${textAt(event, 'max_retries') ?? '?'}`;
  }
  if (event['type'] !== 'assistant') return null;
  const content = valuesAt(event, 'message.content[*]').at(-1);
  const tool = textAt(content, 'type') === 'tool_use' ? textAt(content, 'name') : null;
  if (tool !== null) {
    const about = ['command', 'file_path', 'path', 'pattern', 'url', 'description']
      .map((key) => textAt(content, `input.${key}`))
      .find((value) => value !== null);
    return firstLine(about === undefined ? tool : `${tool}: ${about}`);
  }
  const text = textAt(content, 'text');
  return text === null || text.trim() === '' ? null : firstLine(text.trim());
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
