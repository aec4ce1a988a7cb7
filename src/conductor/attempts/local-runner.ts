import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend, CheckResult } from '../../backends/contract';
import { UnavailableBackend } from '../../backends/unavailable-backend';
import { isCliProfile, isHttpProfile, type InstrumentProfile } from '../../instruments/schema';
import { giveUp, readClaim, removeAttemptFiles } from '../../process/attempt';
import { SILENT_CONFIG, type PlannedInstrument } from '../../score/plan';
import { redactionFor } from './attempt-ends';
import { HttpAttempts, type HttpAttemptsOptions } from './http-attempts';
import { ProcessAttempts, type ProcessAttemptsOptions } from './process-attempts';
import {
  PrepareError,
  type Asker,
  type AttemptHandle,
  type AttemptRequest,
  type AttemptRunner,
  type PreparedAttempt,
} from './runner';

/** Time limit of the one word that a check may ask for, seconds. */
const ASK_SECONDS = 120;

export interface LocalRunnerOptions extends ProcessAttemptsOptions, HttpAttemptsOptions {
  /** The profile of an instrument for a run; for none, as a new job would find it. */
  profile(instrument: PlannedInstrument, run: string | null): InstrumentProfile | null;
}

/** Runs attempts on this machine: programs under their shims, HTTP calls in this process. */
export class LocalRunner implements AttemptRunner {
  private readonly processes: ProcessAttempts;
  private readonly calls: HttpAttempts;

  constructor(private readonly options: LocalRunnerOptions) {
    this.processes = new ProcessAttempts(options);
    this.calls = new HttpAttempts(options);
  }

  prepare(request: AttemptRequest): Promise<PreparedAttempt> {
    const profile = this.options.profile(request.instrument, request.run);
    if (profile && isCliProfile(profile)) return this.processes.prepare(request, profile);
    if (profile && isHttpProfile(profile)) return this.calls.prepare(request, profile);
    const message = `no instrument "${request.instrument.profile}" is known`;
    return Promise.reject(new PrepareError('E505', 'configuration', message, true));
  }

  /** The files tell what it was, whatever the instrument's profile says by now. */
  attach(request: AttemptRequest): AttemptHandle {
    const profile = this.options.profile(request.instrument, request.run);
    if (profile && isHttpProfile(profile)) {
      if (readClaim(request.base).kind === 'none') giveUp(request.base);
      if (readClaim(request.base).kind === 'given-up') return this.calls.attach(request);
    }
    return this.processes.attach(request, profile && isCliProfile(profile) ? profile : null);
  }

  describe(instrument: PlannedInstrument, workspace: string): Promise<string[]> {
    const profile = this.options.profile(instrument, null);
    if (profile && isCliProfile(profile)) return this.processes.describe(instrument, profile, workspace);
    const message = `${profile?.display_name ?? instrument.profile} has no command line`;
    return Promise.reject(new PrepareError('E505', 'configuration', message, true));
  }

  async available(request: AttemptRequest): Promise<CheckResult> {
    const profile = this.options.profile(request.instrument, request.run);
    if (profile && isCliProfile(profile)) return this.processes.available(request, profile);
    if (profile && isHttpProfile(profile)) return this.calls.available(request, profile);
    return { ok: false, message: `no instrument "${request.instrument.profile}" is known` };
  }

  async check(profile: InstrumentProfile, asker: Asker): Promise<CheckResult> {
    const backend = await this.backendFor(profile, asker);
    await using closing = backend;
    return closing.healthCheck();
  }

  async ask(profile: InstrumentProfile, asker: Asker): Promise<CheckResult> {
    const backend = await this.backendFor(profile, asker);
    await using closing = backend;
    // An agent works where it stands: nothing of the user's is there.
    const folder = await mkdtemp(join(tmpdir(), 'marianne-check-'));
    try {
      closing.workingDirectory = folder;
      const result = await closing.execute('Answer with the one word: ready', {
        timeoutSeconds: ASK_SECONDS,
      });
      const redaction = redactionFor(asker.secrets);
      return result.success
        ? { ok: true, message: 'it answers' }
        : { ok: false, message: redaction.text(result.errorMessage ?? 'it does not answer') };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private backendFor(profile: InstrumentProfile, asker: Asker): Promise<Backend> {
    if (isCliProfile(profile)) return Promise.resolve(this.processes.forCheck(profile, asker));
    if (isHttpProfile(profile)) {
      const instrument = { profile: profile.name, label: profile.name, config: SILENT_CONFIG };
      return this.calls.forCheck(profile, { ...asker, instrument, run: null, workspace: '/' });
    }
    const reason = `${profile.display_name} cannot be used`;
    return Promise.resolve(new UnavailableBackend(profile.display_name, reason));
  }

  discard(base: string): Promise<void> {
    removeAttemptFiles(base);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.calls.close();
  }
}
