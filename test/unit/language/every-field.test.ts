/** Every field of the format, at its place: completion offers it, hover explains it. From the schema itself, so that a new field is tested too. */
import { strict as assert } from 'node:assert';
import { scoreJsonSchema } from '../../../src/score/json-schema';
import { isObeyed } from '../../../src/score/obeyed';
import { hoverAt } from '../../../src/views/language/hover';
import { analysisOf, catalogue, labelsAt } from './kit';

type Json = Readonly<Record<string, unknown>>;

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Field {
  readonly path: readonly string[];
  readonly schema: Json;
}

/** The forms of a schema, without "or null". */
function formsOf(schema: Json): Json[] {
  const { anyOf } = schema;
  return Array.isArray(anyOf) ? anyOf.filter(isJson).flatMap(formsOf) : [schema];
}

/** All named fields, in blocks, lists and maps. A list position is `0`, a free key `1` or `own`. */
function* fieldsOf(schema: Json, path: readonly string[]): Generator<Field> {
  for (const form of formsOf(schema)) {
    const { properties, additionalProperties, items, propertyNames } = form;
    if (isJson(properties)) {
      for (const [name, inner] of Object.entries(properties)) {
        assert.ok(isJson(inner));
        yield { path: [...path, name], schema: inner };
        yield* fieldsOf(inner, [...path, name]);
      }
    } else if (isJson(additionalProperties)) {
      const key = isJson(propertyNames) && 'pattern' in propertyNames ? '1' : 'own';
      yield* fieldsOf(additionalProperties, [...path, key]);
    }
    if (isJson(items)) yield* fieldsOf(items, [...path, '0']);
  }
}

/** The blocks that lead to a path, each deeper by two; a list position is a dash. Ends where the last part is written. */
function nested(path: readonly string[]): string {
  let text = '';
  let indent = '';
  let item = false;
  for (const [depth, part] of path.entries()) {
    const isLast = depth === path.length - 1;
    if (part === '0') {
      text += `${indent}- `;
      indent += '  ';
      item = true;
      continue;
    }
    text += `${item ? '' : indent}${isLast ? '' : `${part}:\n`}`;
    item = false;
    if (!isLast) indent += '  ';
  }
  return text;
}

describe('every field of the format', () => {
  const fields = [...fieldsOf(scoreJsonSchema(), [])];

  it('is known here: there are some hundreds', () => {
    assert.ok(fields.length > 250, String(fields.length));
  });

  it('is offered where it may stand', () => {
    const missing = fields.filter(
      ({ path }) => !labelsAt(`${nested(path)}¦`, '').includes(path.at(-1) ?? ''),
    );
    assert.deepEqual(
      missing.map(({ path }) => path.join('.')),
      [],
    );
  });

  it('is offered between others, in braces, and with Windows line ends', () => {
    const shallow = fields.filter(({ path }) => path.length === 2 && !path.includes('0'));
    assert.ok(shallow.length > 100);
    for (const { path } of shallow) {
      const [block = '', name = ''] = path;
      const between = `name: x\r\n# a comment\r\n${block}:\r\n  # another\r\n\r\n  ¦\r\nprompt:\r\n  stakes: y\r\n`;
      assert.ok(labelsAt(between, '').includes(name) || between.includes(`  ${name}:`), path.join('.'));
      assert.ok(labelsAt(`name: x\n${block}: {¦}\n`, '').includes(name), `${path.join('.')} in braces`);
    }
  });

  it('is explained, with its type, its default, and whether it is obeyed', () => {
    const wrong: string[] = [];
    for (const { path, schema } of fields) {
      const before = nested(path);
      const name = path.at(-1) ?? '';
      const text = `${before}${name}: \n`;
      const hover = hoverAt(analysisOf(text), before.length + 1, catalogue);
      const said = hover?.markdown ?? '';
      const where = path.join('.');
      if (!/^\*\*.+\*\* · .+/.test(said)) wrong.push(`${where}: no type: ${said}`);
      const described = [schema, ...formsOf(schema)].some(
        ({ description }) => typeof description === 'string',
      );
      if (!described) wrong.push(`${where}: no description`);
      const { default: value } = schema;
      const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
      if (
        plain &&
        !said.includes(`Default: \`${String(value)}\``) &&
        !said.includes(`Default: \`${JSON.stringify(value)}\``)
      )
        wrong.push(`${where}: default ${String(value)} not in ${said}`);
      const free = path.map((part) => (part === '0' || part === '1' || part === 'own' ? '*' : part));
      if (isObeyed(free) === said.includes('not obeyed yet')) wrong.push(`${where}: obeyed? ${said}`);
    }
    assert.deepEqual(wrong, []);
  });
});
