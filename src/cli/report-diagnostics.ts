import { relative } from 'node:path';
import type { WireDiagnostic } from '../protocol/diagnostic';
import type { Invocation } from './command';
import { diagnosticCounts, diagnosticLines } from './text/diagnostics';

/** Shows diagnostics on stderr, with their lines of the score. @param text of the score; null = it could not be read */
export async function reportDiagnostics(
  { context, output }: Invocation,
  path: string,
  text: string | null,
  diagnostics: readonly WireDiagnostic[],
): Promise<void> {
  if (diagnostics.length === 0) return;
  const { TextIndex } = await import('../score/text-index');
  const style = {
    file: shortPath(path, context.cwd()),
    source: text === null ? null : new TextIndex(text),
    colors: output.err,
    width: context.stderr.isTTY ? context.stderr.columns : undefined,
  };
  for (const diagnostic of diagnostics) {
    if (output.options.quiet && diagnostic.severity !== 'error') continue;
    for (const line of diagnosticLines(diagnostic, style)) output.aside(line);
  }
  output.detail(diagnosticCounts(diagnostics));
}

/** A path as it is best read: relative when it is below the current folder. */
export function shortPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}
