import type { SourceRange } from './ast';
import { TemplateLimitError } from './errors';
import type { Lexer, Token, TokenType } from './lexer';

/** Brackets, blocks and conditionals may nest this deep; more exhausts the stack and helps nobody. */
const deepestNesting = 100;

const readable: Readonly<Record<TokenType, string>> = {
  data: 'template text',
  block_begin: "begin of statement block '{%'",
  block_end: "end of statement block '%}'",
  variable_begin: "begin of print statement '{{'",
  variable_end: "end of print statement '}}'",
  name: 'name',
  string: 'string',
  integer: 'integer',
  float: 'float',
  operator: 'operator',
  eof: 'end of template',
};

/** The tokens of a template with a position in them: what both parsers stand on. */
export class TokenCursor {
  protected index = 0;
  private nesting = 0;

  constructor(
    protected readonly lexer: Lexer,
    protected readonly tokens: Token[],
  ) {}

  protected get token(): Token {
    return this.peek(0);
  }

  protected peek(ahead: number): Token {
    const token = this.tokens[Math.min(this.index + ahead, this.tokens.length - 1)];
    return token ?? { type: 'eof', value: '', offset: 0, end: 0 };
  }

  protected next(): Token {
    const token = this.token;
    this.index += 1;
    return token;
  }

  protected isOperator(value: string): boolean {
    return this.token.type === 'operator' && this.token.value === value;
  }

  protected isName(value: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.type === 'name' && token.value === value;
  }

  protected skipOperator(value: string): boolean {
    if (!this.isOperator(value)) return false;
    this.index += 1;
    return true;
  }

  protected skipName(value: string): boolean {
    if (!this.isName(value)) return false;
    this.index += 1;
    return true;
  }

  protected describe(token: Token): string {
    return token.type === 'name' || token.type === 'operator' ? `'${token.value}'` : readable[token.type];
  }

  protected failAt(token: Token, message: string, hint?: string): never {
    this.lexer.fail(message, token.offset, Math.max(token.end, token.offset + 1), hint);
  }

  protected expectOperator(value: string): Token {
    if (!this.isOperator(value)) {
      this.failAt(this.token, `expected token '${value}', got ${this.describe(this.token)}`);
    }
    return this.next();
  }

  protected expectType(type: TokenType): Token {
    if (this.token.type !== type) {
      this.failAt(this.token, `expected ${readable[type]}, got ${this.describe(this.token)}`);
    }
    return this.next();
  }

  /** The range from `start` to the end of the last token taken. */
  protected since(start: SourceRange | Token): SourceRange {
    return this.lexer.range(start.offset, this.tokens[this.index - 1]?.end ?? start.end);
  }

  protected nested<T>(parse: () => T): T {
    if (this.nesting >= deepestNesting) {
      const range = this.lexer.range(this.token.offset, this.token.end);
      throw new TemplateLimitError(`nested deeper than ${deepestNesting} levels`, range);
    }
    this.nesting += 1;
    const result = parse();
    this.nesting -= 1;
    return result;
  }
}
