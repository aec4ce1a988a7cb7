import type { Diagnostic, DiagnosticTag, RelatedPlace, Severity, SourceRange } from './diagnostic';
import type { YamlFile } from './yaml';
import type { YamlNode } from './yaml-node';
import { findNode } from './yaml-node';

/** A path in the document as people write it: `validations[0].path`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) =>
      typeof part === 'number' ? `[${part}]` : index === 0 ? String(part) : `.${String(part)}`,
    )
    .join('');
}

/** A second place by its path in the document; left out when the document says nothing there. */
export interface RelatedFinding {
  readonly path: readonly PropertyKey[];
  readonly at?: 'key' | 'value';
  readonly message: string;
}

export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly remedy?: string | null;
  readonly path: readonly PropertyKey[];
  /** Point at the key that leads to the value instead of the value. */
  readonly at?: 'key' | 'value';
  /** A better place than that of the path. */
  readonly range?: SourceRange;
  readonly fix?: Diagnostic['fix'];
  /** Places in the score, or elsewhere. */
  readonly related?: readonly (RelatedFinding | RelatedPlace)[];
  readonly tags?: readonly DiagnosticTag[];
}

/** Collects diagnostics and finds their places in the document. */
export class Findings {
  readonly list: Diagnostic[];

  constructor(
    readonly file: YamlFile,
    initial: readonly Diagnostic[] = [],
  ) {
    this.list = [...initial];
  }

  add(finding: Finding): void {
    const related = (finding.related ?? []).flatMap((each) => this.placed(each));
    this.list.push({
      code: finding.code,
      severity: finding.severity,
      message: finding.message,
      remedy: finding.remedy ?? null,
      range: finding.range ?? this.rangeOf(finding.path, finding.at ?? 'value'),
      path: finding.path.length === 0 ? null : pathText(finding.path),
      ...(finding.fix === undefined ? {} : { fix: finding.fix }),
      ...(related.length === 0 ? {} : { related }),
      ...(finding.tags === undefined ? {} : { tags: finding.tags }),
    });
  }

  private placed(related: RelatedFinding | RelatedPlace): RelatedPlace[] {
    if ('range' in related) return [related];
    if (!this.isWritten(related.path)) return [];
    const range = this.rangeOf(related.path, related.at ?? 'value');
    return range === null ? [] : [{ message: related.message, file: null, range }];
  }

  error(code: string, path: readonly PropertyKey[], message: string, remedy: string | null = null): void {
    this.add({ code, severity: 'error', path, message, remedy });
  }

  warning(code: string, path: readonly PropertyKey[], message: string, remedy: string | null = null): void {
    this.add({ code, severity: 'warning', path, message, remedy });
  }

  info(code: string, path: readonly PropertyKey[], message: string, remedy: string | null = null): void {
    this.add({ code, severity: 'info', path, message, remedy });
  }

  /** True when the document says something at this path. */
  isWritten(path: readonly PropertyKey[]): boolean {
    return this.file.root !== null && findNode(this.file.root, path).rest === 0;
  }

  /** The place of a path: a missing field is placed at the key of the block that lacks it, else at the first line. */
  rangeOf(path: readonly PropertyKey[], at: 'key' | 'value'): SourceRange | null {
    const { root, index } = this.file;
    if (root === null) return null;
    const found = findNode(root, path);
    if (found.rest === 0 && at === 'value' && path.length > 0)
      return valueRange(found.node, found.key?.range);
    if (found.key !== null) return found.key.range;
    if (found.node !== root) return firstLineOf(found.node.range, index.lineText(found.node.range.line));
    const first = root.entries[0]?.key.range;
    return first ?? index.range(0, 0);
  }
}

/** Of a long value the key is the better place: a squiggle under twenty lines helps nobody. */
function valueRange(node: YamlNode, key: SourceRange | undefined): SourceRange {
  return key !== undefined && (node.range.endLine > node.range.line || node.range.end === node.range.offset)
    ? key
    : node.range;
}

function firstLineOf(range: SourceRange, lineText: string): SourceRange {
  if (range.endLine === range.line) return range;
  const endColumn = lineText.length + 1;
  return { ...range, endLine: range.line, endColumn, end: range.offset + (endColumn - range.column) };
}

const rank: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** More than this helps nobody, and a hostile text could ask for hundreds of thousands. */
const mostDiagnostics = 500;

/** Errors first, then warnings, then hints; each by place. At most 500. */
export function sortDiagnostics(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  return [...diagnostics]
    .sort(
      (a, b) =>
        rank[a.severity] - rank[b.severity] ||
        (a.range?.offset ?? -1) - (b.range?.offset ?? -1) ||
        (a.code < b.code ? -1 : a.code > b.code ? 1 : 0),
    )
    .slice(0, mostDiagnostics);
}
