import { raise, typeError } from './errors';
import type { Value } from './values';
import { PyDict, PyFloat, PyList } from './values';

/** Plain data nested deeper than this is refused (it may be cyclic). */
const deepestData = 200;

/** A date as Python prints it: without the time at midnight UTC, as YAML dates are. */
function dateText(date: Date): string {
  const text = date.toISOString();
  const [day = '', time = ''] = text.replace('Z', '').split('T');
  if (time === '00:00:00.000') return day;
  return `${day} ${time.endsWith('.000') ? time.slice(0, -4) : `${time}000`}`;
}

/**
 * Turns plain data into a template value, copying it:
 * `bigint` and whole numbers → int, `PyFloat` and other numbers → float, arrays → list, `Map` → dict with its own
 * key types, plain objects → dict (with int keys when all keys look like integers), `Date` → text as Python prints
 * it. Whole numbers beyond 2^53 become floats, as their digits are lost already. Raises TypeError for functions
 * and other things that are not data.
 */
export function toTemplateValue(data: unknown, depth = 0): Value {
  if (depth > deepestData)
    raise('ValueError', 'a value of the context nests deeper than 200 levels or contains itself');
  if (data === null || typeof data === 'string' || typeof data === 'boolean' || typeof data === 'bigint')
    return data;
  if (typeof data === 'number')
    return Number.isSafeInteger(data) && !Object.is(data, -0) ? BigInt(data) : data;
  if (typeof data === 'object') {
    if (data instanceof PyFloat) return data.value;
    if (Array.isArray(data))
      return new PyList(data.map((item: unknown) => toTemplateValue(item ?? null, depth + 1)));
    if (data instanceof Map) {
      const pairs = [...(data as Map<unknown, unknown>)];
      return PyDict.of(
        pairs.map(([key, value]) => [
          toTemplateValue(key, depth + 1),
          toTemplateValue(value ?? null, depth + 1),
        ]),
      );
    }
    if (data instanceof Date && !Number.isNaN(data.getTime())) return dateText(data);
    const prototype: unknown = Object.getPrototypeOf(data);
    if (prototype === null || prototype === Object.prototype) return objectToDict(data, depth);
  }
  return typeError(`a value of type ${typeof data} cannot be used in a template`);
}

function objectToDict(data: object, depth: number): PyDict {
  const entries = Object.entries(data).filter(([, value]) => value !== undefined);
  const integers = entries.length > 0 && entries.every(([key]) => /^-?(?:0|[1-9]\d{0,15})$/.test(key));
  return PyDict.of(
    entries.map(([key, value]): [Value, Value] => [
      integers ? BigInt(key) : key,
      toTemplateValue(value as unknown, depth + 1),
    ]),
  );
}
