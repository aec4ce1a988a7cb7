/** Terminal output as plain text. */

// CSI, OSC (ended by BEL or ST), and the two-character escapes. ECMA-48.
const ESCAPES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_=>]|[()][A-Za-z0-9])/g;
/** An escape that is not complete yet, at the end of a text. */
const OPEN_ESCAPE = /\u001b(?:\[[0-?]*[ -/]*|\][^\u0007\u001b]{0,256}|[()])?$/;

/** Removes escapes, and of a line that was overwritten with carriage returns keeps what was seen last. */
export function plainLine(line: string): string {
  const text = line.includes('\u001b') ? line.replaceAll(ESCAPES, '') : line;
  if (!text.includes('\r')) return text;
  const seen = text.split('\r').filter((part) => part !== '');
  return seen.at(-1) ?? '';
}

/** More is not kept back, characters. */
const LONGEST_LINE = 64 * 1024;

/**
 * Cuts a stream into whole lines. What has no line end yet is kept back; `flush` gives it, but for half an escape.
 */
export class LineCutter {
  private rest = '';

  /** Whole lines, each with its line end, without escapes, and the beginning of one that is too long; '' when there is none. */
  push(data: string): string {
    const text = this.rest + data;
    const end = text.lastIndexOf('\n') + 1;
    this.rest = text.slice(end);
    const lines =
      end === 0
        ? ''
        : text
            .slice(0, end - 1)
            .split('\n')
            .map((line) => `${plainLine(line)}\n`)
            .join('');
    if (this.rest.length <= LONGEST_LINE) return lines;
    // A meter that draws itself anew for hours never ends its line: only its last state counts.
    const drawn = this.rest.lastIndexOf('\r', this.rest.length - 2);
    if (drawn >= 0) this.rest = this.rest.slice(drawn + 1);
    return this.rest.length > LONGEST_LINE ? lines + this.flush() : lines;
  }

  /** What is kept back, as far as it can be shown. */
  flush(): string {
    const open = OPEN_ESCAPE.exec(this.rest);
    const shown = open === null ? this.rest : this.rest.slice(0, open.index);
    this.rest = this.rest.slice(shown.length);
    return plainLine(shown);
  }

  /** Characters kept back. */
  get held(): number {
    return this.rest.length;
  }
}
