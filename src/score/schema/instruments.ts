import { z } from 'zod';
import { block, bySheet, count, maybe, positive, text } from './fields';

const outputFormat = z.enum(['json', 'text', 'stream-json']);

const mcpServerChoice = z.union([
  text(),
  z.strictObject({
    name: text().describe('Name of the server.'),
    allow: z.array(text()).nullish().describe('Only these of its tools; `*` stands for any characters.'),
    deny: z.array(text()).nullish().describe('Not these of its tools.'),
  }),
]);

/**
 * `instrument_config`, an alias' `config`, a movement's and a sheet's: known keys are typed, unknown ones are kept for
 * the instrument and warned of.
 */
export const instrumentConfig = z.looseObject({
  model: z.string().nullish().describe('Model to use, by the name that the instrument knows.'),
  cli_model: z.string().nullish().describe('The same as `model`.'),
  timeout_seconds: positive().nullish().describe('Time limit of one attempt, in seconds.'),
  timeout_overrides: bySheet(positive())
    .nullish()
    .describe('Time limits of single sheets: sheet number → seconds.'),
  first_output_timeout_seconds: positive()
    .nullish()
    .describe('End an attempt that has written nothing after this many seconds.'),
  idle_timeout_seconds: positive()
    .nullish()
    .describe('End an attempt that has written nothing for this many seconds.'),
  skip_permissions: z
    .boolean()
    .nullish()
    .describe('Let the agent act without asking. Needed for work that nobody attends.'),
  disable_mcp: z.boolean().nullish().describe('Start the agent without MCP servers.'),
  output_format: outputFormat.nullish().describe('Output format asked of the agent.'),
  allowed_tools: z.array(z.string()).nullish().describe('Only these tools may be used.'),
  system_prompt_file: z
    .string()
    .nullish()
    .describe('File with a system prompt; relative to the folder of the score.'),
  working_directory: z
    .string()
    .nullish()
    .describe('Where the agent works; relative to the folder of the score. Default: the workspace.'),
  max_output_capture_bytes: count(1)
    .nullish()
    .describe('How much of the output is kept for later sheets, in bytes. Default: all of it.'),
  cli_extra_args: z.array(z.string()).nullish().describe('Arguments appended to the command line.'),
  resume_session: z
    .boolean()
    .nullish()
    .describe('Further attempts go on with the agent’s session of the one before (Claude Code).'),
  api_key_env: z.string().nullish().describe('Name of the environment variable with the API key.'),
  base_url: z
    .string()
    .regex(/^https?:\/\/[^\s]+$/, 'must be an http:// or https:// address')
    .nullish()
    .describe('Address of the server (HTTP instruments): this machine, or one approved with `mzt trust`.'),
  max_tool_iterations: count(1, 50)
    .nullish()
    .describe('Rounds of tool use in one attempt (HTTP instruments). Default 10.'),
  thinking: z
    .union([z.literal('adaptive'), z.boolean(), count(1024)])
    .nullish()
    .describe('Let the model think first (`anthropic_api`): `adaptive`, or a budget in tokens.'),
  num_ctx: count(256).nullish().describe('Context window, in tokens (Ollama). Default 32768.'),
  keep_alive: z
    .union([z.string().regex(/^-?\d+(\.\d+)?(ms|s|m|h)?$/, 'not a duration such as 5m'), z.number()])
    .nullish()
    .describe('How long the model stays loaded: `5m`, seconds, or -1 for ever (Ollama). Default `5m`.'),
  parallel_requests: count(1, 64).nullish().describe('Requests at once to one server (Ollama). Default 1.'),
  user_id: text()
    .nullish()
    .describe('User id sent along (`recursive_light`). Default: one made for this installation.'),
  max_tokens: count(1).nullish().describe('Longest answer, in tokens (HTTP instruments).'),
  temperature: z.number().min(0).max(2).nullish().describe('Sampling temperature (HTTP instruments).'),
  file_tools: z
    .boolean()
    .nullish()
    .describe('Offer `read_file`, `write_file` and `list_dir` (HTTP instruments). Default: true.'),
  mcp_servers: z
    .array(mcpServerChoice)
    .nullish()
    .describe(
      'MCP servers whose tools are offered (HTTP instruments), by the names that the user gave them.',
    ),
});

export const instrumentAlias = z.strictObject({
  profile: text().describe('Instrument profile that the alias stands for.'),
  config: instrumentConfig.prefault({}).describe('Settings that the alias adds; they beat the movement’s.'),
});

export const movement = z.strictObject({
  name: maybe(z.string()).describe('Name shown in status displays.'),
  instrument: maybe(text()).describe('Instrument or alias for all sheets of this movement.'),
  instrument_config: instrumentConfig.prefault({}).describe('Merged over the score’s `instrument_config`.'),
  voices: maybe(count(1)).describe('Short for `sheet.fan_out`: how many sheets play this movement at once.'),
  instrument_fallbacks: z
    .array(z.string())
    .default([])
    .describe('Replaces the score’s fall-backs for this movement, unless empty.'),
});

const sheetOverride = z.strictObject({
  cli_model: maybe(z.string()).describe('Model of this sheet (command-line instruments).'),
  model: maybe(z.string()).describe('Model of this sheet (HTTP instruments).'),
  temperature: maybe(z.number().min(0).max(1)).describe('Sampling temperature of this sheet.'),
  max_tokens: maybe(count(1)).describe('Longest answer of this sheet, in tokens.'),
  timeout_seconds: maybe(positive()).describe('Time limit of this sheet’s attempts, in seconds.'),
});

export const backend = block({
  type: z
    .string()
    .default('claude_cli')
    .describe('Instrument used when `instrument` is absent (older form of `instrument`).'),
  skip_permissions: z.boolean().default(true).describe('Let the agent act without asking.'),
  disable_mcp: z.boolean().default(true).describe('Start the agent without MCP servers.'),
  output_format: outputFormat.default('text').describe('Output format asked of the agent.'),
  cli_model: maybe(z.string()).describe('Model (command-line instruments).'),
  allowed_tools: maybe(z.array(z.string())).describe('Only these tools may be used.'),
  system_prompt_file: maybe(z.string()).describe('System prompt file; relative to the score’s folder.'),
  cli_extra_args: z.array(z.string()).default([]).describe('Arguments appended to the command line.'),
  working_directory: maybe(z.string()).describe(
    'Where the agent works; relative to the score’s folder. Default: the workspace.',
  ),
  timeout_seconds: positive().default(1800).describe('Time limit of one attempt, in seconds.'),
  timeout_overrides: bySheet(positive()).default({}).describe('Sheet number → time limit in seconds.'),
  sheet_overrides: bySheet(sheetOverride).default({}).describe('Settings of single sheets.'),
  max_output_capture_bytes: count(1)
    .default(51200)
    .describe('How much of the output is kept for later sheets, in bytes; all of it unless it is written.'),
  model: z.string().default('claude-sonnet-4-5-20250929').describe('Model (`anthropic_api`).'),
  api_key_env: z
    .string()
    .default('ANTHROPIC_API_KEY')
    .describe('Environment variable with the API key (`anthropic_api`).'),
  max_tokens: count(1).default(16384).describe('Longest answer, in tokens (`anthropic_api`).'),
  temperature: z.number().min(0).max(1).default(0.7).describe('Sampling temperature (`anthropic_api`).'),
  recursive_light: block({
    endpoint: z.string().default('http://localhost:8080').describe('Address of the server.'),
    user_id: maybe(z.string()).describe('User id sent along.'),
    timeout: positive().default(30).describe('Time limit of a request, in seconds.'),
  }).describe('Settings of `recursive_light`.'),
  ollama: block({
    base_url: z.string().default('http://localhost:11434').describe('Address of the server.'),
    model: z.string().default('llama3.1:8b').describe('Model.'),
    num_ctx: count(4096).default(32768).describe('Context window, in tokens.'),
    dynamic_tools: z.boolean().default(true).describe('Offer only the tools that a prompt needs.'),
    compression_level: z
      .enum(['minimal', 'moderate', 'aggressive'])
      .default('moderate')
      .describe('How much tool descriptions are shortened.'),
    timeout_seconds: positive().default(300).describe('Time limit of a request, in seconds.'),
    keep_alive: z.string().default('5m').describe('How long the model stays loaded.'),
    max_tool_iterations: count(1, 50).default(10).describe('Rounds of tool use in one attempt.'),
    health_check_timeout: positive().default(10).describe('Time limit of a health check, in seconds.'),
  }).describe('Settings of `ollama`.'),
});

/** Fields of a score that choose and configure instruments. */
export const instrumentFields = {
  backend: backend.describe('Older way to choose and configure the instrument; `instrument` is the newer.'),
  instrument: maybe(text()).describe('Instrument (profile name or alias) of all sheets that name no other.'),
  instrument_config: instrumentConfig.prefault({}).describe('Settings for the instrument, score-wide.'),
  instrument_fallbacks: z
    .array(z.string())
    .default([])
    .describe('Instruments tried in this order when the first cannot do a sheet.'),
  instruments: z
    .record(text(), instrumentAlias)
    .default({})
    .describe('Aliases of this score: a name for a profile with settings.'),
  movements: bySheet(movement).default({}).describe('Settings by movement (stage number before fan-out).'),
};
