/** Columns under headings, without lines: what a terminal of any width and a person with `awk` can use. */
import { displayWidth, pad, truncate } from './printable';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
  /** This column gives way when the table is wider than the terminal. */
  readonly flexible?: boolean;
}

/**
 * Lines of a table. Columns without any value are left out.
 * @param width of the terminal; undefined = no limit
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
  heading: (text: string) => string = (text) => text,
): string[] {
  const shown = columns
    .map((column, index) => ({ column, index }))
    .filter(({ index }) => rows.some((row) => (row[index] ?? '') !== ''));
  const widths = shown.map(({ column, index }) =>
    Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(row[index] ?? ''))),
  );
  if (width !== undefined)
    shrink(
      shown.map(({ column }) => column),
      widths,
      width,
    );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => pad(truncate(cell, widths[at] ?? 0), widths[at] ?? 0, shown[at]?.column.align))
      .join('  ')
      .trimEnd();
  return [
    heading(line(shown.map(({ column }) => column.title))),
    ...rows.map((row) => line(shown.map(({ index }) => row[index] ?? ''))),
  ];
}

const GAP = 2;
const NARROWEST = 8;

function shrink(columns: readonly Column[], widths: number[], limit: number): void {
  const total = () => widths.reduce((sum, width) => sum + width, 0) + GAP * (widths.length - 1);
  for (let excess = total() - limit; excess > 0; excess = total() - limit) {
    // The widest of the flexible columns gives way first.
    let widest = -1;
    columns.forEach((column, at) => {
      if (column.flexible !== true || (widths[at] ?? 0) <= NARROWEST) return;
      if (widest < 0 || (widths[at] ?? 0) > (widths[widest] ?? 0)) widest = at;
    });
    if (widest < 0) return;
    widths[widest] = Math.max(NARROWEST, (widths[widest] ?? 0) - Math.max(1, Math.min(excess, 1)));
  }
}
