import type { InstrumentProfile } from './schema';

type Family = NonNullable<InstrumentProfile['http']>['schema_family'];

/** Heeded by every HTTP instrument: its timers and its address. */
const everyCall = [
  'timeout_seconds',
  'timeout_overrides',
  'first_output_timeout_seconds',
  'idle_timeout_seconds',
  'base_url',
  'max_output_capture_bytes',
];
const model = ['model', 'cli_model', 'system_prompt_file'];
const tools = ['max_tool_iterations', 'working_directory', 'file_tools', 'mcp_servers'];

/** What the vendors' classes in backends/http heed beside that. */
const byFamily: Readonly<Record<Family, readonly string[]>> = {
  anthropic: [...model, ...tools, 'api_key_env', 'max_tokens', 'temperature', 'thinking'],
  openai: [...model, ...tools, 'api_key_env', 'max_tokens', 'temperature'],
  ollama: [
    ...model,
    ...tools,
    'api_key_env',
    'max_tokens',
    'temperature',
    'num_ctx',
    'keep_alive',
    'parallel_requests',
  ],
  recursive_light: ['system_prompt_file', 'api_key_env', 'user_id'],
  gemini: [],
};

/**
 * The keys of `instrument_config` and `backend` that an instrument heeds. Score validation warns of the others, so that no setting is
 * ignored without a word.
 */
export function honouredConfigKeys(profile: InstrumentProfile): readonly string[] {
  if (profile.http !== null && profile.kind === 'http')
    return [...everyCall, ...byFamily[profile.http.schema_family]];
  if (profile.cli === null) return [];
  const { driver, command } = profile.cli;
  const claude = driver === 'claude-code';
  return [
    ...(claude || command.model_flag !== null ? ['model', 'cli_model'] : []),
    'timeout_seconds',
    'timeout_overrides',
    'first_output_timeout_seconds',
    'idle_timeout_seconds',
    'working_directory',
    'max_output_capture_bytes',
    'cli_extra_args',
    ...(claude || command.auto_approve_flag !== null ? ['skip_permissions'] : []),
    ...(claude || command.mcp_disable_args.length > 0 ? ['disable_mcp'] : []),
    ...(claude ? ['output_format', 'resume_session'] : []),
    ...(claude || command.allowed_tools_flag !== null ? ['allowed_tools'] : []),
    ...(claude || command.system_prompt_file_flag !== null ? ['system_prompt_file'] : []),
  ];
}
