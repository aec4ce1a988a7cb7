import type { SourceRange } from './ast';
import { limitError, Raised, raise, typeError } from './errors';

/*
 * Python's values in JavaScript:
 *   None → null · bool → boolean · int → bigint · float → number · str → string
 * and the classes below for the rest. No plain JavaScript object is ever a template value, and attribute access
 * never reads a JavaScript property by a name from the template, so prototypes are out of reach.
 */
export type Value = null | boolean | bigint | number | string | PyObject;
export type PyObject =
  | PyList
  | PyTuple
  | PyDict
  | PyDictView
  | PyRange
  | PyIterator
  | PyFunction
  | PyNamespace
  | PyExtra
  | Undefined;

/** The value, or the outcome of `otherwise` when there is none. (`??` would take Python's None for missing.) */
export function orElse(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

export class PyList {
  constructor(readonly items: Value[]) {}
}

export class PyTuple {
  constructor(
    readonly items: readonly Value[],
    /** Names of the items, for the (grouper, list) pairs of `groupby`. */
    readonly fields?: readonly string[],
  ) {}
}

/** The type of a float as it comes from outside: marks `384.0` in plain data, where JavaScript has only 384. */
export class PyFloat {
  constructor(readonly value: number) {}
}

/** Parts of a tuple that make up one key; a tuple of tuples of tuples can have more than atoms in the universe. */
const mostKeyParts = 10_000;

/** A key that tells values apart as Python's hash and equality do: `1`, `1.0` and `True` are one key, `"1"` not. */
export function keyOf(value: Value, count = { parts: 0 }): string {
  count.parts += 1;
  if (count.parts > mostKeyParts) limitError('a tuple is too large for a key');
  switch (typeof value) {
    case 'string':
      return `s${value}`;
    case 'bigint':
      return `n${value}`;
    case 'boolean':
      return value ? 'n1' : 'n0';
    case 'number':
      return Number.isInteger(value) ? `n${BigInt(value)}` : `f${value}`;
    default:
  }
  if (value === null) return 'N';
  if (value instanceof PyTuple) {
    return `t${value.items
      .map((item) => keyOf(item, count))
      .map((key) => `${key.length}:${key}`)
      .join('')}`;
  }
  if (value instanceof Undefined) value.fail();
  if (value instanceof PyList || value instanceof PyDict) typeError(`unhashable type: '${typeName(value)}'`);
  return `o${identityOf(value)}`;
}

const identities = new WeakMap<object, number>();
let lastIdentity = 0;
function identityOf(value: PyObject): number {
  let identity = identities.get(value);
  if (identity === undefined) {
    lastIdentity += 1;
    identity = lastIdentity;
    identities.set(value, identity);
  }
  return identity;
}

/** An insertion-ordered mapping with Python's key equality. */
export class PyDict {
  private readonly entriesByKey = new Map<string, [Value, Value]>();

  static of(pairs: Iterable<readonly [Value, Value]>): PyDict {
    const dict = new PyDict();
    for (const [key, value] of pairs) dict.set(key, value);
    return dict;
  }

  get size(): number {
    return this.entriesByKey.size;
  }

  get(key: Value): Value | undefined {
    return this.entriesByKey.get(keyOf(key))?.[1];
  }

  has(key: Value): boolean {
    return this.entriesByKey.has(keyOf(key));
  }

  set(key: Value, value: Value): void {
    const id = keyOf(key);
    const entry = this.entriesByKey.get(id);
    if (entry === undefined) this.entriesByKey.set(id, [key, value]);
    else entry[1] = value;
  }

  delete(key: Value): boolean {
    return this.entriesByKey.delete(keyOf(key));
  }

  clear(): void {
    this.entriesByKey.clear();
  }

  /** The live (key, value) pairs; raises when the mapping changes size on the way, as Python does. */
  *entries(): Generator<readonly [Value, Value]> {
    const size = this.size;
    for (const entry of this.entriesByKey.values()) {
      if (this.size !== size) raise('RuntimeError', 'dictionary changed size during iteration');
      yield entry;
    }
  }
}

/** What `.keys()`, `.values()` and `.items()` return. */
export class PyDictView {
  constructor(
    readonly dict: PyDict,
    readonly part: 'keys' | 'values' | 'items',
  ) {}

  *[Symbol.iterator](): Generator<Value> {
    for (const [key, value] of this.dict.entries()) {
      yield this.part === 'keys' ? key : this.part === 'values' ? value : new PyTuple([key, value]);
    }
  }
}

export class PyRange {
  readonly length: number;

  constructor(
    readonly start: bigint,
    readonly stop: bigint,
    readonly step: bigint,
  ) {
    const span = step > 0n ? stop - start : start - stop;
    const size = step > 0n ? step : -step;
    this.length = span <= 0n ? 0 : Number((span + size - 1n) / size);
  }

  at(index: number): bigint {
    return this.start + BigInt(index) * this.step;
  }

  *[Symbol.iterator](): Generator<Value> {
    for (let index = 0; index < this.length; index++) yield this.at(index);
  }
}

/** A one-shot iterator, such as the result of `map` or `select`. */
export class PyIterator {
  constructor(
    readonly iterator: Iterator<Value, unknown>,
    readonly typeName = 'generator',
  ) {}

  *[Symbol.iterator](): Generator<Value> {
    for (;;) {
      const next = this.iterator.next();
      if (next.done === true) return;
      yield next.value;
    }
  }
}

/** Arguments as evaluated, before they are matched to parameters. */
export interface CallArguments {
  positional: Value[];
  named: Map<string, Value>;
}

/** Anything callable: a bound method, a global function, a macro. */
export class PyFunction {
  constructor(
    readonly name: string,
    readonly call: (args: CallArguments) => Value,
    readonly typeName = 'function',
    /** Attributes that a template may read, e.g. a macro's `name` and `arguments`. */
    readonly attributes: ReadonlyMap<string, Value> = new Map(),
  ) {}
}

export class PyNamespace {
  readonly attributes = new Map<string, Value>();
}

/** An engine object with its own attributes: `loop`, cyclers, `self`. */
export class PyExtra {
  constructor(
    readonly typeName: string,
    readonly attribute: (name: string) => Value | undefined,
    readonly repr: () => string,
    readonly call?: (args: CallArguments) => Value,
    readonly length?: () => number,
  ) {}
}

/** A missing variable, attribute or item. Strict ones raise on almost every use; lenient ones act as empty text. */
export class Undefined {
  constructor(
    readonly message: string,
    readonly undefinedName: string | undefined,
    readonly strict: boolean,
    readonly range?: SourceRange,
    readonly candidates?: () => Iterable<string>,
  ) {}

  fail(): never {
    throw new UndefinedUse(this);
  }
}

/** Raised where an undefined value is used; the evaluator turns its candidates into a hint. */
export class UndefinedUse extends Raised {
  constructor(readonly source: Undefined) {
    super(
      { pythonClass: 'UndefinedError', message: source.message, undefinedName: source.undefinedName },
      source.range,
    );
  }
}

/** Python's name of the value's type. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case 'string':
      return 'str';
    case 'bigint':
      return 'int';
    case 'boolean':
      return 'bool';
    case 'number':
      return 'float';
    default:
  }
  if (value === null) return 'NoneType';
  if (value instanceof PyList) return 'list';
  if (value instanceof PyTuple) return 'tuple';
  if (value instanceof PyDict) return 'dict';
  if (value instanceof PyDictView) return `dict_${value.part}`;
  if (value instanceof PyRange) return 'range';
  if (value instanceof PyNamespace) return 'Namespace';
  if (value instanceof Undefined) return value.strict ? 'StrictUndefined' : 'Undefined';
  return value.typeName;
}

/** How Jinja2 names an object in "has no attribute" messages. */
export function objectName(value: Value): string {
  return value === null ? 'None' : `${typeName(value)} object`;
}

export function isNumber(value: Value): value is boolean | bigint | number {
  return typeof value === 'boolean' || typeof value === 'bigint' || typeof value === 'number';
}

/** Bools are ints in Python's arithmetic. */
export function asInteger(value: Value): bigint | undefined {
  return typeof value === 'bigint' ? value : typeof value === 'boolean' ? BigInt(value) : undefined;
}

/** An argument that must be an int (or bool). */
export function needInteger(value: Value): bigint {
  if (value instanceof Undefined) value.fail();
  return asInteger(value) ?? typeError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

/** An index or count as a JavaScript number; out of the safe range it saturates. */
export function needCount(value: Value): number {
  const integer = needInteger(value);
  const most = 2n ** 53n - 1n;
  return Number(integer > most ? most : integer < -most ? -most : integer);
}

/** Python's truth of a value. */
export function truthy(value: Value): boolean {
  switch (typeof value) {
    case 'boolean':
      return value;
    case 'string':
      return value !== '';
    case 'bigint':
      return value !== 0n;
    case 'number':
      return value !== 0;
    default:
  }
  if (value === null) return false;
  if (value instanceof Undefined) return value.strict ? value.fail() : false;
  return lengthOf(value) !== 0;
}

/** Python's `len`, or undefined for a value without one. Text counts code points. */
export function lengthOf(value: Value): number | undefined {
  if (typeof value === 'string') return textLength(value);
  if (value instanceof PyList || value instanceof PyTuple) return value.items.length;
  if (value instanceof PyDict) return value.size;
  if (value instanceof PyDictView) return value.dict.size;
  if (value instanceof PyRange) return value.length;
  if (value instanceof PyExtra) return value.length?.();
  if (value instanceof Undefined) return value.strict ? value.fail() : 0;
  return undefined;
}

const surrogate = /[\ud800-\udfff]/;

/** The characters of a text as Python counts them. */
export function characters(text: string): string | string[] {
  return surrogate.test(text) ? Array.from(text) : text;
}

export function textLength(text: string): number {
  return characters(text).length;
}

/** The elements of an iterable value, or undefined for one that is not iterable. */
export function tryIterate(value: Value): Iterable<Value> | undefined {
  if (typeof value === 'string') return value;
  if (value instanceof PyList || value instanceof PyTuple) return value.items;
  if (value instanceof PyDict) return new PyDictView(value, 'keys');
  if (value instanceof PyDictView || value instanceof PyRange || value instanceof PyIterator) return value;
  if (value instanceof Undefined) return value.strict ? value.fail() : [];
  return undefined;
}

/** The elements of an iterable value; raises TypeError for one that is not. */
export function iterate(value: Value): Iterable<Value> {
  return tryIterate(value) ?? typeError(`'${typeName(value)}' object is not iterable`);
}
