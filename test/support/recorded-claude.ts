import { outcomeOf } from './backends-runner';
import { lines, type OutcomeCase } from './outcome-case';

/** `type` is not its first key. */
function claudeResult(more: Record<string, unknown>): string {
  return (
    JSON.stringify({
      duration_ms: 410,
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'PONG',
      session_id: '5b1b6f0e-0c1e-4ad5-8f0e-3f1f9b3d2a11',
      num_turns: 1,
      stop_reason: 'end_turn',
      total_cost_usd: 0.0123,
      usage: {
        input_tokens: 4,
        output_tokens: 7,
        cache_creation_input_tokens: 100,
        cache_read_input_tokens: 1000,
      },
      modelUsage: {
        'claude-haiku-4-5': { inputTokens: 1, outputTokens: 2, costUSD: 0.0001, costBasis: 'list' },
        'claude-opus-5-5': { inputTokens: 4, outputTokens: 7, costUSD: 0.0122, costBasis: 'list' },
      },
      permission_denials: [],
      api_error_status: null,
      ...more,
    }) + '\n'
  );
}

const claudeInit =
  JSON.stringify({
    type: 'system',
    subtype: 'init',
    tools: ['Bash'],
    mcp_servers: [],
    model: 'claude-opus-5-5',
    session_id: 'init-session',
  }) + '\n';
const claudeText =
  JSON.stringify({ type: 'assistant', message: { content: [{ type: 'text', text: 'Working on it' }] } }) +
  '\n';

function claudeApiError(result: string, more: Record<string, unknown> = {}): string {
  return claudeResult({
    is_error: true,
    terminal_reason: 'api_error',
    result,
    modelUsage: {},
    total_cost_usd: 0,
    ...more,
  });
}

/** Ends of Claude Code 2.1.329. */
export const CLAUDE_CASES: OutcomeCase[] = [
  {
    name: 'json object',
    profile: 'claude-code',
    format: 'json',
    outcome: outcomeOf({ stdout: claudeResult({}), stderr: '[claude-code:unrecognized_model] {}\n' }),
    expected: {
      success: true,
      exitCode: 0,
      stdout: 'PONG',
      inputTokens: 1104,
      outputTokens: 7,
      costUsd: 0.0123,
      model: 'claude-opus-5-5',
      sessionId: '5b1b6f0e-0c1e-4ad5-8f0e-3f1f9b3d2a11',
    },
  },
  {
    name: 'json array (--verbose)',
    profile: 'claude-code',
    format: 'json',
    outcome: outcomeOf({ stdout: `[${claudeInit.trim()},${claudeResult({}).trim()}]\n` }),
    expected: { success: true, stdout: 'PONG', costUsd: 0.0123 },
  },
  {
    name: 'stream-json lines with noise between',
    profile: 'claude-code',
    outcome: outcomeOf({ stdout: `${claudeInit}not json\n[1]\n${claudeText}{"torn\n${claudeResult({})}` }),
    expected: { success: true, stdout: 'PONG', outputTokens: 7 },
  },
  {
    name: 'an answer about limits is an answer',
    profile: 'claude-code',
    outcome: outcomeOf({
      stdout: claudeResult({ result: 'Handle HTTP 429: rate limit, quota, overloaded; resets at 9pm.' }),
    }),
    expected: { success: true, rateLimited: false, rateLimitWaitSeconds: null, errorType: null },
  },
  {
    name: 'cost of a model without a known price is not a cost',
    profile: 'claude-code',
    outcome: outcomeOf({
      stdout: claudeResult({ modelUsage: { 'my-model': { outputTokens: 7, costBasis: 'unknown' } } }),
    }),
    expected: { success: true, costUsd: null, model: 'my-model' },
  },
  {
    name: 'denied tool with exit code 0',
    profile: 'claude-code',
    outcome: outcomeOf({
      stdout: claudeResult({
        permission_denials: [{ tool_name: 'Write', tool_use_id: 't', tool_input: {} }],
      }),
    }),
    expected: { success: false, exitCode: 0, errorType: 'permission_denied', exitReason: 'completed' },
    message: /Write.*allowed_tools.*skip_permissions/,
  },
  {
    name: 'empty answer with exit code 0',
    profile: 'claude-code',
    outcome: outcomeOf({ stdout: claudeResult({ result: '' }) }),
    expected: { success: false, errorType: 'empty_answer', exitCode: 0 },
  },
  {
    name: 'SIGINT from outside: exit code 0 and nothing',
    profile: 'claude-code',
    outcome: outcomeOf({}),
    expected: { success: false, errorType: 'interrupted', exitCode: 0 },
  },
  {
    name: 'SIGINT from outside in stream-json: no result',
    profile: 'claude-code',
    outcome: outcomeOf({ stdout: claudeInit + claudeText }),
    expected: {
      success: false,
      errorType: 'interrupted',
      sessionId: 'init-session',
      model: 'claude-opus-5-5',
    },
  },
  {
    name: 'SIGTERM from outside: the code it claims',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 143, stdout: claudeInit }),
    expected: { success: false, errorType: 'interrupted', exitCode: 143, exitSignal: null },
  },
  {
    name: 'SIGTERM from the conductor at the time limit',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 143, endedBy: 'total_timeout', signalSent: 15, stdout: claudeInit }),
    expected: {
      success: false,
      errorType: 'timeout',
      exitReason: 'timeout',
      exitCode: null,
      exitSignal: 15,
      stdout: claudeInit,
    },
  },
  {
    name: 'usage limit in text form',
    profile: 'claude-code',
    format: 'text',
    outcome: outcomeOf({ rawStatus: 1, stdout: "You've hit your 5-hour limit · resets 12:55am (UTC)\n" }),
    expected: {
      success: false,
      errorType: 'usage_limit',
      rateLimited: true,
      rateLimitWaitSeconds: 3290,
      exitCode: 1,
    },
  },
  {
    name: 'usage limit in text form with exit code 0',
    profile: 'claude-code',
    format: 'text',
    outcome: outcomeOf({ stdout: "You've hit your weekly limit · resets Nov 24, 11:56pm (UTC)\n" }),
    expected: { success: false, errorType: 'usage_limit', rateLimited: true, rateLimitWaitSeconds: 604550 },
  },
  {
    name: 'usage limit in JSON, zone of Berlin',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeApiError("You've hit your Sonnet limit · resets 2:55am (Europe/Berlin)", {
        api_error: 'usage_limit_reached',
        api_error_status: 429,
      }),
    }),
    expected: { success: false, errorType: 'usage_limit', rateLimited: true, rateLimitWaitSeconds: 6890 },
  },
  {
    name: 'usage limit with its instant in an event',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout:
        lines({
          type: 'rate_limit_event',
          rate_limit_info: { status: 'rejected', resetsAt: Date.UTC(2026, 10, 18, 2) / 1000 },
        }) + claudeApiError("You've hit your 5-hour limit", { api_error: 'usage_limit_reached' }),
    }),
    expected: { errorType: 'usage_limit', rateLimitWaitSeconds: 7190 },
  },
  {
    name: '429',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeApiError('API Error: Request rejected (429) · slow down', { api_error_status: 429 }),
    }),
    expected: { success: false, errorType: 'rate_limit', rateLimited: true, rateLimitWaitSeconds: null },
  },
  {
    name: '429 of a subscription that is no usage limit',
    profile: 'claude-code',
    format: 'text',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: 'API Error: Server is temporarily limiting requests (not your usage limit) · x\n',
    }),
    expected: { errorType: 'rate_limit', rateLimited: true },
  },
  ...(
    [
      ['API Error: 400 messages: bad', 400, 'bad_request'],
      ['Invalid API key · Fix external API key', 401, 'authentication'],
      ['Not logged in · Please run /login', null, 'authentication'],
      ['Credit balance is too low', 402, 'quota_exhausted'],
      ['Failed to authenticate. API Error: 403 forbidden', 403, 'authentication'],
      ["There's an issue with the selected model (x). It may not exist", 404, 'configuration'],
      ['Request too large (max 32MB). Try a smaller file.', 413, 'context_too_long'],
      ['Prompt is too long', null, 'context_too_long'],
      ['API Error: 529 Overloaded. Try again.', 529, 'overloaded'],
      ['API Error: Repeated 529 Overloaded errors. x', 529, 'overloaded'],
      ['API Error: 500 Internal. This is a server-side issue, x', 500, 'bad_response'],
      ['API Error: Connection refused — is it up? (ECONNREFUSED)', null, 'network'],
      ['Request timed out. Check your network', null, 'network'],
    ] as const
  ).flatMap(([text, status, errorType]): OutcomeCase[] => [
    {
      name: `"${text}" in JSON`,
      profile: 'claude-code',
      outcome: outcomeOf({ rawStatus: 1, stdout: claudeApiError(text, { api_error_status: status }) }),
      expected: { success: false, exitCode: 1, errorType, rateLimited: errorType === 'quota_exhausted' },
    },
    {
      name: `"${text}" as text`,
      profile: 'claude-code',
      format: 'text',
      outcome: outcomeOf({ rawStatus: 1, stdout: `${text}\n` }),
      expected: { success: false, exitCode: 1, errorType },
    },
  ]),
  // The fields decide, whatever the text quotes.
  ...(
    [
      [{ api_error_status: 401 }, 'authentication'],
      [{ api_error_type: 'overloaded_error', api_error_status: 529 }, 'overloaded'],
      [{ api_error_type: 'rate_limit_error', api_error_status: 429 }, 'rate_limit'],
      [{ api_error: 'usage_limit_reached', api_error_type: 'rate_limit_error' }, 'usage_limit'],
      // A server that calls every failure `api_error`: the status says which it is.
      [{ api_error: 'api_error', api_error_status: 403 }, 'authentication'],
      [{ api_error_type: 'api_error', api_error_status: 401 }, 'authentication'],
      [{ api_error_type: 'api_error', api_error_status: 429 }, 'rate_limit'],
      [{ api_error_type: 'api_error', api_error_status: 529 }, 'overloaded'],
      [{ api_error_type: 'api_error', api_error_status: 500 }, 'bad_response'],
      [{ api_error_type: 'api_error' }, 'bad_response'],
    ] as const
  ).map(([fields, errorType]): OutcomeCase => ({
    name: `${JSON.stringify(fields)} before a text that talks of other things`,
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeApiError('API Error: prompt is too long: "429 too many requests"', fields),
    }),
    expected: { success: false, errorType },
  })),
  {
    name: 'a key that the init event names',
    profile: 'claude-code',
    outcome: outcomeOf({
      stdout:
        lines({ type: 'system', subtype: 'init', apiKeySource: 'ANTHROPIC_API_KEY' }) + claudeResult({}),
    }),
    expected: { success: true, paidBy: 'key' },
  },
  {
    name: 'an error in the result with exit code 0',
    profile: 'claude-code',
    outcome: outcomeOf({ stdout: claudeApiError('API Error: x') }),
    expected: { success: false, exitCode: 0, errorType: 'nonzero_exit' },
    message: /API Error: x/,
  },
  {
    name: 'refused connection by its JSON name',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeApiError('API Error: x', { api_error: 'connection_failed' }),
    }),
    expected: { errorType: 'network' },
  },
  {
    name: 'an answer cut at max_tokens',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeApiError('API Error: x', { api_error: 'max_output_tokens' }),
    }),
    expected: { errorType: 'bad_response' },
  },
  {
    name: 'max turns',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeResult({
        subtype: 'error_max_turns',
        is_error: true,
        result: undefined,
        errors: ['Reached max turns (2)'],
      }),
    }),
    expected: { success: false, errorType: 'nonzero_exit', outputTokens: 7, costUsd: 0.0123 },
    message: /max turns \(2\)/,
  },
  {
    name: 'max budget',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: claudeResult({
        subtype: 'error_max_budget_usd',
        is_error: true,
        result: undefined,
        errors: ['budget'],
      }),
    }),
    expected: { errorType: 'configuration' },
  },
  {
    name: 'refusal',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 1, stdout: claudeApiError('API Error: x', { stop_reason: 'refusal' }) }),
    expected: { errorType: 'refused' },
  },
  {
    name: 'root',
    profile: 'claude-code',
    outcome: outcomeOf({
      rawStatus: 1,
      stderr:
        '--dangerously-skip-permissions cannot be used with root/sudo privileges for security reasons\n',
    }),
    expected: { errorType: 'permission_denied', exitCode: 1 },
    message: /skip_permissions: false.*IS_SANDBOX=1/,
  },
  {
    name: 'unknown option',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 1, stderr: "error: unknown option '--full-auto'\n" }),
    expected: { errorType: 'configuration' },
    message: /--full-auto/,
  },
  {
    name: 'a system prompt file that is not there',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 1, stderr: 'Error: System prompt file not found: /nope\n' }),
    expected: { errorType: 'configuration' },
  },
  {
    name: 'too much on stdin',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 1, stderr: 'Error: piped stdin input exceeds 10MB\n' }),
    expected: { errorType: 'context_too_long' },
  },
];
