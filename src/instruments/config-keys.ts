import type { InstrumentProfile } from './schema';

/**
 * The keys of `instrument_config` and `backend` that an instrument heeds. Score validation warns of the others, so that no setting is
 * ignored without a word.
 */
export function honouredConfigKeys(profile: InstrumentProfile): readonly string[] {
  if (profile.cli === null) {
    return [
      'model',
      'timeout_seconds',
      'api_key_env',
      'max_tokens',
      'temperature',
      'file_tools',
      'mcp_servers',
      ...(profile.http?.schema_family === 'ollama' ? ['num_ctx', 'keep_alive', 'parallel_requests'] : []),
    ];
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
    ...(claude ? ['output_format'] : []),
    ...(claude || command.allowed_tools_flag !== null ? ['allowed_tools'] : []),
    ...(claude || command.system_prompt_file_flag !== null ? ['system_prompt_file'] : []),
  ];
}
