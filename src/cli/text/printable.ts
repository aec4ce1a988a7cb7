/** Text of agents and scores on a terminal: it may hold anything, also sequences that would move the cursor or set the clipboard. */

/** CSI, OSC/DCS/APC/PM/SOS up to their end, and two-character escapes. */
const ESCAPES = new RegExp(
  '\\x1b\\[[0-?]*[ -/]*[@-~]|\\x1b[\\]PX^_][\\s\\S]*?(?:\\x07|\\x1b\\\\|$)|\\x1b[ -/]*[0-~]|\\x9b[0-?]*[ -/]*[@-~]',
  'g',
);
/** Controls, and the marks that turn the direction of what follows (CVE-2021-42574). */
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** One line that is safe to print: no control characters, white space as single blanks. */
export function printable(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/[\t\r\n]+/g, ' ')
    .replace(CONTROLS, '');
}

/** The same, with its line breaks and tabs. */
export function printableLines(text: string): string {
  return text
    .replace(ESCAPES, '')
    .replace(/\r\n?/g, '\n')
    .replace(CONTROLS, (character) => (character === '\n' || character === '\t' ? character : ''));
}

const COLOUR = /\u001b\[[0-9;]*m/g;

/** Agent output for a terminal: colours stay, all else that a terminal would obey goes. */
export function printableLog(text: string): string {
  let result = '';
  let from = 0;
  for (const colour of text.matchAll(COLOUR)) {
    result += printableLines(text.slice(from, colour.index)) + colour[0];
    from = colour.index + colour[0].length;
  }
  return result + printableLines(text.slice(from));
}

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/;
const ZERO = /^[\p{Mn}\p{Me}\u200b-\u200f\ufe00-\ufe0f]$/u;

/** Columns that a character takes on a terminal. */
function characterWidth(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  if (ZERO.test(character)) return 0;
  return WIDE.test(character) ||
    (point >= 0x1f300 && point <= 0x1faff) ||
    (point >= 0x20000 && point <= 0x3fffd)
    ? 2
    : 1;
}

/** Columns that a text takes on a terminal; colours take none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(COLOUR, '')) width += characterWidth(character);
  return width;
}

/** The text cut to a width, with `…` where it was cut. Colours are kept whole and closed. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  if (width <= 1) return width === 1 ? '…' : '';
  let kept = '';
  let used = 0;
  let coloured = false;
  for (const part of text.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith('\u001b')) {
      kept += part;
      coloured = true;
      continue;
    }
    for (const character of part) {
      const next = characterWidth(character);
      if (used + next > width - 1) return `${kept}…${coloured ? '\u001b[0m' : ''}`;
      kept += character;
      used += next;
    }
  }
  return kept;
}

/** The text with blanks behind (or before) it up to a width. */
export function pad(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? text + blanks : blanks + text;
}
