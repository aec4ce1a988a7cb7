/** Where a prompt's template comes from, and how a place in it is shown in the score. */
import { dirname, resolve } from 'node:path';
import type { Diagnostic, RelatedPlace, SourceRange } from './diagnostic';
import type { ScoreFiles } from './files';
import type { Score } from './parse';
import type { TemplateError } from './template';
import { TextIndex } from './text-index';
import type { YamlScalar } from './yaml-node';
import { findNode } from './yaml-node';

export interface TemplateSource {
  readonly kind: 'inline' | 'file' | 'default';
  readonly text: string;
  /** Of the template file, absolute; null when inline or default. */
  readonly path: string | null;
}

/** The default prompt's template, used when a score has none. */
const defaultTemplate =
  'Work on sheet {{ sheet_num }} of {{ total_sheets }}: items {{ start_item }} to {{ end_item }}.' +
  '{% if stakes %}\n\n{{ stakes }}{% endif %}{% if thinking_method %}\n\n{{ thinking_method }}{% endif %}';

/** The template of a score; a template file is read through `files`. A file that cannot be read is a diagnostic, not a silent default. */
export function loadTemplateSource(
  score: Score,
  files: ScoreFiles,
): { readonly source: TemplateSource } | { readonly diagnostic: Diagnostic } {
  const { template, template_file: file } = score.fields.prompt;
  if (template !== null) return { source: { kind: 'inline', text: template, path: null } };
  if (file === null) return { source: { kind: 'default', text: defaultTemplate, path: null } };
  const path = resolve(dirname(score.path), file);
  const failure = (code: string, message: string, remedy: string): { diagnostic: Diagnostic } => ({
    diagnostic: {
      code,
      severity: 'error',
      message,
      remedy,
      range: valueNode(score, ['prompt', 'template_file'])?.range ?? null,
      path: 'prompt.template_file',
    },
  });
  if (!files.isFile(path)) {
    return failure(
      'V003',
      `The template file ${path} ${files.exists(path) ? 'is not a file' : 'does not exist'}.`,
      'Create it, or correct the path: it is relative to the folder of the score.',
    );
  }
  try {
    return { source: { kind: 'file', text: files.readText(path), path } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return failure('V001', `The template file cannot be read: ${reason}.`, 'It must be readable UTF-8 text.');
  }
}

/** A template error as a diagnostic of the score, placed in the YAML (or named by file and line when the template is a file). */
export function templateDiagnostic(
  score: Score,
  source: TemplateSource,
  error: TemplateError,
  about: { readonly code: string; readonly prefix: string },
): Diagnostic {
  const place = source.path === null ? '' : ` (${source.path}, line ${error.line})`;
  const related = placeInFile(source, error);
  return {
    code: about.code,
    severity: 'error',
    message: `${about.prefix}: ${error.message}${place}`,
    remedy: error.hint ?? null,
    range: templateRange(score, source, error),
    path: source.kind === 'default' ? null : templatePath(source).join('.'),
    ...(related.length === 0 ? {} : { related }),
  };
}

/** The field that gives the template. */
export function templatePath(source: TemplateSource): readonly [string, string] {
  return ['prompt', source.kind === 'file' ? 'template_file' : 'template'];
}

/** The very place inside a template file, where the score shows only the line that names the file; empty for other templates. */
export function placeInFile(
  source: TemplateSource,
  at: { readonly offset: number; readonly end: number },
): RelatedPlace[] {
  if (source.path === null) return [];
  return [
    { message: 'Here in the template.', file: source.path, range: indexOf(source).range(at.offset, at.end) },
  ];
}

const indexes = new WeakMap<TemplateSource, TextIndex>();

/** Made once for each text: a template may have many faults. */
function indexOf(source: TemplateSource): TextIndex {
  const known = indexes.get(source);
  if (known !== undefined) return known;
  const made = new TextIndex(source.text);
  indexes.set(source, made);
  return made;
}

/** A stretch of the template as a range of the score's text. For a template file: the line that names it. */
export function templateRange(
  score: Score,
  source: TemplateSource,
  at: { readonly offset: number; readonly end: number },
): SourceRange | null {
  if (source.kind === 'default') return score.file.index.range(0, 0);
  const node = valueNode(score, templatePath(source));
  if (node === null) return null;
  if (source.kind === 'file') return node.range;
  return scalarRange(score, node, source.text, at);
}

function valueNode(score: Score, path: readonly PropertyKey[]): YamlScalar | null {
  if (score.file.root === null) return null;
  const { node, rest } = findNode(score.file.root, path);
  return rest === 0 && node.kind === 'scalar' ? node : null;
}

/** Maps a stretch of a scalar's value to the file: exact in a literal block and in text that is written as it is read, else by finding it. */
function scalarRange(
  score: Score,
  node: YamlScalar,
  value: string,
  at: { readonly offset: number; readonly end: number },
): SourceRange {
  const { index, text } = score.file;
  if (node.style === 'literal') {
    const position = literalPosition(score, node, value, at.offset);
    const end = literalPosition(score, node, value, Math.max(at.offset, at.end));
    return index.range(position, Math.max(position, end));
  }
  const written = text.slice(node.range.offset, node.range.end);
  const verbatim = written.indexOf(value);
  if (verbatim >= 0 && value !== '') {
    return index.range(node.range.offset + verbatim + at.offset, node.range.offset + verbatim + at.end);
  }
  const wanted = value.slice(at.offset, at.end);
  const found = wanted.trim() === '' ? -1 : written.indexOf(wanted);
  return found < 0
    ? index.range(node.range.offset, node.range.offset + 1)
    : index.range(node.range.offset + found, node.range.offset + found + wanted.length);
}

/** In a literal block line n of the value is line n below the header, indented by the block's indentation. */
function literalPosition(score: Score, node: YamlScalar, value: string, offset: number): number {
  const { index } = score.file;
  // The end of a template is shown behind its last word, not in the lines after it.
  const before = value.slice(0, Math.min(offset, value.trimEnd().length));
  const line = before.split('\n').length;
  const column = before.length - (before.lastIndexOf('\n') + 1);
  const lines = value.split('\n');
  const filled = lines.findIndex((text) => text.trim() !== '');
  const first = index.lineText(node.range.line + 1 + Math.max(filled, 0));
  const indent = first.length - (lines[Math.max(filled, 0)] ?? '').length;
  return index.lineStart(node.range.line + line) + Math.max(indent, 0) + column;
}
