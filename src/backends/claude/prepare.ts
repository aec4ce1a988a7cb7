import type { PreparedProcess } from '../contract';
import { chosenModel, finish, fullPrompt, type PrepareInput } from '../generic/prepare';

export type ClaudeOutputFormat = 'text' | 'json' | 'stream-json';

/** What Claude Code is asked to print: the score's wish, else the profile's. */
export function claudeOutputFormat(input: Pick<PrepareInput, 'profile' | 'config'>): ClaudeOutputFormat {
  if (input.config.outputFormat !== null) return input.config.outputFormat;
  const value = input.profile.cli.command.output_format_value;
  return value === 'text' || value === 'json' ? value : 'stream-json';
}

/**
 * How Claude Code is called (measured with 2.1.329). The prompt is on stdin after a bare `-p`: `-p -` would make "-" its first line, and an argument
 * that begins with `-` would be an unknown option. @throws PrepareError
 */
export function prepareClaude(input: PrepareInput): PreparedProcess {
  const { config } = input;
  const { command } = input.profile.cli;
  const format = claudeOutputFormat(input);
  const model = chosenModel(input);
  const argv: [string, ...string[]] = [
    input.executable,
    '-p',
    ...(config.skipPermissions === false ? [] : ['--dangerously-skip-permissions']),
    '--output-format',
    format,
    ...(format === 'stream-json' ? ['--verbose'] : []),
    ...(config.disableMcp === false ? [] : ['--strict-mcp-config', '--mcp-config', '{"mcpServers":{}}']),
    ...(input.session ? ['--resume', input.session] : []),
    ...(model === null ? [] : ['--model', model]),
    ...(config.allowedTools === null || config.allowedTools.length === 0
      ? []
      : ['--allowedTools', config.allowedTools.join(',')]),
    ...(config.systemPromptFile === null ? [] : ['--system-prompt-file', config.systemPromptFile]),
    ...command.extra_flags,
    ...(config.extraArgs ?? []),
  ];
  return finish(input, argv, fullPrompt(input));
}
