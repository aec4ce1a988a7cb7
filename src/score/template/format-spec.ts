import type { Budget } from './budget';
import { limitError, raise, typeError, valueError } from './errors';
import { floatRepr, integerToFloat, scaleToEven } from './numbers';
import { toText } from './repr';
import type { Value } from './values';
import { characters, typeName, Undefined } from './values';

/** Digits after the point that a float may be asked for: more than a double can hold, but not a book. */
const mostPrecision = 1200;

export interface NumberStyle {
  type: string;
  sign: string;
  alternate: boolean;
  precision?: number | undefined;
}

function signOf(negative: boolean, sign: string): string {
  if (negative) return '-';
  return sign === '+' || sign === ' ' ? sign : '';
}

/** An integer in base 10, 2, 8 or 16 with its sign and, in the alternate form, its prefix. */
export function formatInteger(value: bigint, style: NumberStyle): string {
  const absolute = value < 0n ? -value : value;
  const radix = { b: 2, o: 8, x: 16, X: 16 }[style.type] ?? 10;
  const digits = style.type === 'X' ? absolute.toString(16).toUpperCase() : absolute.toString(radix);
  const prefix = style.alternate && radix !== 10 ? `0${style.type}` : '';
  return signOf(value < 0n, style.sign) + prefix + digits;
}

/** The absolute value with `precision` digits after the point. */
function fixed(value: number, precision: number): string {
  const digits = scaleToEven(Math.abs(value), precision)
    .toString()
    .padStart(precision + 1, '0');
  return precision === 0 ? digits : `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

/** The absolute value rounded to `digits` significant digits, and its decimal exponent. */
function significant(value: number, digits: number): { text: string; exponent: number } {
  if (value === 0) return { text: '0'.repeat(digits), exponent: 0 };
  let exponent = Number(Math.abs(value).toExponential().split('e')[1]);
  let text = scaleToEven(Math.abs(value), digits - 1 - exponent).toString();
  if (text.length > digits) {
    exponent += 1;
    text = scaleToEven(Math.abs(value), digits - 1 - exponent).toString();
  }
  return { text: text.padEnd(digits, '0'), exponent };
}

function exponential(digits: string, exponent: number): string {
  const size = String(Math.abs(exponent)).padStart(2, '0');
  const point = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${digits.charAt(0)}${point}e${exponent < 0 ? '-' : '+'}${size}`;
}

function general(value: number, precision: number, alternate: boolean): string {
  const digits = Math.max(1, precision);
  const { text, exponent } = significant(value, digits);
  const trim = (number: string): string =>
    alternate || !number.includes('.') ? number : number.replace(/\.?0+$/, '');
  if (exponent < -4 || exponent >= digits) {
    const [mantissa = '', power = ''] = exponential(text, exponent).split('e');
    return `${trim(mantissa)}e${power}`;
  }
  return trim(fixed(value, Math.max(0, digits - 1 - exponent)));
}

/** A float in the styles e, f, g and % (upper case too) with its sign. */
export function formatFloat(value: number, style: NumberStyle): string {
  const { precision = 6 } = style;
  if (precision > mostPrecision) limitError(`a float format may ask for at most ${mostPrecision} digits`);
  const negative = value < 0 || Object.is(value, -0);
  const sign = signOf(negative, style.sign);
  const kind = style.type.toLowerCase();
  let body: string;
  if (!Number.isFinite(value)) body = Number.isNaN(value) ? 'nan' : 'inf';
  else if (kind === 'e') {
    const { text, exponent } = significant(value, precision + 1);
    body = exponential(text, exponent);
  } else if (kind === 'f') body = fixed(value, precision);
  else if (kind === '%') body = fixed(value * 100, precision);
  else body = general(value, precision, style.alternate);
  if (kind === '%') body += '%';
  return sign + (style.type === kind ? body : body.toUpperCase());
}

interface FormatSpec extends NumberStyle {
  fill: string;
  align: string;
  zero: boolean;
  width: number;
  grouping: string;
}

const specPattern = /^(?:([^])?([<>=^]))?([-+ ]?)(z?)(#?)(0?)(\d*)([,_]?)(?:\.(\d+))?([bcdeEfFgGnosxX%]?)$/u;

function parseSpec(spec: string, value: Value): FormatSpec {
  const match = specPattern.exec(spec);
  if (match === null)
    return valueError(`Invalid format specifier '${spec}' for object of type '${typeName(value)}'`);
  const [, fill, align = '', sign = '', , alternate, zero, width, grouping = '', precision, type = ''] =
    match;
  return {
    fill: fill ?? (zero === '0' ? '0' : ' '),
    align,
    sign,
    alternate: alternate === '#',
    zero: zero === '0',
    width: Number(width ?? 0),
    grouping,
    precision: precision === undefined ? undefined : Number(precision),
    type,
  };
}

function group(text: string, separator: string, size: number): string {
  const [, head = '', whole = '', rest = ''] = /^([-+ ]?(?:0[xXob])?)([\da-fA-F]*)([^]*)$/.exec(text) ?? [];
  if (separator === '') return text;
  const parts: string[] = [];
  for (let end = whole.length; end > 0; end -= size) parts.unshift(whole.slice(Math.max(0, end - size), end));
  return head + parts.join(separator) + rest;
}

function align(text: string, spec: FormatSpec, standard: string): string {
  const missing = spec.width - characters(text).length;
  if (missing <= 0) return text;
  switch (spec.align || (spec.zero && standard === '>' ? '=' : standard)) {
    case '<':
      return text + spec.fill.repeat(missing);
    case '^': {
      const before = missing >> 1;
      return spec.fill.repeat(before) + text + spec.fill.repeat(missing - before);
    }
    case '=': {
      const [, head = '', body = ''] = /^([-+ ]?(?:0[xXob])?)([^]*)$/.exec(text) ?? [];
      return head + spec.fill.repeat(missing) + body;
    }
    default:
      return spec.fill.repeat(missing) + text;
  }
}

/** The digits of a zero-filled number are grouped too: `{:08,}` of 1234 is `0,001,234`. */
function alignGrouped(text: string, spec: FormatSpec, size: number): string {
  const zeroFilled = spec.grouping !== '' && spec.fill === '0' && (spec.align === '=' || spec.align === '');
  if (!zeroFilled) return align(group(text, spec.grouping, size), spec, '>');
  const [, head = '', whole = '', rest = ''] = /^([-+ ]?(?:0[xXob])?)([\da-fA-F]*)([^]*)$/.exec(text) ?? [];
  let digits = whole;
  while (group(head + digits + rest, spec.grouping, size).length < spec.width) digits = `0${digits}`;
  return group(head + digits + rest, spec.grouping, size);
}

function formatNumber(value: bigint | number, spec: FormatSpec): string {
  if (typeof value === 'bigint') {
    if ('bdoxXn'.includes(spec.type)) {
      if (spec.precision !== undefined) valueError('Precision not allowed in integer format specifier');
      const decimal = spec.type === '' || spec.type === 'd' || spec.type === 'n';
      if (!decimal && spec.grouping === ',') valueError(`Cannot specify ',' with '${spec.type}'.`);
      return alignGrouped(formatInteger(value, spec), spec, decimal ? 3 : 4);
    }
    if (spec.type === 'c') {
      if (value < 0n || value > 0x10ffffn) raise('OverflowError', '%c arg not in range(0x110000)');
      return align(String.fromCodePoint(Number(value)), spec, '<');
    }
  }
  if ('bcdoxXs'.includes(spec.type) && spec.type !== '') {
    const type = typeof value === 'bigint' ? 'int' : 'float';
    valueError(`Unknown format code '${spec.type}' for object of type '${type}'`);
  }
  const float = typeof value === 'bigint' ? integerToFloat(value) : value;
  let text: string;
  if (spec.type === '' && spec.precision === undefined) {
    text = signOf(float < 0 || Object.is(float, -0), spec.sign) + floatRepr(Math.abs(float));
  } else if (spec.type === '') {
    text = formatFloat(float, { ...spec, type: 'g' });
    if (/^[-+ ]?\d+$/.test(text)) text = withPoint(text, spec.precision ?? 0);
  } else text = formatFloat(float, { ...spec, type: spec.type === 'n' ? 'g' : spec.type });
  return alignGrouped(text, spec, 3);
}

/** A precision without a type works as `g`, but shows a float as a float where the precision leaves room. */
function withPoint(text: string, precision: number): string {
  const digits = text.replace(/^[-+ ]/, '').length;
  if (digits < precision) return `${text}.0`;
  const number = Number(text);
  const [mantissa = '', power = ''] = exponential(
    String(Math.abs(number)).replace(/0+$/, '') || '0',
    digits - 1,
  ).split('e');
  return number === 0 ? text : `${text.startsWith('-') ? '-' : ''}${mantissa}e${power}`;
}

/** Python's `format(value, spec)`. */
export function formatValue(value: Value, specText: string, budget: Budget): string {
  if (value instanceof Undefined) value.fail();
  if (specText === '') return toText(value, budget);
  const isBool = typeof value === 'boolean';
  if (typeof value === 'string' || typeof value === 'bigint' || typeof value === 'number' || isBool) {
    const spec = parseSpec(specText, value);
    budget.text(spec.width);
    if (typeof value !== 'string') return formatNumber(isBool ? BigInt(value) : value, spec);
    if (spec.type !== '' && spec.type !== 's') {
      valueError(`Unknown format code '${spec.type}' for object of type 'str'`);
    }
    if (spec.sign !== '') valueError('Sign not allowed in string format specifier');
    if (spec.align === '=') valueError("'=' alignment not allowed in string format specifier");
    const letters = characters(value).slice(0, spec.precision);
    return align(typeof letters === 'string' ? letters : letters.join(''), spec, '<');
  }
  return typeError(`unsupported format string passed to ${typeName(value)}.__format__`);
}
