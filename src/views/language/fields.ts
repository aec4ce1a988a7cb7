/** What the format says of a field: the one schema, as completion and hover need it. */
import { scoreJsonSchema } from '../../score/json-schema';
import { notObeyed } from '../../score/obeyed';

type Json = Readonly<Record<string, unknown>>;

/** A field or value of the format. */
export interface FieldDoc {
  /** Null when the format does not have it. */
  readonly description: string | null;
  /** `text`, `whole number`, … for people. */
  readonly type: string;
  readonly kind: 'block' | 'list' | 'text' | 'number' | 'boolean' | 'any';
  /** Values that may be written; empty = any. */
  readonly values: readonly string[];
  /** As YAML; null = none. */
  readonly defaultText: string | null;
  readonly bounds: string | null;
  /** Why it has no effect yet; null when the conductor obeys it. */
  readonly note: string | null;
  /** The field must be written. */
  readonly required: boolean;
}

let schema: Json | undefined;

/** Made once: it costs some milliseconds. */
function root(): Json {
  return (schema ??= scoreJsonSchema());
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The alternatives of a schema, without "or null". */
function forms(of: Json): Json[] {
  const { anyOf } = of;
  if (!Array.isArray(anyOf)) return [of];
  return anyOf.filter(isJson).filter((form) => form['type'] !== 'null');
}

function step(of: Json, part: string): Json | null {
  for (const form of forms(of)) {
    const { properties, additionalProperties, items } = form;
    if (isJson(properties) && Object.hasOwn(properties, part) && isJson(properties[part]))
      return properties[part];
    if (isJson(additionalProperties)) return additionalProperties;
    if (isJson(items) && /^\d+$/.test(part)) return items;
  }
  return null;
}

function schemaOf(path: readonly string[]): Json | null {
  let found: Json | null = root();
  for (const part of path) found = found === null ? null : step(found, part);
  return found;
}

/** Names of the fields of the block at this path, required ones first. */
export function fieldNames(path: readonly string[]): string[] {
  const found = schemaOf(path);
  if (found === null) return [];
  return forms(found).flatMap((form) => {
    const names = isJson(form['properties']) ? Object.keys(form['properties']) : [];
    const required = requiredOf(form);
    return [
      ...names.filter((name) => required.includes(name)),
      ...names.filter((name) => !required.includes(name)),
    ];
  });
}

function requiredOf(form: Json): string[] {
  const { required } = form;
  return Array.isArray(required) ? required.map(String) : [];
}

/** True when the keys of the block at this path are sheet or stage numbers. */
export function hasNumberKeys(path: readonly string[]): boolean {
  const found = schemaOf(path);
  return (
    found !== null &&
    forms(found).some((form) => isJson(form['propertyNames']) && 'pattern' in form['propertyNames'])
  );
}

/** What the format says of the value at this path; null when it has no such field. */
export function fieldAt(path: readonly string[]): FieldDoc | null {
  const found = schemaOf(path);
  if (found === null) return null;
  const [form = found] = forms(found);
  const described = [found, form].map((each) => each['description']).find((each) => typeof each === 'string');
  const name = path.at(-1) ?? '';
  const parent = schemaOf(path.slice(0, -1));
  const type = typeOf(form);
  const values = valuesOf(form);
  const hasDefault = 'default' in found && found['default'] !== null && !isEmpty(found['default']);
  return {
    description: described?.replace(/ ?\(Accepted, not obeyed yet\.\)$/, '') ?? null,
    type: typeText(form, type, values),
    kind: kindOf(form, type),
    values,
    defaultText: hasDefault ? yamlText(found['default']) : null,
    bounds: boundsOf(form),
    note: noteOf(path),
    required: parent !== null && forms(parent).some((each) => requiredOf(each).includes(name)),
  };
}

/** The type, without "or null". */
function typeOf(form: Json): string | null {
  const { type } = form;
  const types: unknown[] = Array.isArray(type) ? type : [type];
  const named = types.filter((each) => typeof each === 'string').filter((each) => each !== 'null');
  return named.length === 1 ? (named[0] ?? null) : null;
}

function valuesOf(form: Json): string[] {
  if (Array.isArray(form['enum'])) return form['enum'].map(String);
  if ('const' in form) return [String(form['const'])];
  return typeOf(form) === 'boolean' ? ['true', 'false'] : [];
}

function kindOf(form: Json, type: string | null): FieldDoc['kind'] {
  if (type === 'object') return 'block';
  if (type === 'array') return 'list';
  if (type === 'string' || Array.isArray(form['enum'])) return 'text';
  if (type === 'integer' || type === 'number') return 'number';
  return type === 'boolean' ? 'boolean' : 'any';
}

function typeText(form: Json, type: string | null, values: readonly string[]): string {
  if (type === 'boolean') return 'true or false';
  if (values.length > 0) return values.join(' | ');
  if (type === 'integer') return 'whole number';
  if (type === 'string') return 'text';
  if (type === 'object') {
    const { propertyNames } = form;
    return isJson(propertyNames) && 'pattern' in propertyNames ? 'block by number' : 'block';
  }
  if (type === 'array') {
    const items = form['items'];
    const [of] = isJson(items) ? forms(items) : [];
    return of === undefined ? 'list' : `list of ${typeText(of, typeOf(of), valuesOf(of))}`;
  }
  return type ?? 'any value';
}

function boundsOf(form: Json): string | null {
  const parts = [
    ['minimum', 'at least'],
    ['exclusiveMinimum', 'more than'],
    ['maximum', 'at most'],
    ['exclusiveMaximum', 'less than'],
  ].flatMap(([key = '', words = '']) => (typeof form[key] === 'number' ? [`${words} ${form[key]}`] : []));
  return parts.length === 0 ? null : parts.join(', ');
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function yamlText(value: unknown): string {
  return typeof value === 'string' && /^[\w./][\w./ -]*$/.test(value) ? value : JSON.stringify(value);
}

function noteOf(path: readonly string[]): string | null {
  for (let depth = path.length; depth > 0; depth--) {
    const key = path.slice(0, depth).join('.');
    if (Object.hasOwn(notObeyed, key)) return notObeyed[key] ?? null;
  }
  return null;
}

/** Text of a score inside Markdown: a stranger's text must not make links or pictures. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!<>|~&]/g, '\\$&').replace(/\s+/g, ' ');
}

/** A field in Markdown, for hover and completion. */
export function fieldMarkdown(path: readonly string[], doc: FieldDoc): string {
  const lines = [`**${escapeMarkdown(path.filter((part) => !/^\d+$/.test(part)).join('.'))}** · ${doc.type}`];
  if (doc.description !== null) lines.push('', doc.description);
  const facts = [
    doc.required ? 'Required.' : null,
    doc.defaultText === null ? null : `Default: \`${doc.defaultText}\`.`,
    doc.bounds === null ? null : `Must be ${doc.bounds}.`,
  ].filter((fact) => fact !== null);
  if (facts.length > 0) lines.push('', facts.join(' '));
  if (doc.note !== null) lines.push('', `⚠ Accepted, not obeyed yet. ${doc.note}`);
  return lines.join('\n');
}
