import type { ExecutionResult } from '../../src/backends/result';
import { outcomeOf } from './backends-runner';

/** One end of an agent and what it means; the shapes were recorded from the programs named in docs/instruments.md. */
export interface OutcomeCase {
  readonly name: string;
  readonly profile: string;
  readonly format?: 'text' | 'json' | 'stream-json';
  readonly outcome: ReturnType<typeof outcomeOf>;
  readonly expected: Partial<ExecutionResult>;
  /** In the error message. */
  readonly message?: RegExp;
}

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

function lines(...events: unknown[]): string {
  return events.map((event) => JSON.stringify(event) + '\n').join('');
}

const claude: OutcomeCase[] = [
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
      ['API Error: 500 Internal. This is a server-side issue, x', 500, 'overloaded'],
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
    name: 'too much on stdin',
    profile: 'claude-code',
    outcome: outcomeOf({ rawStatus: 1, stderr: 'Error: piped stdin input exceeds 10MB\n' }),
    expected: { errorType: 'context_too_long' },
  },
];

const codexOk = lines(
  { type: 'thread.started', thread_id: 'th-1' },
  { type: 'turn.started' },
  { type: 'error', message: 'Reconnecting... 1/5 (rate limit)' },
  { type: 'item.completed', item: { id: 'i0', type: 'error', message: 'model metadata for x not found' } },
  { type: 'item.completed', item: { id: 'i1', type: 'agent_message', text: 'first' } },
  {
    type: 'item.completed',
    item: { id: 'i2', type: 'command_execution', command: 'ls', aggregated_output: 'a', exit_code: 0 },
  },
  { type: 'item.completed', item: { id: 'i3', type: 'agent_message', text: 'PONG' } },
  { type: 'turn.completed', usage: { input_tokens: 10, cached_input_tokens: 0, output_tokens: 5 } },
);

const others: OutcomeCase[] = [
  {
    name: 'codex: last agent message, errors of a successful run are noise',
    profile: 'codex-cli',
    outcome: outcomeOf({ stdout: codexOk, stderr: 'Reading prompt from stdin...\n' }),
    expected: {
      success: true,
      stdout: 'PONG',
      inputTokens: 10,
      outputTokens: 5,
      sessionId: 'th-1',
      rateLimited: false,
    },
  },
  {
    name: 'codex: 429',
    profile: 'codex-cli',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: lines(
        { type: 'error', message: 'exceeded retry limit, last status: 429 Too Many Requests' },
        {
          type: 'turn.failed',
          error: { message: 'exceeded retry limit, last status: 429 Too Many Requests' },
        },
      ),
    }),
    expected: { success: false, errorType: 'rate_limit', rateLimited: true, exitCode: 1 },
    message: /429/,
  },
  {
    name: 'codex: 401',
    profile: 'codex-cli',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: lines({
        type: 'turn.failed',
        error: { message: 'unexpected status 401 Unauthorized: bad key' },
      }),
    }),
    expected: { errorType: 'authentication' },
  },
  {
    name: 'codex: 500 without its status',
    profile: 'codex-cli',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: lines({
        type: 'turn.failed',
        error: { message: "We're currently experiencing high demand, x" },
      }),
    }),
    expected: { errorType: 'overloaded' },
  },
  {
    name: 'codex: SIGTERM from outside',
    profile: 'codex-cli',
    outcome: outcomeOf({ rawStatus: 143, stdout: '' }),
    expected: { success: false, exitCode: null, exitSignal: 15, exitReason: 'killed', errorType: 'crash' },
  },
  {
    name: 'codex: an option that is gone (clap)',
    profile: 'codex-cli',
    outcome: outcomeOf({
      rawStatus: 2,
      stderr: "error: unexpected argument '--full-auto' found\n\nUsage: codex exec\n",
    }),
    expected: { errorType: 'configuration', exitCode: 2 },
    message: /--full-auto/,
  },
  {
    name: 'gemini: success with warnings on stderr',
    profile: 'gemini-cli',
    outcome: outcomeOf({
      stdout: JSON.stringify(
        {
          session_id: 's-9',
          response: 'PONG',
          stats: {
            models: {
              a: { tokens: { prompt: 3, candidates: 1, total: 4 } },
              b: { tokens: { prompt: 5, candidates: 2, total: 7 } },
            },
          },
        },
        null,
        2,
      ),
      stderr: 'Warning: YOLO mode is enabled; rate limit info unavailable\n',
    }),
    expected: { success: true, stdout: 'PONG', inputTokens: 8, outputTokens: 3, sessionId: 's-9' },
  },
  {
    name: 'gemini: 401 exits with 145',
    profile: 'gemini-cli',
    outcome: outcomeOf({
      rawStatus: 145,
      stderr:
        'Warning: x {not json}\n' +
        JSON.stringify({ error: { type: 'Error', message: 'bad credentials', code: 401 } }, null, 2) +
        '\n',
    }),
    expected: {
      success: false,
      exitCode: 145,
      exitSignal: null,
      exitReason: 'completed',
      errorType: 'authentication',
    },
    message: /exit code 145: bad credentials/,
  },
  {
    name: 'gemini: 429 exits with 173',
    profile: 'gemini-cli',
    outcome: outcomeOf({
      rawStatus: 173,
      stderr: JSON.stringify(
        { error: { type: 'Error', message: 'Please retry in 31.5s.', code: 429 } },
        null,
        2,
      ),
    }),
    expected: {
      exitCode: 173,
      exitSignal: null,
      errorType: 'rate_limit',
      rateLimited: true,
      rateLimitWaitSeconds: 31.5,
    },
  },
  {
    name: 'gemini: SIGTERM from outside ends with 0 and nothing',
    profile: 'gemini-cli',
    outcome: outcomeOf({ stderr: 'Warning: x\n' }),
    expected: { success: false, errorType: 'interrupted', exitCode: 0 },
  },
  {
    name: 'opencode: last text, tokens of all steps',
    profile: 'opencode',
    outcome: outcomeOf({
      stdout: lines(
        { type: 'step_start', sessionID: 'ses', part: {} },
        { type: 'text', sessionID: 'ses', part: { text: 'looking' } },
        {
          type: 'step_finish',
          sessionID: 'ses',
          part: { reason: 'tool-calls', tokens: { input: 10, output: 2 }, cost: 0.25 },
        },
        { type: 'text', sessionID: 'ses', part: { text: 'PONG' } },
        {
          type: 'step_finish',
          sessionID: 'ses',
          part: { reason: 'stop', tokens: { input: 20, output: 3 }, cost: 0.5 },
        },
      ),
    }),
    expected: {
      success: true,
      stdout: 'PONG',
      inputTokens: 30,
      outputTokens: 5,
      costUsd: 0.75,
      sessionId: 'ses',
    },
  },
  {
    name: 'opencode: a tool that was not allowed gives no text',
    profile: 'opencode',
    outcome: outcomeOf({ stdout: lines({ type: 'step_start', part: {} }) }),
    expected: { success: false, exitCode: 0, errorType: 'empty_answer' },
  },
  {
    name: 'opencode: 401 by status',
    profile: 'opencode',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: lines({
        type: 'error',
        error: { name: 'APIError', data: { message: 'Nope', statusCode: 401, isRetryable: false } },
      }),
    }),
    expected: { errorType: 'authentication' },
    message: /Nope/,
  },
  {
    name: 'text agent: limit on stderr in colours',
    profile: 'aider',
    outcome: outcomeOf({
      rawStatus: 1,
      stderr: '\u001b[31mlitellm.RateLimitError: Rate limit\u001b[0m reached, try again in 6m0s\n',
    }),
    expected: { errorType: 'rate_limit', rateLimited: true, rateLimitWaitSeconds: 360 },
  },
  {
    name: 'text agent: an answer that tells of limits',
    profile: 'aider',
    outcome: outcomeOf({ stdout: 'I added handling of rate limit errors (status 429), resets at 5pm\n' }),
    expected: { success: true, rateLimited: false },
  },
  {
    name: 'shell: exit code and stderr, never texts',
    profile: 'cli',
    outcome: outcomeOf({ rawStatus: 3, stdout: 'rate limit 429\n', stderr: 'Too many requests\n' }),
    expected: { success: false, exitCode: 3, errorType: 'nonzero_exit', rateLimited: false },
    message: /exit code 3/,
  },
  {
    name: 'shell: no output is fine',
    profile: 'cli',
    outcome: outcomeOf({}),
    expected: { success: true, exitCode: 0, stdout: '' },
  },
  {
    name: 'shell: killed by SIGKILL from outside',
    profile: 'cli',
    outcome: outcomeOf({ rawStatus: 137, stdout: 'half' }),
    expected: {
      success: false,
      exitCode: null,
      exitSignal: 9,
      exitReason: 'killed',
      errorType: 'crash',
      stdout: 'half',
    },
  },
  {
    name: 'shell: an exit code above 128 that is no common signal',
    profile: 'cli',
    outcome: outcomeOf({ rawStatus: 200 }),
    expected: { exitCode: 200, exitSignal: null, errorType: 'nonzero_exit' },
  },
];

/** Ends that a real program run cannot be made to have on command: only for the attach way. */
export const ATTACH_ONLY: readonly OutcomeCase[] = (
  [
    ['first_output_timeout', 'timeout', 'first_output_timeout'],
    ['idle_timeout', 'timeout', 'stale'],
    ['cancelled', 'killed', 'cancelled'],
    ['lost', 'error', 'interrupted'],
    ['not_started', 'error', 'interrupted'],
  ] as const
).map(([endedBy, exitReason, errorType]) => ({
  name: endedBy,
  profile: 'cli',
  outcome: outcomeOf({ rawStatus: null, endedBy, stdout: 'partial', stderr: 'err' }),
  expected: {
    success: false,
    exitCode: null,
    exitReason,
    errorType,
    stdout: 'partial',
    stderr: 'err',
    durationSeconds: 10,
  },
}));

export const OUTCOME_CASES: readonly OutcomeCase[] = [...claude, ...others];
