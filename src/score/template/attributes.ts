import { raise, typeError } from './errors';
import { dictMethods, listMethods, tupleMethods } from './methods-collection';
import { textMethods } from './methods-text';
import { textRepr, toRepr } from './repr';
import type { Builtin, MethodRun, Runtime } from './runtime';
import type { Undefined, Value } from './values';
import {
  asInteger,
  characters,
  lengthOf,
  needCount,
  objectName,
  PyDict,
  PyExtra,
  PyFunction,
  PyList,
  PyNamespace,
  PyRange,
  PyTuple,
  typeName,
  Undefined as UndefinedValue,
  orElse,
} from './values';

/*
 * Attribute and item access. An attribute is found only in the tables of this module and in the maps of our own
 * value classes: `constructor`, `__proto__`, `__class__` and the like are ordinary names that nothing has.
 */

function bindMethod<Self>(
  runtime: Runtime,
  self: Self,
  method: Builtin<MethodRun<Self>> | undefined,
): PyFunction | undefined {
  if (method === undefined) return undefined;
  const run = (args: Parameters<PyFunction['call']>[0]): Value => {
    if (typeof self === 'string') runtime.budget.text(self.length);
    return method.run(runtime, self, method.signature.bind(args));
  };
  return new PyFunction(method.signature.name, run, 'builtin_function_or_method');
}

/** A method or own attribute of the value, never an item. */
export function ownAttribute(runtime: Runtime, target: Value, name: string): Value | undefined {
  if (typeof target === 'string') return bindMethod(runtime, target, textMethods.get(name));
  if (target instanceof PyDict) return bindMethod(runtime, target, dictMethods.get(name));
  if (target instanceof PyList) return bindMethod(runtime, target, listMethods.get(name));
  if (target instanceof PyTuple) {
    const field = target.fields?.indexOf(name) ?? -1;
    return field >= 0 ? target.items[field] : bindMethod(runtime, target, tupleMethods.get(name));
  }
  if (target instanceof PyNamespace || target instanceof PyFunction) return target.attributes.get(name);
  if (target instanceof PyExtra) return target.attribute(name);
  if (target instanceof UndefinedValue) target.fail();
  return undefined;
}

/** The names an author may have meant instead of a missing attribute or key. */
function attributeNames(target: Value): string[] {
  if (target instanceof PyDict) {
    return [...target.entries()].map(([key]) => key).filter((key) => typeof key === 'string');
  }
  if (target instanceof PyNamespace) return [...target.attributes.keys()];
  if (typeof target === 'string') return [...textMethods.keys()];
  return target instanceof PyList ? [...listMethods.keys()] : [];
}

function missing(runtime: Runtime, target: Value, key: Value): Undefined {
  if (typeof key === 'string') {
    const message = `'${objectName(target)}' has no attribute ${textRepr(key)}`;
    return runtime.undefined(message, key, () => attributeNames(target));
  }
  return runtime.undefined(`${objectName(target)} has no element ${toRepr(key, runtime.budget)}`, undefined);
}

/** Jinja2's `target.name`. */
export function getAttribute(runtime: Runtime, target: Value, name: string): Value {
  const own = ownAttribute(runtime, target, name);
  if (own !== undefined) return own;
  const item = target instanceof PyDict ? target.get(name) : undefined;
  return orElse(item, () => missing(runtime, target, name));
}

/** The value at a position of a sequence; negative positions count from the end. */
function at(target: Value, index: number): Value | undefined {
  const place = (length: number): number => (index < 0 ? index + length : index);
  if (typeof target === 'string') {
    const letters = characters(target);
    return letters[place(letters.length)];
  }
  if (target instanceof PyList || target instanceof PyTuple) return target.items[place(target.items.length)];
  if (target instanceof PyRange) {
    const position = place(target.length);
    return position >= 0 && position < target.length ? target.at(position) : undefined;
  }
  return undefined;
}

/** Jinja2's `target[key]`. */
export function getItem(runtime: Runtime, target: Value, key: Value): Value {
  if (target instanceof UndefinedValue) target.fail();
  if (target instanceof PyDict) {
    // An unhashable key is simply not there: Jinja2 treats the TypeError as a miss.
    const hashable = !(key instanceof PyList || key instanceof PyDict);
    const value = hashable ? target.get(key) : undefined;
    if (value !== undefined) return value;
  } else {
    const index = asInteger(key);
    const value = index === undefined ? undefined : at(target, needCount(index));
    if (value !== undefined) return value;
  }
  const own = typeof key === 'string' ? ownAttribute(runtime, target, key) : undefined;
  return orElse(own, () => missing(runtime, target, key));
}

/** Python's slice of a text, list, tuple or range; TypeError for other values. */
export function getSlice(
  runtime: Runtime,
  target: Value,
  bounds: { start: Value; stop: Value; step: Value },
): Value {
  const isSequence = target instanceof PyList || target instanceof PyTuple || target instanceof PyRange;
  if (typeof target !== 'string' && !isSequence) {
    if (target instanceof PyDict) typeError("unhashable type: 'slice'");
    typeError(`'${typeName(target)}' object is not subscriptable`);
  }
  const length = lengthOf(target) ?? 0;
  const step = bounds.step === null ? 1 : needCount(bounds.step);
  if (step === 0) raise('ValueError', 'slice step cannot be zero');
  const clamp = (value: Value, standard: number): number => {
    if (value === null) return standard;
    const index = needCount(value);
    const from = index < 0 ? index + length : index;
    return step > 0 ? Math.min(Math.max(from, 0), length) : Math.min(Math.max(from, -1), length - 1);
  };
  const start = clamp(bounds.start, step > 0 ? 0 : length - 1);
  const stop = clamp(bounds.stop, step > 0 ? length : -1);
  if (target instanceof PyRange) {
    const size = BigInt(step);
    const at = (index: number): bigint => target.start + BigInt(index) * target.step;
    return new PyRange(at(start), at(stop), target.step * size);
  }
  if (typeof target === 'string') {
    runtime.budget.text(target.length);
    const letters = characters(target);
    if (step === 1 && typeof letters === 'string') return letters.slice(start, stop);
    return pick(letters, start, stop, step).join('');
  }
  const items = pick(target.items, start, stop, step);
  runtime.budget.charge(items.length);
  return target instanceof PyList ? new PyList(items) : new PyTuple(items);
}

function pick<T>(items: ArrayLike<T>, start: number, stop: number, step: number): T[] {
  const picked: T[] = [];
  for (let index = start; step > 0 ? index < stop : index > stop; index += step) {
    const item = items[index];
    if (item !== undefined) picked.push(item);
  }
  return picked;
}
