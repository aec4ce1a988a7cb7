import type { FailureCategory, RuleResult, ValidationOutcome } from './result';

/** What a completion prompt tells the agent. */
export interface CompletionLists {
  readonly passed: readonly string[];
  readonly failed: readonly {
    readonly what: string;
    readonly category: FailureCategory;
    readonly why: string;
    readonly fix: string | null;
  }[];
}

const LONGEST_DESCRIPTION = 300;

/**
 * One line for rows and errors: `2 of 5 checks failed: file_exists report.md (missing), …`. Skipped rules are only counted. Null when all
 * passed.
 */
export function describeFailure(outcome: ValidationOutcome): string | null {
  const failed = outcome.results.filter((result) => !result.passed);
  if (failed.length === 0) return null;
  const real = failed.filter((result) => result.failure_category !== 'skipped');
  const skipped = failed.length - real.length;
  const count = `${failed.length} of ${outcome.results.length} checks failed`;
  const notes = skipped > 0 ? ` (${skipped} not reached)` : '';
  const names = real
    .map((result) => `${ruleName(result)} (${result.failure_category ?? 'error'})`)
    .join(', ');
  const line = `${count}${notes}: ${names}`;
  return line.length > LONGEST_DESCRIPTION ? `${line.slice(0, LONGEST_DESCRIPTION - 1)}…` : line;
}

/** Passed and failed rules in words, the failed ones with why and how; rules that were not reached are failed ones. */
export function completionLists(outcome: ValidationOutcome): CompletionLists {
  const named = (result: RuleResult): string =>
    result.description === null ? ruleName(result) : `${result.description} [${ruleName(result)}]`;
  return {
    passed: outcome.results.filter((result) => result.passed).map(named),
    failed: outcome.results
      .filter((result) => !result.passed)
      .map((result) => ({
        what: named(result),
        category: result.failure_category ?? 'error',
        why: result.message ?? '',
        fix: result.suggested_fix,
      })),
  };
}

/** A rule in a few words: its type, and the file's name or the beginning of the command. */
export function ruleName(result: RuleResult): string {
  const subject = result.path === null ? (result.command ?? '') : (result.path.split('/').at(-1) ?? '');
  const line = subject.replace(/\s+/g, ' ').trim();
  return `${result.type} ${line.length > 60 ? `${line.slice(0, 59)}…` : line}`.trim();
}
