/** Diagnostics as people read them: place, message, the line with a caret, and what to do. */
import type { WireDiagnostic } from '../../protocol/diagnostic';
import type { TextIndex } from '../../score/text-index';
import type { Colors } from '../output';
import { displayWidth, printable, truncate } from './printable';

export interface DiagnosticStyle {
  /** How the file is called in messages. */
  readonly file: string;
  /** For the excerpt; null = none is shown. */
  readonly source: TextIndex | null;
  readonly colors: Colors;
  /** Of the terminal. */
  readonly width: number | undefined;
}

/** Lines of one diagnostic: `file:line:column: error V001: message`, the excerpt, the places that belong to it, `help: …`. */
export function diagnosticLines(diagnostic: WireDiagnostic, style: DiagnosticStyle): string[] {
  const { colors } = style;
  const { range, severity, code } = diagnostic;
  const paint = severity === 'error' ? colors.red : severity === 'warning' ? colors.yellow : colors.cyan;
  const place = range === null ? style.file : `${style.file}:${range.line}:${range.column}`;
  const lines = [
    `${colors.bold(`${place}:`)} ${paint(`${severity} ${code}`)}: ${printable(diagnostic.message)}`,
  ];
  if (range !== null && style.source !== null) lines.push(...excerpt(range, style.source, style, paint));
  for (const related of diagnostic.related ?? []) {
    const { line, column } = related.range;
    lines.push(
      `  ${colors.dim(`${printable(related.file ?? style.file)}:${line}:${column}:`)} ${printable(related.message)}`,
    );
  }
  if (diagnostic.remedy !== null) lines.push(`  ${colors.cyan('help:')} ${printable(diagnostic.remedy)}`);
  return lines;
}

const LONGEST_LINE = 160;

function excerpt(
  range: NonNullable<WireDiagnostic['range']>,
  source: TextIndex,
  { colors, width }: DiagnosticStyle,
  paint: (text: string) => string,
): string[] {
  const text = source.lineText(range.line);
  if (text.trim() === '') return [];
  const number = String(range.line).padStart(4);
  const room = Math.min(width ?? LONGEST_LINE, LONGEST_LINE) - number.length - 3;
  // A tab is one blank here, so that the caret stands below what it means.
  const shown = (part: string) => printable(part.replaceAll('\t', ' '));
  const before = shown(text.slice(0, range.column - 1));
  const until = range.end_line === range.line ? range.end_column : text.length + 1;
  const marked = shown(text.slice(range.column - 1, Math.max(range.column, until - 1)));
  const whole = shown(text);
  const indent = displayWidth(before);
  const lines = [`${colors.dim(`${number} |`)} ${truncate(whole, room)}`];
  if (indent < room) {
    const carets = '^'.repeat(Math.max(1, Math.min(displayWidth(marked), room - indent)));
    lines.push(`${colors.dim('     |')} ${' '.repeat(indent)}${paint(carets)}`);
  }
  return lines;
}

/** `2 errors, 1 warning`; empty without any. */
export function diagnosticCounts(diagnostics: readonly { readonly severity: string }[]): string {
  return (['error', 'warning', 'info'] as const)
    .map((severity) => [severity, diagnostics.filter((one) => one.severity === severity).length] as const)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}${count === 1 || severity === 'info' ? '' : 's'}`)
    .join(', ');
}
