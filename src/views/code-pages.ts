/** Where the meaning of a diagnostic's code is written: a line of `docs/diagnostics.md`, which comes with the extension. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The page, and the line that explains this code, 1-based; null for a code that it does not know. */
export class CodePage {
  readonly path: string;
  private lines: ReadonlyMap<string, number> | null = null;

  constructor(extensionPath: string) {
    this.path = join(extensionPath, 'docs', 'diagnostics.md');
  }

  lineOf(code: string): number | null {
    this.lines ??= this.read();
    return this.lines.get(code) ?? null;
  }

  private read(): ReadonlyMap<string, number> {
    try {
      const rows = readFileSync(this.path, 'utf8').split('\n');
      return new Map(
        rows.flatMap((row, at) => {
          const [, code] = /^\| ([A-Z]\d{3}) \|/.exec(row) ?? [];
          return code === undefined ? [] : [[code, at + 1] as const];
        }),
      );
    } catch {
      // Without the page there are no links; the messages say enough.
      return new Map();
    }
  }
}
