import { AttemptBackend } from './attempt-backend';
import type { CheckResult } from './contract';
import { failedBeforeStart } from './outcome';
import type { ExecutionResult } from './result';

/** Stands for an instrument that this version knows and cannot run: every execution is a clear failure. */
export class UnavailableBackend extends AttemptBackend {
  constructor(
    readonly name: string,
    private readonly reason: string,
  ) {
    super(null);
  }

  execute(): Promise<ExecutionResult> {
    return Promise.resolve(failedBeforeStart('configuration', this.reason, new Date()));
  }

  healthCheck(): Promise<CheckResult> {
    return Promise.resolve({ ok: false, message: this.reason });
  }

  availabilityCheck(): Promise<CheckResult> {
    return this.healthCheck();
  }
}
