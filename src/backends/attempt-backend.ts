import { AttemptLock } from './attempt-lock';
import type { Backend, BackendOverrides, CheckResult, ExecuteOptions, OverrideLock } from './contract';
import type { ExecutionResult } from './result';

/** What every backend keeps of the attempt it serves: overrides, texts around the prompt, the logs, and whether it was closed. */
export abstract class AttemptBackend implements Backend {
  abstract readonly name: string;
  readonly overrideLock: OverrideLock = new AttemptLock();
  protected overrides: BackendOverrides = {};
  protected preamble: string | null = null;
  protected extensions: readonly string[] = [];
  protected logBase: string | null = null;
  protected readonly closing = new AbortController();

  constructor(public workingDirectory: string | null) {}

  abstract execute(prompt: string, options?: ExecuteOptions): Promise<ExecutionResult>;
  abstract healthCheck(): Promise<CheckResult>;
  abstract availabilityCheck(): Promise<CheckResult>;

  applyOverrides(overrides: BackendOverrides): void {
    this.overrides = { ...this.overrides, ...overrides };
  }

  clearOverrides(): void {
    this.overrides = {};
  }

  setPreamble(text: string | null): void {
    this.preamble = text;
  }

  setPromptExtensions(texts: readonly string[]): void {
    this.extensions = texts.filter((text) => text.trim() !== '');
  }

  setOutputLogPath(base: string | null): void {
    this.logBase = base;
  }

  /** Ends what is running. Idempotent. */
  close(): Promise<void> {
    this.closing.abort();
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
