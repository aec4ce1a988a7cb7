/** A parsed JSON object from a program's output. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses, or gives undefined: output of a program is never trusted to be JSON. */
export function tryJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The objects among the lines of a text; every other line (log text, arrays, numbers, torn lines) is skipped. */
export function jsonLines(text: string): JsonObject[] {
  const objects: JsonObject[] = [];
  for (const line of text.split('\n')) {
    if (!line.trimStart().startsWith('{')) continue;
    const value = tryJson(line);
    if (isObject(value)) objects.push(value);
  }
  return objects;
}

/** Tried places for the beginning of an object; bounds the work on hostile output. */
const MAX_STARTS = 50;

/** The JSON object that a text is, or ends with after other lines (warnings before an error object). */
export function trailingJsonObject(text: string): JsonObject | null {
  const end = text.lastIndexOf('}');
  if (end === -1) return null;
  const body = text.slice(0, end + 1);
  const whole = tryJson(body);
  if (isObject(whole)) return whole;
  let start = body.length;
  for (let count = 0; count < MAX_STARTS; count += 1) {
    start = body.lastIndexOf('\n{', start - 1);
    if (start === -1) return null;
    const value = tryJson(body.slice(start));
    if (isObject(value)) return value;
  }
  return null;
}

/**
 * All values at a dot path: `a.b`, `a[0]`, `a.*.b` (`*` = every value of an object or item of an array), in order. Nothing is inherited: a path
 * reaches own properties only.
 */
export function valuesAt(root: unknown, path: string): unknown[] {
  const steps = path
    .replaceAll(/\[(\d+|\*)\]/g, '.$1')
    .split('.')
    .filter((step) => step !== '');
  let values: unknown[] = [root];
  for (const step of steps) {
    values = values.flatMap((value): unknown[] => {
      if (typeof value !== 'object' || value === null) return [];
      if (step === '*') return Object.values(value) as unknown[];
      return Object.hasOwn(value, step) ? [(value as Record<string, unknown>)[step]] : [];
    });
  }
  return values.filter((value) => value !== null && value !== undefined);
}

/** The first value at a path as text; other values than strings as JSON; null when there is none. */
export function textAt(root: unknown, path: string | null): string | null {
  if (path === null) return null;
  const value = valuesAt(root, path)[0];
  if (value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The finite numbers at a path. */
export function numbersAt(root: unknown, path: string | null): number[] {
  if (path === null) return [];
  return valuesAt(root, path).filter(
    (value): value is number => typeof value === 'number' && Number.isFinite(value),
  );
}
