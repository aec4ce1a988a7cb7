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

/** A number in quotes, as `coerceLax` takes it. */
const numberText = '^\\s*[-+]?(?:[0-9]+(?:_[0-9]+)*(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?\\s*$';
/** Words for true and false, as `coerceLax` takes them: YAML 1.2 readers leave some of them as texts. */
const booleanText =
  '^(?:[Tt][Rr][Uu][Ee]|[Yy][Ee][Ss]|[Oo][Nn]|[TtYy1]|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo]|[Oo][Ff][Ff]|[FfNn0])$';

/** The schema for what is written, where a score's reader takes more than the field's own type: `"3"` for a number, `yes` for true. */
export function laxSchema(schema: Json): Json {
  const result: Record<string, unknown> = { ...schema };
  if (isJson(schema['properties'])) {
    result['properties'] = Object.fromEntries(
      Object.entries(schema['properties']).map(([name, inner]) => [
        name,
        isJson(inner) ? laxSchema(inner) : inner,
      ]),
    );
  }
  for (const key of ['items', 'additionalProperties']) {
    const inner = schema[key];
    if (isJson(inner)) result[key] = laxSchema(inner);
  }
  if (Array.isArray(schema['anyOf']))
    result['anyOf'] = schema['anyOf'].map((inner: unknown) => (isJson(inner) ? laxSchema(inner) : inner));
  const names = schema['propertyNames'];
  // In YAML `1:` is a number; checkers of YAML refuse it where a text is asked for.
  if (isJson(names) && names['type'] === 'string') {
    const { type: _, ...rest } = names;
    result['propertyNames'] = rest;
  }
  const { type } = schema;
  if (type === 'integer' || type === 'number') {
    result['type'] = [type, 'string'];
    result['pattern'] = numberText;
  } else if (type === 'boolean' && !('const' in schema)) {
    Object.assign(result, {
      type: ['boolean', 'integer', 'string'],
      minimum: 0,
      maximum: 1,
      pattern: booleanText,
    });
  }
  return result;
}

/** The files of `schemas/`, by name. `scripts/schema.mjs` writes them; a test holds them up to date. */
export function schemaFiles(): Readonly<Record<string, Json>> {
  const strict = scoreJsonSchema();
  return { 'score.schema.json': laxSchema(strict), 'score.editor.schema.json': permissiveSchema(strict) };
}
