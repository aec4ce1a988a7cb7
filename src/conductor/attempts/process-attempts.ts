import { join } from 'node:path';
import type { Backend, CheckResult, PreparedProcess, ProcessOutcome } from '../../backends/contract';
import { describePrepared } from '../../backends/describe';
import { createBackend } from '../../backends/factory';
import { PrepareError as CallError } from '../../backends/generic/prepare';
import { isProgramBackend, Refusal, type ProgramBackend } from '../../backends/program-backend';
import type { ExecutionResult } from '../../backends/result';
import type { CliProfile } from '../../instruments/schema';
import { readProcessEnvironment } from '../../process/environment';
import { readClaim } from '../../process/attempt';
import { resolveExecutable } from '../../process/resolve';
import { SILENT_CONFIG, type PlannedInstrument } from '../../score/plan';
import { interrupted, redactionFor } from './attempt-ends';
import { storeByDigest } from '../engine/bundles';
import type { Redaction } from '../output/redact';
import { directRunner } from './direct-runner';
import { keepKeyPrints, KeySearch, readKeyPrints } from './key-prints';
import { ProcessSession, type SessionServices } from './process-session';
import {
  type Asker,
  PrepareError,
  type AttemptEnd,
  type AttemptHandle,
  type AttemptRequest,
  type PreparedAttempt,
} from './runner';

export interface ProcessAttemptsOptions extends SessionServices {
  readonly promptsDir: string;
  /** Eight hex digits of the state directory: first part of every marker. */
  readonly stateHash: string;
  readonly home: string;
  /** Programs set by the user, by name. */
  readonly executables: Readonly<Record<string, string>>;
}

/** Attempts that run a program on this machine, each under its shim. */
export class ProcessAttempts {
  constructor(private readonly options: ProcessAttemptsOptions) {}

  async prepare(request: AttemptRequest, profile: CliProfile): Promise<PreparedAttempt> {
    const backend = this.backend(request, profile);
    backend.setPreamble(request.preamble);
    backend.setSession(request.session);
    let prepared: PreparedProcess;
    try {
      prepared = await backend.prepare(request.prompt);
    } catch (error) {
      throw asPrepareError(error);
    }
    const promptSha256 = storeByDigest(this.options.promptsDir, prepared.stdin ?? request.prompt);
    const redaction = redactionFor(request.secrets, request.redacted);
    const described = describePrepared(prepared);
    return {
      argv: described.argv.map((argument) =>
        argument === request.prompt ? '<prompt>' : redaction.text(argument),
      ),
      cwd: prepared.cwd,
      envNames: described.environment,
      promptSha256,
      start: () => {
        const session = this.session(request, prepared.timers, redaction, backend);
        const stdin = prepared.stdin === null ? null : join(this.options.promptsDir, promptSha256);
        return handleOf(
          session,
          keepKeyPrints(request.base, request.secrets).then(() => session.launch(prepared, stdin)),
          (outcome) => backend.interpret(outcome),
          () => redaction,
        );
      },
    };
  }

  /** `profile` is null when the instrument is not known any more, or is no program now. */
  attach(request: AttemptRequest, profile: CliProfile | null): AttemptHandle {
    const known = { ...secretsOfRunning(request), ...request.secrets };
    const prints = readKeyPrints(request.base);
    const take = (redaction: Redaction, search?: KeySearch) =>
      this.takeUp(request, profile, redaction, (result) => {
        if (!search) return redaction;
        // Pieces of a key may come together only when an answer is put together from its parts.
        for (const text of [result.stdout, result.stderr, result.errorMessage ?? '']) search.text(text);
        return redactionFor(known, [...search.values, ...request.redacted]);
      });
    if (prints === null || prints.keys.every(({ name }) => Object.hasOwn(known, name)))
      return take(redactionFor(known, request.redacted));
    const search = new KeySearch(prints, new Set(Object.keys(known)));
    return later(
      search
        .spools(request.base)
        .then(() => take(redactionFor(known, [...search.values, ...request.redacted]), search)),
    );
  }

  /** Attaches to an attempt; one whose instrument is gone is ended, because nobody could say what its end means. */
  private takeUp(
    request: AttemptRequest,
    profile: CliProfile | null,
    redaction: Redaction,
    redactionOf: (result: ExecutionResult) => Redaction,
  ): AttemptHandle {
    if (profile === null) return this.endUnread(request, redaction);
    const backend = this.backend(request, profile);
    const session = this.session(request, backend.timers(), redaction, backend);
    return handleOf(session, session.attach(), (outcome) => backend.interpret(outcome), redactionOf);
  }

  /** The instrument is not known any more, so nobody can judge the agent: it must end before another attempt begins. */
  private endUnread(request: AttemptRequest, redaction: Redaction): AttemptHandle {
    const { profile } = request.instrument;
    const why = `no instrument "${profile}" that runs a program is known any more`;
    const timers = { totalSeconds: longestSeconds, idleSeconds: null, firstOutputSeconds: null };
    const session = this.session(request, timers, redaction);
    session.cancel();
    const done = session.attach().then(
      () => interrupted(why),
      () => interrupted(why),
    );
    return { done, cancel: () => session.cancel(), detach: () => session.detach() };
  }

  /** @throws PrepareError */
  async describe(instrument: PlannedInstrument, profile: CliProfile, workspace: string): Promise<string[]> {
    const backend = this.backend(
      { instrument, workspace, env: currentPath(), secrets: {}, variables: {} },
      profile,
    );
    try {
      return [...(await backend.prepare('<prompt>')).argv];
    } catch (error) {
      throw asPrepareError(error);
    }
  }

  /** Is the program there? */
  available(request: AttemptRequest, profile: CliProfile): Promise<CheckResult> {
    return this.backend(request, profile).availabilityCheck();
  }

  /** A backend that is asked about itself and plays no sheet. */
  forCheck(profile: CliProfile, { env, secrets }: Asker): Backend {
    return createBackend({
      profile,
      config: SILENT_CONFIG,
      runner: directRunner,
      workspace: this.options.home,
      environment: { plain: { ...currentPath(), ...env }, secret: secrets, own: {} },
      resolveExecutable: (name, where) => this.resolve(name, where),
    });
  }

  private backend(
    request: Pick<AttemptRequest, 'instrument' | 'workspace' | 'env' | 'secrets' | 'variables'>,
    profile: CliProfile,
  ): ProgramBackend {
    const backend = createBackend({
      profile,
      config: request.instrument.config,
      // Attempts are started through their session; a backend made for one runs nothing by itself.
      runner: directRunner,
      workspace: request.workspace,
      environment: { plain: request.env, secret: request.secrets, own: request.variables },
      resolveExecutable: (name, where) => this.resolve(name, where),
    });
    if (isProgramBackend(backend)) return backend;
    throw new PrepareError('E505', 'configuration', `${profile.display_name} runs no program`, true);
  }

  private async resolve(
    name: string,
    where: { readonly path: string; readonly places: readonly string[] },
  ): Promise<string | null> {
    const setting = this.options.executables[name];
    const found = await resolveExecutable(name, {
      path: [where.path, ...where.places].join(':'),
      home: this.options.home,
      ...(setting === undefined ? {} : { setting }),
    });
    return found.found ? found.path : null;
  }

  private session(
    request: AttemptRequest,
    timers: PreparedProcess['timers'],
    redaction: Redaction,
    backend: ProgramBackend | null = null,
  ): ProcessSession {
    const { base, startedAt, onProgress } = request;
    const describeLine = backend && ((line: string) => backend.describeLine(line));
    return new ProcessSession(
      { base, marker: this.marker(request), startedAt, timers, redaction, onProgress, describeLine },
      this.options,
    );
  }

  private marker(request: AttemptRequest): string {
    return `${this.options.stateHash}:${request.run}:${request.sheet}.${request.attempt}`;
  }
}

/** No limit. */
const longestSeconds = 365 * 86_400;

function handleOf(
  session: ProcessSession,
  ended: Promise<ProcessOutcome | null>,
  interpret: (outcome: ProcessOutcome) => ExecutionResult,
  redactionOf: (result: ExecutionResult) => Redaction,
): AttemptHandle {
  const done = ended.then(
    (outcome): AttemptEnd => {
      if (!outcome) return interrupted('never started: its conductor ended first');
      const result = interpret(outcome);
      const redaction = redactionOf(result);
      const kind =
        result.errorType === 'interrupted' && outcome.endedBy !== 'exit'
          ? 'interrupted'
          : outcome.endedBy === 'cancelled'
            ? 'cancelled'
            : 'ended';
      const errorMessage = result.errorMessage === null ? null : redaction.text(result.errorMessage);
      const shown = { ...result, stderr: redaction.text(result.stderr), errorMessage };
      return { kind, result: shown, rawStatus: outcome.rawStatus, answer: redaction.text(result.stdout) };
    },
    (error: unknown): AttemptEnd =>
      interrupted(
        `the conductor failed to follow it: ${error instanceof Error ? error.message : String(error)}`,
      ),
  );
  return { done, cancel: () => session.cancel(), detach: () => session.detach() };
}

/** A handle that is not there yet; what is asked of it meanwhile is done when it is. */
function later(coming: Promise<AttemptHandle>): AttemptHandle {
  let handle: AttemptHandle | null = null;
  let cancelled = false;
  let detached = false;
  const done = coming.then((come) => {
    handle = come;
    if (cancelled) come.cancel();
    if (detached) come.detach();
    return come.done;
  });
  return {
    done,
    cancel: () => {
      cancelled = true;
      handle?.cancel();
    },
    detach: () => {
      detached = true;
      handle?.detach();
    },
  };
}

/** Secrets are kept in memory only; a conductor that came back finds those of a running attempt where the agent has them. */
function secretsOfRunning(request: AttemptRequest): Record<string, string> {
  const claim = readClaim(request.base);
  if (claim.kind !== 'shim') return {};
  const env = readProcessEnvironment(claim.pid, claim.startTime);
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !(name in request.env) && !(name in request.variables)),
  );
}

function currentPath(): Record<string, string> {
  const path = process.env['PATH'];
  return path === undefined ? {} : { PATH: path };
}

function asPrepareError(error: unknown): unknown {
  if (error instanceof Refusal) return new PrepareError('E505', 'configuration', error.message, true);
  if (error instanceof CallError) return new PrepareError('E301', 'configuration', error.message, false);
  return error;
}
