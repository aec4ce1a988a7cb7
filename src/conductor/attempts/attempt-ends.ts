import { executionResult, type ExecutionResult } from '../../backends/result';
import { Redaction } from '../output/redact';
import type { AttemptEnd } from './runner';

/** The end of an attempt that nobody can judge: it costs no retry and gets a new number. */
export function interrupted(message: string, facts: Partial<ExecutionResult> = {}): AttemptEnd {
  const result = executionResult({
    success: false,
    stdout: '',
    stderr: '',
    durationSeconds: 0,
    startedAt: new Date(),
    exitReason: 'error',
    errorType: 'interrupted',
    errorMessage: message,
    ...facts,
  });
  return { kind: 'interrupted', result, rawStatus: null, answer: '' };
}

const shapesOnly = new Redaction();

/** Redaction of these keys, and of all that looks like one. */
export function redactionFor(
  secrets: Readonly<Record<string, string>>,
  further: readonly string[] = [],
): Redaction {
  if (Object.keys(secrets).length === 0 && further.length === 0) return shapesOnly;
  return new Redaction({ secrets: [...Object.values(secrets), ...further] });
}
