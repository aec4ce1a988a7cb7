/** Score text → checked score. */
import { coerceLax } from './coerce';
import type { Diagnostic } from './diagnostic';
import type { Expansion } from './expand';
import { expandSheets } from './expand';
import { Findings, sortDiagnostics } from './findings';
import { dependencyGraph } from './graph';
import { checkFieldRules } from './rules';
import { reportIssues } from './schema-errors';
import type { ScoreFields } from './schema/score';
import { scoreSchema } from './schema/score';
import type { TemplateVariables } from './variables';
import { templateVariables } from './variables';
import type { YamlFile } from './yaml';
import type { YamlMapping } from './yaml-node';
import { readYaml } from './yaml';
import { entryOf, findNode, plainData } from './yaml-node';

/** A score whose text holds together: every field has its type, the sheets are counted, the graph can be played. */
export interface Score {
  /** Of the score file, absolute. */
  readonly path: string;
  readonly text: string;
  readonly file: YamlFile;
  readonly fields: ScoreFields;
  readonly expansion: Expansion;
  /** Sheet → its prerequisites, ascending. */
  readonly graph: ReadonlyMap<number, readonly number[]>;
  /** `prompt.variables` as templates see them. */
  readonly variables: TemplateVariables;
  /** True when the text says something at this path: a default was not written. */
  isWritten(path: readonly PropertyKey[]): boolean;
}

export interface ParseResult {
  /** Null when any diagnostic is an error. */
  readonly score: Score | null;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Reads a score. Looks at nothing but the text: files and instruments are `checkScore`'s. Never throws.
 * @param source.path absolute path of the score file, for messages and relative paths.
 */
export function parseScore(source: { readonly text: string; readonly path: string }): ParseResult {
  const file = readYaml(source.text);
  const findings = new Findings(file, file.diagnostics);
  const score = file.root === null ? null : read(source, file, file.root, findings);
  return { score, diagnostics: sortDiagnostics(findings.list) };
}

/** True when the text is a fleet: a list of scores with their order. */
export function isFleet(root: YamlMapping): boolean {
  const type = entryOf(root, 'type')?.value;
  return type?.kind === 'scalar' && type.value === 'fleet';
}

function read(
  source: { readonly text: string; readonly path: string },
  file: YamlFile,
  root: YamlMapping,
  findings: Findings,
): Score | null {
  if (isFleet(root)) {
    findings.error(
      'P009',
      ['type'],
      'This is a fleet: fleets are not supported yet.',
      'Submit the scores that it lists one by one.',
    );
    return null;
  }
  const data = coerceLax(scoreSchema, withoutDropped(plainData(root)));
  const parsed = scoreSchema.safeParse(data);
  if (!parsed.success) {
    reportIssues(parsed.error.issues, scoreSchema, findings);
    return null;
  }
  const fields = parsed.data;
  checkFieldRules(fields, findings);
  const variables = templateVariables(root, findings);
  const expansion = expandSheets(fields, findings);
  const graph = expansion === null ? null : dependencyGraph(fields, expansion, findings);
  if (expansion === null || graph === null) return null;
  if (findings.list.some((finding) => finding.severity === 'error')) return null;
  return {
    path: source.path,
    text: source.text,
    file,
    fields,
    expansion,
    graph,
    variables,
    isWritten: (at) => findNode(root, at).rest === 0,
  };
}

/** `sheet.total_sheets` is computed; older scores carry it, and it is ignored there too. */
function withoutDropped(data: unknown): unknown {
  if (typeof data !== 'object' || data === null || !('sheet' in data)) return data;
  const { sheet } = data;
  if (typeof sheet === 'object' && sheet !== null && 'total_sheets' in sheet) delete sheet.total_sheets;
  return data;
}
