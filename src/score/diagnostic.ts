/** A place in a score: 1-based line and column, and character offsets into its text. */
export interface SourceRange {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly offset: number;
  readonly end: number;
}

export type Severity = 'error' | 'warning' | 'info';

/** A second place that explains a diagnostic. */
export interface RelatedPlace {
  readonly message: string;
  /** Of another file, absolute; null = the score itself. */
  readonly file: string | null;
  /** In that file. Where only the line is known, column and offsets are those of the first character. */
  readonly range: SourceRange;
}

/** How an editor may draw the range: `unnecessary` = what is written there has no effect. */
export type DiagnosticTag = 'unnecessary';

/** Something to say about a score. Codes are listed in docs/diagnostics.md. */
export interface Diagnostic {
  readonly code: string;
  readonly severity: Severity;
  /** What is wrong. */
  readonly message: string;
  /** What to do about it. */
  readonly remedy: string | null;
  /** Where; null only for what has no place in the text (an unreadable file). */
  readonly range: SourceRange | null;
  /** Path of keys in the document, for example `retry.max_retries`. */
  readonly path: string | null;
  /** A replacement of the range that would mend it, when there is exactly one. */
  readonly fix?: { readonly title: string; readonly range: SourceRange; readonly newText: string };
  /** Other places that belong to it, such as the other edges of a cycle; most helpful first. */
  readonly related?: readonly RelatedPlace[];
  readonly tags?: readonly DiagnosticTag[];
}
