import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { CheckResult } from '../../backends/contract';
import { createHttpBackend } from '../../backends/factory';
import type { HttpAccess } from '../../backends/http-access';
import { CHARACTERS_PER_TOKEN } from '../../backends/http/output-log';
import type { HttpBackend } from '../../backends/http/http-backend';
import type { ExecutionResult } from '../../backends/result';
import type { ToolBox } from '../../backends/tools/contract';
import { UnavailableBackend } from '../../backends/unavailable-backend';
import type { Endpoint } from '../../instruments/endpoint';
import type { HttpProfile } from '../../instruments/schema';
import { giveUp } from '../../process/attempt';
import { attemptFiles } from '../../protocol/paths';
import type { PlannedInstrument } from '../../score/plan';
import type { Clock } from '../clock';
import { storeByDigest } from '../engine/bundles';
import type { LogTrouble } from '../output/logs';
import { attemptLogOpener } from './attempt-log';
import { interrupted, redactionFor } from './attempt-ends';
import { diskFullMs, isDiskFull } from './room';
import {
  PrepareError,
  type AttemptEnd,
  type AttemptHandle,
  type AttemptRequest,
  type PreparedAttempt,
} from './runner';

const factsSchema = z.record(z.string(), z.unknown());

export interface HttpAttemptsOptions {
  readonly clock: Clock;
  readonly promptsDir: string;
  readonly http: HttpAccess;
  /** Where an instrument is called, and with which key. */
  endpoint(
    instrument: PlannedInstrument,
    run: string | null,
    environment: Readonly<Record<string, string>>,
  ): Endpoint;
  /** The tools of an attempt; null = none. */
  tools(request: AttemptRequest, profile: HttpProfile): ToolBox | null;
  installationId(): Promise<string>;
  trouble(base: string, trouble: LogTrouble): void;
  /** Does this attempt wait for room on the disk? Told again while it does. */
  waitsForRoom(base: string, waits: boolean): void;
}

/** How long an orderly stop waits for the last words of attempts, milliseconds. */
const LAST_WORDS_MS = 3000;

/**
 * Attempts that are HTTP calls of this process. They end with it, so none is ever taken up: the next conductor finds the attempt in its journal and
 * `attach`es to a claim that says "given up". That claim is made before the first request: no attempt is begun twice, also not by a shim that was
 * meant for another kind of instrument of the same name.
 */
export class HttpAttempts {
  private readonly running = new Set<Promise<unknown>>();
  private closing = false;

  constructor(private readonly options: HttpAttemptsOptions) {}

  /** @throws PrepareError */
  async prepare(request: AttemptRequest, profile: HttpProfile): Promise<PreparedAttempt> {
    const { backend, keyName } = await this.backend(request, profile);
    const refused = refusalOf(backend);
    if (refused) {
      await backend.close();
      throw refused;
    }
    backend.setPreamble(request.preamble);
    backend.setOutputLogPath(request.base);
    const whole = [request.preamble, request.prompt]
      .filter((text) => text !== null && text !== '')
      .join('\n\n');
    return {
      argv: [],
      cwd: backend.workingDirectory,
      envNames: keyName === null ? [] : [keyName],
      promptSha256: storeByDigest(this.options.promptsDir, whole),
      start: () => this.start(request, backend),
    };
  }

  /** @throws PrepareError */
  private async backend(
    request: AttemptRequest,
    profile: HttpProfile,
  ): Promise<{ readonly backend: HttpBackend; readonly keyName: string | null }> {
    const { env, secrets, instrument } = request;
    const endpoint = this.options.endpoint(instrument, request.run, env);
    if (!endpoint.ok) throw new PrepareError('E301', 'configuration', endpoint.message, true);
    const { baseUrl, keyName } = endpoint;
    const key = keyName === null ? null : (secrets[keyName] ?? null);
    const backend = createHttpBackend(await this.options.http.open(), {
      profile,
      config: instrument.config,
      endpoint: { baseUrl, keyName, key },
      environment: env,
      workspace: request.workspace,
      tools: this.options.tools(request, profile),
      openLog: attemptLogOpener({
        redaction: redactionFor(secrets, request.redacted),
        trouble: (where, trouble) => this.options.trouble(where, trouble),
        roomAgain: () => this.roomAgain(request.base),
      }),
      clock: this.options.clock,
      installationId: () => this.options.installationId(),
    });
    if (!(backend instanceof UnavailableBackend)) return { backend, keyName };
    const { message } = await backend.availabilityCheck();
    throw new PrepareError('E505', 'configuration', message, true);
  }

  /** What an earlier conductor had begun is over: its connection ended with it. What it has cost is estimated from what is kept. */
  attach(request: AttemptRequest): AttemptHandle {
    const done = this.left(request);
    return { done, cancel: () => undefined, detach: () => undefined };
  }

  /** A backend that is asked about itself and plays no sheet. */
  async forCheck(
    profile: HttpProfile,
    request: Pick<AttemptRequest, 'instrument' | 'env' | 'secrets' | 'workspace'> & {
      readonly run: string | null;
    },
  ): Promise<HttpBackend | UnavailableBackend> {
    const { instrument, env, secrets, workspace } = request;
    const endpoint = this.options.endpoint(instrument, request.run, env);
    if (!endpoint.ok) return new UnavailableBackend(profile.display_name, endpoint.message);
    const { baseUrl, keyName } = endpoint;
    return createHttpBackend(await this.options.http.open(), {
      profile,
      config: instrument.config,
      endpoint: { baseUrl, keyName, key: keyName === null ? null : (secrets[keyName] ?? null) },
      environment: env,
      workspace,
      tools: null,
      openLog: null,
      clock: this.options.clock,
      installationId: () => this.options.installationId(),
    });
  }

  /** Does the server answer? Uses no quota. */
  async available(request: AttemptRequest, profile: HttpProfile): Promise<CheckResult> {
    const backend = await this.forCheck(profile, request);
    await using closing = backend;
    return await closing.availabilityCheck();
  }

  /** Models that can be named; the server is asked where it tells them without a key. @throws Error in words for a person */
  async models(profile: HttpProfile, instrument: PlannedInstrument): Promise<readonly string[]> {
    const looking = { instrument, run: null, env: {}, secrets: {}, workspace: '/' };
    const backend = await this.forCheck(profile, looking);
    try {
      if (!(backend instanceof UnavailableBackend)) return await backend.models();
      throw new Error((await backend.availabilityCheck()).message);
    } finally {
      await backend.close();
    }
  }

  /** Resolves when all that was told to end has written its last word. */
  async close(): Promise<void> {
    this.closing = true;
    // A tool that does not end must not keep the conductor.
    await Promise.race([
      Promise.all(this.running),
      new Promise<void>((resolve) => this.options.clock.schedule(LAST_WORDS_MS, resolve)),
    ]);
    await this.options.http.close();
  }

  private start(request: AttemptRequest, backend: HttpBackend): AttemptHandle {
    let detached = false;
    const cancelling = new AbortController();
    const done = this.run(request, backend, cancelling.signal).then((end) =>
      // The next conductor tells of it: its record is the one that counts.
      detached ? interrupted('the conductor stopped', end.result) : end,
    );
    this.running.add(done);
    void done.finally(() => this.running.delete(done));
    return {
      done,
      cancel: () => cancelling.abort(),
      detach: () => {
        detached = true;
        cancelling.abort();
      },
    };
  }

  private async run(request: AttemptRequest, backend: HttpBackend, signal: AbortSignal): Promise<AttemptEnd> {
    const redaction = redactionFor(request.secrets, request.redacted);
    try {
      if (!(await this.claim(request.base))) return interrupted('begun before: it is not begun again');
      const result = await backend.execute(request.prompt, { signal, onProgress: request.onProgress });
      const shown = {
        ...result,
        stderr: redaction.text(result.stderr),
        metadata: redactedFacts(result.metadata, (text) => redaction.text(text)),
        errorMessage: result.errorMessage === null ? null : redaction.text(result.errorMessage),
      };
      const kind = result.errorType === 'cancelled' ? 'cancelled' : 'ended';
      return { kind, result: shown, rawStatus: null, answer: redaction.text(result.stdout) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return interrupted(`the conductor failed to follow it: ${redaction.text(why)}`);
    } finally {
      this.options.waitsForRoom(request.base, false);
      await backend.close().catch(() => undefined);
    }
  }

  /** Takes the attempt, once. Waits while the disk has no room for the claim. @returns false when it was taken before, or when nobody waits any more */
  private async claim(base: string): Promise<boolean> {
    for (;;) {
      try {
        return giveUp(base, false) === 'given_up';
      } catch (error) {
        if (!isDiskFull((error as NodeJS.ErrnoException).code)) throw error;
        if (!(await this.roomAgain(base))) return false;
      }
    }
  }

  private async roomAgain(base: string): Promise<boolean> {
    this.options.waitsForRoom(base, true);
    await new Promise<void>((resolve) => {
      this.options.clock.schedule(diskFullMs, resolve);
    });
    return !this.closing;
  }

  private async left(request: AttemptRequest): Promise<AttemptEnd> {
    const files = attemptFiles(request.base);
    const promptPath = request.promptSha256 ? join(this.options.promptsDir, request.promptSha256) : null;
    const [prompt, said, aside] = await Promise.all(
      [promptPath, files.stdoutLog, files.stderrLog].map(sizeOf),
    );
    const spoken = (said ?? 0) + (aside ?? 0);
    // Of one that had said nothing it is not known whether it was ever asked.
    const facts =
      spoken === 0
        ? {}
        : {
            inputTokens: Math.ceil((prompt ?? 0) / CHARACTERS_PER_TOKEN),
            outputTokens: Math.ceil(spoken / CHARACTERS_PER_TOKEN),
            costEstimated: true,
          };
    return interrupted('its conductor ended while it was running; what had come is in its log', facts);
  }
}

/** Why the attempt need not begin; null = it may. */
function refusalOf(backend: HttpBackend): PrepareError | null {
  const problem = backend.problem();
  if (problem !== null) return new PrepareError('E301', 'configuration', problem, true);
  const missing = backend.missingKey();
  return missing === null ? null : new PrepareError('E502', 'auth', missing, true);
}

async function sizeOf(path: string | null): Promise<number> {
  if (path === null) return 0;
  const facts = await stat(path).catch(() => null);
  return facts?.size ?? 0;
}

/** Facts without keys: a server may repeat what it was sent. Null also when nothing readable is left. */
function redactedFacts(
  facts: ExecutionResult['metadata'],
  redact: (text: string) => string,
): ExecutionResult['metadata'] {
  if (facts === null) return null;
  try {
    return factsSchema.parse(JSON.parse(redact(JSON.stringify(facts))));
  } catch {
    return null;
  }
}
