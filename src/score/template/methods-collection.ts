import { raise, typeError, valueError } from './errors';
import { equals, sortValues } from './operators';
import { toRepr } from './repr';
import type { Bound, MethodRun, Runtime } from './runtime';
import { builtinTable } from './runtime';
import type { Value } from './values';
import {
  iterate,
  lengthOf,
  needCount,
  PyDict,
  PyDictView,
  PyFunction,
  PyList,
  PyTuple,
  truthy,
  typeName,
  Undefined,
  orElse,
} from './values';

/** Copies the elements of an iterable, one step each. */
export function collect(value: Value, runtime: Runtime): Value[] {
  const items: Value[] = [];
  for (const item of iterate(value)) {
    runtime.budget.charge();
    items.push(item);
  }
  return items;
}

/** Feeds (key, value) pairs of a mapping or of an iterable of pairs into `dict`. */
export function updateDict(dict: PyDict, source: Value, runtime: Runtime): void {
  if (source instanceof PyDict) {
    for (const [key, value] of [...source.entries()]) {
      runtime.budget.charge();
      dict.set(key, value);
    }
    return;
  }
  let index = 0;
  for (const pair of iterate(source)) {
    const items = lengthOf(pair) === undefined ? undefined : collect(pair, runtime);
    if (items === undefined)
      typeError(`cannot convert dictionary update sequence element #${index} to a sequence`);
    const [key, value] = items ?? [];
    if (items?.length !== 2 || key === undefined || value === undefined) {
      valueError(
        `dictionary update sequence element #${index} has length ${items?.length ?? 0}; 2 is required`,
      );
    } else dict.set(key, value);
    index += 1;
  }
}

function indexOf(items: readonly Value[], args: Bound, runtime: Runtime, what: string): number {
  const wanted = args.get('value');
  const clamp = (name: string, standard: number): number => {
    const value = args.optional(name);
    const index = value === undefined ? standard : needCount(value);
    return index < 0 ? Math.max(0, index + items.length) : index;
  };
  const end = Math.min(clamp('stop', items.length), items.length);
  for (let index = clamp('start', 0); index < end; index++) {
    if (equals(items[index] ?? null, wanted, runtime.budget)) return index;
  }
  return valueError(
    what === 'list' ? `${toRepr(wanted, runtime.budget)} is not in list` : 'tuple.index(x): x not in tuple',
  );
}

function countOf(items: readonly Value[], args: Bound, runtime: Runtime): bigint {
  const wanted = args.get('value');
  return BigInt(items.filter((item) => equals(item, wanted, runtime.budget)).length);
}

/** The allow-list of `tuple` methods. */
export const tupleMethods = builtinTable<MethodRun<PyTuple>>([
  [
    'index(value, start=0, stop=none)',
    'Where the value is first.',
    (runtime, tuple, args) => BigInt(indexOf(tuple.items, args, runtime, 'tuple')),
  ],
  [
    'count(value)',
    'How often the value occurs.',
    (runtime, tuple, args) => countOf(tuple.items, args, runtime),
  ],
]);

function pop(list: PyList, args: Bound): Value {
  if (list.items.length === 0) raise('IndexError', 'pop from empty list');
  const index = needCount(args.get('index', -1n));
  const place = index < 0 ? index + list.items.length : index;
  if (place < 0 || place >= list.items.length) raise('IndexError', 'pop index out of range');
  return list.items.splice(place, 1)[0] ?? null;
}

function insert(list: PyList, args: Bound, runtime: Runtime): null {
  const index = needCount(args.get('index'));
  runtime.budget.charge(list.items.length >> 4);
  list.items.splice(index < 0 ? Math.max(0, index + list.items.length) : index, 0, args.get('value'));
  return null;
}

function remove(list: PyList, args: Bound, runtime: Runtime): null {
  const wanted = args.get('value');
  const index = list.items.findIndex((item) => equals(item, wanted, runtime.budget));
  if (index < 0) valueError('list.remove(x): x not in list');
  list.items.splice(index, 1);
  return null;
}

function sort(list: PyList, args: Bound, runtime: Runtime): null {
  const key = args.get('key');
  if (key !== null && !(key instanceof PyFunction)) typeError(`'${typeName(key)}' object is not callable`);
  const keyOfItem = (item: Value): Value =>
    key instanceof PyFunction ? key.call({ positional: [item], named: new Map() }) : item;
  const sorted = sortValues(
    list.items.slice(),
    keyOfItem,
    truthy(args.get('reverse', false)),
    runtime.budget,
  );
  list.items.splice(0, list.items.length);
  for (const item of sorted) list.items.push(item);
  return null;
}

/** The allow-list of `list` methods. Only values of this render can change: the context is copied into it. */
export const listMethods = builtinTable<MethodRun<PyList>>([
  [
    'index(value, start=0, stop=none)',
    'Where the value is first.',
    (runtime, list, args) => BigInt(indexOf(list.items, args, runtime, 'list')),
  ],
  [
    'count(value)',
    'How often the value occurs.',
    (runtime, list, args) => countOf(list.items, args, runtime),
  ],
  [
    'append(value)',
    'Adds an element.',
    (_runtime, list, args) => {
      list.items.push(args.get('value'));
      return null;
    },
  ],
  [
    'extend(iterable)',
    'Adds all elements of the iterable.',
    (runtime, list, args) => {
      for (const item of collect(args.get('iterable'), runtime)) list.items.push(item);
      return null;
    },
  ],
  ['pop(index=-1)', 'Takes an element out.', (_runtime, list, args) => pop(list, args)],
  [
    'insert(index, value)',
    'Puts an element before the index.',
    (runtime, list, args) => insert(list, args, runtime),
  ],
  [
    'remove(value)',
    'Takes the first such element out.',
    (runtime, list, args) => remove(list, args, runtime),
  ],
  [
    'reverse()',
    'Turns the list round.',
    (_runtime, list) => {
      list.items.reverse();
      return null;
    },
  ],
  [
    'sort(key=none, reverse=false)',
    'Sorts the list in place.',
    (runtime, list, args) => sort(list, args, runtime),
  ],
  [
    'clear()',
    'Empties the list.',
    (_runtime, list) => {
      list.items.length = 0;
      return null;
    },
  ],
  ['copy()', 'A shallow copy.', (runtime, list) => new PyList(collect(list, runtime))],
]);

function keyError(key: Value, runtime: Runtime): never {
  return raise('KeyError', toRepr(key, runtime.budget));
}

function popKey(dict: PyDict, args: Bound, runtime: Runtime): Value {
  const key = args.get('key');
  const value = orElse(dict.get(key), () => orElse(args.optional('default'), () => keyError(key, runtime)));
  dict.delete(key);
  return value;
}

function popItem(dict: PyDict): Value {
  const last = [...dict.entries()].at(-1);
  if (last === undefined) return raise('KeyError', "'popitem(): dictionary is empty'");
  dict.delete(last[0]);
  return new PyTuple(last);
}

/** The allow-list of `dict` methods. */
export const dictMethods = builtinTable<MethodRun<PyDict>>([
  ['items()', 'The (key, value) pairs.', (_runtime, dict) => new PyDictView(dict, 'items')],
  ['keys()', 'The keys.', (_runtime, dict) => new PyDictView(dict, 'keys')],
  ['values()', 'The values.', (_runtime, dict) => new PyDictView(dict, 'values')],
  [
    'get(key, default=none)',
    'The value of the key, or the default.',
    (_runtime, dict, args) => orElse(dict.get(args.get('key')), () => args.get('default')),
  ],
  ['copy()', 'A shallow copy.', (runtime, dict) => copyDict(dict, runtime)],
  [
    'pop(key, default=none)',
    'Takes the value of the key out.',
    (runtime, dict, args) => popKey(dict, args, runtime),
  ],
  ['popitem()', 'Takes the last pair out.', (_runtime, dict) => popItem(dict)],
  [
    'setdefault(key, default=none)',
    'The value of the key, set first if missing.',
    (_runtime, dict, args) => {
      const key = args.get('key');
      const value = orElse(dict.get(key), () => args.get('default'));
      dict.set(key, value);
      return value;
    },
  ],
  [
    'update(other=none, **kwargs)',
    'Sets all pairs of another mapping.',
    (runtime, dict, args) => {
      const other = args.optional('other');
      if (other instanceof Undefined) other.fail();
      if (other !== undefined) updateDict(dict, other, runtime);
      for (const [key, value] of args.named) dict.set(key, value);
      return null;
    },
  ],
  [
    'clear()',
    'Empties the mapping.',
    (_runtime, dict) => {
      dict.clear();
      return null;
    },
  ],
]);

function copyDict(dict: PyDict, runtime: Runtime): PyDict {
  runtime.budget.charge(dict.size);
  return PyDict.of(dict.entries());
}
