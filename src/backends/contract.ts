import type { ExecutionResult } from './result';

/** Overrides for one execution; an absent key leaves the configured value. */
export interface BackendOverrides {
  readonly model?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
}

export interface ExecuteOptions {
  /** Total time limit, seconds; covers the whole call. Default: the configured one. */
  readonly timeoutSeconds?: number;
  /** Aborting ends the execution, and everything that it started, with `exitReason: 'killed'`. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: BackendProgress) => void;
}

/** How far an execution is; latest value only, never replayed. */
export interface BackendProgress {
  readonly phase: 'starting' | 'executing' | 'completed';
  readonly bytesReceived: number;
  readonly linesReceived: number;
  readonly elapsedSeconds: number;
  readonly lastLine?: string;
}

/** Held while overrides are in force: apply → execute → clear. A backend object serves one attempt, so it is never contended. */
export interface OverrideLock {
  acquire(): Promise<() => void>;
}

/** An instrument that can be asked to do work. One object serves one attempt. */
export interface Backend extends AsyncDisposable {
  readonly name: string;
  /** Where the instrument works; null = the process's own. Not to be changed while an execution is in flight. */
  workingDirectory: string | null;
  readonly overrideLock: OverrideLock;
  /** Never retries, and never throws for a failure of the instrument: every failure is a result. */
  execute(prompt: string, options?: ExecuteOptions): Promise<ExecutionResult>;
  /** Is it healthy? May use network and quota: only a person starts it. */
  healthCheck(): Promise<CheckResult>;
  /** Could it be used now? Uses no quota. */
  availabilityCheck(): Promise<CheckResult>;
  applyOverrides(overrides: BackendOverrides): void;
  clearOverrides(): void;
  /** Text put before the prompts that follow; null = none. */
  setPreamble(text: string | null): void;
  /** Texts put after the prompts that follow; blank ones are dropped. */
  setPromptExtensions(texts: readonly string[]): void;
  /** `<base>.stdout.log` and `<base>.stderr.log` are appended to as output arrives; null = no logs. */
  setOutputLogPath(base: string | null): void;
  close(): Promise<void>;
}

export interface CheckResult {
  readonly ok: boolean;
  /** What a person should read: what was found, or what is missing and how to get it. */
  readonly message: string;
}

/**
 * How a program ended, as the process room tells it. `interpret` turns it into an ExecutionResult; it does not matter whether the
 * conductor that started the program is the one that saw it end.
 */
export interface ProcessOutcome {
  /** Raw status as the shim recorded it (128+n when a signal ended the program); null = none recorded. */
  readonly rawStatus: number | null;
  readonly endedBy:
    | 'exit'
    | 'total_timeout'
    | 'first_output_timeout'
    | 'idle_timeout'
    | 'cancelled'
    /** Shim and record are gone: the machine or somebody killed both. */
    | 'lost'
    /** The program was never run. */
    | 'not_started';
  /** Last signal the conductor sent to it. */
  readonly signalSent: number | null;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly stdout: CapturedText;
  readonly stderr: CapturedText;
  /** The disk that takes its output was full when it ended: what it printed may be lost. Absent = nothing of that is known. */
  readonly diskWasFull?: true;
  /** Why it did not start: errno code and text. */
  readonly startError?: { readonly code: string; readonly message: string };
}

/** Output read back from a spool: all of it up to a cap, else its head and tail with a line between that says what is missing. */
export interface CapturedText {
  readonly text: string;
  /** True size in bytes. */
  readonly bytes: number;
  readonly truncated: boolean;
}

/** Everything needed to run a program for an attempt; plain data, so that it can be shown (`mzt diagnose`) and journalled. */
export interface PreparedProcess {
  /** Absolute executable first. */
  readonly argv: readonly [string, ...string[]];
  /** Environment of the agent, complete. Secret values are in it: it is handed to the process room and never stored. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What the agent reads on its stdin; null = nothing (`/dev/null`). */
  readonly stdin: string | null;
  readonly timers: {
    /** Seconds; null = off. */
    readonly firstOutputSeconds: number | null;
    readonly idleSeconds: number | null;
    readonly totalSeconds: number;
  };
}

/** What a CLI backend needs of the conductor: something that runs a prepared program for this attempt, or attaches to it when it already runs. */
export interface ProcessRunner {
  run(prepared: PreparedProcess, options: ProcessRunOptions): Promise<ProcessOutcome>;
}

export interface ProcessRunOptions {
  readonly signal?: AbortSignal;
  /** Where redacted output goes as it arrives; null = nowhere. */
  readonly logBase: string | null;
  readonly onProgress?: (progress: BackendProgress) => void;
}
