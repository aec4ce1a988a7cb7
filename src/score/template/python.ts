import type { SourceRange } from './ast';
import { LineIndex } from './ast';
import { BraceFormatter } from './brace-format';
import { Budget } from './budget';
import { toTemplateValue } from './convert';
import { placed, Raised, TemplateError } from './errors';
import { nearestNames } from '../nearest';
import { toRepr, toText } from './repr';

const nowhere: SourceRange = { line: 1, column: 1, offset: 0, end: 0 };
const newBudget = (): Budget => new Budget(1_000_000, 16 * 1024 * 1024);

function converted(data: unknown, write: typeof toText): string {
  try {
    return write(toTemplateValue(data), newBudget());
  } catch (error) {
    throw error instanceof Raised ? placed(error, nowhere) : error;
  }
}

/** Plain data as Python's `str` prints it. Throws `TemplateError` for things that are not data. */
export function pythonStr(data: unknown): string {
  return converted(data, toText);
}

/** Plain data as Python's `repr` prints it. Throws `TemplateError` for things that are not data. */
export function pythonRepr(data: unknown): string {
  return converted(data, toRepr);
}

/**
 * Python's `formatString.format(**values)`: `{name}`, `{name:02d}`, `{d[key]}`, `{{` and `}}`. Throws
 * `TemplateError` with Python's class: KeyError for an unknown name, IndexError for a bare `{}`, ValueError for
 * broken fields. The place is that of the field in the format string.
 */
export function pythonFormat(formatString: string, values: Readonly<Record<string, unknown>>): string {
  let field = { offset: 0, end: formatString.length };
  const named = (name: string): ReturnType<typeof toTemplateValue> | undefined =>
    Object.hasOwn(values, name) && values[name] !== undefined ? toTemplateValue(values[name]) : undefined;
  const onField = (offset: number, end: number): void => {
    field = { offset, end };
  };
  try {
    return new BraceFormatter({ positional: [], named }, newBudget(), onField).format(formatString);
  } catch (error) {
    if (!(error instanceof Raised)) throw error;
    const near = nearestNames(error.facts.undefinedName ?? '', Object.keys(values));
    const hint =
      near.length === 0 ? undefined : `Did you mean ${near.map((name) => `'{${name}}'`).join(', ')}?`;
    const range = new LineIndex(formatString).range(field.offset, field.end);
    throw hint === undefined ? placed(error, range) : new TemplateError({ ...error.facts, hint }, range);
  }
}
