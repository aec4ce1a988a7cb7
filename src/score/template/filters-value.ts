import { raise, typeError, valueError } from './errors';
import { formatFloat } from './format-spec';
import { toJson } from './json';
import {
  floatToInteger,
  integerToFloat,
  parseFloatText,
  parseInteger,
  roundFloat,
  roundInteger,
} from './numbers';
import { pprint } from './pprint';
import { textRepr } from './repr';
import type { Bound, FilterRun, Runtime } from './runtime';
import { builtinTable } from './runtime';
import { softText } from './text';
import type { Value } from './values';
import { asInteger, needCount, truthy, typeName, Undefined, orElse } from './values';

/** Python's `float(value)`, or undefined where it would raise TypeError or ValueError. */
function tryFloat(value: Value): number | undefined {
  if (value instanceof Undefined) value.fail();
  if (typeof value === 'string') return parseFloatText(value);
  const integer = asInteger(value);
  if (integer !== undefined) return integerToFloat(integer);
  return typeof value === 'number' ? value : undefined;
}

function int(value: Value, args: Bound): Value {
  if (value instanceof Undefined) value.fail();
  const direct =
    typeof value === 'string' ? parseInteger(value, needCount(args.get('base', 10n))) : asInteger(value);
  if (direct !== undefined) return direct;
  const float = tryFloat(value);
  return float === undefined || !Number.isFinite(float) ? args.get('default', 0n) : floatToInteger(float);
}

function round(value: Value, args: Bound): Value {
  if (value instanceof Undefined) value.fail();
  const method = args.get('method', 'common');
  const places = needCount(args.get('precision', 0n));
  if (method !== 'common' && method !== 'ceil' && method !== 'floor') {
    raise('FilterArgumentError', 'method must be common, ceil or floor');
  }
  const integer = asInteger(value);
  const float = integer === undefined ? value : undefined;
  if (integer === undefined && typeof float !== 'number') {
    return typeError(`type ${typeName(value)} doesn't define __round__ method`);
  }
  if (method === 'common') {
    if (integer !== undefined) return roundInteger(integer, places);
    return roundFloat(float as number, places);
  }
  const scale = 10 ** places;
  const scaled = (integer === undefined ? (float as number) : integerToFloat(integer)) * scale;
  return (method === 'ceil' ? Math.ceil(scaled) : Math.floor(scaled)) / scale;
}

function abs(value: Value): Value {
  if (value instanceof Undefined) value.fail();
  const integer = asInteger(value);
  if (integer !== undefined) return integer < 0n ? -integer : integer;
  return typeof value === 'number'
    ? Math.abs(value)
    : typeError(`bad operand type for abs(): '${typeName(value)}'`);
}

function filesizeformat(value: Value, args: Bound): string {
  const bytes = tryFloat(value);
  if (bytes === undefined) {
    return typeof value === 'string'
      ? valueError(`could not convert string to float: ${textRepr(value)}`)
      : typeError(`float() argument must be a string or a real number, not '${typeName(value)}'`);
  }
  const binary = truthy(args.get('binary', false));
  const base = binary ? 1024 : 1000;
  if (bytes === 1) return '1 Byte';
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  const prefixes = binary
    ? ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']
    : ['kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];
  let index = 0;
  while (index < prefixes.length - 1 && bytes >= base ** (index + 2)) index += 1;
  const amount = (base * bytes) / base ** (index + 2);
  const style = { type: 'f', sign: '-', alternate: false, precision: 1 };
  return `${formatFloat(amount, style)} ${prefixes[index] ?? ''}`;
}

const standard: FilterRun = (_runtime, value, args) => {
  const missing = value instanceof Undefined || (truthy(args.get('boolean', false)) && !truthy(value));
  return missing ? args.get('default_value', '') : value;
};

function attr(runtime: Runtime, value: Value, args: Bound): Value {
  const name = softText(args.get('name'), runtime.budget);
  const own = runtime.getOwnAttribute(value, name);
  const message = `'${typeName(value)} object' has no attribute ${textRepr(name)}`;
  return orElse(own, () => runtime.undefined(message, name));
}

/** Filters for numbers and for values of any type. */
export const valueFilters = builtinTable<FilterRun>([
  [
    'default(default_value="", boolean=false)',
    'Another value where it is undefined (with true: or empty).',
    standard,
  ],
  [
    'd(default_value="", boolean=false)',
    'Another value where it is undefined (with true: or empty).',
    standard,
  ],
  [
    'int(default=0, base=10)',
    'The value as an integer, or the default.',
    (_runtime, value, args) => int(value, args),
  ],
  [
    'float(default=0.0)',
    'The value as a float, or the default.',
    (_runtime, value, args) => tryFloat(value) ?? args.get('default', 0),
  ],
  [
    'round(precision=0, method="common")',
    'Rounded; method common, ceil or floor.',
    (_runtime, value, args) => round(value, args),
  ],
  ['abs', 'The absolute value.', (_runtime, value) => abs(value)],
  [
    'filesizeformat(binary=false)',
    'A number of bytes for people.',
    (_runtime, value, args) => filesizeformat(value, args),
  ],
  ['attr(name)', 'A method or attribute by name, never an item.', attr],
  [
    'tojson(indent=none)',
    'The value as JSON with sorted keys.',
    (runtime, value, args) => toJson(runtime, value, args),
  ],
  [
    'pprint',
    'The value as Python prints it, over several lines when long.',
    (runtime, value) => pprint(value, runtime.budget),
  ],
]);
