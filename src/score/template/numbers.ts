import { mostIntegerBits, mostIntegerDigits } from './budget';
import { limitError, raise, valueError } from './errors';

/** A finite float as `mantissa × 2^exponent`, exactly. */
function decompose(value: number): { mantissa: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xf_ffff_ffff_ffffn;
  const mantissa = biased === 0 ? fraction : fraction | (1n << 52n);
  return { mantissa: value < 0 ? -mantissa : mantissa, exponent: Math.max(biased, 1) - 1075 };
}

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** `numerator / denominator` (positive denominator) rounded to the nearest integer, halves to even. */
function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const negative = numerator < 0n;
  const absolute = magnitude(numerator);
  const quotient = absolute / denominator;
  const twice = (absolute % denominator) * 2n;
  const up = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  const rounded = up ? quotient + 1n : quotient;
  return negative ? -rounded : rounded;
}

/** `value × 10^places` rounded half to even on the exact binary value, as Python's `round` and `%f` do. */
export function scaleToEven(value: number | bigint, places: number): bigint {
  const { mantissa, exponent } =
    typeof value === 'bigint' ? { mantissa: value, exponent: 0 } : decompose(value);
  let numerator = mantissa;
  let denominator = 1n;
  if (places >= 0) numerator *= 10n ** BigInt(places);
  else denominator *= 10n ** BigInt(-places);
  if (exponent >= 0) numerator <<= BigInt(exponent);
  else denominator <<= BigInt(-exponent);
  return divideToEven(numerator, denominator);
}

/** Refuses integers beyond the size that Python itself would print. */
export function bounded(value: bigint): bigint {
  if (value < 2n ** 64n && value > -(2n ** 64n)) return value;
  if (magnitude(value) >> BigInt(mostIntegerBits) > 0n)
    limitError('an integer has too many digits (over 4300)');
  return value;
}

export function bitLength(value: bigint): number {
  return value === 0n ? 0 : magnitude(value).toString(16).length * 4;
}

/** Python's `round(float, places)`. */
export function roundFloat(value: number, places: number): number {
  if (!Number.isFinite(value) || value === 0) return value;
  if (places > 340) return value;
  if (places < -310) return 0 * Math.sign(value);
  const scaled = scaleToEven(value, places);
  const result = Number(`${scaled}e${-places}`);
  return result === 0 && value < 0 ? -0 : result;
}

/** Python's `round(int, places)`. */
export function roundInteger(value: bigint, places: number): bigint {
  if (places >= 0) return value;
  if (-places > mostIntegerDigits) return 0n;
  return scaleToEven(value, places) * 10n ** BigInt(-places);
}

/** Python's `repr` of a float: shortest digits, exponent below 1e-4 and from 1e16. */
export function floatRepr(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', exponentText = '0'] = value.toExponential().split('e');
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const sign = value < 0 ? '-' : '';
  const plain = digits.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${plain}`;
  const whole = plain.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${plain.slice(exponent + 1) || '0'}`;
}

/** Truncates towards zero, as `int(float)` does. */
export function floatToInteger(value: number): bigint {
  if (Number.isNaN(value)) valueError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) raise('OverflowError', 'cannot convert float infinity to integer');
  return BigInt(Math.trunc(value));
}

export function integerToFloat(value: bigint): number {
  const result = Number(value);
  return Number.isFinite(result) ? result : raise('OverflowError', 'int too large to convert to float');
}

const asciiSpace = /^[\s\x1c-\x1f\x85]+|[\s\x1c-\x1f\x85]+$/g;

/** Python's `int(text, base)`, or undefined where it would raise ValueError. */
export function parseInteger(text: string, base: number): bigint | undefined {
  if (base !== 0 && (base < 2 || base > 36)) return undefined;
  const match = /^([+-]?)(.*)$/s.exec(text.replace(asciiSpace, ''));
  let digits = (match?.[2] ?? '').toLowerCase();
  const prefix = { '0x': 16, '0o': 8, '0b': 2 }[digits.slice(0, 2)];
  let radix = base;
  if (prefix !== undefined && (base === 0 || base === prefix)) {
    digits = digits.slice(2).replace(/^_/, '');
    radix = prefix;
  } else if (base === 0) {
    if (/^0[0_]*[1-9]/.test(digits)) return undefined;
    radix = 10;
  }
  if (!/^[0-9a-z]+(?:_[0-9a-z]+)*$/.test(digits)) return undefined;
  digits = digits.replaceAll('_', '');
  if (digits.length > mostIntegerDigits) return undefined;
  let result = 0n;
  if (radix === 10) {
    if (!/^\d+$/.test(digits)) return undefined;
    result = BigInt(digits);
  } else {
    for (const digit of digits) {
      const value = parseInt(digit, 36);
      if (value >= radix) return undefined;
      result = result * BigInt(radix) + BigInt(value);
    }
  }
  return bounded(match?.[1] === '-' ? -result : result);
}

/** Python's `float(text)`, or undefined where it would raise ValueError. */
export function parseFloatText(text: string): number | undefined {
  const trimmed = text.replace(asciiSpace, '').toLowerCase();
  if (/^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+(?:_\d+)*)?$/.test(trimmed)) {
    return Number(trimmed.replaceAll('_', ''));
  }
  const special = /^([+-]?)(inf|infinity|nan)$/.exec(trimmed);
  if (special === null) return undefined;
  const size = special[2] === 'nan' ? NaN : Infinity;
  return special[1] === '-' ? -size : size;
}

/** Correctly rounded `a / b` of integers of any size. */
export function divideIntegers(a: bigint, b: bigint): number {
  if (b === 0n) raise('ZeroDivisionError', 'division by zero');
  const safe = 2n ** 53n;
  if (magnitude(a) <= safe && magnitude(b) <= safe) return Number(a) / Number(b);
  const shift = Math.max(0, bitLength(b) - bitLength(a) + 70);
  const divisor = magnitude(b);
  const dividend = magnitude(a) << BigInt(shift);
  const sticky = dividend % divisor === 0n ? 0n : 1n;
  const quotient = Number(((dividend / divisor) << 1n) | sticky) / 2;
  let result = quotient;
  for (let left = shift; left > 0; left -= 1000) result /= 2 ** Math.min(left, 1000);
  if (!Number.isFinite(result)) raise('OverflowError', 'integer division result too large for a float');
  return a < 0n === b < 0n ? result : -result;
}

export function floorDivideIntegers(a: bigint, b: bigint): bigint {
  if (b === 0n) raise('ZeroDivisionError', 'integer division or modulo by zero');
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

/** Python's float modulo: the result has the sign of `b`. */
export function moduloFloats(a: number, b: number): number {
  if (b === 0) raise('ZeroDivisionError', 'float modulo');
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

export function floorDivideFloats(a: number, b: number): number {
  if (b === 0) raise('ZeroDivisionError', 'float floor division by zero');
  const quotient = (a - moduloFloats(a, b)) / b;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

/** Python's `**`. */
export function power(a: bigint | number, b: bigint | number): bigint | number {
  if (typeof a === 'bigint' && typeof b === 'bigint' && b >= 0n) {
    const trivial = a === 0n || a === 1n || a === -1n;
    if (!trivial && BigInt(bitLength(a) - 3) * b > BigInt(mostIntegerBits + 4)) {
      limitError('a power has too many digits (over 4300)');
    }
    if (trivial) return b === 0n || a === 1n ? 1n : a === 0n ? 0n : b % 2n === 0n ? 1n : -1n;
    return bounded(a ** b);
  }
  const base = typeof a === 'bigint' ? integerToFloat(a) : a;
  const exponent = typeof b === 'bigint' ? integerToFloat(b) : b;
  if (base === 0 && exponent < 0) raise('ZeroDivisionError', '0.0 cannot be raised to a negative power');
  if (base < 0 && Number.isFinite(base) && Number.isFinite(exponent) && !Number.isInteger(exponent)) {
    valueError('a negative number to a fractional power is complex, which templates do not support');
  }
  if (base === 1 || exponent === 0) return 1;
  const result = base ** exponent;
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent)) {
    raise('OverflowError', "(34, 'Numerical result out of range')");
  }
  return result;
}
