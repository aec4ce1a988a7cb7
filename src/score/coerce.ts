/**
 * Lax reading of values, as the reference's schema library does it: `"3"` where a number is meant, `3.0` for an integer,
 * `"yes"` for a boolean. Never a number for a text. What cannot be read is left as it is, for the schema to refuse.
 */
import { z } from 'zod';

const numeric = /^[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$/;
const booleans = new Map<unknown, boolean>([
  ...['true', 'yes', 'on', 't', 'y', '1'].map((text): [string, boolean] => [text, true]),
  ...['false', 'no', 'off', 'f', 'n', '0'].map((text): [string, boolean] => [text, false]),
  [1, true],
  [0, false],
]);

/** `data` with values turned into what `schema` expects, wherever the lax rules allow it. */
export function coerceLax(schema: z.core.$ZodType, data: unknown): unknown {
  if (data === null || data === undefined) return data;
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable
  ) {
    return coerceLax(schema.unwrap(), data);
  }
  if (schema instanceof z.ZodNumber && typeof data === 'string') {
    const written = data.trim();
    return numeric.test(written) ? Number(written.replaceAll('_', '')) : data;
  }
  if (schema instanceof z.ZodBoolean) {
    return booleans.get(typeof data === 'string' ? data.toLowerCase() : data) ?? data;
  }
  if (schema instanceof z.ZodArray) {
    return Array.isArray(data) ? data.map((item: unknown) => coerceLax(schema.element, item)) : data;
  }
  if (!isRecord(data)) return data;
  if (schema instanceof z.ZodObject) {
    const shape = schema.shape as Readonly<Record<string, z.core.$ZodType>>;
    return mapValues(data, (value, key) => {
      const field = Object.hasOwn(shape, key) ? shape[key] : undefined;
      return field === undefined ? value : coerceLax(field, value);
    });
  }
  if (schema instanceof z.ZodRecord) {
    const { valueType } = schema;
    return mapValues(data, (value) => coerceLax(valueType, value));
  }
  return data;
}

function isRecord(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data) && !(data instanceof Date);
}

function mapValues(
  data: Record<string, unknown>,
  change: (value: unknown, key: string) => unknown,
): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(data)) result[key] = change(data[key], key);
  return result;
}
