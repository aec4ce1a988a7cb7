/**
 * `sheet.skip_when`: an expression over earlier results. The reference hands it to Python's `eval`; here the sandboxed template
 * engine evaluates it, which knows the same comparisons, `and`, `or`, `not`, `in`, indexing and `.get()`, and nothing that acts.
 */
import { TemplateError, parseTemplate, renderTemplate } from './template';

export interface SkipFacts {
  /** Sheet → its state, for all sheets of the job. */
  readonly sheets: ReadonlyMap<
    number,
    { readonly status: string; readonly validationPassed: boolean | null }
  >;
  readonly totalRetryCount: number;
}

export type SkipDecision =
  | { readonly skip: boolean; readonly error: null }
  /** It could not be decided, so the sheet runs. */
  | { readonly skip: false; readonly error: string };

const template = (expression: string): string => `{% if (${expression}\n) %}skip{% endif %}`;

/** What is wrong with the expression; null when it can be read. */
export function skipWhenProblem(expression: string): string | null {
  if (expression.trim() === '') return 'it is empty';
  try {
    if (/\{%|%\}|\{\{|\}\}/.test(expression)) return 'it is an expression, without `{{ }}` or `{% %}`';
    parseTemplate(template(expression));
    return null;
  } catch (error) {
    if (error instanceof TemplateError) return error.message;
    throw error;
  }
}

/** Decides whether a sheet is skipped. Whatever goes wrong means "run it". */
export function evaluateSkipWhen(expression: string, facts: SkipFacts): SkipDecision {
  const problem = skipWhenProblem(expression);
  if (problem !== null) return { skip: false, error: problem };
  const sheets = new Map(
    [...facts.sheets].map(([num, state]) => [
      BigInt(num),
      new Map<string, string | boolean | null>([
        ['status', state.status],
        ['validation_passed', state.validationPassed],
      ]),
    ]),
  );
  const job = new Map([['total_retry_count', BigInt(facts.totalRetryCount)]]);
  try {
    const rendered = renderTemplate(
      template(expression),
      new Map<string, unknown>([
        ['sheets', sheets],
        ['job', job],
      ]),
      { maxSteps: 10_000, maxOutput: 64 * 1024 },
    );
    return { skip: rendered === 'skip', error: null };
  } catch (error) {
    if (error instanceof TemplateError) return { skip: false, error: error.message };
    throw error;
  }
}
