import { typeError } from './errors';
import { filters } from './filters';
import { binary, compare, equals, isSame } from './operators';
import type { Builtin, Runtime, TestRun } from './runtime';
import { builtinTable } from './runtime';
import { softText } from './text';
import {
  isNumber,
  PyDict,
  PyExtra,
  PyFunction,
  PyList,
  PyRange,
  PyTuple,
  tryIterate,
  typeName,
  Undefined,
} from './values';
import type { CompareOperator } from './ast';
import type { Value } from './values';

/** `value % by == rest`, for numbers only: a text would be formatted. */
function leaves(value: Value, by: Value, rest: bigint, runtime: Runtime): boolean {
  if (value instanceof Undefined) value.fail();
  if (!isNumber(value))
    typeError(`unsupported operand type(s) for %: '${typeName(value)}' and '${typeName(by)}'`);
  return equals(binary('%', value, by, runtime.budget), rest, runtime.budget);
}

function isCased(text: string, upper: boolean): boolean {
  const [wanted, other] = upper ? [/[\p{Lu}\p{Lt}]/u, /[\p{Ll}\p{Lt}]/u] : [/\p{Ll}/u, /[\p{Lu}\p{Lt}]/u];
  return wanted.test(text) && !other.test(text);
}

function comparison(operator: CompareOperator): TestRun {
  return (runtime, value, args) => compare(operator, value, args.get('other'), runtime.budget);
}

function known(name: Value, names: ReadonlyMap<string, unknown>): boolean {
  return typeof name === 'string' && names.has(name);
}

const comparisons: readonly (readonly [CompareOperator, string, readonly string[]])[] = [
  ['==', 'Equal to the other value.', ['eq', 'equalto', '==']],
  ['!=', 'Not equal to the other value.', ['ne', '!=']],
  ['>', 'Greater than the other value.', ['gt', 'greaterthan', '>']],
  ['>=', 'Greater than or equal to the other value.', ['ge', '>=']],
  ['<', 'Less than the other value.', ['lt', 'lessthan', '<']],
  ['<=', 'Less than or equal to the other value.', ['le', '<=']],
];

/** All tests of Jinja2 3.1 by name. */
export const tests: ReadonlyMap<string, Builtin<TestRun>> = builtinTable<TestRun>([
  ['defined', 'The variable exists.', (_runtime, value) => !(value instanceof Undefined)],
  ['undefined', 'The variable does not exist.', (_runtime, value) => value instanceof Undefined],
  ['none', 'The value is none.', (_runtime, value) => value === null],
  ['boolean', 'The value is true or false.', (_runtime, value) => typeof value === 'boolean'],
  ['true', 'The value is true.', (_runtime, value) => value === true],
  ['false', 'The value is false.', (_runtime, value) => value === false],
  ['integer', 'The value is an integer.', (_runtime, value) => typeof value === 'bigint'],
  ['float', 'The value is a float.', (_runtime, value) => typeof value === 'number'],
  ['number', 'The value is a number.', (_runtime, value) => isNumber(value)],
  ['string', 'The value is text.', (_runtime, value) => typeof value === 'string'],
  ['mapping', 'The value is a mapping.', (_runtime, value) => value instanceof PyDict],
  [
    'sequence',
    'The value has a length and items.',
    (_runtime, value) =>
      typeof value === 'string' || [PyList, PyTuple, PyDict, PyRange].some((type) => value instanceof type),
  ],
  ['iterable', 'The value can be looped over.', (_runtime, value) => tryIterate(value) !== undefined],
  [
    'callable',
    'The value can be called.',
    (_runtime, value) =>
      value instanceof PyFunction || (value instanceof PyExtra && value.call !== undefined),
  ],
  ['odd', 'The number is odd.', (runtime, value) => leaves(value, 2n, 1n, runtime)],
  ['even', 'The number is even.', (runtime, value) => leaves(value, 2n, 0n, runtime)],
  [
    'divisibleby(num)',
    'The number is divisible by the other.',
    (runtime, value, args) => leaves(value, args.get('num'), 0n, runtime),
  ],
  [
    'lower',
    'The text is in lower case.',
    (runtime, value) => isCased(softText(value, runtime.budget), false),
  ],
  ['upper', 'The text is in upper case.', (runtime, value) => isCased(softText(value, runtime.budget), true)],
  ['sameas(other)', 'The very same object.', (_runtime, value, args) => isSame(value, args.get('other'))],
  ['escaped', 'Never true: nothing is escaped automatically.', () => false],
  [
    'in(seq)',
    'The value is in the sequence.',
    (runtime, value, args) => compare('in', value, args.get('seq'), runtime.budget),
  ],
  ['filter', 'A filter of that name exists.', (_runtime, value) => known(value, filters)],
  ['test', 'A test of that name exists.', (_runtime, value) => known(value, tests)],
  ...comparisons.flatMap(([operator, doc, names]) =>
    names.map((name): [string, string, TestRun] => [`${name}(other)`, doc, comparison(operator)]),
  ),
]);
