import type { Branch, MacroNode, Parameter, SourceRange, Statement, Template } from './ast';
import { readsName } from './walk';
import { isStackOverflow, TemplateLimitError } from './errors';
import { Lexer } from './lexer';
import type { Token } from './lexer';
import { ExpressionParser } from './parse-expression';

/** Tags of Jinja2 that need a loader or an extension; a score has neither. */
const unavailable: Readonly<Record<string, string>> = {
  include: 'a score has no template loader',
  import: 'a score has no template loader',
  from: 'a score has no template loader',
  extends: 'a score has no template loader',
  autoescape: 'templates are rendered without escaping',
  do: "the 'do' extension is off; use {% set _ = … %}",
  break: 'the loop control extension is off',
  continue: 'the loop control extension is off',
  trans: 'the translation extension is off',
  debug: 'the debug extension is off',
};

class Parser extends ExpressionParser {
  private readonly blocks = new Set<string>();
  /** Open tags, innermost last: named in the message when the template ends too early. */
  private readonly open: { tag: string; line: number; ends: readonly string[] }[] = [];

  parse(): Statement[] {
    return this.parseBody([]);
  }

  /** Statements up to a tag named in `ends` (left in place, after its `{%`), or to the end of the source. */
  private parseBody(ends: readonly string[]): Statement[] {
    const body: Statement[] = [];
    for (;;) {
      const token = this.token;
      if (token.type === 'eof') {
        if (ends.length > 0) this.failEndOfTemplate(token);
        return body;
      }
      this.index += 1;
      if (token.type === 'data') body.push({ kind: 'text', text: token.value, ...this.since(token) });
      else if (token.type === 'variable_begin') {
        const value = this.parseTuple();
        this.expectType('variable_end');
        body.push({ kind: 'print', value, ...this.since(token) });
      } else {
        if (this.token.type === 'name' && ends.includes(this.token.value)) return body;
        body.push(this.nested(() => this.parseStatement(token)));
      }
    }
  }

  private failEndOfTemplate(token: Token): never {
    const innermost = this.open[this.open.length - 1];
    const detail =
      innermost === undefined
        ? ''
        : ` The innermost block that needs to be closed is '${innermost.tag}' (line ${innermost.line});` +
          ` looking for ${innermost.ends.map((end) => `'${end}'`).join(' or ')}.`;
    return this.failAt(token, `Unexpected end of template.${detail}`);
  }

  /** Takes the `%}` of a tag. */
  private endTag(): void {
    this.expectType('block_end');
  }

  /** A body between this tag's `%}` and one of `ends`, whose name is taken too; returns which end it was. */
  private parseBlockBody(
    tag: string,
    begin: Token,
    ends: readonly string[],
  ): { body: Statement[]; end: string } {
    this.endTag();
    this.open.push({ tag, line: this.lexer.range(begin.offset, begin.end).line, ends });
    const body = this.parseBody(ends);
    this.open.pop();
    return { body, end: this.next().value };
  }

  private wholeBody(tag: string, begin: Token): Statement[] {
    const { body } = this.parseBlockBody(tag, begin, [`end${tag}`]);
    this.endTag();
    return body;
  }

  private parseStatement(begin: Token): Statement {
    const token = this.token;
    if (token.type !== 'name') this.failAt(token, 'tag name expected');
    this.index += 1;
    switch (token.value) {
      case 'if':
        return this.parseIf(begin);
      case 'for':
        return this.parseFor(begin);
      case 'set':
        return this.parseSet(begin);
      case 'print': {
        const value = this.parseTuple();
        this.endTag();
        return { kind: 'print', value, ...this.since(begin) };
      }
      case 'macro': {
        const name = this.expectType('name').value;
        const macro = this.parseMacro(name, begin, 'macro', true);
        return { kind: 'macro', macro, ...this.since(begin) };
      }
      case 'call':
        return this.parseCallBlock(begin);
      case 'filter': {
        const filter = this.parseFilterChain();
        const body = this.wholeBody('filter', begin);
        return { kind: 'filterblock', filter, body, ...this.since(begin) };
      }
      case 'with':
        return this.parseWith(begin);
      case 'block':
        return this.parseBlock(begin);
      default:
        return this.failTag(token);
    }
  }

  private failTag(token: Token): never {
    const name = token.value;
    const reason = Object.hasOwn(unavailable, name) ? unavailable[name] : undefined;
    if (reason !== undefined) this.failAt(token, `The tag '${name}' is not available here: ${reason}.`);
    const innermost = this.open[this.open.length - 1];
    const looking =
      innermost === undefined
        ? ''
        : ` Jinja was looking for ${innermost.ends.map((end) => `'${end}'`).join(' or ')}, to close` +
          ` '${innermost.tag}' on line ${innermost.line}.`;
    return this.failAt(token, `Encountered unknown tag '${name}'.${looking}`);
  }

  private parseIf(begin: Token): Statement {
    const branches: Branch[] = [];
    let otherwise: Statement[] = [];
    let elseTag: SourceRange | undefined;
    for (let tagBegin = begin; ;) {
      const test = this.parseTuple({ conditional: false });
      const tag = this.tagRange(tagBegin);
      const { body, end } = this.parseBlockBody('if', begin, ['elif', 'else', 'endif']);
      branches.push({ test, body, tag });
      tagBegin = this.peek(-2);
      if (end === 'elif') continue;
      if (end === 'else') {
        elseTag = this.tagRange(tagBegin);
        otherwise = this.parseBlockBody('if', begin, ['endif']).body;
      }
      this.endTag();
      return { kind: 'if', branches, otherwise, elseTag, ...this.since(begin) };
    }
  }

  /** The range of the tag at hand, from its `{%` to the `%}` that comes next. */
  private tagRange(begin: Token): SourceRange {
    return this.lexer.range(begin.offset, this.token.end);
  }

  private parseFor(begin: Token): Statement {
    const target = this.parseTarget({});
    if (!this.skipName('in')) this.failAt(this.token, `expected 'in', got ${this.describe(this.token)}`);
    const iterable = this.parseTuple({ conditional: false });
    const filter = this.skipName('if') ? this.parseExpression() : undefined;
    const recursive = this.skipName('recursive');
    const { body, end } = this.parseBlockBody('for', begin, ['else', 'endfor']);
    const otherwise = end === 'else' ? this.parseBlockBody('for', begin, ['endfor']).body : [];
    this.endTag();
    return { kind: 'for', target, iterable, filter, recursive, body, otherwise, ...this.since(begin) };
  }

  private parseSet(begin: Token): Statement {
    const target = this.parseTarget({ namespace: true });
    if (this.skipOperator('=')) {
      const value = this.parseTuple();
      this.endTag();
      return { kind: 'set', target, value, ...this.since(begin) };
    }
    const filter = this.skipOperator('|') ? this.parseFilterChain() : undefined;
    const body = this.wholeBody('set', begin);
    return { kind: 'setblock', target, filter, body, ...this.since(begin) };
  }

  private parseParameters(): Parameter[] {
    const parameters: Parameter[] = [];
    this.expectOperator('(');
    while (!this.isOperator(')')) {
      if (parameters.length > 0) this.expectOperator(',');
      if (this.isOperator(')')) break;
      const token = this.expectType('name');
      const standard = this.skipOperator('=') ? this.parseExpression() : undefined;
      if (standard === undefined && parameters.some((parameter) => parameter.default !== undefined)) {
        this.failAt(token, 'non-default argument follows default argument');
      }
      if (parameters.some((parameter) => parameter.name === token.value)) {
        this.failAt(token, `duplicate argument '${token.value}' in macro definition`);
      }
      const range = this.lexer.range(token.offset, token.end);
      parameters.push({ name: token.value, default: standard, range });
    }
    this.expectOperator(')');
    return parameters;
  }

  private parseMacro(name: string, begin: Token, tag: string, signature: boolean): MacroNode {
    const parameters = signature ? this.parseParameters() : [];
    const body = this.wholeBody(tag, begin);
    return { name, parameters, body, uses: this.macroUses(parameters, body) };
  }

  private macroUses(parameters: Parameter[], body: Statement[]): MacroNode['uses'] {
    const reads = (name: string): boolean =>
      !parameters.some((parameter) => parameter.name === name) && readsName(body, name);
    return { varargs: reads('varargs'), kwargs: reads('kwargs'), caller: reads('caller') };
  }

  private parseCallBlock(begin: Token): Statement {
    const parameters = this.isOperator('(') ? this.parseParameters() : [];
    const callToken = this.token;
    const call = this.parseExpression();
    if (call.kind !== 'call') this.failAt(callToken, 'expected call');
    const body = this.wholeBody('call', begin);
    const macro: MacroNode = { name: 'caller', parameters, body, uses: this.macroUses(parameters, body) };
    return { kind: 'callblock', call, macro, ...this.since(begin) };
  }

  private parseWith(begin: Token): Statement {
    const bindings: Extract<Statement, { kind: 'with' }>['bindings'] = [];
    while (this.token.type !== 'block_end') {
      if (bindings.length > 0) this.expectOperator(',');
      const target = this.parseTarget({ tuple: false });
      this.expectOperator('=');
      bindings.push({ target, value: this.parseExpression() });
    }
    const body = this.wholeBody('with', begin);
    return { kind: 'with', bindings, body, ...this.since(begin) };
  }

  private parseBlock(begin: Token): Statement {
    const token = this.expectType('name');
    const name = token.value;
    if (this.blocks.has(name)) this.failAt(token, `block '${name}' defined twice`);
    this.blocks.add(name);
    const scoped = this.skipName('scoped');
    const { body } = this.parseBlockBody('block', begin, ['endblock']);
    this.skipName(name);
    this.endTag();
    return { kind: 'block', name, scoped, body, ...this.since(begin) };
  }
}

/** Parses template source. Throws `TemplateError` of kind syntax (or limit, when it nests too deep). */
export function parseTemplate(source: string): Template {
  const lexer = new Lexer(source);
  try {
    return { source, body: new Parser(lexer, lexer.tokenize()).parse() };
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
    throw new TemplateLimitError('the template nests too deep', lexer.range(0, source.length));
  }
}
