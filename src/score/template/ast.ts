/** A stretch of template source. Lines and columns are 1-based, offsets 0-based UTF-16 units, `end` exclusive. */
export interface SourceRange {
  line: number;
  column: number;
  offset: number;
  end: number;
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in' | 'not in';

/** Arguments of a call, filter or test, in the order in which they are evaluated. */
export interface Arguments {
  positional: Expression[];
  named: { name: string; value: Expression }[];
  /** `*expression` and `**expression`. */
  star?: Expression | undefined;
  doubleStar?: Expression | undefined;
}

export type Expression = SourceRange &
  (
    | { kind: 'const'; value: string | bigint | number | boolean | null }
    | { kind: 'name'; name: string }
    | { kind: 'tuple' | 'list'; items: Expression[] }
    | { kind: 'concat'; items: Expression[] }
    | { kind: 'dict'; entries: { key: Expression; value: Expression }[] }
    | { kind: 'attribute'; target: Expression; name: string }
    | { kind: 'item'; target: Expression; index: Expression }
    | {
        kind: 'slice';
        start?: Expression | undefined;
        stop?: Expression | undefined;
        step?: Expression | undefined;
      }
    | { kind: 'call'; callee: Expression; args: Arguments }
    /** `target` is missing only in a filter block or a filtered set block, where the body takes its place. */
    | { kind: 'filter'; target?: Expression | undefined; name: string; args: Arguments }
    | { kind: 'test'; target: Expression; name: string; args: Arguments }
    | { kind: 'negative' | 'positive' | 'not'; operand: Expression }
    | { kind: 'binary'; operator: BinaryOperator; left: Expression; right: Expression }
    | { kind: 'and' | 'or'; left: Expression; right: Expression }
    | { kind: 'compare'; first: Expression; rest: { operator: CompareOperator; operand: Expression }[] }
    | { kind: 'conditional'; test: Expression; then: Expression; otherwise?: Expression | undefined }
  );

export type ExpressionOf<K extends Expression['kind']> = Extract<Expression, { kind: K }>;

/** What `set`, `for` and `with` may assign to. */
export type Target = SourceRange &
  (
    | { kind: 'name'; name: string }
    | { kind: 'tuple'; items: Target[] }
    | { kind: 'namespace'; name: string; attribute: string }
  );

export interface Parameter {
  name: string;
  default?: Expression | undefined;
  range: SourceRange;
}

/** One `if` or `elif`; `tag` is the whole `{% … %}`. */
export interface Branch {
  test: Expression;
  body: Statement[];
  tag: SourceRange;
}

/** A macro or the body of a call block. */
export interface MacroNode {
  name: string;
  parameters: Parameter[];
  body: Statement[];
  /** Which of the special names the body reads: only those are supplied. */
  uses: { varargs: boolean; kwargs: boolean; caller: boolean };
}

export type Statement = SourceRange &
  (
    | { kind: 'text'; text: string }
    | { kind: 'print'; value: Expression }
    /** `elseTag`: of `{% else %}`; missing when there is none. */
    | { kind: 'if'; branches: Branch[]; otherwise: Statement[]; elseTag?: SourceRange | undefined }
    | {
        kind: 'for';
        target: Target;
        iterable: Expression;
        filter?: Expression | undefined;
        recursive: boolean;
        body: Statement[];
        otherwise: Statement[];
      }
    | { kind: 'set'; target: Target; value: Expression }
    | { kind: 'setblock'; target: Target; filter?: Expression | undefined; body: Statement[] }
    | { kind: 'macro'; macro: MacroNode }
    | { kind: 'callblock'; call: Expression; macro: MacroNode }
    | { kind: 'filterblock'; filter: Expression; body: Statement[] }
    | { kind: 'with'; bindings: { target: Target; value: Expression }[]; body: Statement[] }
    | { kind: 'block'; name: string; scoped: boolean; body: Statement[] }
  );

export type StatementOf<K extends Statement['kind']> = Extract<Statement, { kind: K }>;

/** A parsed template. */
export interface Template {
  readonly source: string;
  readonly body: readonly Statement[];
}

/** Turns offsets into lines and columns; `\r\n`, `\r` and `\n` each end a line. */
export class LineIndex {
  private readonly starts: number[] = [0];

  constructor(source: string) {
    for (const match of source.matchAll(/\r\n|\r|\n/g)) this.starts.push(match.index + match[0].length);
  }

  range(offset: number, end: number): SourceRange {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.starts[low] ?? 0) + 1, offset, end };
  }
}
