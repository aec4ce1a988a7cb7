import type { SourceRange } from './ast';

/** The family of a template error; `pythonClass` names the exact class that Jinja2 would raise. */
export type TemplateErrorKind = 'syntax' | 'undefined' | 'type' | 'value' | 'limit';

/** What is known about an error before (or without) its place in the source. */
export interface ErrorFacts {
  /** The exception class Jinja2 or Python would raise, e.g. `UndefinedError`. */
  pythonClass: string;
  message: string;
  /** The variable, attribute or key that does not exist. */
  undefinedName?: string | undefined;
  /** What to do about it, e.g. the names that were probably meant. */
  hint?: string | undefined;
}

const kinds: Readonly<Record<string, TemplateErrorKind>> = {
  TemplateSyntaxError: 'syntax',
  UndefinedError: 'undefined',
  TypeError: 'type',
  TemplateLimitError: 'limit',
};

/** A template that cannot be parsed or rendered, with its place in the template source. */
export class TemplateError extends Error {
  readonly kind: TemplateErrorKind;
  readonly pythonClass: string;
  /** 1-based line in the source. */
  readonly line: number;
  /** 1-based column, in UTF-16 units. */
  readonly column: number;
  /** Offsets into the source in UTF-16 units; `end` is exclusive. */
  readonly offset: number;
  readonly end: number;
  readonly undefinedName?: string;
  readonly hint?: string;

  constructor(facts: ErrorFacts, range: SourceRange) {
    super(facts.message);
    this.name = 'TemplateError';
    this.kind = kinds[facts.pythonClass] ?? 'value';
    this.pythonClass = facts.pythonClass;
    this.line = range.line;
    this.column = range.column;
    this.offset = range.offset;
    this.end = range.end;
    if (facts.undefinedName !== undefined) this.undefinedName = facts.undefinedName;
    if (facts.hint !== undefined) this.hint = facts.hint;
  }
}

/** A template that asked for more than a score may take: steps, text, nesting or number size. */
export class TemplateLimitError extends TemplateError {
  constructor(message: string, range: SourceRange, hint?: string) {
    super({ pythonClass: 'TemplateLimitError', message, hint }, range);
    this.name = 'TemplateLimitError';
  }
}

/** Raised below the evaluator, where no source place is known; the evaluator adds the place of the node at work. */
export class Raised extends Error {
  constructor(
    readonly facts: ErrorFacts,
    /** The place where the value came from, when better than the node at work. */
    readonly range?: SourceRange,
  ) {
    super(facts.message);
  }
}

/** The template error for something raised at `range`. */
export function placed(raised: Raised, range: SourceRange): TemplateError {
  const at = raised.range ?? range;
  return raised.facts.pythonClass === 'TemplateLimitError'
    ? new TemplateLimitError(raised.facts.message, at, raised.facts.hint)
    : new TemplateError(raised.facts, at);
}

/** Raises a Python-class error at the node at work. */
export function raise(pythonClass: string, message: string): never {
  throw new Raised({ pythonClass, message });
}

export function typeError(message: string): never {
  return raise('TypeError', message);
}

export function valueError(message: string): never {
  return raise('ValueError', message);
}

export function limitError(message: string): never {
  return raise('TemplateLimitError', message);
}

/** True for the engine's own "stack exhausted", which becomes a limit error. */
export function isStackOverflow(error: unknown): boolean {
  return error instanceof RangeError && /call stack/i.test(error.message);
}
