/**
 * The base of every instrument that is called over HTTP. To add a vendor:
 *
 * 1. A class in a file of its own, `http/<vendor>-backend.ts` (or a folder), that extends `HttpBackend` and says three things:
 *    - `converse(talk)`: one whole exchange. Ask through `talk.fetch` (hand it to the vendor's library; turn the library's own retries off), pass
 *      `talk.signal` on, `talk.emit` every piece of the answer as it arrives, `talk.used` tokens, cost and model as soon as they are told. With tools:
 *      offer `talk.tools`, run what is asked for with `talk.callTool`, at most `this.maxToolIterations` rounds; then throw
 *      `iterationLimitFailure`. Resolve when the answer is whole. A cut-off answer is not a success: throw an `HttpFailure` for it.
 *    - `explain(error)`: what an error of the library means: an `HttpFailure` (see `statusFailure`), or null to leave it to this class, which knows broken
 *      connections. Timers, cancelling and closing never get there.
 *    - `problem()`: settings of a score that cannot be obeyed, in words; null = none. Looked at before the attempt begins.
 *    Optional: `healthCheck` (may use quota: only a person starts it), `availabilityCheck` (no quota), `defaultLimits` (timers), `systemInPrompt`.
 * 2. A line in `http-room.ts`, the bundle that is loaded with the first HTTP attempt: nothing else may import the vendor's file or its library.
 * 3. Its `schema_family` in `availableFamilies` of `instruments/catalogue.ts`; what it heeds of a score in `instruments/config-keys.ts`.
 * 4. A table of cases in test/unit/backends/: success, tools, each failure, cancel, timeout, overrides, logs, tokens; `test/support/http-backend.ts` runs
 *    one attempt against a loopback server.
 *
 * Settings come from `this.model`, `this.maxTokens`, `this.temperature` (override, score, profile) and, for keys of the vendor's own,
 * `this.setting(key, schema)`. `this.endpoint` has the address (no slash at its end) and the key. Messages of failures never name them: what comes from a
 * server or a library is made harmless here in any case.
 */
import { readFile } from 'node:fs/promises';
import type { z } from 'zod';
import type { HttpProfile, InstrumentProfile } from '../../instruments/schema';
import type { InstrumentConfig } from '../../score/plan';
import { AttemptBackend } from '../attempt-backend';
import type { BackendProgress, CheckResult, ExecuteOptions } from '../contract';
import { failedBeforeStart } from '../outcome';
import { executionResult, type ExecutionResult } from '../result';
import type { ToolBox } from '../tools/contract';
import { forced, untilAborted, type Ended } from './call-end';
import { CallTimers, type CallClock, type CallLimits } from './call-timers';
import type { HttpConnection } from './connection';
import { Transcript, type Conversation } from './conversation';
import { HttpFailure, transportFailure } from './failure';
import { countingLog, type OpenOutputLog, type OutputSeen } from './output-log';
import { transportErrorIn } from './transport-error';

/** Where the instrument is, and with which key; worked out by `resolveEndpoint` and the attempt's secrets. */
export interface HttpEndpoint {
  /** Without a slash at its end. */
  readonly baseUrl: string;
  /** Variable that the key came from; null = none is sent. */
  readonly keyName: string | null;
  readonly key: string | null;
}

export interface HttpBackendOptions {
  readonly profile: HttpProfile;
  readonly config: InstrumentConfig;
  readonly connection: HttpConnection;
  readonly endpoint: HttpEndpoint;
  /** The attempt's plain environment: proxies, certificates. */
  readonly environment: Readonly<Record<string, string>>;
  /** The job's workspace, absolute. */
  readonly workspace: string;
  /** Tools for the model; the backend disposes of them. Null = none. */
  readonly tools: ToolBox | null;
  /** Null = no logs. */
  readonly openLog: OpenOutputLog | null;
  readonly clock: CallClock;
  /** The id of this installation, for vendors that tell users apart; made when it is first asked for. @throws Error of the file system */
  installationId(): Promise<string>;
}

/** Rounds of tool use in one attempt, when the score says nothing. The Python system's default. */
const DEFAULT_TOOL_ITERATIONS = 10;

/** One attempt of an HTTP instrument: preamble, timers, logs, accounting; what is said to the server is the vendor's class. */
export abstract class HttpBackend extends AttemptBackend {
  constructor(protected readonly options: HttpBackendOptions) {
    super(options.config.workingDirectory ?? options.workspace);
  }

  /** One whole exchange with the vendor. @throws HttpFailure, or what `explain` understands. */
  protected abstract converse(talk: Conversation): Promise<void>;

  /** What an error of the vendor's library means; null = not known here. */
  protected abstract explain(error: unknown): HttpFailure | null;

  /** What of the settings cannot be obeyed, in words; null = nothing. */
  abstract problem(): string | null;

  /** Timers that hold when neither score nor profile says otherwise. Seconds; null = off. */
  protected readonly defaultLimits: Pick<CallLimits, 'firstOutputSeconds' | 'idleSeconds'> = {
    firstOutputSeconds: 300,
    idleSeconds: 180,
  };

  /** For people and results. */
  get name(): string {
    const { model } = this;
    return model === null ? this.options.profile.name : `${this.options.profile.name}:${model}`;
  }

  async execute(prompt: string, options: ExecuteOptions = {}): Promise<ExecutionResult> {
    const { clock } = this.options;
    const startedAt = new Date(clock.now());
    const cancelled = options.signal?.aborted === true || this.closing.signal.aborted;
    if (cancelled) return { ...failedBeforeStart('cancelled', 'cancelled', startedAt), exitReason: 'killed' };
    const problem = this.problem();
    if (problem !== null) return failedBeforeStart('configuration', problem, startedAt);
    const missing = this.missingKey();
    if (missing !== null) return failedBeforeStart('authentication', missing, startedAt);

    const abort = new AbortController();
    let endedBy: Ended | null = null;
    const end = (by: Ended) => {
      endedBy ??= by;
      abort.abort(new Error(by));
    };
    const cancel = () => end('cancelled');
    const signals = [this.closing.signal, ...(options.signal ? [options.signal] : [])];
    for (const signal of signals) signal.addEventListener('abort', cancel, { once: true });
    const report = this.reporter(startedAt, options.onProgress);
    report.phase('starting');
    const { openLog } = this.options;
    const log =
      this.logBase === null || openLog === null
        ? countingLog(report.seen)
        : await openLog(this.logBase, report.seen);
    const limits = this.limits(options.timeoutSeconds);
    const timers = new CallTimers(clock, startedAt.getTime(), limits, end);
    const transcript = new Transcript(log, timers, (text) => this.harmless(text));
    report.phase('executing');
    let failure: HttpFailure | null = null;
    try {
      const work = this.conversation(prompt, transcript, timers, abort.signal).then((talk) =>
        this.converse(talk),
      );
      await untilAborted(work, abort.signal);
      if (transcript.stdout.trim() === '' && transcript.toolCalls === 0)
        failure = new HttpFailure('empty_answer', 'the answer is empty');
    } catch (error) {
      failure = endedBy === null ? this.failureOf(error) : forced(endedBy, limits);
    }
    timers.stop();
    for (const signal of signals) signal.removeEventListener('abort', cancel);
    abort.abort(new Error('over'));
    if (failure) transcript.note(`${this.options.profile.display_name}: ${failure.message}`);
    await transcript.close();
    report.phase('completed');
    const characters = prompt.length + (this.preamble?.length ?? 0);
    return this.result(transcript, failure, startedAt, characters);
  }

  /** Is the server there and does it take the key? The base class asks nothing: it knows no address that every vendor has. */
  healthCheck(): Promise<CheckResult> {
    return this.availabilityCheck();
  }

  /** Are the settings whole and is the key there? Asks no server. */
  availabilityCheck(): Promise<CheckResult> {
    const problem = this.problem() ?? this.missingKey();
    const { keyName } = this.options.endpoint;
    return Promise.resolve(
      problem === null
        ? { ok: true, message: keyName === null ? 'needs no key' : `${keyName} is set` }
        : { ok: false, message: problem },
    );
  }

  /** What to say when there should be a key and is none; null = all is well. */
  missingKey(): string | null {
    const { keyName, key } = this.options.endpoint;
    if (keyName === null || key !== null) return null;
    const hint = this.options.profile.login_hint ?? `Set ${keyName}.`;
    return `${this.options.profile.display_name}: no key: the variable ${keyName} is not set. ${hint}`;
  }

  /** Models that can be named: those of the profile, where the vendor's class does not ask its server. @throws Error in words for a person */
  models(): Promise<readonly string[]> {
    return Promise.resolve(this.options.profile.models.map(({ name }) => name));
  }

  override async close(): Promise<void> {
    if (this.closing.signal.aborted) return;
    await super.close();
    await this.options.tools?.[Symbol.asyncDispose]();
  }

  get model(): string | null {
    const { config, profile } = this.options;
    return this.overrides.model ?? config.model ?? profile.default_model;
  }

  /** Longest answer, tokens; null = the vendor's default. */
  protected get maxTokens(): number | null {
    return this.overrides.maxTokens ?? this.options.config.maxTokens;
  }

  protected get temperature(): number | null {
    return this.overrides.temperature ?? this.options.config.temperature;
  }

  /** Rounds of tool use (`max_tool_iterations`). */
  protected get maxToolIterations(): number {
    const { other } = this.options.config;
    const said = other['max_tool_iterations'];
    return typeof said === 'number' && Number.isInteger(said) && said >= 1 ? said : DEFAULT_TOOL_ITERATIONS;
  }

  protected get endpoint(): HttpEndpoint {
    return this.options.endpoint;
  }

  /** What the price list knows of the model that is asked. */
  protected get modelFacts(): InstrumentProfile['models'][number] | null {
    return this.options.profile.models.find(({ name }) => name === this.model) ?? null;
  }

  /** A setting of the vendor's own from `instrument_config` or `backend`; null when it is not given or not of its kind. */
  protected setting<T>(key: string, schema: z.ZodType<T>): T | null {
    const parsed = schema.safeParse(this.options.config.other[key]);
    return parsed.success ? parsed.data : null;
  }

  /** The model asked for tools more often than it may. */
  protected iterationLimitFailure(): HttpFailure {
    const rounds = this.maxToolIterations;
    return new HttpFailure(
      'bad_response',
      `the model still asked for tools after ${rounds} rounds: raise max_tool_iterations, or ask for less in one sheet`,
    );
  }

  /** A `fetch` for requests outside an attempt: health checks. */
  protected checkFetch(): typeof fetch {
    return this.options.connection.fetchFor({ environment: this.options.environment });
  }

  /** The failure of a check or a call, whatever was thrown. */
  protected failureOf(error: unknown): HttpFailure {
    const failure = error instanceof HttpFailure ? error : this.explain(error);
    if (failure) return this.harmlessFailure(failure);
    const transport = transportErrorIn(error);
    if (transport) return transportFailure(transport);
    const said = error instanceof Error ? error.message : String(error);
    return new HttpFailure('bad_response', this.harmless(`the answer cannot be used: ${said}`).slice(0, 500));
  }

  /** A text without key and addresses: a server may repeat what it was sent. */
  protected harmless(text: string): string {
    const { key, baseUrl } = this.options.endpoint;
    let plain = text;
    if (key !== null && key.length >= 4) plain = plain.replaceAll(key, '[REDACTED_SECRET]');
    return plain.replaceAll(baseUrl, '<address>').replaceAll(/\bhttps?:\/\/[^\s"'<>)\]]+/g, '<address>');
  }

  private harmlessFailure(failure: HttpFailure): HttpFailure {
    const message = this.harmless(failure.message);
    if (message === failure.message) return failure;
    const { status, waitSeconds, exitReason } = failure;
    return new HttpFailure(failure.errorType, message, { status, waitSeconds, exitReason });
  }

  private limits(timeoutSeconds: number | undefined): CallLimits {
    const { config, profile } = this.options;
    const { firstOutputSeconds, idleSeconds } = this.defaultLimits;
    return {
      totalSeconds: timeoutSeconds ?? config.timeoutSeconds ?? profile.default_timeout_seconds,
      firstOutputSeconds:
        config.firstOutputTimeoutSeconds ?? profile.first_output_timeout_seconds ?? firstOutputSeconds,
      idleSeconds: config.idleTimeoutSeconds ?? profile.idle_timeout_seconds ?? idleSeconds,
    };
  }

  private async conversation(
    prompt: string,
    transcript: Transcript,
    timers: CallTimers,
    signal: AbortSignal,
  ): Promise<Conversation> {
    const { connection, environment, tools, config } = this.options;
    let headers: Headers | null = null;
    const whole = [prompt, ...this.extensions].join('\n\n');
    const system = config.systemPromptFile === null ? null : await this.systemText(config.systemPromptFile);
    return {
      preamble: this.preamble,
      system,
      prompt: whole,
      wholePrompt: [this.preamble, whole].filter((text) => text !== null && text !== '').join('\n\n'),
      signal,
      fetch: connection.fetchFor({
        environment,
        observer: {
          sent: () => timers.sent(),
          answered: (_status, received) => (headers = received),
          received: () => timers.received(),
          ended: () => timers.ended(),
        },
      }),
      headers: () => headers,
      emit: (text) => transcript.emit(text),
      breakLine: () => transcript.breakLine(),
      aside: (text) => transcript.aside(text),
      note: (line) => transcript.note(line),
      used: (usage) => transcript.used(usage),
      keep: (metadata) => transcript.keep(metadata),
      tools: tools === null ? [] : await this.listTools(tools),
      callTool: (name, args) => {
        if (tools === null)
          throw new HttpFailure('bad_response', 'the model asked for a tool and was offered none');
        return transcript.callTool(tools, name, args, signal);
      },
    };
  }

  private async listTools(tools: ToolBox): Promise<Conversation['tools']> {
    try {
      return await tools.list();
    } catch (error) {
      throw new HttpFailure('configuration', error instanceof Error ? error.message : String(error));
    }
  }

  private async systemText(file: string): Promise<string> {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
      throw new HttpFailure('configuration', `the system prompt file ${file} cannot be read (${code})`);
    }
  }

  private reporter(startedAt: Date, onProgress: ((progress: BackendProgress) => void) | undefined) {
    let phase: BackendProgress['phase'] = 'starting';
    let last: OutputSeen = { bytes: 0, lines: 0, lastLine: '' };
    const send = () =>
      onProgress?.({
        phase,
        bytesReceived: last.bytes,
        linesReceived: last.lines,
        elapsedSeconds: Math.max(0, (this.options.clock.now() - startedAt.getTime()) / 1000),
        ...(last.lastLine === '' ? {} : { lastLine: last.lastLine }),
      });
    return {
      phase: (next: BackendProgress['phase']) => {
        phase = next;
        send();
      },
      seen: (seen: OutputSeen) => {
        last = seen;
        send();
      },
    };
  }

  private result(
    transcript: Transcript,
    failure: HttpFailure | null,
    startedAt: Date,
    promptCharacters: number,
  ): ExecutionResult {
    const estimated = transcript.estimate(promptCharacters);
    const { spent } = transcript;
    return executionResult({
      success: failure === null,
      stdout: transcript.stdout,
      stderr: transcript.stderr,
      startedAt,
      durationSeconds: Math.max(0, (this.options.clock.now() - startedAt.getTime()) / 1000),
      exitCode: failure === null ? 0 : failure.status,
      exitReason: failure?.exitReason ?? 'completed',
      rateLimited: failure?.rateLimited ?? false,
      rateLimitWaitSeconds: failure?.waitSeconds ?? null,
      errorType: failure?.errorType ?? null,
      errorMessage: failure?.message ?? null,
      model: spent.model ?? this.model,
      inputTokens: spent.inputTokens,
      outputTokens: spent.outputTokens,
      // What a server stated of a part is not the cost of the whole: the conductor prices the tokens.
      costUsd: estimated ? null : spent.costUsd,
      costEstimated: estimated,
      metadata: transcript.metadata,
    });
  }
}
