import type { SourceRange } from './diagnostic';

/**
 * Offsets of a text ↔ lines and columns. `\r\n`, `\r` and `\n` each end a line; columns count UTF-16 units, as editors do. A byte order mark has an
 * offset and no column: editors take it away.
 */
export class TextIndex {
  private readonly starts: number[];

  constructor(readonly text: string) {
    this.starts = [text.startsWith('\uFEFF') ? 1 : 0];
    for (const match of text.matchAll(/\r\n|\r|\n/g)) this.starts.push(match.index + match[0].length);
  }

  /** The range of `[offset, end)`, clamped to the text. */
  range(offset: number, end: number): SourceRange {
    const from = Math.max(0, Math.min(offset, this.text.length));
    const to = Math.max(from, Math.min(end, this.text.length));
    const first = this.lineAt(from);
    const last = this.lineAt(to);
    return {
      line: first + 1,
      column: Math.max(from - (this.starts[first] ?? 0), 0) + 1,
      endLine: last + 1,
      endColumn: Math.max(to - (this.starts[last] ?? 0), 0) + 1,
      offset: from,
      end: to,
    };
  }

  /** Offset of the first character of a 1-based line; the text's length for a line behind the last. */
  lineStart(line: number): number {
    return this.starts[line - 1] ?? this.text.length;
  }

  /** A 1-based line without its line break. */
  lineText(line: number): string {
    return this.text.slice(this.lineStart(line), this.lineStart(line + 1)).replace(/[\r\n]+$/, '');
  }

  get lineCount(): number {
    return this.starts.length;
  }

  private lineAt(offset: number): number {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
