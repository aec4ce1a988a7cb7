import type { Budget } from './budget';
import { formatFloat, formatInteger } from './format-spec';
import { raise, typeError, valueError } from './errors';
import { floatToInteger, integerToFloat } from './numbers';
import { asciiOnly, toRepr, toText } from './repr';
import type { Value } from './values';
import {
  asInteger,
  characters,
  needCount,
  PyDict,
  PyList,
  PyTuple,
  typeName,
  Undefined,
  orElse,
} from './values';

const placeholder = /%(?:\(([^()]*)\))?([-#0 +]*)(\*|\d*)(?:\.(\*|\d*))?[hlL]?([^])?/gu;

/** Hands out the arguments of a `%` formatting in order. */
class PercentArguments {
  private readonly positional: readonly Value[];
  private used = 0;

  constructor(private readonly source: Value) {
    this.positional = source instanceof PyTuple ? source.items : [source];
  }

  next(): Value {
    const value = this.positional[this.used];
    if (value === undefined) return typeError('not enough arguments for format string');
    this.used += 1;
    return value;
  }

  named(name: string): Value {
    if (!(this.source instanceof PyDict)) return typeError('format requires a mapping');
    this.used = 1;
    return orElse(this.source.get(name), () => raise('KeyError', `'${name}'`));
  }

  finish(): void {
    const spare = this.source instanceof PyDict || this.source instanceof PyList;
    if (this.used < this.positional.length && !(spare && this.used === 0)) {
      typeError('not all arguments converted during string formatting');
    }
  }
}

function number(value: Value, type: string): Value {
  if (value instanceof Undefined) value.fail();
  const integer = asInteger(value);
  if ('diu'.includes(type)) {
    if (integer !== undefined) return integer;
    if (typeof value === 'number') return floatToInteger(value);
    return typeError(`%${type} format: a real number is required, not ${typeName(value)}`);
  }
  if ('oxX'.includes(type)) {
    return integer ?? typeError(`%${type} format: an integer is required, not ${typeName(value)}`);
  }
  if (integer !== undefined) return integerToFloat(integer);
  return typeof value === 'number' ? value : typeError(`must be real number, not ${typeName(value)}`);
}

function character(value: Value): string {
  const code = asInteger(value);
  if (code !== undefined) {
    if (code < 0n || code > 0x10ffffn) raise('OverflowError', '%c arg not in range(0x110000)');
    return String.fromCodePoint(Number(code));
  }
  if (typeof value === 'string' && characters(value).length === 1) return value;
  return typeError('%c requires int or char');
}

/** Python's `text % values`. */
export function percentFormat(text: string, values: Value, budget: Budget): string {
  const args = new PercentArguments(values);
  const parts: string[] = [];
  let last = 0;
  let size = 0;
  const add = (part: string): void => {
    size += part.length;
    budget.check(size);
    budget.text(part.length);
    parts.push(part);
  };
  for (const match of text.matchAll(placeholder)) {
    const [whole, name, flags = '', widthText = '', precisionText, type] = match;
    add(text.slice(last, match.index));
    last = match.index + whole.length;
    if (type === undefined) valueError('incomplete format');
    if (type === '%') {
      add('%');
      continue;
    }
    let left = flags.includes('-');
    let width = widthText === '*' ? needCount(args.next()) : Number(widthText || 0);
    if (width < 0) {
      left = true;
      width = -width;
    }
    const precision =
      precisionText === undefined
        ? undefined
        : precisionText === '*'
          ? Math.max(0, needCount(args.next()))
          : Number(precisionText || 0);
    budget.text(width + Math.min(precision ?? 0, Number.MAX_SAFE_INTEGER - width));
    const value = name === undefined ? args.next() : args.named(name);
    add(
      pad(convert(type ?? '', value, flags, precision, budget), width, left, flags.includes('0'), type ?? ''),
    );
  }
  add(text.slice(last));
  args.finish();
  return parts.join('');
}

function convert(
  type: string,
  value: Value,
  flags: string,
  precision: number | undefined,
  budget: Budget,
): string {
  if ('sra'.includes(type)) {
    const full = type === 's' ? toText(value, budget) : toRepr(value, budget);
    const shown = type === 'a' ? asciiOnly(full) : full;
    if (precision === undefined) return shown;
    const letters = characters(shown);
    return typeof letters === 'string' ? letters.slice(0, precision) : letters.slice(0, precision).join('');
  }
  if (type === 'c') return character(value);
  const sign = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '-';
  if ('diuoxX'.includes(type)) {
    const converted = number(value, type);
    const base = 'diu'.includes(type) ? 'd' : type;
    const digits = formatInteger(converted as bigint, { type: base, sign, alternate: flags.includes('#') });
    if (precision === undefined) return digits;
    const [, head = '', body = ''] = /^([-+ ]?(?:0[xXo])?)(.*)$/.exec(digits) ?? [];
    return head + body.padStart(precision, '0');
  }
  if ('eEfFgG'.includes(type)) {
    return formatFloat(number(value, type) as number, {
      type,
      sign,
      precision: precision ?? 6,
      alternate: flags.includes('#'),
    });
  }
  return valueError(`unsupported format character '${type}'`);
}

function pad(text: string, width: number, left: boolean, zeros: boolean, type: string): string {
  const missing = width - characters(text).length;
  if (missing <= 0) return text;
  if (left) return text + ' '.repeat(missing);
  if (!zeros || 'srac'.includes(type)) return ' '.repeat(missing) + text;
  const [, head = '', body = ''] = /^([-+ ]?(?:0[xXo])?)([^]*)$/.exec(text) ?? [];
  return head + '0'.repeat(missing) + body;
}
