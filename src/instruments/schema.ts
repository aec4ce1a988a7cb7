import { z } from 'zod';

/**
 * The instrument profile: how to run one agent. The format is the Python system's (its profiles load unchanged) with additions of ours,
 * each marked "ours". Field names are those of the YAML file. Unknown keys are refused at every level, so that a typo is told.
 */

const text = z.string().min(1);
const optionalText = text.nullable().default(null);
const flag = z.string().min(1).nullable().default(null);
const seconds = z.number().positive();
const envName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'not the name of an environment variable');

/**
 * Profiles written for the Python system may carry its regular expression dialect: a leading `(?i)` (every pattern is matched without regard
 * to case anyway) and `(?P<name>`.
 */
export function translatePattern(pattern: string): string {
  return pattern.replace(/^\(\?[imsx]+\)/, '').replaceAll('(?P<', '(?<');
}

const pattern = text.transform((value, context) => {
  const translated = translatePattern(value);
  try {
    new RegExp(translated, 'i');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `not a regular expression: ${String(error)}` });
  }
  return translated;
});
const patterns = z.array(pattern).default([]);

const filterValue = z.union([z.string(), z.number(), z.boolean()]);

/** A model and its price. A price that is not known is null ("unpriced"), never 0: 0 means free. */
export const modelSchema = z.strictObject({
  name: text,
  context_window: z.number().int().min(1).nullable().default(null),
  /** US dollars for 1,000 tokens. */
  cost_per_1k_input: z.number().min(0).nullable().default(null),
  cost_per_1k_output: z.number().min(0).nullable().default(null),
  max_output_tokens: z.number().int().min(1).nullable().default(null),
  /** How many attempts may use this model at once. */
  max_concurrent: z.number().int().min(1).default(4),
});

const commandSchema = z.strictObject({
  executable: text,
  /** Ours. Folders searched after PATH; `~/` is the home folder. */
  known_places: z.array(text).default([]),
  /** Ours. Arguments that make the program print its version and do nothing else. */
  version_args: z.array(z.string()).default(['--version']),
  subcommand: flag,
  prompt_flag: flag,
  prompt_via_stdin: z.boolean().default(true),
  stdin_sentinel: flag,
  /** Ours. Put before a prompt argument that begins with `-`, for programs that understand it (`--`). */
  prompt_separator: flag,
  model_flag: flag,
  auto_approve_flag: flag,
  /** Ours. Used in place of `auto_approve_flag` when the score says `skip_permissions: false`. */
  restricted_flags: z.array(z.string()).default([]),
  output_format_flag: flag,
  output_format_value: flag,
  /** Accepted for the Python system's profiles; the text form is not used, because a whole prompt on the command line has a length limit. */
  system_prompt_flag: flag,
  /** Ours. Takes the path of the score's `system_prompt_file`. */
  system_prompt_file_flag: flag,
  allowed_tools_flag: flag,
  /** Accepted for the Python system's profiles; unused until jobs can bring MCP servers. */
  mcp_config_flag: flag,
  mcp_disable_args: z.array(z.string()).default([]),
  timeout_flag: flag,
  working_dir_flag: flag,
  extra_flags: z.array(z.string()).default([]),
  /** Set for the agent; `${NAME}` and `$NAME` take values that the agent may see. An entry with an unset name is left out. */
  env: z.record(envName, z.string()).default({}),
  /** Environment variables that the agent gets beyond the system's (PATH, HOME, locale, proxies …). Null = none. */
  required_env: z.array(envName).nullable().default(null),
  /** Ours. Which variables are secrets: never journalled, held in memory only. Names that look like keys are secrets anyway. */
  secret_env: z.array(envName).default([]),
  /** Ours. The agent gets the whole plain environment that was submitted with the job (for shells). */
  inherit_env: z.boolean().default(false),
  /** Accepted for the Python system's profiles; every agent gets its own session here. */
  start_new_session: z.boolean().default(false),
});

const outputSchema = z.strictObject({
  format: z.enum(['text', 'json', 'jsonl']).default('text'),
  result_path: flag,
  error_path: flag,
  /** Ours. An HTTP status inside the error, for instance `error.code`. */
  error_status_path: flag,
  /** Ours. jsonl: `type` of the events that carry `error_path`; empty = any. */
  error_event_types: z.array(text).default([]),
  completion_event_type: flag,
  /** Keys may be dot paths. */
  completion_event_filter: z.record(z.string(), filterValue).default({}),
  /** Ours. jsonl: which of several completion events is the answer. */
  result_choice: z.enum(['first', 'last', 'join']).default('last'),
  input_tokens_path: flag,
  output_tokens_path: flag,
  /** Add all matches of a wildcard up, and all events of a jsonl stream. */
  aggregate_tokens: z.boolean().default(false),
  /** Ours. US dollars as the program states them; aggregated like tokens. */
  cost_path: flag,
  /** Ours. */
  session_path: flag,
  /** Ours. */
  model_path: flag,
  /** Ours. Success without an answer counts as a failure. */
  requires_answer: z.boolean().default(false),
});

const errorsSchema = z.strictObject({
  success_exit_codes: z.array(z.number().int().min(0).max(255)).default([0]),
  /** Ours. Codes above 128 that the program really exits with, so that they are not read as "ended by signal n". */
  signal_exit_codes: z.array(z.number().int().min(129).max(255)).default([]),
  /** Ours. Also look for the texts that many agents share (limits, login, network); false for programs whose output is anything. */
  common_patterns: z.boolean().default(true),
  rate_limit_patterns: patterns,
  auth_error_patterns: patterns,
  capacity_patterns: patterns,
  timeout_patterns: patterns,
  crash_patterns: patterns,
  stale_patterns: patterns,
  /** jsonl: `type` of an event that means "limited". */
  rate_limit_event_type: flag,
  rate_limit_event_filter: z.record(z.string(), filterValue).nullable().default(null),
});

const cliSchema = z.strictObject({
  /** Ours. Which program logic drives it: `generic` (this profile alone) or `claude-code` (understands Claude Code's results fully). */
  driver: z.enum(['generic', 'claude-code']).default('generic'),
  command: commandSchema,
  output: outputSchema.prefault({}),
  errors: errorsSchema.prefault({}),
});

const httpSchema = z.strictObject({
  base_url: z.url({ protocol: /^https?$/ }),
  /** Ours. Variable of the user's environment that replaces `base_url`. */
  base_url_env_var: envName.nullable().default(null),
  endpoint: z.string().default('/v1/chat/completions'),
  schema_family: z.enum(['openai', 'anthropic', 'gemini', 'ollama', 'recursive_light']),
  auth_env_var: envName.nullable().default(null),
});

const codeModeSchema = z.strictObject({
  interfaces: z
    .array(z.strictObject({ name: text, typescript: text, description: optionalText }))
    .default([]),
  runtime: z.enum(['deno', 'node_vm', 'v8_isolate']).default('deno'),
  max_execution_ms: z.number().int().min(100).default(30_000),
});

export const profileSchema = z
  .strictObject({
    name: z.string().regex(/^[^\s/\\]{1,100}$/, 'a name is 1–100 characters without spaces and slashes'),
    display_name: text,
    description: optionalText,
    kind: z.enum(['cli', 'http']),
    capabilities: z.array(text).default([]),
    /** Accepted for the Python system's profiles; nothing runs it there or here. */
    code_mode: codeModeSchema.nullable().default(null),
    models: z.array(modelSchema).default([]),
    /** Ours. Name of a list in the built-in price file, used after `models`. */
    model_list: flag,
    default_model: optionalText,
    default_timeout_seconds: seconds.default(1800),
    /** Ours. Seconds without any output after which the attempt is ended; null = never. */
    first_output_timeout_seconds: seconds.nullable().default(null),
    /** Ours. Seconds of silence after which the attempt is ended as stale; null = never. */
    idle_timeout_seconds: seconds.nullable().default(null),
    raw_prompt: z.boolean().default(false),
    /** Ours. How to get the program, and how to log in; shown by `mzt doctor`. */
    install_hint: optionalText,
    login_hint: optionalText,
    cli: cliSchema.nullable().default(null),
    http: httpSchema.nullable().default(null),
  })
  .superRefine((profile, context) => {
    if (profile[profile.kind] === null) {
      context.addIssue({
        code: 'custom',
        path: ['kind'],
        message: `kind ${profile.kind} needs a section "${profile.kind}"`,
      });
    }
  });

type DeepReadonly<T> = T extends readonly (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

export type InstrumentProfile = DeepReadonly<z.infer<typeof profileSchema>>;
export type CliSection = NonNullable<InstrumentProfile['cli']>;
export type InstrumentModel = InstrumentProfile['models'][number];

/** A profile with `kind: cli`, so that its section is there. */
export type CliProfile = InstrumentProfile & { readonly kind: 'cli'; readonly cli: CliSection };

export function isCliProfile(profile: InstrumentProfile): profile is CliProfile {
  return profile.kind === 'cli' && profile.cli !== null;
}

/** A profile with `kind: http`, so that its section is there. */
export type HttpProfile = InstrumentProfile & {
  readonly kind: 'http';
  readonly http: NonNullable<InstrumentProfile['http']>;
};

export function isHttpProfile(profile: InstrumentProfile): profile is HttpProfile {
  return profile.kind === 'http' && profile.http !== null;
}
