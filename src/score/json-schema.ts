/** The score format as JSON Schema, for editors. */
import { z } from 'zod';
import { isObeyed } from './obeyed';
import { scoreSchema } from './schema/score';

type Json = Record<string, unknown>;

/** JSON Schema (draft 7, which YAML editors know) of a score. Fields that are not obeyed yet say so in their descriptions. */
export function scoreJsonSchema(): Json {
  const generated = z.toJSONSchema(scoreSchema, { io: 'input', target: 'draft-7' }) as Json;
  const schema = annotate(generated, []);
  const sheet = propertiesOf(propertiesOf(schema)['sheet']);
  sheet['total_sheets'] = { description: 'Computed; ignored when written.' };
  return { ...schema, title: 'Marianne score' };
}

function propertiesOf(schema: unknown): Record<string, unknown> {
  return isJson(schema) && isJson(schema['properties']) ? schema['properties'] : {};
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function annotate(schema: Json, path: readonly string[]): Json {
  const result: Json = {};
  for (const [key, value] of Object.entries(schema)) {
    // Bounds that only restate the range of safe integers would be noise in a hover.
    if (
      (key === 'maximum' && value === Number.MAX_SAFE_INTEGER) ||
      (key === 'minimum' && value === Number.MIN_SAFE_INTEGER)
    )
      continue;
    if (key === 'properties' && isJson(value)) {
      result[key] = Object.fromEntries(
        Object.entries(value).map(([name, inner]) => [
          name,
          isJson(inner) ? field(inner, [...path, name]) : inner,
        ]),
      );
    } else if (key === 'anyOf' && Array.isArray(value)) {
      result[key] = value.map((inner: unknown) => (isJson(inner) ? annotate(inner, path) : inner));
    } else if ((key === 'items' || key === 'additionalProperties') && isJson(value)) {
      result[key] = annotate(value, [...path, '*']);
    } else result[key] = value;
  }
  return result;
}

function field(schema: Json, path: readonly string[]): Json {
  const annotated = annotate(schema, path);
  if (isObeyed(path)) return annotated;
  const description = typeof annotated['description'] === 'string' ? annotated['description'] : '';
  return { ...annotated, description: `${description} (Accepted, not obeyed yet.)`.trim() };
}
