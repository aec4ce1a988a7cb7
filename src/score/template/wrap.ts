/** Python's `textwrap.wrap` for one line of text. */

export interface WrapOptions {
  width: number;
  breakLongWords: boolean;
  breakOnHyphens: boolean;
}

const space = '[\\t\\n\\v\\f\\r ]';
const nonSpace = '[^\\t\\n\\v\\f\\r ]';
const letter = '[\\p{L}_]';
const punctuated = '[\\p{L}\\p{N}_!"\'&.,?]';
/** Where a line may break: around whitespace, after a hyphen between letters, around an em-dash. */
const chunkPattern = new RegExp(
  `${space}+|(?<=${punctuated})-{2,}(?=[\\p{L}\\p{N}_])|` +
    `${nonSpace}+?(?:-(?:(?<=${letter}{2}-)|(?<=${letter}-${punctuated}-))(?=${letter}-?${letter})|` +
    `(?=${space}|$)|(?<=${punctuated})(?=-{2,}[\\p{L}\\p{N}_]))`,
  'gu',
);
const simplePattern = new RegExp(`${space}+|${nonSpace}+`, 'gu');

/** The lines of `text`, each at most `width` code points (longer only where words may not be broken). */
export function wrapLine(text: string, options: WrapOptions): string[] {
  const chunks = (text.match(options.breakOnHyphens ? chunkPattern : simplePattern) ?? []).map((chunk) =>
    Array.from(chunk),
  );
  chunks.reverse();
  const lines: string[] = [];
  const isBlank = (chunk: string[] | undefined): boolean =>
    chunk !== undefined && chunk.join('').trim() === '';
  while (chunks.length > 0) {
    const line: string[][] = [];
    let used = 0;
    if (lines.length > 0 && isBlank(chunks.at(-1))) chunks.pop();
    for (
      let chunk = chunks.at(-1);
      chunk !== undefined && used + chunk.length <= options.width;
      chunk = chunks.at(-1)
    ) {
      line.push(chunk);
      used += chunk.length;
      chunks.pop();
    }
    const next = chunks.at(-1);
    if (next !== undefined && next.length > options.width) {
      used = breakLong(next, chunks, line, options, used);
    }
    if (isBlank(line.at(-1))) line.pop();
    if (line.length > 0) lines.push(line.map((chunk) => chunk.join('')).join(''));
  }
  return lines;
}

/** Puts as much of a word that fits on no line as this line can hold; all of it when words stay whole. */
function breakLong(
  word: string[],
  chunks: string[][],
  line: string[][],
  options: WrapOptions,
  used: number,
): number {
  const room = options.width - used;
  if (!options.breakLongWords) {
    if (line.length > 0) return used;
    chunks.pop();
    line.push(word);
    return used + word.length;
  }
  let end = room;
  if (options.breakOnHyphens && word.length > room) {
    const hyphen = word.slice(0, room).lastIndexOf('-');
    if (hyphen > 0 && word.slice(0, hyphen).some((character) => character !== '-')) end = hyphen + 1;
  }
  line.push(word.slice(0, end));
  chunks[chunks.length - 1] = word.slice(end);
  return used + end;
}
