/** The JSON Schema for other YAML editors. */
import { scoreJsonSchema } from '../../score/json-schema';

type Json = Readonly<Record<string, unknown>>;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The schema without everything that refuses: names, descriptions, defaults and suggested values stay. It is what redhat.vscode-yaml gets, so that it
 * completes and explains, and never tells a second time what our diagnostics tell.
 */
export function permissiveSchema(schema: Json): Json {
  const result: Record<string, unknown> = {};
  for (const key of ['$schema', '$id', 'title', 'description', 'default'])
    if (key in schema) result[key] = schema[key];
  if (isJson(schema['properties'])) {
    result['properties'] = Object.fromEntries(
      Object.entries(schema['properties']).map(([name, inner]) => [
        name,
        isJson(inner) ? permissiveSchema(inner) : inner,
      ]),
    );
  }
  for (const key of ['items', 'additionalProperties']) {
    const inner = schema[key];
    if (isJson(inner)) result[key] = permissiveSchema(inner);
  }
  const { anyOf } = schema;
  if (Array.isArray(anyOf)) {
    const forms = anyOf.filter(isJson).filter((form) => form['type'] !== 'null');
    const [first] = forms;
    // "or null" is no alternative to tell of.
    if (forms.length === 1 && first !== undefined) return { ...permissiveSchema(first), ...result };
    result['anyOf'] = [...forms.map(permissiveSchema), {}];
  }
  // A list of values refuses others; beside an alternative that takes everything it only suggests.
  if (Array.isArray(schema['enum'])) result['anyOf'] = [{ enum: schema['enum'] }, {}];
  else if ([schema['type']].flat().includes('boolean')) result['anyOf'] = [{ enum: [true, false] }, {}];
  return result;
}

/** The files of `schemas/`, by name. `scripts/schema.mjs` writes them; a test holds them up to date. */
export function schemaFiles(): Readonly<Record<string, Json>> {
  const strict = scoreJsonSchema();
  return { 'score.schema.json': strict, 'score.editor.schema.json': permissiveSchema(strict) };
}
