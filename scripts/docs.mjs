// Writes the field tables of docs/score-format.md from the score schema, between the two marker lines. With --check it only compares.
import * as esbuild from 'esbuild';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const page = 'docs/score-format.md';
const begin = '<!-- fields: written by scripts/docs.mjs -->';
const end = '<!-- end of fields -->';

const folder = mkdtempSync(join(tmpdir(), 'mzt-docs-'));
const bundle = join(folder, 'schema.cjs');
await esbuild.build({
  stdin: {
    contents: `export { scoreSchema } from './src/score/schema/score';
      export { schemaAt, unwrap } from './src/score/schema/lookup';
      export { isObeyed } from './src/score/obeyed';
      export { z } from 'zod';`,
    resolveDir: resolve('.'),
    loader: 'ts',
  },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  outfile: bundle,
  logLevel: 'warning',
});
const { scoreSchema, schemaAt, unwrap, isObeyed, z } = createRequire(import.meta.url)(bundle);
rmSync(folder, { recursive: true });

/** A type in a few words, with its bounds. */
function typeOf(schema) {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodNumber) {
    const { minimum, maximum, exclusiveMinimum } = z.toJSONSchema(inner);
    const low =
      exclusiveMinimum !== undefined
        ? `> ${exclusiveMinimum}`
        : minimum > Number.MIN_SAFE_INTEGER
          ? `≥ ${minimum}`
          : '';
    const high = maximum < 999_999 ? `≤ ${maximum}` : '';
    return [inner.format === 'safeint' ? 'integer' : 'number', low, high].filter(Boolean).join(' ');
  }
  if (inner instanceof z.ZodString) return 'text';
  if (inner instanceof z.ZodBoolean) return 'boolean';
  if (inner instanceof z.ZodEnum) return inner.options.map((option) => `\`${option}\``).join(', ');
  if (inner instanceof z.ZodArray) return `list of ${typeOf(inner.element)}`;
  if (inner instanceof z.ZodRecord)
    return `${numbered(inner) ? 'number' : 'name'} → ${typeOf(inner.valueType)}`;
  if (inner instanceof z.ZodObject) return 'block';
  return 'any';
}

const numbered = (record) => record.keyType.format === 'regex';

function defaultOf(schema) {
  if (schema instanceof z.ZodDefault) {
    const value = schema._zod.def.defaultValue;
    return value === null ? '–' : `\`${JSON.stringify(value)}\``;
  }
  if (schema instanceof z.ZodPrefault) return '';
  return schema instanceof z.ZodOptional || schema instanceof z.ZodNullable ? '–' : '**required**';
}

const sections = [];
function section(title, path) {
  const rows = [];
  const later = [];
  for (const name of schemaAt(scoreSchema, path).names) {
    const inner = [...path, name];
    const { schema, description } = schemaAt(scoreSchema, inner);
    const label = inner.filter((part) => part !== '*').join('.');
    rows.push(
      `| \`${name}\` | ${typeOf(schema)} | ${defaultOf(schema)} | ${isObeyed(inner) ? 'yes' : 'not yet'} | ${(description ?? '').replaceAll('|', '\\|')} |`,
    );
    let of = unwrap(schema);
    const at = [...inner];
    while (of instanceof z.ZodArray || of instanceof z.ZodRecord) {
      of = unwrap(of instanceof z.ZodArray ? of.element : of.valueType);
      at.push('*');
    }
    const known = name !== 'instrument_config' && name !== 'per_sheet_instrument_config' && name !== 'config';
    if (of instanceof z.ZodObject && (known || path.length === 0)) {
      later.push([`\`${label}${at.length > inner.length ? '.*' : ''}\``, at]);
    }
  }
  sections.push(
    `### ${title}\n\n| field | type | default | obeyed | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
  for (const [name, at] of later) section(name, at);
}
section('Top level', []);

const text = readFileSync(page, 'utf8');
const from = text.indexOf(begin);
const to = text.indexOf(end);
if (from < 0 || to < from) throw new Error(`${page} lacks its marker lines`);
const written = `${text.slice(0, from + begin.length)}\n\n${sections.join('\n')}\n${text.slice(to)}`;
if (process.argv.includes('--check')) {
  if (written !== text) {
    console.error(`${page} is out of date: run node scripts/docs.mjs`);
    process.exit(1);
  }
} else writeFileSync(page, written);
