/** Terminal output as plain text. */

// CSI, OSC (ended by BEL or ST), and the two-character escapes. ECMA-48.
const ESCAPES =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\^_=>]|[()][A-Za-z0-9])/g;
/** No escape that is waited for is longer; a longer one is shown as it is. */
const LONGEST_ESCAPE = 260;
/** An escape that is not complete yet, at the end of a text. */
const OPEN_ESCAPE = /\u001b(?:\[[0-?]*[ -/]*|\][^\u0007\u001b]{0,256}\u001b?|[()])?$/;

/** Removes escapes, and of a line that was overwritten with carriage returns keeps what was seen last. */
export function plainLine(line: string): string {
  const text = line.includes('\u001b') ? line.replaceAll(ESCAPES, '') : line;
  if (!text.includes('\r')) return text;
  const seen = text.split('\r').filter((part) => part !== '');
  return seen.at(-1) ?? '';
}

/** Characters of a line that are kept back for its end; more of it are shown in pieces. */
const LONGEST_HELD = 16 * 1024;

/**
 * Cuts a stream into whole lines. What has no line end yet is kept back; `flush` gives it, but for half an escape. A line that is overwritten after
 * a part of it was shown (a progress bar) goes on in a line of its own: nothing that was shown can be taken back.
 */
export class LineCutter {
  private rest = '';
  /** Something of the line that `rest` goes on with is shown already. */
  private begun = false;

  /** Whole lines, each with its line end, without escapes; '' when there is none. A line without an end comes in pieces. */
  push(data: string): string {
    const text = this.rest + data;
    const end = text.lastIndexOf('\n') + 1;
    this.rest = lastState(text.slice(end));
    const whole = end === 0 ? '' : this.lines(text.slice(0, end - 1).split('\n'));
    return this.rest.length <= LONGEST_HELD ? whole : whole + this.flush();
  }

  /** What is kept back, as far as it can be shown. */
  flush(): string {
    const open = OPEN_ESCAPE.exec(this.rest.slice(-LONGEST_ESCAPE));
    const shown = open === null ? this.rest : this.rest.slice(0, -open[0].length);
    // It may be the first half of a line end.
    const until = shown.endsWith('\r') ? shown.length - 1 : shown.length;
    this.rest = this.rest.slice(until);
    const text = this.line(shown.slice(0, until));
    if (text !== '') this.begun = true;
    return text;
  }

  /** Characters kept back. */
  get held(): number {
    return this.rest.length;
  }

  private lines(lines: readonly string[]): string {
    return lines
      .map((line) => {
        const text = `${this.line(line)}\n`;
        this.begun = false;
        return text;
      })
      .join('');
  }

  private line(raw: string): string {
    const text = plainLine(raw);
    // A carriage return at the end belongs to the line end.
    const isOverwritten = /\r[^\r]/.test(raw);
    return this.begun && text !== '' && isOverwritten ? `\n${text}` : text;
  }
}

/** Of a line that is being overwritten, what counts: from the carriage return before the last text that can be seen. */
function lastState(line: string): string {
  if (line.length <= LONGEST_HELD || !line.includes('\r')) return line;
  const before = line.lastIndexOf('\r', line.length - 1 - LONGEST_ESCAPE);
  return before < 0 ? line : line.slice(before);
}
