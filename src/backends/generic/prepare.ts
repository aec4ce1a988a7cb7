import type { CliProfile } from '../../instruments/schema';
import type { InstrumentConfig } from '../../score/plan';
import type { BackendOverrides, PreparedProcess } from '../contract';
import { agentEnvironment, type EnvironmentSources } from '../environment';

/** All that decides how an agent is called. */
export interface PrepareInput {
  readonly profile: CliProfile;
  readonly config: InstrumentConfig;
  readonly overrides: BackendOverrides;
  /** Absolute path of the program. */
  readonly executable: string;
  /** Absolute. */
  readonly cwd: string;
  readonly environment: EnvironmentSources;
  readonly prompt: string;
  readonly preamble: string | null;
  readonly extensions: readonly string[];
  /** The agent's own session to go on with; null or absent = a new one. Only programs that can. */
  readonly session?: string | null;
  /** Of this call; null = the configured one, then the profile's. */
  readonly timeoutSeconds: number | null;
}

/** Why an agent cannot be called so. A setting that narrows what an agent may do is never dropped silently. */
export class PrepareError extends Error {
  override readonly name = 'PrepareError';
}

/** A prompt above this many UTF-8 bytes goes to stdin whatever the profile says (the Python system's number). */
export const MAX_ARGUMENT_PROMPT_BYTES = 32_768;

/** Linux MAX_ARG_STRLEN is 131,072 with the closing NUL; a longer string makes `spawn` throw E2BIG. */
const MAX_STRING_BYTES = 131_071;

/** Strings and their pointers share 2 MiB with an 8 MiB stack; macOS allows 1 MiB. Kept well below both. */
const MAX_TOTAL_BYTES = 900_000;

/** Preamble, prompt and extensions with a blank line between; a `raw_prompt` profile gets the prompt as it is. */
export function fullPrompt(
  input: Pick<PrepareInput, 'profile' | 'prompt' | 'preamble' | 'extensions'>,
): string {
  if (input.profile.raw_prompt) return input.prompt;
  const extensions = input.extensions.filter((text) => text.trim() !== '');
  const parts = [input.preamble ?? '', input.prompt, ...extensions];
  return parts.filter((part, index) => index === 1 || part !== '').join('\n\n');
}

/** The model asked for, or null for the program's own choice. */
export function chosenModel(input: Pick<PrepareInput, 'profile' | 'config' | 'overrides'>): string | null {
  return input.overrides.model ?? input.config.model ?? input.profile.default_model;
}

/** Total time limit in seconds: this call's, the score's, the profile's. */
export function chosenTimeout(input: Pick<PrepareInput, 'profile' | 'config' | 'timeoutSeconds'>): number {
  return input.timeoutSeconds ?? input.config.timeoutSeconds ?? input.profile.default_timeout_seconds;
}

/** The three time limits of a call. */
export function chosenTimers(
  input: Pick<PrepareInput, 'profile' | 'config' | 'timeoutSeconds'>,
): PreparedProcess['timers'] {
  return {
    firstOutputSeconds: input.config.firstOutputTimeoutSeconds ?? input.profile.first_output_timeout_seconds,
    idleSeconds: input.config.idleTimeoutSeconds ?? input.profile.idle_timeout_seconds,
    totalSeconds: chosenTimeout(input),
  };
}

/** How a generic CLI profile is called. Pure. @throws PrepareError */
export function prepareCli(input: PrepareInput): PreparedProcess {
  const { profile, config } = input;
  const { command } = profile.cli;
  if (config.allowedTools !== null && config.allowedTools.length > 0 && command.allowed_tools_flag === null) {
    throw new PrepareError(
      `${profile.display_name} has no way to restrict tools: remove allowed_tools or use another instrument`,
    );
  }
  if (config.systemPromptFile !== null && command.system_prompt_file_flag === null) {
    throw new PrepareError(
      `${profile.display_name} takes no system prompt file: remove system_prompt_file or use another instrument`,
    );
  }
  const prompt = promptPart(input);
  const model = chosenModel(input);
  const disableMcp = config.disableMcp ?? true;
  const argv: [string, ...string[]] = [
    input.executable,
    ...present(command.subcommand),
    ...(config.skipPermissions === false ? command.restricted_flags : present(command.auto_approve_flag)),
    ...(command.output_format_flag === null
      ? []
      : [command.output_format_flag, ...present(command.output_format_value)]),
    ...(command.model_flag === null || model === null ? [] : [command.model_flag, model]),
    ...(command.timeout_flag === null ? [] : [command.timeout_flag, String(Math.ceil(chosenTimeout(input)))]),
    ...(command.working_dir_flag === null ? [] : [command.working_dir_flag, input.cwd]),
    ...(command.system_prompt_file_flag === null || config.systemPromptFile === null
      ? []
      : [command.system_prompt_file_flag, config.systemPromptFile]),
    ...(command.allowed_tools_flag === null ||
    config.allowedTools === null ||
    config.allowedTools.length === 0
      ? []
      : [command.allowed_tools_flag, config.allowedTools.join(',')]),
    ...prompt.args,
    ...(disableMcp ? command.mcp_disable_args : []),
    ...command.extra_flags,
    ...(config.extraArgs ?? []),
  ];
  return finish(input, argv, prompt.stdin);
}

function present(value: string | null): string[] {
  return value === null ? [] : [value];
}

function promptPart(input: PrepareInput): { args: string[]; stdin: string | null } {
  const { command } = input.profile.cli;
  const text = fullPrompt(input);
  const viaStdin = { args: [] as string[], stdin: text };
  if (command.prompt_via_stdin) {
    if (command.stdin_sentinel !== null)
      viaStdin.args = [...present(command.prompt_flag), command.stdin_sentinel];
    return viaStdin;
  }
  // A program argument cannot hold a NUL, and not much text.
  if (Buffer.byteLength(text) > MAX_ARGUMENT_PROMPT_BYTES || text.includes('\0')) {
    if (command.stdin_sentinel !== null)
      viaStdin.args = [...present(command.prompt_flag), command.stdin_sentinel];
    return viaStdin;
  }
  if (!text.startsWith('-')) return { args: [...present(command.prompt_flag), text], stdin: null };
  // Text like "- [ ] item" would be read as an option.
  if (command.prompt_separator !== null) {
    return { args: [...present(command.prompt_flag), command.prompt_separator, text], stdin: null };
  }
  if (command.prompt_flag?.startsWith('--')) return { args: [`${command.prompt_flag}=${text}`], stdin: null };
  return viaStdin;
}

/** Adds environment and timers, and checks what the system would refuse. @throws PrepareError */
export function finish(
  input: PrepareInput,
  argv: [string, ...string[]],
  stdin: string | null,
): PreparedProcess {
  const env = agentEnvironment(input.profile, input.environment);
  let total = 0;
  const check = (what: string, value: string): void => {
    const bytes = Buffer.byteLength(value);
    total += bytes + 9;
    if (value.includes('\0')) throw new PrepareError(`${what} has a NUL character in it`);
    if (bytes > MAX_STRING_BYTES)
      throw new PrepareError(
        `${what} is too long for the system (${bytes} bytes, at most ${MAX_STRING_BYTES})`,
      );
  };
  argv.forEach((value, index) => {
    check(`argument ${index}`, value);
  });
  for (const [name, value] of Object.entries(env)) check(`environment variable ${name}`, `${name}=${value}`);
  if (total > MAX_TOTAL_BYTES)
    throw new PrepareError(`arguments and environment are too large together (${total} bytes)`);
  return {
    argv,
    env,
    cwd: input.cwd,
    stdin,
    timers: chosenTimers(input),
  };
}
