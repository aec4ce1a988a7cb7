import type { BackendProgress, CheckResult } from '../../backends/contract';
import type { InstrumentProfile } from '../../instruments/schema';
import type { ExecutionResult } from '../../backends/result';
import type { PlannedInstrument } from '../../score/plan';

/**
 * The seam between the engine and the place where an attempt runs. Today that is this machine; nothing outside an implementation knows pids, spools
 * or sockets of an attempt.
 */
export interface AttemptRunner {
  /** Works out what would run. No effect outside memory. @throws PrepareError */
  prepare(request: AttemptRequest): Promise<PreparedAttempt>;
  /**
   * Takes up an attempt that an earlier conductor started, or gives it up for good, so that it can never run later.
   * The handle's result is `interrupted` when there is nothing to take up.
   */
  attach(request: AttemptRequest): AttemptHandle;
  /** The command line of an instrument as it would be started now, with a stand-in for the prompt. @throws PrepareError */
  describe(instrument: PlannedInstrument, workspace: string): Promise<string[]>;
  /** Could the instrument be used for this now? Uses no quota. Never throws for what is the instrument's fault. */
  available(request: AttemptRequest): Promise<CheckResult>;
  /** Is it healthy: does the program tell its version; does the server answer and take the key? May use the network: only a person starts it. */
  check(profile: InstrumentProfile, asker: Asker): Promise<CheckResult>;
  /** Asks it for one word: what else is wrong, its login for instance, comes to light. Uses quota. */
  ask(profile: InstrumentProfile, asker: Asker): Promise<CheckResult>;
  /** Models of the instrument that can be named now; a server of the user's is asked. @throws Error in words for a person */
  models(profile: InstrumentProfile): Promise<readonly string[]>;
  /** Removes what an attempt needed while it ran; its logs stay. */
  discard(base: string): Promise<void>;
  /** After all handles were detached: waits for what ends with this process, and closes connections. */
  close(): Promise<void>;
}

/** Whoever checks an instrument: what their jobs would bring. */
export interface Asker {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
}

/** All that an attempt needs, in plain data. */
export interface AttemptRequest {
  readonly run: string;
  readonly sheet: number;
  readonly attempt: number;
  /** Base path of its files. */
  readonly base: string;
  readonly instrument: PlannedInstrument;
  readonly workspace: string;
  readonly preamble: string | null;
  readonly prompt: string;
  /** The agent's own session to go on with; null = a new one. */
  readonly session: string | null;
  /** Environment that came with the submit. */
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Further values that its output must not show: earlier attempts may have left them in the workspace. */
  readonly redacted: readonly string[];
  /** `MARIANNE_*` values. */
  readonly variables: Readonly<Record<string, string>>;
  /** When the attempt began, milliseconds; the total time limit counts from it, also after adoption. */
  readonly startedAt: number;
  readonly onProgress: (progress: BackendProgress) => void;
  /** The stored prompt of an attempt that was begun before; absent for one that begins. */
  readonly promptSha256?: string | null;
}

export interface PreparedAttempt {
  /** Redacted command line; empty for HTTP. */
  readonly argv: readonly string[];
  readonly cwd: string | null;
  readonly envNames: readonly string[];
  readonly promptSha256: string | null;
  /** Runs it. To be called only once the journal has the attempt. */
  start(): AttemptHandle;
}

export interface AttemptHandle {
  /** Never rejects. */
  readonly done: Promise<AttemptEnd>;
  /** Ends it and everything it started; `done` then tells `cancelled`. */
  cancel(): void;
  /** Stops watching without ending it: the next conductor adopts it. An HTTP call ends: the next conductor finds it interrupted. */
  detach(): void;
}

export interface AttemptEnd {
  readonly kind: 'ended' | 'interrupted' | 'cancelled';
  readonly result: ExecutionResult;
  /** Status as recorded, before any reading of it. */
  readonly rawStatus: number | null;
  /** Redacted answer, whole up to the capture limit. */
  readonly answer: string;
}

/** An attempt could not be prepared: the code says how to class it, the message names the remedy. */
export class PrepareError extends Error {
  constructor(
    readonly code: string,
    readonly category: string,
    message: string,
    /** True when another instrument might do: a missing program, a missing key. */
    readonly fallbackHelps: boolean,
  ) {
    super(message);
    this.name = 'PrepareError';
  }
}
