/**
 * Where a cursor stands in YAML text, by indentation alone: text that is being written is broken most of the time, and completion is needed
 * just then.
 */
import { TextIndex } from '../../score/text-index';
import type { Embedded } from './embedded';
import { blockIndent, blockLines } from './embedded';

/** What stands at a cursor. Offsets into the document; `from`..`end` is the word that a suggestion replaces. */
export type Cursor =
  /** Inside the text of a block scalar. */
  | { readonly kind: 'block'; readonly path: readonly string[]; readonly embedded: Embedded }
  | {
      readonly kind: 'entry';
      /** Of the mapping in which a key may stand. */
      readonly path: readonly string[];
      readonly from: number;
      readonly end: number;
      /** Keys that the mapping has already. */
      readonly siblings: readonly string[];
      readonly flow: boolean;
      /** A list item: `path` ends with its position, and a single value may stand here as well. */
      readonly item: boolean;
    }
  | {
      readonly kind: 'value';
      readonly path: readonly string[];
      readonly from: number;
      readonly end: number;
      /** All that is written as the value, unquoted, and where it begins. */
      readonly text: string;
      readonly textFrom: number;
    };

interface Frame {
  /** Column of the key or dash, 0-based. */
  readonly indent: number;
  readonly part: string;
  readonly item: boolean;
}

const keyPattern = /^(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)'|([^\s#'"[\]{},&*!|>%@`][^:#]*?))[ \t]*:(?=\s|$)/;
const blockHeader = /^(?:[&!]\S+\s+)*[|>][-+0-9]{0,2}\s*(?:#.*)?$/;

function keyOf(content: string): { readonly key: string; readonly length: number } | null {
  const match = keyPattern.exec(content);
  if (match === null) return null;
  return { key: match[1] ?? match[2] ?? match[3] ?? '', length: match[0].length };
}

/** Walks the lines of a text and keeps the path of keys that leads to the current one. */
class Walk {
  frames: Frame[] = [];
  readonly keys = new Map<string, string[]>();
  /** Set while inside a block scalar: the column of its key, and its header's line. */
  block: { readonly indent: number; readonly header: number } | null = null;

  path(frames: readonly Frame[] = this.frames): string[] {
    return frames.map((frame) => frame.part);
  }

  above(column: number): Frame[] {
    return this.frames.filter((frame) => frame.indent < column);
  }

  dash(column: number): void {
    const before = this.frames.findLast((frame) => frame.item && frame.indent === column);
    const position = before === undefined ? 0 : Number(before.part) + 1;
    this.frames = this.frames.filter(
      (frame) => frame.indent < column || (frame.indent === column && !frame.item),
    );
    this.frames.push({ indent: column, part: String(position), item: true });
  }

  key(column: number, key: string): void {
    this.frames = this.above(column);
    const parent = JSON.stringify(this.path());
    const known = this.keys.get(parent);
    if (known === undefined) this.keys.set(parent, [key]);
    else known.push(key);
    this.frames.push({ indent: column, part: key, item: false });
  }

  /** Takes the leading dashes and the key of a line; returns where the rest begins (a column). */
  line(
    text: string,
    header: number,
  ): { readonly column: number; readonly hasKey: boolean; readonly item: boolean } {
    let column = /^ */.exec(text)?.[0].length ?? 0;
    let item = false;
    for (
      let dash = /^-(?:[ \t]+|$)/.exec(text.slice(column));
      dash !== null;
      dash = /^-(?:[ \t]+|$)/.exec(text.slice(column))
    ) {
      this.dash(column);
      column += dash[0].length;
      item = true;
    }
    const found = keyOf(text.slice(column));
    if (found === null) return { column, hasKey: false, item };
    this.key(column, found.key);
    const rest = column + found.length;
    if (blockHeader.test(text.slice(rest).trim()))
      this.block = { indent: item ? column : (this.frames.at(-1)?.indent ?? 0), header };
    return { column: rest, hasKey: true, item };
  }
}

function indentOf(text: string): number {
  return /^ */.exec(text)?.[0].length ?? 0;
}

/** The place of an offset. Null in a comment. */
export function cursorAt(text: string, offset: number): Cursor | null {
  const index = new TextIndex(text);
  const { line: cursorLine, column } = index.range(offset, offset);
  const walk = new Walk();
  let found: ((keys: ReadonlyMap<string, readonly string[]>) => Cursor | null) | undefined;
  for (let line = 1; line <= index.lineCount; line++) {
    const written = index.lineText(line);
    const blank = written.trim() === '';
    if (walk.block !== null) {
      const { indent, header } = walk.block;
      const inside = blank ? line !== cursorLine || column - 1 > indent : indentOf(written) > indent;
      if (inside) {
        if (line === cursorLine) {
          const last = lastBlockLine(index, header, indent);
          const embedded = blockLines(index, header, last, blockIndent(index, header, last) || column - 1);
          const path = walk.path();
          found = () => ({ kind: 'block', path, embedded });
        }
        continue;
      }
      walk.block = null;
    }
    if (line === cursorLine) {
      const frames = [...walk.frames];
      const at = placeInLine(walk, written, index.lineStart(line), column - 1, line);
      found ??= at;
      if (keyOf(written.slice(indentOf(written))) === null && !/^\s*-/.test(written)) walk.frames = frames;
      continue;
    }
    if (blank || /^\s*(?:#|---|\.\.\.|%)/.test(written)) continue;
    walk.line(written, line);
  }
  return found?.(walk.keys) ?? null;
}

function lastBlockLine(index: TextIndex, header: number, indent: number): number {
  let last = header;
  for (let line = header + 1; line <= index.lineCount; line++) {
    const written = index.lineText(line);
    if (written.trim() !== '' && indentOf(written) <= indent) break;
    last = line;
  }
  return last;
}

function placeInLine(
  walk: Walk,
  written: string,
  lineStart: number,
  column: number,
  line: number,
): (keys: ReadonlyMap<string, readonly string[]>) => Cursor | null {
  const before = written.slice(0, column);
  if (/(?:^|\s)#/.test(before.replace(/(?<=^|[\s[{,:])(?:"[^"]*"?|'[^']*'?)/g, ''))) return () => null;
  if (written.trim() === '') {
    const path = walk.path(walk.above(column));
    const at = lineStart + column;
    return (keys) => entry(keys, path, at, at, { flow: false, item: false });
  }
  const start = walk.line(written, line);
  if (start.hasKey && column >= start.column) {
    const rest = written.slice(start.column);
    const lead = /^\s*/.exec(rest)?.[0].length ?? 0;
    return flowPlace(walk.path(), written, lineStart, start.column + lead, column);
  }
  if (!start.hasKey && /^[[{]/.test(written.slice(start.column)) && column > start.column) {
    return flowPlace(walk.path(), written, lineStart, start.column, column);
  }
  // On a key, or on a word that may become one.
  const keyColumn = start.hasKey ? (walk.frames.at(-1)?.indent ?? 0) : start.column;
  const path = walk.path(start.hasKey ? walk.frames.slice(0, -1) : walk.above(keyColumn));
  const own = start.hasKey ? walk.frames.at(-1)?.part : undefined;
  const word = /^["']?[\w-]*/.exec(written.slice(keyColumn))?.[0].length ?? 0;
  const [from, end] = [lineStart + keyColumn, lineStart + Math.max(keyColumn + word, column)];
  return (keys) => entry(keys, path, from, end, { flow: false, item: start.item && !start.hasKey, own });
}

function entry(
  keys: ReadonlyMap<string, readonly string[]>,
  path: readonly string[],
  from: number,
  end: number,
  more: { readonly flow: boolean; readonly item: boolean; readonly own?: string | undefined },
): Cursor {
  const siblings = (keys.get(JSON.stringify(path)) ?? []).filter((key) => key !== more.own);
  return { kind: 'entry', path, from, end, siblings, flow: more.flow, item: more.item };
}

/** A value, or a place inside `{…}` and `[…]` on one line. */
function flowPlace(
  base: readonly string[],
  written: string,
  lineStart: number,
  from: number,
  column: number,
): () => Cursor | null {
  const path = [...base];
  const open: { readonly kind: '{' | '['; position: number; readonly keys: string[]; keyed: boolean }[] = [];
  let start = from;
  let at = from;
  const stop = Math.max(from, column);
  while (at < stop) {
    const character = written.charAt(at);
    const top = open.at(-1);
    if (character === '"' || character === "'") {
      const close = written.indexOf(character, at + 1);
      at = close < 0 || close >= stop ? stop : close + 1;
      continue;
    }
    if (
      (character === '{' || character === '[') &&
      written.slice(start, at).trim() === '' &&
      !written.startsWith('{{', at)
    ) {
      open.push({ kind: character, position: 0, keys: [], keyed: false });
      if (character === '[') path.push('0');
      start = at + 1;
    } else if (top !== undefined && (character === '}' || character === ']')) {
      if (top.kind === '[' || top.keyed) path.pop();
      open.pop();
      start = at + 1;
    } else if (top !== undefined && character === ',') {
      top.position += 1;
      if (top.kind === '[') path[path.length - 1] = String(top.position);
      else if (top.keyed) path.pop();
      top.keyed = false;
      start = at + 1;
    } else if (top?.kind === '{' && !top.keyed && character === ':') {
      const key = written
        .slice(start, at)
        .trim()
        .replace(/^["']|["']$/g, '');
      top.keys.push(key);
      top.keyed = true;
      path.push(key);
      start = at + 1;
    }
    at += 1;
  }
  const lead = /^[ \t]*/.exec(written.slice(start))?.[0].length ?? 0;
  const textFrom = Math.min(start + lead, Math.max(stop, start));
  const top = open.at(-1);
  if (top?.kind === '{' && !top.keyed) {
    const word = /^[\w-]*/.exec(written.slice(textFrom))?.[0].length ?? 0;
    return () => ({
      kind: 'entry',
      path,
      from: lineStart + textFrom,
      end: lineStart + Math.max(textFrom + word, column),
      siblings: top.keys,
      flow: true,
      item: false,
    });
  }
  const quoted = /^["']/.test(written.slice(textFrom)) ? 1 : 0;
  const tail = written.slice(textFrom + quoted);
  const whole =
    (quoted ? /^[^"']*/ : top === undefined ? /^(?:(?!\s#).)*/ : /^[^,\]}]*/).exec(tail)?.[0] ?? '';
  return () => ({
    kind: 'value',
    path,
    from: lineStart + textFrom + quoted,
    end: lineStart + Math.max(textFrom + quoted + whole.trimEnd().length, column),
    text: whole,
    textFrom: lineStart + textFrom + quoted,
  });
}
