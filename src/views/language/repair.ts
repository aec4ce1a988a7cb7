/** Changes of a score's text, as quick fixes make them. */
import type { YamlNode } from '../../score/yaml-node';
import { entryOf, findNode } from '../../score/yaml-node';
import type { Analysis } from './analysis';

/** A change of the document, or of a file beside it. */
export interface Repair {
  readonly title: string;
  readonly edits: readonly { readonly from: number; readonly end: number; readonly text: string }[];
  /** File to be made, absolute; its folders too. */
  readonly create: { readonly path: string; readonly text: string } | null;
  /** Folder to be made, absolute; those above it too. */
  readonly createFolder: string | null;
  /** The one that is meant in nearly all cases. */
  readonly preferred: boolean;
}

export type Place = { readonly offset: number; readonly end: number };

export function replace(title: string, place: Place, text: string, preferred: boolean): Repair {
  const edits = [{ from: place.offset, end: place.end, text }];
  return { title, edits, create: null, createFolder: null, preferred };
}

export function notPreferred(repair: Repair): Repair {
  return { ...repair, preferred: false };
}

export function textAt(analysis: Analysis, place: Place): string {
  return analysis.file.text.slice(place.offset, place.end);
}

/** The place without quotes. */
export function bare(analysis: Analysis, place: Place): Place {
  return /^(["']).*\1$/s.test(textAt(analysis, place))
    ? { offset: place.offset + 1, end: place.end - 1 }
    : place;
}

/** The value at a path; null when the document says nothing there. */
export function nodeAt(analysis: Analysis, path: readonly string[]): YamlNode | null {
  const { root } = analysis.file;
  if (root === null) return null;
  const { node, rest } = findNode(root, path);
  return rest === 0 ? node : null;
}

/** The indentation of the fields in a top-level block; two blanks when it has none. */
export function indentIn(analysis: Analysis, block: string): string {
  const { root } = analysis.file;
  const value = root === null ? undefined : entryOf(root, block)?.value;
  const column = value?.kind === 'map' ? value.entries[0]?.key.range.column : undefined;
  return ' '.repeat((column ?? 3) - 1);
}

/** Puts a line at the top of a block mapping, or first into one in braces. Empty when there is no such block. */
export function insertInto(
  title: string,
  path: readonly string[],
  line: string,
  analysis: Analysis,
): Repair[] {
  const { root, text, index } = analysis.file;
  if (root === null) return [];
  const { node, key, rest } = findNode(root, path);
  if (rest > 0 || key === null) return [];
  if (node.kind === 'map' && text[node.range.offset] === '{') {
    const at = node.range.offset + 1;
    return [replace(title, { offset: at, end: at }, ` ${line}${node.entries.length > 0 ? ',' : ' '}`, true)];
  }
  const isEmpty = node.kind === 'scalar' && node.value === null;
  if (node.kind !== 'map' && !isEmpty) return [];
  const first = node.kind === 'map' ? node.entries[0]?.key.range : undefined;
  const indent = ' '.repeat(first === undefined ? key.range.column + 1 : first.column - 1);
  const at = index.lineStart(key.range.line + 1);
  const lead = at === text.length && !text.endsWith('\n') ? '\n' : '';
  return [replace(title, { offset: at, end: at }, `${lead}${indent}${line}\n`, true)];
}

/** Puts a block at the end of the score. */
export function append(title: string, block: string, analysis: Analysis): Repair {
  const { text } = analysis.file;
  const lead = text.endsWith('\n') || text === '' ? '' : '\n';
  return replace(title, { offset: text.length, end: text.length }, lead + block, true);
}

/** Adds a variable of the score, with no text yet. */
export function addVariable(name: string, analysis: Analysis): Repair[] {
  if (!/^[A-Za-z_]\w*$/.test(name)) return [];
  const title = `Add \`${name}\` to \`prompt.variables\``;
  const { root } = analysis.file;
  const variables = root === null ? null : findNode(root, ['prompt', 'variables']);
  if (variables?.rest === 0)
    return insertInto(title, ['prompt', 'variables'], `${name}: ""`, analysis).map(notPreferred);
  const indent = indentIn(analysis, 'prompt');
  return insertInto(title, ['prompt'], `variables:\n${indent}${indent}${name}: ""`, analysis).map(
    notPreferred,
  );
}
