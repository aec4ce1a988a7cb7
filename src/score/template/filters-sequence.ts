import { raise, typeError } from './errors';
import { collect } from './methods-collection';
import { binary, needLength, order, sortValues } from './operators';
import type { Bound, FilterRun, Runtime } from './runtime';
import { builtinTable } from './runtime';
import { softText } from './text';
import type { CallArguments, Value } from './values';
import {
  characters,
  iterate,
  keyOf,
  needCount,
  PyDict,
  PyDictView,
  PyIterator,
  PyList,
  PyRange,
  PyTuple,
  truthy,
  tryIterate,
  typeName,
  Undefined,
  orElse,
} from './values';

function argumentError(message: string): never {
  return raise('FilterArgumentError', message);
}

function lowerText(value: Value): Value {
  return typeof value === 'string' ? value.toLowerCase() : value;
}

/** Follows `a.b.0` through items and attributes; an undefined result becomes the default, when there is one. */
function attributeGetter(runtime: Runtime, attribute: Value, standard: Value = null): (item: Value) => Value {
  const parts: Value[] =
    typeof attribute === 'string'
      ? attribute.split('.').map((part) => (/^\d+$/.test(part) ? BigInt(part) : part))
      : attribute === null
        ? []
        : [attribute];
  return (item) => {
    let value = item;
    for (const part of parts) {
      value = runtime.getItem(value, part);
      if (value instanceof Undefined && standard !== null) value = standard;
    }
    return value;
  };
}

/** The key that `sort`, `unique`, `min` and `max` compare by. */
function sortKey(runtime: Runtime, args: Bound): (item: Value) => Value {
  const attribute = args.get('attribute');
  const fold = truthy(args.get('case_sensitive', false)) ? (value: Value) => value : lowerText;
  const names = typeof attribute === 'string' ? attribute.split(',') : [attribute];
  const getters = names.map((name) => attributeGetter(runtime, name));
  const [only] = getters;
  if (getters.length === 1 && only !== undefined) return (item) => fold(only(item));
  return (item) => new PyTuple(getters.map((getter) => fold(getter(item))));
}

function* spend(runtime: Runtime, items: Iterable<Value>): Generator<Value> {
  for (const item of items) {
    runtime.budget.charge();
    yield item;
  }
}

function lazily(items: Generator<Value>): PyIterator {
  return new PyIterator(items);
}

/** Names of a filter or test given as the first argument, and the rest for it. */
function nameAndRest(args: Bound, from: number, what: string): { name: string; rest: CallArguments } {
  const name = args.rest[from];
  if (typeof name !== 'string') return argumentError(`${what} name expected`);
  return { name, rest: { positional: args.rest.slice(from + 1), named: args.named } };
}

function map(runtime: Runtime, value: Value, args: Bound): Value {
  const attribute = args.named.get('attribute');
  let convert: (item: Value) => Value;
  if (args.rest.length === 0 && attribute !== undefined) {
    for (const name of args.named.keys()) {
      if (name !== 'attribute' && name !== 'default') argumentError(`Unexpected keyword argument '${name}'`);
    }
    convert = attributeGetter(runtime, attribute, args.named.get('default'));
  } else {
    if (args.rest.length === 0) argumentError('map requires a filter argument');
    const { name, rest } = nameAndRest(args, 0, 'filter');
    convert = (item) => runtime.callFilter(name, item, rest);
  }
  return lazily(
    (function* () {
      if (!truthy(value)) return;
      for (const item of spend(runtime, iterate(value))) yield convert(item);
    })(),
  );
}

function choose(runtime: Runtime, value: Value, args: Bound, keep: boolean, byAttribute: boolean): Value {
  const first = args.rest[0];
  if (byAttribute && first === undefined) argumentError('Missing parameter for attribute name');
  const pick = byAttribute ? attributeGetter(runtime, first ?? null) : (item: Value): Value => item;
  const from = byAttribute ? 1 : 0;
  let test = truthy;
  if (args.rest.length > from) {
    const { name, rest } = nameAndRest(args, from, 'test');
    test = (item) => runtime.callTest(name, item, rest);
  }
  return lazily(
    (function* () {
      if (!truthy(value)) return;
      for (const item of spend(runtime, iterate(value))) if (test(pick(item)) === keep) yield item;
    })(),
  );
}

function first(runtime: Runtime, value: Value): Value {
  for (const item of iterate(value)) return item;
  return runtime.undefined('No first item, sequence was empty.');
}

function reversed(runtime: Runtime, value: Value): Value[] {
  const reversible =
    typeof value === 'string' ||
    [PyList, PyTuple, PyDict, PyDictView, PyRange].some((type) => value instanceof type);
  if (!reversible) typeError(`'${typeName(value)}' object is not reversible`);
  return collect(value, runtime).reverse();
}

function last(runtime: Runtime, value: Value): Value {
  if (value instanceof Undefined && value.strict) value.fail();
  const [final] = reversed(runtime, value instanceof Undefined ? '' : value);
  return orElse(final, () => runtime.undefined('No last item, sequence was empty.'));
}

function reverse(runtime: Runtime, value: Value): Value {
  if (typeof value === 'string') {
    runtime.budget.text(value.length);
    return [...characters(value)].reverse().join('');
  }
  if (tryIterate(value) === undefined) argumentError('argument must be iterable');
  const items = value instanceof PyIterator ? collect(value, runtime).reverse() : reversed(runtime, value);
  return value instanceof PyIterator
    ? new PyList(items)
    : new PyIterator(items.values(), 'list_reverseiterator');
}

function join(runtime: Runtime, value: Value, args: Bound): string {
  const separator = softText(args.get('d', ''), runtime.budget);
  const pick = attributeGetter(runtime, args.get('attribute'));
  const parts: string[] = [];
  let length = 0;
  for (const item of spend(runtime, iterate(value))) {
    const part = softText(pick(item), runtime.budget);
    length += part.length + separator.length;
    if (length > runtime.budget.maxText) runtime.budget.text(length);
    parts.push(part);
  }
  runtime.budget.text(length);
  return parts.join(separator);
}

function sum(runtime: Runtime, value: Value, args: Bound): Value {
  const pick = attributeGetter(runtime, args.get('attribute'));
  let total = args.get('start', 0n);
  if (typeof total === 'string') typeError("sum() can't sum strings [use ''.join(seq) instead]");
  for (const item of spend(runtime, iterate(value))) total = binary('+', total, pick(item), runtime.budget);
  return total;
}

function extreme(runtime: Runtime, value: Value, args: Bound, operator: '<' | '>'): Value {
  const key = sortKey(runtime, args);
  let best: { item: Value; key: Value } | undefined;
  for (const item of spend(runtime, iterate(value))) {
    const candidate = { item, key: key(item) };
    if (best === undefined || order(operator, candidate.key, best.key, runtime.budget)) best = candidate;
  }
  return best === undefined ? runtime.undefined('No aggregated item, sequence was empty.') : best.item;
}

function unique(runtime: Runtime, value: Value, args: Bound): Value {
  const key = sortKey(runtime, args);
  const seen = new Set<string>();
  return lazily(
    (function* () {
      for (const item of spend(runtime, iterate(value))) {
        const id = keyOf(key(item));
        if (seen.has(id)) continue;
        seen.add(id);
        yield item;
      }
    })(),
  );
}

function groupby(runtime: Runtime, value: Value, args: Bound): PyList {
  const pick = attributeGetter(runtime, args.get('attribute'), args.get('default'));
  const fold = truthy(args.get('case_sensitive', false)) ? (item: Value) => item : lowerText;
  const key = (item: Value): Value => fold(pick(item));
  const sorted = sortValues(collect(value, runtime), key, false, runtime.budget);
  const groups: { id: string; grouper: Value; items: Value[] }[] = [];
  for (const item of sorted) {
    const id = keyOf(key(item));
    const group = groups.at(-1);
    if (group?.id === id) group.items.push(item);
    else groups.push({ id, grouper: pick(item), items: [item] });
  }
  return new PyList(
    groups.map((group) => new PyTuple([group.grouper, new PyList(group.items)], ['grouper', 'list'])),
  );
}

function batch(runtime: Runtime, value: Value, args: Bound): Value {
  const size = needCount(args.get('linecount'));
  const fill = args.get('fill_with');
  if (fill !== null && size > 0) runtime.budget.charge(size);
  return lazily(
    (function* () {
      let row: Value[] = [];
      for (const item of spend(runtime, iterate(value))) {
        if (row.length === size) {
          yield new PyList(row);
          row = [];
        }
        row.push(item);
      }
      while (row.length > 0 && fill !== null && row.length < size) row.push(fill);
      if (row.length > 0) yield new PyList(row);
    })(),
  );
}

function slices(runtime: Runtime, value: Value, args: Bound): Value {
  const count = needCount(args.get('slices'));
  const fill = args.get('fill_with');
  return lazily(
    (function* () {
      const items = collect(value, runtime);
      if (count === 0) raise('ZeroDivisionError', 'integer division or modulo by zero');
      const size = Math.floor(items.length / count);
      const longer = items.length - size * count;
      let start = 0;
      for (let index = 0; index < count; index++) {
        runtime.budget.charge();
        const end = start + size + (index < longer ? 1 : 0);
        const part = items.slice(start, end);
        if (fill !== null && index >= longer) part.push(fill);
        start = end;
        yield new PyList(part);
      }
    })(),
  );
}

function needDict(value: Value): PyDict {
  if (value instanceof Undefined) value.fail();
  if (value instanceof PyDict) return value;
  return raise('AttributeError', `'${typeName(value)}' object has no attribute 'items'`);
}

function dictsort(runtime: Runtime, value: Value, args: Bound): PyList {
  const dict = needDict(value);
  const by = args.get('by', 'key');
  if (by !== 'key' && by !== 'value') argumentError('You can only sort by either "key" or "value"');
  const fold = truthy(args.get('case_sensitive', false)) ? (item: Value) => item : lowerText;
  const key = ([name, item]: readonly [Value, Value]): Value => fold(by === 'key' ? name : item);
  const pairs = sortValues([...dict.entries()], key, truthy(args.get('reverse', false)), runtime.budget);
  return new PyList(pairs.map((pair) => new PyTuple(pair)));
}

function items(value: Value): Value {
  if (value instanceof Undefined) return new PyList([]);
  if (!(value instanceof PyDict)) return typeError('Can only get item pairs from a mapping.');
  return new PyIterator(new PyDictView(value, 'items')[Symbol.iterator]());
}

function random(runtime: Runtime, value: Value): Value {
  const length = needLength(value, runtime.budget);
  if (length === 0) return runtime.undefined('No random item, sequence was empty.');
  return runtime.getItem(value, BigInt(Math.floor(Math.random() * length)));
}

const length: FilterRun = (runtime, value) => BigInt(needLength(value, runtime.budget));

/** Filters that work on lists, mappings and other iterables. */
export const sequenceFilters = builtinTable<FilterRun>([
  ['length', 'The number of items or characters.', length],
  ['count', 'The number of items or characters.', length],
  ['first', 'The first item.', first],
  ['last', 'The last item.', last],
  ['random', 'An item by chance.', random],
  [
    'list',
    'The items as a list; a text as its characters.',
    (runtime, value) => new PyList(collect(value, runtime)),
  ],
  ['reverse', 'The items or characters from last to first.', reverse],
  ['join(d="", attribute=none)', 'The items as one text, with a separator.', join],
  ['sum(attribute=none, start=0)', 'The sum of the items.', sum],
  [
    'min(case_sensitive=false, attribute=none)',
    'The smallest item.',
    (runtime, value, args) => extreme(runtime, value, args, '<'),
  ],
  [
    'max(case_sensitive=false, attribute=none)',
    'The largest item.',
    (runtime, value, args) => extreme(runtime, value, args, '>'),
  ],
  [
    'sort(reverse=false, case_sensitive=false, attribute=none)',
    'The items sorted.',
    (runtime, value, args) =>
      new PyList(
        sortValues(
          collect(value, runtime),
          sortKey(runtime, args),
          truthy(args.get('reverse', false)),
          runtime.budget,
        ),
      ),
  ],
  ['unique(case_sensitive=false, attribute=none)', 'The items without repetitions.', unique],
  [
    'groupby(attribute, default=none, case_sensitive=false)',
    'Groups of items as (grouper, list) pairs.',
    groupby,
  ],
  ['batch(linecount, fill_with=none)', 'Lists of `linecount` items each.', batch],
  ['slice(slices, fill_with=none)', 'The items divided into `slices` lists.', slices],
  ['map(*args, **kwargs)', 'A filter, or `attribute=`, applied to every item.', map],
  [
    'select(*args, **kwargs)',
    'The items that pass a test.',
    (runtime, value, args) => choose(runtime, value, args, true, false),
  ],
  [
    'reject(*args, **kwargs)',
    'The items that fail a test.',
    (runtime, value, args) => choose(runtime, value, args, false, false),
  ],
  [
    'selectattr(*args, **kwargs)',
    'The items whose attribute passes a test.',
    (runtime, value, args) => choose(runtime, value, args, true, true),
  ],
  [
    'rejectattr(*args, **kwargs)',
    'The items whose attribute fails a test.',
    (runtime, value, args) => choose(runtime, value, args, false, true),
  ],
  ['dictsort(case_sensitive=false, by="key", reverse=false)', 'The (key, value) pairs sorted.', dictsort],
  ['items', 'The (key, value) pairs of a mapping.', (_runtime, value) => items(value)],
]);
