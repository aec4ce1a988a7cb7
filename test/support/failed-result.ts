import { executionResult, type ExecutionResult } from '../../src/backends/result';

/** The result of an attempt of one second that failed without a word, but for these facts. */
export function failedResult(facts: Partial<ExecutionResult> = {}): ExecutionResult {
  return executionResult({
    success: false,
    stdout: '',
    stderr: '',
    durationSeconds: 1,
    startedAt: new Date(0),
    ...facts,
  });
}
