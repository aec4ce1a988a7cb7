import { homedir } from 'node:os';
import { expandKnownPlaces } from '../instruments/catalogue';
import type { CliProfile } from '../instruments/schema';
import { makeFolders } from '../protocol/make-folders';
import type { InstrumentConfig } from '../score/plan';
import { AttemptBackend } from './attempt-backend';
import type {
  Backend,
  BackendProgress,
  CheckResult,
  ExecuteOptions,
  PreparedProcess,
  ProcessOutcome,
  ProcessRunner,
} from './contract';
import { agentEnvironment, type EnvironmentSources } from './environment';
import { chosenTimers, PrepareError, type PrepareInput } from './generic/prepare';
import { failedBeforeStart } from './outcome';
import type { ErrorType, ExecutionResult } from './result';

/** Finds a program: a bare name in `path` (as PATH) and then in `places`, anything else as a path. Null = not there or not executable. */
export type ResolveExecutable = (
  name: string,
  where: { readonly path: string; readonly places: readonly string[]; readonly cwd: string },
) => Promise<string | null>;

export interface ProgramBackendOptions {
  readonly profile: CliProfile;
  readonly config: InstrumentConfig;
  readonly runner: ProcessRunner;
  readonly resolveExecutable: ResolveExecutable;
  readonly environment: EnvironmentSources;
  /** The job's workspace, absolute; the score's `working_directory` goes before it. */
  readonly workspace: string;
  readonly now?: () => Date;
}

/** A preparation that was refused, with the kind of failure it makes. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  constructor(
    readonly errorType: ErrorType,
    message: string,
  ) {
    super(message);
  }
}

const VERSION_TIMEOUT_SECONDS = 20;

/** A backend that runs a program: prepare → run or attach → interpret. What differs between programs are the two pure ends. */
export abstract class ProgramBackend extends AttemptBackend {
  private session: string | null = null;

  constructor(protected readonly options: ProgramBackendOptions) {
    super(options.config.workingDirectory ?? options.workspace);
  }

  /** Pure. @throws PrepareError */
  protected abstract prepareCall(input: PrepareInput): PreparedProcess;

  /**
   * What an ended process means. The engine calls it for an attempt that was adopted: its program was started by an earlier conductor, so
   * nothing is prepared.
   */
  abstract interpret(outcome: ProcessOutcome): ExecutionResult;

  /** A line of output as a person should see it while the program runs; null = keep the last one. */
  describeLine(line: string): string | null {
    return line;
  }

  async execute(prompt: string, options: ExecuteOptions = {}): Promise<ExecutionResult> {
    const signal =
      options.signal === undefined
        ? this.closing.signal
        : AbortSignal.any([options.signal, this.closing.signal]);
    const now = this.options.now ?? (() => new Date());
    if (signal.aborted)
      return { ...failedBeforeStart('cancelled', 'cancelled', now()), exitReason: 'killed' };
    let prepared: PreparedProcess;
    try {
      prepared = await this.prepare(prompt, options.timeoutSeconds ?? null);
      await this.ensureDirectory(prepared.cwd);
    } catch (error) {
      if (error instanceof Refusal) return failedBeforeStart(error.errorType, error.message, now());
      if (error instanceof PrepareError) return failedBeforeStart('configuration', error.message, now());
      throw error;
    }
    const onProgress = options.onProgress;
    const outcome = await this.options.runner.run(prepared, {
      signal,
      logBase: this.logBase,
      ...(onProgress === undefined ? {} : { onProgress: this.progressInWords(onProgress) }),
    });
    return this.interpret(outcome);
  }

  /**
   * The call as it would be made; also for showing it (`describePrepared`). Runs nothing.
   * @throws PrepareError when the settings do not fit, Error when the program is not there.
   */
  async prepare(prompt: string, timeoutSeconds: number | null = null): Promise<PreparedProcess> {
    return this.prepareCall({
      profile: this.options.profile,
      config: this.options.config,
      overrides: this.overrides,
      executable: await this.resolveProgram(),
      cwd: this.cwd(),
      environment: this.environmentWithHome(),
      prompt,
      preamble: this.preamble,
      extensions: this.extensions,
      session: this.session,
      timeoutSeconds,
    });
  }

  /** The time limits that hold for an attempt, for one whose program is taken up and not prepared. */
  timers(): PreparedProcess['timers'] {
    return chosenTimers({ ...this.options, timeoutSeconds: null });
  }

  /** Finds the program and asks it for its version. Uses no quota, and so says nothing about login. */
  async healthCheck(): Promise<CheckResult> {
    const found = await this.availabilityCheck();
    const { profile, runner } = this.options;
    const { version_args: versionArgs } = profile.cli.command;
    if (!found.ok || versionArgs.length === 0) return found;
    const outcome = await runner.run(
      {
        argv: [await this.resolveProgram(), ...versionArgs],
        env: agentEnvironment(profile, this.environmentWithHome()),
        cwd: homedir(),
        stdin: null,
        timers: { firstOutputSeconds: null, idleSeconds: null, totalSeconds: VERSION_TIMEOUT_SECONDS },
      },
      { signal: this.closing.signal, logBase: null },
    );
    const said =
      (outcome.stdout.text.trim() || outcome.stderr.text.trim()).split('\n')[0]?.slice(0, 200) ?? '';
    return outcome.endedBy === 'exit' && outcome.rawStatus === 0
      ? { ok: true, message: `${found.message} (${said})` }
      : {
          ok: false,
          message: `${found.message}, but it does not tell its version: ${said || outcome.endedBy}`,
        };
  }

  async availabilityCheck(): Promise<CheckResult> {
    try {
      return { ok: true, message: await this.resolveProgram() };
    } catch (error) {
      if (error instanceof Refusal) return { ok: false, message: error.message };
      throw error;
    }
  }

  /** Goes on with a session of the agent, if the program can; null = begins anew. */
  setSession(id: string | null): void {
    this.session = id;
  }

  private cwd(): string {
    return this.workingDirectory ?? process.cwd();
  }

  /** Without HOME an agent would write into the password file's home folder, which may be another one. */
  private environmentWithHome(): EnvironmentSources {
    const { environment } = this.options;
    return { ...environment, plain: { HOME: homedir(), ...environment.plain } };
  }

  private async resolveProgram(): Promise<string> {
    const { profile, environment, resolveExecutable } = this.options;
    const { executable, known_places: places } = profile.cli.command;
    const found = await resolveExecutable(executable, {
      path: environment.plain['PATH'] ?? '',
      places: expandKnownPlaces(places, environment.plain['HOME'] ?? homedir()),
      cwd: this.cwd(),
    });
    if (found !== null) return found;
    const hint =
      profile.install_hint === null
        ? '. Install it, or give its path under "executables" in conductor.yaml'
        : `. To install it: ${profile.install_hint}`;
    throw new Refusal(
      'not_found',
      `${profile.display_name}: the program "${executable}" was not found${hint}`,
    );
  }

  /** A missing folder would be told as a missing program by the system. */
  private async ensureDirectory(cwd: string): Promise<void> {
    try {
      await makeFolders(cwd);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const why = code === 'ENOTDIR' ? 'it is a file, or lies below one' : (code ?? message);
      throw new Refusal('configuration', `working directory ${cwd} cannot be used: ${why}`);
    }
  }

  private progressInWords(report: (progress: BackendProgress) => void): (progress: BackendProgress) => void {
    let last: string | null = null;
    return (progress) => {
      const { lastLine, ...rest } = progress;
      if (lastLine !== undefined) last = this.describeLine(lastLine) ?? last;
      report(last === null ? rest : { ...rest, lastLine: last });
    };
  }
}

/** Can this backend's attempts be adopted and shown? */
export function isProgramBackend(backend: Backend): backend is ProgramBackend {
  return backend instanceof ProgramBackend;
}
