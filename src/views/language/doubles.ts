/** Faults that another YAML extension tells as well. */
import type { Diagnostic } from '../../score/diagnostic';

/** YAML's own grammar: the only faults that an extension without our rules can find. */
const grammarCodes = new Set(['P001', 'P002']);

/**
 * True when another extension has a diagnostic of YAML's grammar in the same line. Its source is `YAML` (redhat.vscode-yaml); by that alone
 * nothing is lost where that extension sees no fault.
 */
export function isDoubled(
  diagnostic: Diagnostic,
  foreign: readonly { readonly source: string; readonly line: number }[],
): boolean {
  if (!grammarCodes.has(diagnostic.code)) return false;
  return foreign.some(({ source, line }) => source.startsWith('YAML') && line === diagnostic.range?.line);
}
