import type { Budget } from './budget';
import { typeError } from './errors';
import { pythonWhitespace } from './lexer';
import { toText } from './repr';
import type { Value } from './values';
import { characters, typeName, Undefined } from './values';

/** Python's text operations on JavaScript strings, by code point. */

const leadingSpace = new RegExp(`^[${pythonWhitespace}]+`);
const spaceCharacter = new RegExp(`^[${pythonWhitespace}]$`);
const spaces = new RegExp(`[${pythonWhitespace}]+`, 'g');
/** More parts than any step budget allows: keeps a huge text from becoming a huger array first. */
const mostParts = 4_000_001;
const lineEnd = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** An argument that must be text. */
export function needText(value: Value, what = 'argument'): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) return value.strict ? value.fail() : '';
  return typeError(`${what} must be str, not ${typeName(value)}`);
}

/** The value as text, whatever it is, with its cost charged: what filters work on. */
export function softText(value: Value, budget: Budget): string {
  const text = toText(value, budget);
  budget.text(text.length);
  return text;
}

/** `text[start:end]` by code point, for non-negative bounds. */
export function sliceText(text: string, start: number, end?: number): string {
  const letters = characters(text);
  return typeof letters === 'string' ? letters.slice(start, end) : letters.slice(start, end).join('');
}

function isSpace(character: string): boolean {
  return spaceCharacter.test(character);
}

/** Python's `strip`, `lstrip` and `rstrip`; `chars` undefined means whitespace. */
export function strip(text: string, chars: string | undefined, left: boolean, right: boolean): string {
  const letters = characters(text);
  const set = chars === undefined ? undefined : new Set(chars);
  const drop = (letter: string): boolean => (set === undefined ? isSpace(letter) : set.has(letter));
  let start = 0;
  let end = letters.length;
  while (left && start < end && drop(letters[start] ?? '')) start += 1;
  while (right && end > start && drop(letters[end - 1] ?? '')) end -= 1;
  return typeof letters === 'string' ? letters.slice(start, end) : letters.slice(start, end).join('');
}

/** Python's `split()` without a separator. */
function splitSpaces(text: string, most: number): string[] {
  if (most < 0) return text.split(spaces, mostParts).filter((part) => part !== '');
  const parts: string[] = [];
  let rest = text.replace(leadingSpace, '');
  while (rest !== '' && parts.length < most) {
    spaces.lastIndex = 0;
    const gap = spaces.exec(rest);
    if (gap === null) break;
    parts.push(rest.slice(0, gap.index));
    rest = rest.slice(gap.index + gap[0].length);
  }
  if (rest !== '') parts.push(parts.length < most ? strip(rest, undefined, false, true) : rest);
  return parts;
}

function splitSpacesFromRight(text: string, most: number): string[] {
  if (most < 0) return splitSpaces(text, most);
  const parts: string[] = [];
  let end = text.length;
  const skip = (space: boolean): void => {
    while (end > 0 && isSpace(text.charAt(end - 1)) === space) end -= 1;
  };
  skip(true);
  while (end > 0 && parts.length < most) {
    const stop = end;
    skip(false);
    parts.unshift(text.slice(end, stop));
    skip(true);
  }
  if (end > 0) parts.unshift(text.slice(0, end));
  return parts;
}

/** Python's `split` and `rsplit`; `most` < 0 means no limit. */
export function split(
  text: string,
  separator: string | undefined,
  most: number,
  fromRight: boolean,
): string[] {
  if (separator === undefined) return fromRight ? splitSpacesFromRight(text, most) : splitSpaces(text, most);
  const parts = text.split(separator, mostParts);
  if (most < 0 || parts.length <= most + 1) return parts;
  const surplus = parts.length - most;
  return fromRight
    ? [parts.slice(0, surplus).join(separator), ...parts.slice(surplus)]
    : [...parts.slice(0, most), parts.slice(most).join(separator)];
}

/** Python's `splitlines`. */
export function splitLines(text: string, keepEnds: boolean): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const end of text.matchAll(lineEnd)) {
    const after = end.index + end[0].length;
    lines.push(text.slice(start, keepEnds ? after : end.index));
    start = after;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** Python's `replace`; `count` < 0 means all. */
export function replace(text: string, old: string, by: string, count: number, budget: Budget): string {
  if (old === '') budget.charge(text.length);
  const parts = old === '' ? ['', ...characters(text), ''] : text.split(old);
  const gaps = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  budget.text(text.length + gaps * Math.max(0, by.length - old.length));
  budget.charge(gaps >> 3);
  if (gaps === parts.length - 1) return parts.join(by);
  return (
    parts.slice(0, gaps + 1).join(by) + (gaps < parts.length - 1 ? old : '') + parts.slice(gaps + 1).join(old)
  );
}

/** Number of non-overlapping occurrences. */
export function countText(text: string, part: string): number {
  return part === '' ? characters(text).length + 1 : text.split(part).length - 1;
}

/** Python's `capitalize`. */
export function capitalize(text: string): string {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  return text === '' ? '' : first.toUpperCase() + text.slice(first.length).toLowerCase();
}

/** Python's `str.title`: every letter that follows a non-letter. */
export function titleCase(text: string): string {
  return text.replace(/\p{Cased}+/gu, (word) => capitalize(word));
}

export function swapCase(text: string): string {
  let result = '';
  for (const letter of text) {
    result += letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  }
  return result;
}

/** Pads to `width` code points; `side` says where the text stands. Python's `center` puts the odd one left for odd widths. */
export function justify(
  text: string,
  width: number,
  fill: string,
  side: 'left' | 'right' | 'center',
  budget: Budget,
): string {
  const missing = width - characters(text).length;
  if (missing <= 0) return text;
  budget.text(width);
  if (side === 'left') return text + fill.repeat(missing);
  if (side === 'right') return fill.repeat(missing) + text;
  const before = (missing >> 1) + (missing & width & 1);
  return fill.repeat(before) + text + fill.repeat(missing - before);
}

/** Python's `expandtabs`. */
export function expandTabs(text: string, size: number, budget: Budget): string {
  let column = 0;
  let result = '';
  for (const letter of text) {
    if (letter === '\t') {
      const gap = size > 0 ? size - (column % size) : 0;
      budget.charge();
      budget.check(result.length + gap);
      result += ' '.repeat(gap);
      column += gap;
    } else {
      result += letter;
      column = letter === '\n' || letter === '\r' ? 0 : column + 1;
    }
  }
  return result;
}

/** Escapes the five HTML characters as markupsafe does. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll("'", '&#39;')
    .replaceAll('"', '&#34;');
}
