import type { TestConductor } from './conductor';
import { writeScriptInstrument } from './script-instrument';

/**
 * An instrument with the driver of Claude Code whose program is a script that prints what Claude Code 2.1.329 prints (stream-json, as measured). It notes
 * its arguments and which credentials it has in `claude-calls` of the workspace. A prompt with `FAIL` ends with an API failure the first time.
 */
export function writeClaudeStandIn(conductor: TestConductor, name: string): void {
  writeScriptInstrument(
    conductor,
    name,
    `const { appendFileSync, existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const prompt = readFileSync(0, 'utf8');
const workspace = process.env.MARIANNE_WORKSPACE;
const calls = join(workspace, 'claude-calls');
const failing = prompt.includes('FAIL') && !existsSync(calls);
const keys = ['ANTHROPIC_API_KEY', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDECODE'].filter((name) => name in process.env);
appendFileSync(calls, JSON.stringify({ argv: process.argv.slice(2), keys, retries: process.env.CLAUDE_CODE_MAX_RETRIES }) + '\\n');
const say = (event) => console.log(JSON.stringify(event));
const keySource = 'ANTHROPIC_API_KEY' in process.env ? 'ANTHROPIC_API_KEY' : 'none';
say({ type: 'system', subtype: 'init', session_id: 'session-1', apiKeySource: keySource, filler: 'x'.repeat(500) });
say({ type: 'assistant', message: { content: [{ type: 'tool_use', name: 'Write', input: { file_path: 'a.md', content: 'x'.repeat(500) } }] } });
const usage = { input_tokens: 1000, output_tokens: 100 };
const models = { 'claude-opus-5-5': { outputTokens: 100, costBasis: 'list' } };
const result = { subtype: 'success', session_id: 'session-1', usage, total_cost_usd: 0.1, modelUsage: models, permission_denials: [] };
const end = () => {
  if (failing) say({ ...result, type: 'result', is_error: true, result: 'API Error: 500 Internal. This is a server-side issue', api_error_status: 500 });
  else say({ ...result, type: 'result', is_error: false, result: 'done' });
  process.exitCode = failing ? 1 : 0;
};
if (prompt.includes('SLOW')) setTimeout(end, 700);
else end();
`,
    {
      title: 'Stand-in for Claude Code',
      driver: 'claude-code',
      command: [
        'auto_approve_flag: --dangerously-skip-permissions',
        'mcp_disable_args: [--strict-mcp-config]',
        "env: { CLAUDE_CODE_MAX_RETRIES: '0' }",
        'secret_env: [ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN]',
      ],
    },
  );
}
