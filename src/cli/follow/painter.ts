/** Redraws a block of lines in place. */
import type { TextSink } from '../context';
import { displayWidth } from '../text/printable';

/** Synchronized output, https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036: terminals that know it show a frame at once. */
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

export class Painter {
  private drawn: readonly string[] = [];
  private active = false;

  constructor(private readonly sink: TextSink) {}

  /** Draws the block in place of the last one. Nothing is written when nothing changed. */
  draw(lines: readonly string[]): void {
    if (
      this.active &&
      lines.length === this.drawn.length &&
      lines.every((line, at) => line === this.drawn[at])
    ) {
      return;
    }
    const start = this.active ? this.home() : HIDE_CURSOR;
    // Each line is cleared behind its text and not before it: that would flicker.
    this.sink.write(`${BEGIN}${start}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J${END}`);
    this.drawn = lines;
    this.active = true;
  }

  /** Writes text that stays, above the block. */
  above(text: string): void {
    if (!this.active) {
      this.sink.write(`${text}\n`);
      return;
    }
    const block = this.drawn.map((line) => `${line}\x1b[K\n`).join('');
    this.sink.write(`${BEGIN}${this.home()}${text}\x1b[K\n${block}\x1b[J${END}`);
  }

  /** Takes the block away and gives the cursor back. */
  clear(): void {
    if (!this.active) return;
    this.sink.write(`${this.home()}\x1b[J${SHOW_CURSOR}`);
    this.drawn = [];
    this.active = false;
  }

  /** To the block's first column and row. A terminal that became narrower has wrapped the lines: each takes several rows then. */
  private home(): string {
    const columns = this.sink.columns ?? 80;
    const rows = this.drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / Math.max(1, columns))),
      0,
    );
    return rows === 0 ? '\r' : `\r\x1b[${rows}A`;
  }
}
