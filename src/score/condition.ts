/**
 * Conditions of validation rules: `name op integer`, joined by `and`. Decided when the plan is made. As in the reference a part
 * that cannot be read, or whose variable is unknown or no integer, counts as true; unlike there it is reported.
 */

export type ComparisonOperator = '>=' | '<=' | '==' | '!=' | '>' | '<';

export interface ConditionPart {
  readonly text: string;
  /** Null = unreadable. */
  readonly comparison: {
    readonly name: string;
    readonly operator: ComparisonOperator;
    readonly value: number;
  } | null;
  /** What follows the comparison and is ignored, such as `or a == 3`. */
  readonly ignored: string;
}

const comparisonPattern = /^(\w+)\s*(>=|<=|==|!=|>|<)\s*(\d+)/u;

/** Splits a condition as the reference reads it. */
export function parseCondition(condition: string): ConditionPart[] {
  return condition.split(' and ').map((part): ConditionPart => {
    const text = part.trim();
    const match = comparisonPattern.exec(text);
    if (match === null) return { text, comparison: null, ignored: '' };
    const [whole, name = '', operator = '==', digits = '0'] = match;
    return {
      text,
      comparison: { name, operator: operator as ComparisonOperator, value: Number(digits) },
      ignored: text.slice(whole.length).trim(),
    };
  });
}

/** True when the rule applies. Values that are no integers make their part true. */
export function conditionHolds(
  parts: readonly ConditionPart[],
  values: ReadonlyMap<string, unknown>,
): boolean {
  return parts.every(({ comparison }) => {
    if (comparison === null) return true;
    const value = integerOf(values.get(comparison.name));
    return value === null || compare(value, comparison.operator, comparison.value);
  });
}

/** The value as an integer, when it is one. A bigint or a whole number is; a boolean is, as in Python. */
export function integerOf(value: unknown): number | null {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'boolean') return value ? 1 : 0;
  return null;
}

function compare(left: number, operator: ComparisonOperator, right: number): boolean {
  switch (operator) {
    case '>=':
      return left >= right;
    case '<=':
      return left <= right;
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '>':
      return left > right;
    case '<':
      return left < right;
  }
}
