import type { ExecutionResult } from '../../src/backends/result';
import type { outcomeOf } from './backends-runner';

/** One end of an agent and what it means; the shapes were recorded from the programs named in docs/instruments.md. */
export interface OutcomeCase {
  readonly name: string;
  readonly profile: string;
  readonly format?: 'text' | 'json' | 'stream-json';
  readonly outcome: ReturnType<typeof outcomeOf>;
  readonly expected: Partial<ExecutionResult>;
  /** In the error message. */
  readonly message?: RegExp;
}

/** Events as they are printed, one a line. */
export function lines(...events: unknown[]): string {
  return events.map((event) => JSON.stringify(event) + '\n').join('');
}
