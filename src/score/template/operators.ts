import type { BinaryOperator, CompareOperator } from './ast';
import type { Budget } from './budget';
import { limitError, raise, typeError } from './errors';
import {
  bounded,
  divideIntegers,
  floorDivideFloats,
  floorDivideIntegers,
  integerToFloat,
  moduloFloats,
  power,
} from './numbers';
import { percentFormat } from './percent';
import type { Value } from './values';
import {
  asInteger,
  isNumber,
  keyOf,
  lengthOf,
  PyDict,
  PyDictView,
  PyList,
  PyRange,
  PyTuple,
  textLength,
  truthy,
  tryIterate,
  typeName,
  Undefined,
} from './values';

/** Containers nested deeper than this are not compared. */
const deepestComparison = 200;

function sequenceItems(value: Value): readonly Value[] | undefined {
  return value instanceof PyList || value instanceof PyTuple ? value.items : undefined;
}

/** Python's `==`. Strict undefined values raise. */
export function equals(a: Value, b: Value, budget: Budget, depth = 0): boolean {
  budget.charge();
  if (depth > deepestComparison) limitError('a value nests deeper than 200 levels');
  if (a instanceof Undefined || b instanceof Undefined) {
    if (a instanceof Undefined && a.strict) a.fail();
    if (b instanceof Undefined && b.strict) b.fail();
    return a instanceof Undefined && b instanceof Undefined;
  }
  if (typeof a === 'string' && typeof b === 'string') {
    budget.charge(Math.min(a.length, b.length) >> 6);
    return a === b;
  }
  if (isNumber(a) && isNumber(b)) {
    const [left, right] = [numeric(a), numeric(b)];
    return left <= right && left >= right;
  }
  if (a === b) return true;
  if (a instanceof PyList ? b instanceof PyList : a instanceof PyTuple && b instanceof PyTuple) {
    const left = sequenceItems(a) ?? [];
    const right = sequenceItems(b) ?? [];
    return (
      left.length === right.length &&
      left.every(
        (item, index) => item === right[index] || equals(item, right[index] ?? null, budget, depth + 1),
      )
    );
  }
  if (a instanceof PyDict && b instanceof PyDict) {
    if (a.size !== b.size) return false;
    for (const [key, value] of a.entries()) {
      const other = b.get(key);
      if (other === undefined || !equals(value, other, budget, depth + 1)) return false;
    }
    return true;
  }
  if (a instanceof PyRange && b instanceof PyRange) {
    return (
      a.length === b.length &&
      (a.length === 0 || (a.start === b.start && (a.length === 1 || a.step === b.step)))
    );
  }
  return false;
}

function numeric(value: boolean | bigint | number): bigint | number {
  return typeof value === 'boolean' ? BigInt(value) : value;
}

/** Compares texts by code point, as Python does (UTF-16 order differs above U+FFFF). */
function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  let index = 0;
  while (index < shared && a.charCodeAt(index) === b.charCodeAt(index)) index += 1;
  if (index === shared) return a.length - b.length;
  const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)];
  const lift = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
  return lift(x) - lift(y);
}

/** Python's `<`, `<=`, `>` and `>=`. */
export function order(
  operator: '<' | '<=' | '>' | '>=',
  a: Value,
  b: Value,
  budget: Budget,
  depth = 0,
): boolean {
  budget.charge();
  if (depth > deepestComparison) limitError('a value nests deeper than 200 levels');
  if (a instanceof Undefined) a.fail();
  if (b instanceof Undefined) b.fail();
  if (isNumber(a) && isNumber(b)) return decide(operator, numeric(a), numeric(b));
  if (typeof a === 'string' && typeof b === 'string') {
    budget.charge(Math.min(a.length, b.length) >> 6);
    return decide(operator, compareText(a, b), 0);
  }
  if (a instanceof PyList ? b instanceof PyList : a instanceof PyTuple && b instanceof PyTuple) {
    const left = sequenceItems(a) ?? [];
    const right = sequenceItems(b) ?? [];
    for (let index = 0; index < Math.min(left.length, right.length); index++) {
      const [x, y] = [left[index] ?? null, right[index] ?? null];
      if (!equals(x, y, budget, depth + 1)) return order(operator, x, y, budget, depth + 1);
    }
    return decide(operator, left.length, right.length);
  }
  return typeError(`'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function decide(operator: '<' | '<=' | '>' | '>=', a: bigint | number, b: bigint | number): boolean {
  switch (operator) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === 'string') {
    if (item instanceof Undefined) item.fail();
    if (typeof item !== 'string') {
      typeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    budget.text(container.length);
    return container.includes(item);
  }
  if (container instanceof PyDict) return container.has(item);
  if (container instanceof PyDictView && container.part === 'keys') return container.dict.has(item);
  if (container instanceof PyRange && isNumber(item)) {
    const number = numeric(item);
    if (typeof number === 'number' && !Number.isInteger(number)) return false;
    const distance = BigInt(number) - container.start;
    const index = distance / container.step;
    return distance % container.step === 0n && index >= 0n && index < BigInt(container.length);
  }
  const items = tryIterate(container);
  if (items === undefined) return typeError(`argument of type '${typeName(container)}' is not iterable`);
  for (const element of items) {
    if (element === item && !(item instanceof Undefined)) return true;
    if (equals(element, item, budget)) return true;
  }
  return false;
}

export function compare(operator: CompareOperator, a: Value, b: Value, budget: Budget): boolean {
  switch (operator) {
    case '==':
      return equals(a, b, budget);
    case '!=':
      return !equals(a, b, budget);
    case 'in':
      return contains(b, a, budget);
    case 'not in':
      return !contains(b, a, budget);
    default:
      return order(operator, a, b, budget);
  }
}

/** Raises for a text, list or tuple that would be too long before it is made. */
function repeat(value: string | PyList | PyTuple, times: bigint, budget: Budget): Value {
  const length = typeof value === 'string' ? value.length : value.items.length;
  const count = times < 0n || length === 0 ? 0n : times;
  if (count * BigInt(length) > BigInt(budget.maxText)) {
    limitError(
      `a repetition may give at most ${budget.maxText} ${typeof value === 'string' ? 'characters' : 'items'}`,
    );
  }
  const total = Number(count) * length;
  if (typeof value === 'string') {
    budget.text(total);
    return value.repeat(Number(count));
  }
  budget.charge(total);
  const items: Value[] = [];
  for (let index = 0; index < Number(count); index++) items.push(...value.items.slice());
  return value instanceof PyList ? new PyList(items) : new PyTuple(items);
}

function isRepeatable(value: Value): value is string | PyList | PyTuple {
  return typeof value === 'string' || value instanceof PyList || value instanceof PyTuple;
}

/** `a + b` of texts, lists and tuples; undefined for other types. */
function concatenate(a: Value, b: Value, budget: Budget): Value | undefined {
  if (typeof a === 'string') {
    if (typeof b !== 'string') return typeError(`can only concatenate str (not "${typeName(b)}") to str`);
    budget.text(a.length + b.length);
    return a + b;
  }
  if (a instanceof PyList || a instanceof PyTuple) {
    const kind = a instanceof PyList ? PyList : PyTuple;
    if (!(b instanceof kind)) {
      return typeError(`can only concatenate ${typeName(a)} (not "${typeName(b)}") to ${typeName(a)}`);
    }
    budget.charge(a.items.length + b.items.length);
    return new kind([...a.items, ...b.items]);
  }
  return undefined;
}

function arithmetic(operator: BinaryOperator, a: bigint | number, b: bigint | number): bigint | number {
  if (operator === '**') return power(a, b);
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    switch (operator) {
      case '+':
        return bounded(a + b);
      case '-':
        return bounded(a - b);
      case '*':
        return bounded(a * b);
      case '/':
        return divideIntegers(a, b);
      case '//':
        return floorDivideIntegers(a, b);
      case '%':
        return a - floorDivideIntegers(a, b) * b;
    }
  }
  const x = typeof a === 'bigint' ? integerToFloat(a) : a;
  const y = typeof b === 'bigint' ? integerToFloat(b) : b;
  switch (operator) {
    case '+':
      return x + y;
    case '-':
      return x - y;
    case '*':
      return x * y;
    case '/':
      return y === 0 ? raise('ZeroDivisionError', 'float division by zero') : x / y;
    case '//':
      return floorDivideFloats(x, y);
    case '%':
      return moduloFloats(x, y);
  }
}

/** Python's binary arithmetic, with the TypeErrors that Python raises. */
export function binary(operator: BinaryOperator, a: Value, b: Value, budget: Budget): Value {
  if (a instanceof Undefined) a.fail();
  if (operator === '%' && typeof a === 'string') return percentFormat(a, b, budget);
  if (b instanceof Undefined) b.fail();
  if (isNumber(a) && isNumber(b)) return arithmetic(operator, numeric(a), numeric(b));
  if (operator === '+') {
    const joined = concatenate(a, b, budget);
    if (joined !== undefined) return joined;
  }
  if (operator === '*' && (isRepeatable(a) || isRepeatable(b))) {
    const [sequence, times] = isRepeatable(a) ? [a, b] : [b, a];
    const count = asInteger(times);
    if (count === undefined) typeError(`can't multiply sequence by non-int of type '${typeName(times)}'`);
    if (isRepeatable(sequence) && count !== undefined) return repeat(sequence, count, budget);
  }
  const sign = operator === '**' ? '** or pow()' : operator;
  return typeError(`unsupported operand type(s) for ${sign}: '${typeName(a)}' and '${typeName(b)}'`);
}

export function unary(operator: 'negative' | 'positive' | 'not', value: Value): Value {
  if (operator === 'not') return !truthy(value);
  if (value instanceof Undefined) value.fail();
  const integer = asInteger(value);
  if (integer !== undefined) return operator === 'negative' ? -integer : integer;
  if (typeof value === 'number') return operator === 'negative' ? -value : value;
  return typeError(`bad operand type for unary ${operator === 'negative' ? '-' : '+'}: '${typeName(value)}'`);
}

/** Python's `len(value)`; raises TypeError for a value without a length. */
export function needLength(value: Value, budget: Budget): number {
  if (typeof value === 'string') {
    budget.text(value.length);
    return textLength(value);
  }
  return lengthOf(value) ?? typeError(`object of type '${typeName(value)}' has no len()`);
}

/** Stable sort with Python's `<`; mixed types raise TypeError. */
export function sortValues<T>(items: T[], key: (item: T) => Value, reverse: boolean, budget: Budget): T[] {
  const decorated = items.map((item) => ({ item, key: key(item) }));
  const compareKeys = (a: Value, b: Value): number =>
    order('<', a, b, budget) ? -1 : order('<', b, a, budget) ? 1 : 0;
  decorated.sort((a, b) => (reverse ? compareKeys(b.key, a.key) : compareKeys(a.key, b.key)));
  return decorated.map((each) => each.item);
}

/** Whether two values are one object, as `is` decides for what a template can hold. */
export function isSame(a: Value, b: Value): boolean {
  if (a === b) return true;
  return typeof a !== 'object' && typeof b !== 'object' && typeof a === typeof b && keyOf(a) === keyOf(b);
}
