import { outcomeOf } from './backends-runner';
import { lines, type OutcomeCase } from './outcome-case';
import { CLAUDE_CASES } from './recorded-claude';

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
    name: 'codex: output of a tool is no reason',
    profile: 'codex-cli',
    outcome: outcomeOf({
      rawStatus: 1,
      stdout: lines({
        type: 'item.completed',
        item: { type: 'command_execution', aggregated_output: 'rate limit exceeded, not logged in' },
      }),
    }),
    expected: { success: false, errorType: 'nonzero_exit', rateLimited: false },
  },
  {
    name: 'codex: killed while it read about limits',
    profile: 'codex-cli',
    outcome: outcomeOf({ rawStatus: 137, stderr: 'rate limit exceeded' }),
    expected: { success: false, errorType: 'crash', exitSignal: 9, rateLimited: false },
  },
  {
    name: 'text agent: limit at the end of stdout',
    profile: 'aider',
    outcome: outcomeOf({ rawStatus: 1, stdout: 'working\nRateLimitError: rate limit, retry after 9s\n' }),
    expected: { success: false, errorType: 'rate_limit', rateLimitWaitSeconds: 9 },
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
    name: 'gemini: it answers the SIGTERM of the time limit with exit code 0',
    profile: 'gemini-cli',
    outcome: outcomeOf({ rawStatus: 0, endedBy: 'total_timeout', signalSent: 15, stderr: 'w' }),
    expected: { success: false, exitReason: 'timeout', exitCode: null, exitSignal: 15, stderr: 'w' },
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
    name: 'opencode: a cost of 0 for tokens used is no known cost',
    profile: 'opencode',
    outcome: outcomeOf({
      stdout: lines(
        { type: 'text', part: { text: 'PONG' } },
        { type: 'step_finish', part: { tokens: { input: 9, output: 3 }, cost: 0 } },
      ),
    }),
    expected: { success: true, inputTokens: 9, costUsd: null },
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

/** Every recorded end, for both ways of coming to it. */
export const OUTCOME_CASES: readonly OutcomeCase[] = [...CLAUDE_CASES, ...others];
