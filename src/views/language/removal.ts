/** Taking a field or a list item out of a score's text, whatever style it is written in. */
import type { SourceRange } from '../../score/diagnostic';
import type { TextIndex } from '../../score/text-index';
import type { YamlNode } from '../../score/yaml-node';
import { entryOf, findNode } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import type { Place, Repair } from './repair';
import { replace } from './repair';

/** Removes the field at a path; with the last of its fields the block goes too. Empty where that cannot be done safely. */
export function removeField(title: string, path: readonly string[], analysis: Analysis): Repair[] {
  const place = fieldPlace(path, analysis);
  return place === null ? [] : [replace(title, place, '', true)];
}

/** Removes an item of a list; a list in brackets may become empty, of another one the last item is kept. */
export function removeItem(title: string, path: readonly string[], analysis: Analysis): Repair[] {
  const { root, text, index } = analysis.file;
  if (root === null) return [];
  const { node: list, rest } = findNode(root, path.slice(0, -1));
  const item = list.kind === 'seq' && rest === 0 ? list.items[Number(path.at(-1))] : undefined;
  if (list.kind !== 'seq' || item === undefined || !within(item.range, list.range)) return [];
  if (text[list.range.offset] === '[') return [replace(title, flowPlace(text, item.range), '', true)];
  const before = index.lineText(item.range.line).slice(0, item.range.column - 1);
  if (list.items.length === 1 || !/^\s*-\s+$/.test(before)) return [];
  return [replace(title, linesOf(index, item.range.line, before.indexOf('-'), item.range), '', true)];
}

/** Removes the field whose key stands here, by indentation alone: of a duplicate the tree keeps only the last. */
export function removeLinesOf(title: string, key: SourceRange, analysis: Analysis): Repair[] {
  const { index } = analysis.file;
  if (!isFirstInLine(index, key)) return [];
  return [replace(title, linesOf(index, key.line, key.column - 1, key), '', true)];
}

function fieldPlace(path: readonly string[], analysis: Analysis): Place | null {
  const { root, text, index } = analysis.file;
  if (root === null) return null;
  const parent = path.slice(0, -1);
  const { node: block, rest } = findNode(root, parent);
  const entry = block.kind === 'map' && rest === 0 ? entryOf(block, path.at(-1) ?? '') : undefined;
  // What comes from an anchor elsewhere is not this block's to remove.
  if (block.kind !== 'map' || entry === undefined || !within(entry.key.range, block.range)) return null;
  if (text[block.range.offset] === '{') {
    const end = Math.max(entry.value.range.end, entry.key.range.end);
    const colon = /^\s*:/.exec(text.slice(end))?.[0].length ?? 0;
    return flowPlace(text, {
      offset: entry.key.range.offset,
      end: end + (isAbsent(entry.value) ? colon : 0),
    });
  }
  if (block.entries.length === 1)
    return parent.length === 0 || /^\d+$/.test(parent.at(-1) ?? '') ? null : fieldPlace(parent, analysis);
  if (!isFirstInLine(index, entry.key.range)) return null;
  return linesOf(index, entry.key.range.line, entry.key.range.column - 1, entry.value.range);
}

function isAbsent(node: YamlNode): boolean {
  return node.range.offset === node.range.end;
}

function within(inner: Place, outer: Place): boolean {
  return outer.offset <= inner.offset && inner.end <= outer.end;
}

function isFirstInLine(index: TextIndex, key: SourceRange): boolean {
  return (
    index
      .lineText(key.line)
      .slice(0, key.column - 1)
      .trim() === ''
  );
}

/** An entry or item between brackets, with the comma that is too many then. */
function flowPlace(text: string, { offset, end }: Place): Place {
  const after = /^\s*,[ \t]*/.exec(text.slice(end));
  if (after !== null) return { offset, end: end + after[0].length };
  const before = /,\s*$/.exec(text.slice(0, offset));
  return { offset: offset - (before?.[0].length ?? 0), end };
}

/** The lines of a field or item that begins in a column (0-based): as far as lines are deeper, or its value goes. */
function linesOf(index: TextIndex, first: number, column: number, value: Place): Place {
  const reach = index.text.slice(0, value.end).trimEnd().length;
  const isKey = !/^\s*-/.test(index.lineText(first));
  let last = first;
  for (let line = first + 1; line <= index.lineCount; line++) {
    const written = index.lineText(line);
    if (written.trim() === '') continue;
    const indent = /^\s*/.exec(written)?.[0].length ?? 0;
    const isInValue = index.lineStart(line) < reach && value.offset >= index.lineStart(first);
    // The items of a list may stand right below its key.
    const isItem = isKey && indent === column && /^\s*-(?:\s|$)/.test(written);
    if (!isInValue && indent <= column && !isItem) break;
    last = line;
  }
  return { offset: index.lineStart(first), end: index.lineStart(last + 1) };
}
