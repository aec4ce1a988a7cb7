import type { HttpProfile, InstrumentProfile } from './schema';

/** Obeyed for every HTTP instrument, by what they have in common. */
const everyHttp = [
  'timeout_seconds',
  'timeout_overrides',
  'first_output_timeout_seconds',
  'idle_timeout_seconds',
  'working_directory',
  'max_output_capture_bytes',
  'system_prompt_file',
  'base_url',
];

/** Beside these, by what the server speaks. */
const ofFamily: Partial<Record<HttpProfile['http']['schema_family'], readonly string[]>> = {
  anthropic: [
    'model',
    'api_key_env',
    'max_tokens',
    'temperature',
    'max_tool_iterations',
    'file_tools',
    'mcp_servers',
  ],
  openai: [
    'model',
    'api_key_env',
    'max_tokens',
    'temperature',
    'max_tool_iterations',
    'file_tools',
    'mcp_servers',
  ],
  recursive_light: ['api_key_env', 'user_id'],
};

/**
 * The keys of `instrument_config` and `backend` that an instrument heeds. Score validation warns of the others, so that no setting is
 * ignored without a word.
 */
export function honouredConfigKeys(profile: InstrumentProfile): readonly string[] {
  if (profile.cli === null) {
    return [...everyHttp, ...(ofFamily[profile.http?.schema_family ?? 'gemini'] ?? [])];
  }
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
