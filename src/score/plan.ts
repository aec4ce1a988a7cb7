/**
 * The plan: what a checked score comes to, in plain JSON data. Made once at submit and kept with the run; the engine reads this and never the
 * score's YAML. Sheet numbers are concrete (after fan-out), stages are those before it.
 */
export interface Plan {
  /** Raised when a stored plan could not be read by newer code. */
  readonly format: 1;
  readonly name: string;
  readonly description: string | null;
  /** Absolute. */
  readonly workspace: string;
  /** Folder of the score file, absolute: what `template_file` and hooks are relative to. */
  readonly scoreDir: string;
  readonly totalSheets: number;
  readonly totalStages: number;
  readonly sheets: readonly PlannedSheet[];
  readonly retry: RetryPolicy;
  readonly rateLimit: {
    readonly waitMinutes: number;
    readonly maxWaits: number;
    readonly maxQuotaWaits: number;
    /** As written by the author; empty when not written. */
    readonly detectionPatterns: readonly string[];
  };
  readonly parallel: {
    readonly enabled: boolean;
    readonly maxConcurrent: number;
    readonly failFast: boolean;
    readonly staggerDelayMs: number;
  };
  /** Null = off. */
  readonly crossSheet: CrossSheetPolicy | null;
  readonly pauseBetweenSheetsSeconds: number;
  readonly costLimits: {
    readonly maxCostPerSheet: number | null;
    readonly maxCostPerJob: number | null;
    readonly warnAtPercent: number;
  } | null;
  /** Null = off, or not written; absent from older stored plans. */
  readonly circuitBreaker?: { readonly failureThreshold: number; readonly recoverySeconds: number } | null;
  /** US dollars for 1,000 tokens, where the author wrote them; absent from older stored plans. */
  readonly prices?: { readonly per1kInput: number | null; readonly per1kOutput: number | null };
}

export interface PlannedSheet {
  readonly num: number;
  readonly stage: number;
  /** 1..fanCount. */
  readonly instance: number;
  readonly fanCount: number;
  readonly startItem: number;
  readonly endItem: number;
  readonly description: string | null;
  readonly movementName: string | null;
  /** Prerequisite sheet numbers, ascending. */
  readonly dependsOn: readonly number[];
  readonly instrument: PlannedInstrument;
  /** Tried in order when the first cannot do it. */
  readonly fallbacks: readonly PlannedInstrument[];
  readonly skipWhen: string | null;
  readonly skipWhenCommand: {
    readonly command: string;
    readonly description: string | null;
    readonly timeoutSeconds: number;
  } | null;
  /** The rules that apply to this sheet (conditions already decided), by stage, then in written order. */
  readonly validations: readonly PlannedRule[];
}

/** A profile by name with the merged configuration of score, movement, alias and sheet. */
export interface PlannedInstrument {
  /** Profile name; aliases are resolved. */
  readonly profile: string;
  /** What the score called it: the alias, or the profile name. */
  readonly label: string;
  readonly config: InstrumentConfig;
}

/** Known keys of `instrument_config` and `backend`, typed; null = not given. */
export interface InstrumentConfig {
  readonly model: string | null;
  readonly timeoutSeconds: number | null;
  readonly firstOutputTimeoutSeconds: number | null;
  readonly idleTimeoutSeconds: number | null;
  readonly skipPermissions: boolean | null;
  readonly disableMcp: boolean | null;
  readonly outputFormat: 'text' | 'json' | 'stream-json' | null;
  readonly allowedTools: readonly string[] | null;
  /** Absolute. */
  readonly systemPromptFile: string | null;
  /** Absolute; null = the job's workspace. */
  readonly workingDirectory: string | null;
  readonly maxOutputCaptureBytes: number | null;
  readonly extraArgs: readonly string[] | null;
  readonly apiKeyEnv: string | null;
  readonly maxTokens: number | null;
  readonly temperature: number | null;
  readonly fileTools: boolean | null;
  /** MCP servers that are chosen; `allow` null = all of its tools. */
  readonly mcpServers:
    | readonly {
        readonly name: string;
        readonly allow: readonly string[] | null;
        readonly deny: readonly string[];
      }[]
    | null;
  /** A further attempt goes on with the agent's session of the one before; absent from older stored plans. */
  readonly resumeSession?: boolean;
  /** Everything else, as written; a backend that knows a key reads it here, and validation has warned of the rest. */
  readonly other: Readonly<Record<string, unknown>>;
}

/** A configuration in which the score says nothing. */
export const SILENT_CONFIG: InstrumentConfig = {
  model: null,
  timeoutSeconds: null,
  firstOutputTimeoutSeconds: null,
  idleTimeoutSeconds: null,
  skipPermissions: null,
  disableMcp: null,
  outputFormat: null,
  allowedTools: null,
  systemPromptFile: null,
  workingDirectory: null,
  maxOutputCaptureBytes: null,
  extraArgs: null,
  apiKeyEnv: null,
  maxTokens: null,
  temperature: null,
  fileTools: null,
  mcpServers: null,
  other: {},
};

export interface RetryPolicy {
  /** Retries after the first attempt: 3 means at most four attempts. */
  readonly maxRetries: number;
  readonly baseDelaySeconds: number;
  readonly maxDelaySeconds: number;
  readonly exponentialBase: number;
  readonly jitter: boolean;
  readonly maxCompletionAttempts: number;
  readonly completionDelaySeconds: number;
  /** A pass rate above this selects completion mode, percent. */
  readonly completionThresholdPercent: number;
}

export interface CrossSheetPolicy {
  readonly autoCaptureStdout: boolean;
  readonly maxOutputChars: number;
  readonly captureFiles: readonly string[];
  /** 0 = all. */
  readonly lookbackSheets: number;
}

export type RuleType =
  'file_exists' | 'file_modified' | 'content_contains' | 'content_regex' | 'command_succeeds';

/** One validation rule as it applies to one sheet. Placeholders are still in the texts: they are filled at check time from `ruleContext`. */
export interface PlannedRule {
  /** 1-based position in the score's `validations`. */
  readonly index: number;
  readonly type: RuleType;
  readonly description: string | null;
  readonly path: string | null;
  readonly pattern: string | null;
  readonly command: string | null;
  readonly workingDirectory: string | null;
  /** 1–10; a stage with a failure stops the later ones. */
  readonly stage: number;
  /** Extra check attempts, and the pause between them in milliseconds. */
  readonly retryCount: number;
  readonly retryDelayMs: number;
  /** Of a command; seconds. */
  readonly timeoutSeconds: number;
}
