import type { CheckResult } from '../../backends/contract';
import { isCliProfile, isHttpProfile, type InstrumentProfile } from '../../instruments/schema';
import { giveUp, readClaim, removeAttemptFiles } from '../../process/attempt';
import { SILENT_CONFIG, type PlannedInstrument } from '../../score/plan';
import { HttpAttempts, type HttpAttemptsOptions } from './http-attempts';
import { ProcessAttempts, type ProcessAttemptsOptions } from './process-attempts';
import {
  PrepareError,
  type AttemptHandle,
  type AttemptRequest,
  type AttemptRunner,
  type PreparedAttempt,
} from './runner';

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
      if (readClaim(request.base).kind === 'given-up') return this.calls.attach();
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

  check(profile: InstrumentProfile): Promise<CheckResult> {
    if (isCliProfile(profile)) return this.processes.check(profile);
    if (isHttpProfile(profile)) {
      return this.calls.check(profile, { profile: profile.name, label: profile.name, config: SILENT_CONFIG });
    }
    return Promise.resolve({ ok: false, message: `${profile.display_name} cannot be used` });
  }

  models(profile: InstrumentProfile): Promise<readonly string[]> {
    if (isHttpProfile(profile)) {
      return this.calls.models(profile, {
        profile: profile.name,
        label: profile.name,
        config: SILENT_CONFIG,
      });
    }
    return Promise.resolve(profile.models.map(({ name }) => name));
  }

  discard(base: string): Promise<void> {
    removeAttemptFiles(base);
    return Promise.resolve();
  }

  close(): Promise<void> {
    return this.calls.close();
  }
}
