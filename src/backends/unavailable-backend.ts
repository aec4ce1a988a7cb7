import { AttemptLock } from './attempt-lock';
import type { Backend, CheckResult } from './contract';
import { failedBeforeStart } from './outcome';
import type { ExecutionResult } from './result';

/** Stands for an instrument that this version knows and cannot run: every execution is a clear failure. */
export class UnavailableBackend implements Backend {
  workingDirectory: string | null = null;
  readonly overrideLock = new AttemptLock();

  constructor(
    readonly name: string,
    private readonly reason: string,
  ) {}

  execute(): Promise<ExecutionResult> {
    return Promise.resolve(failedBeforeStart('configuration', this.reason, new Date()));
  }

  healthCheck(): Promise<CheckResult> {
    return Promise.resolve({ ok: false, message: this.reason });
  }

  availabilityCheck(): Promise<CheckResult> {
    return this.healthCheck();
  }

  applyOverrides(): void {
    // Nothing is ever called.
  }

  clearOverrides(): void {
    // Nothing is ever called.
  }

  setPreamble(): void {
    // Nothing is ever called.
  }

  setPromptExtensions(): void {
    // Nothing is ever called.
  }

  setOutputLogPath(): void {
    // Nothing is ever called.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
