import type { Arguments, BinaryOperator, CompareOperator, Expression, Target } from './ast';
import { mostIntegerDigits } from './budget';
import { TemplateLimitError } from './errors';
import type { Token } from './lexer';
import { filters } from './filters';
import { tests } from './tests';
import { TokenCursor } from './token-cursor';
import { nearestNames } from '../nearest';

/** Links in one chain such as `a + b + c` or `x|f|g`: each is one level of the tree. */
const longestChain = 400;

const compareOperators = new Set<string>(['==', '!=', '<', '<=', '>', '>=']);
const constants = new Map<string, boolean | null>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);

/** Recursive descent over the expression grammar of Jinja2; the statement parser builds on it. */
export class ExpressionParser extends TokenCursor {
  /** Applies `step` for as long as it returns a longer expression. */
  private chain(first: Expression, step: (left: Expression) => Expression | undefined): Expression {
    let left = first;
    for (let links = 0; ; links++) {
      const longer = step(left);
      if (longer === undefined) return left;
      if (links >= longestChain) {
        throw new TemplateLimitError(`an expression may chain at most ${longestChain} operations`, longer);
      }
      left = longer;
    }
  }

  parseExpression(withConditional = true): Expression {
    return this.nested(() => (withConditional ? this.parseConditional() : this.parseOr()));
  }

  private parseConditional(): Expression {
    return this.chain(this.parseOr(), (then) => {
      if (!this.skipName('if')) return undefined;
      const test = this.parseOr();
      const otherwise = this.skipName('else') ? this.nested(() => this.parseConditional()) : undefined;
      return { kind: 'conditional', test, then, otherwise, ...this.since(then) };
    });
  }

  private parseOr(): Expression {
    return this.chain(this.parseAnd(), (left) => {
      if (!this.skipName('or')) return undefined;
      const right = this.parseAnd();
      return { kind: 'or', left, right, ...this.since(left) };
    });
  }

  private parseAnd(): Expression {
    return this.chain(this.parseNot(), (left) => {
      if (!this.skipName('and')) return undefined;
      const right = this.parseNot();
      return { kind: 'and', left, right, ...this.since(left) };
    });
  }

  private parseNot(): Expression {
    if (!this.isName('not')) return this.parseCompare();
    const token = this.next();
    const operand = this.nested(() => this.parseNot());
    return { kind: 'not', operand, ...this.since(token) };
  }

  private parseCompare(): Expression {
    const first = this.parseSum();
    const rest: { operator: CompareOperator; operand: Expression }[] = [];
    for (;;) {
      let operator: CompareOperator;
      if (this.token.type === 'operator' && compareOperators.has(this.token.value)) {
        operator = this.next().value as CompareOperator;
      } else if (this.skipName('in')) operator = 'in';
      else if (this.isName('not') && this.isName('in', 1)) {
        this.index += 2;
        operator = 'not in';
      } else break;
      rest.push({ operator, operand: this.parseSum() });
    }
    return rest.length === 0 ? first : { kind: 'compare', first, rest, ...this.since(first) };
  }

  private binary(operators: readonly BinaryOperator[], operand: () => Expression): Expression {
    return this.chain(operand(), (left) => {
      const operator = operators.find((candidate) => this.isOperator(candidate));
      if (operator === undefined) return undefined;
      this.index += 1;
      const right = operand();
      return { kind: 'binary', operator, left, right, ...this.since(left) };
    });
  }

  private parseSum(): Expression {
    return this.binary(['+', '-'], () => this.parseConcat());
  }

  private parseConcat(): Expression {
    const first = this.parseProduct();
    const items = [first];
    while (this.skipOperator('~')) items.push(this.parseProduct());
    return items.length === 1 ? first : { kind: 'concat', items, ...this.since(first) };
  }

  private parseProduct(): Expression {
    return this.binary(['*', '/', '//', '%'], () => this.binary(['**'], () => this.parseUnary(true)));
  }

  private parseUnary(withFilter: boolean): Expression {
    let node: Expression;
    if (this.isOperator('-') || this.isOperator('+')) {
      const token = this.next();
      const operand = this.nested(() => this.parseUnary(false));
      node = { kind: token.value === '-' ? 'negative' : 'positive', operand, ...this.since(token) };
    } else node = this.parsePrimary();
    node = this.parsePostfix(node);
    return withFilter ? this.parseFilters(node) : node;
  }

  private parsePrimary(): Expression {
    const token = this.token;
    switch (token.type) {
      case 'name': {
        this.index += 1;
        const constant = constants.get(token.value);
        return constant === undefined
          ? { kind: 'name', name: token.value, ...this.since(token) }
          : { kind: 'const', value: constant, ...this.since(token) };
      }
      case 'string': {
        let text = '';
        while (this.token.type === 'string') text += this.next().value;
        return { kind: 'const', value: text, ...this.since(token) };
      }
      case 'integer':
      case 'float': {
        this.index += 1;
        if (token.value.length > mostIntegerDigits) {
          throw new TemplateLimitError(
            `a number may have at most ${mostIntegerDigits} digits`,
            this.since(token),
          );
        }
        const value = token.type === 'float' ? Number(token.value) : BigInt(token.value);
        return { kind: 'const', value, ...this.since(token) };
      }
      case 'operator':
        if (token.value === '(') return this.parseParentheses();
        if (token.value === '[') return this.parseList();
        if (token.value === '{') return this.parseDict();
        break;
      default:
    }
    return this.failAt(token, `unexpected ${this.describe(token)}`);
  }

  private parseParentheses(): Expression {
    const open = this.expectOperator('(');
    const inner = this.parseTuple({ parenthesised: true });
    this.expectOperator(')');
    return { ...inner, ...this.since(open) };
  }

  private parseList(): Expression {
    const open = this.expectOperator('[');
    const items: Expression[] = [];
    while (!this.isOperator(']')) {
      if (items.length > 0) this.expectOperator(',');
      if (this.isOperator(']')) break;
      items.push(this.parseExpression());
    }
    this.expectOperator(']');
    return { kind: 'list', items, ...this.since(open) };
  }

  private parseDict(): Expression {
    const open = this.expectOperator('{');
    const entries: { key: Expression; value: Expression }[] = [];
    while (!this.isOperator('}')) {
      if (entries.length > 0) this.expectOperator(',');
      if (this.isOperator('}')) break;
      const key = this.parseExpression();
      this.expectOperator(':');
      entries.push({ key, value: this.parseExpression() });
    }
    this.expectOperator('}');
    return { kind: 'dict', entries, ...this.since(open) };
  }

  /** One expression, or a tuple when commas follow. An empty tuple needs its parentheses. */
  protected parseTuple(options: { parenthesised?: boolean; conditional?: boolean } = {}): Expression {
    const start = this.token;
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      const { type } = this.token;
      if (type === 'variable_end' || type === 'block_end' || this.isOperator(')')) break;
      items.push(this.parseExpression(options.conditional ?? true));
      if (!this.skipOperator(',')) break;
      isTuple = true;
    }
    const [first] = items;
    if (!isTuple) {
      if (first !== undefined) return first;
      if (options.parenthesised !== true) {
        this.failAt(this.token, `Expected an expression, got ${this.describe(this.token)}`);
      }
    }
    return { kind: 'tuple', items, ...this.since(start) };
  }

  private parsePostfix(first: Expression): Expression {
    return this.chain(first, (node) => {
      if (this.isOperator('.') || this.isOperator('[')) return this.parseSubscript(node);
      return this.isOperator('(') ? this.parseCall(node) : undefined;
    });
  }

  private parseFilters(first: Expression): Expression {
    return this.chain(first, (node) => {
      if (this.skipOperator('|')) return this.parseFilter(node);
      if (this.isName('is')) return this.parseTest(node);
      return this.isOperator('(') ? this.parseCall(node) : undefined;
    });
  }

  private parseSubscript(target: Expression): Expression {
    if (this.skipOperator('.')) {
      const token = this.next();
      if (token.type === 'name')
        return { kind: 'attribute', target, name: token.value, ...this.since(target) };
      if (token.type !== 'integer') this.failAt(token, 'expected name or number');
      const index: Expression = { kind: 'const', value: BigInt(token.value), ...this.since(token) };
      return { kind: 'item', target, index, ...this.since(target) };
    }
    const open = this.expectOperator('[');
    const items: Expression[] = [];
    while (!this.isOperator(']')) {
      if (items.length > 0) this.expectOperator(',');
      items.push(this.parseSubscribed());
    }
    this.expectOperator(']');
    const [only] = items;
    const index: Expression =
      items.length === 1 && only !== undefined ? only : { kind: 'tuple', items, ...this.since(open) };
    return { kind: 'item', target, index, ...this.since(target) };
  }

  private parseSubscribed(): Expression {
    const first = this.token;
    const start = this.isOperator(':') ? undefined : this.parseExpression();
    if (start !== undefined && !this.isOperator(':')) return start;
    this.expectOperator(':');
    const bound = (): Expression | undefined =>
      this.isOperator(':') || this.isOperator(']') || this.isOperator(',')
        ? undefined
        : this.parseExpression();
    const stop = bound();
    const step = this.skipOperator(':') ? bound() : undefined;
    return { kind: 'slice', start, stop, step, ...this.since(first) };
  }

  private parseCall(callee: Expression): Expression {
    const args = this.parseArguments();
    return { kind: 'call', callee, args, ...this.since(callee) };
  }

  protected parseArguments(): Arguments {
    const open = this.expectOperator('(');
    const args: Arguments = { positional: [], named: [] };
    const ensure = (valid: boolean): void => {
      if (!valid) this.failAt(open, 'invalid syntax for function call expression');
    };
    for (let first = true; !this.isOperator(')'); first = false) {
      if (!first) {
        this.expectOperator(',');
        if (this.isOperator(')')) break;
      }
      if (this.skipOperator('*')) {
        ensure(args.star === undefined && args.doubleStar === undefined);
        args.star = this.parseExpression();
      } else if (this.skipOperator('**')) {
        ensure(args.doubleStar === undefined);
        args.doubleStar = this.parseExpression();
      } else if (
        this.token.type === 'name' &&
        this.peek(1).type === 'operator' &&
        this.peek(1).value === '='
      ) {
        ensure(args.doubleStar === undefined);
        const name = this.next().value;
        this.index += 1;
        if (args.named.some((argument) => argument.name === name)) {
          this.failAt(open, `keyword argument repeated: ${name}`);
        }
        args.named.push({ name, value: this.parseExpression() });
      } else {
        ensure(args.star === undefined && args.doubleStar === undefined && args.named.length === 0);
        args.positional.push(this.parseExpression());
      }
    }
    this.expectOperator(')');
    return args;
  }

  private dottedName(): string {
    let name = this.expectType('name').value;
    while (this.skipOperator('.')) name += `.${this.expectType('name').value}`;
    return name;
  }

  private unknown(
    what: 'filter' | 'test',
    name: string,
    token: Token,
    known: ReadonlyMap<string, unknown>,
  ): void {
    if (known.has(name)) return;
    const near = nearestNames(name, known.keys());
    const hint =
      near.length === 0 ? undefined : `Did you mean ${near.map((each) => `'${each}'`).join(', ')}?`;
    this.failAt(token, `No ${what} named '${name}'.`, hint);
  }

  /** A filter after its `|`; without a target in a filter block. */
  protected parseFilter(target: Expression | undefined): Expression {
    const token = this.token;
    const name = this.dottedName();
    this.unknown('filter', name, token, filters);
    const args = this.isOperator('(') ? this.parseArguments() : { positional: [], named: [] };
    return { kind: 'filter', target, name, args, ...this.since(target ?? token) };
  }

  /** The filters of a filter block or a filtered set block: `upper|trim`. */
  protected parseFilterChain(): Expression {
    return this.chain(this.parseFilter(undefined), (node) =>
      this.skipOperator('|') ? this.parseFilter(node) : undefined,
    );
  }

  private parseTest(target: Expression): Expression {
    this.index += 1;
    const negated = this.skipName('not');
    const token = this.token;
    const name = this.dottedName();
    this.unknown('test', name, token, tests);
    let args: Arguments = { positional: [], named: [] };
    const startsArgument =
      ['name', 'string', 'integer', 'float'].includes(this.token.type) ||
      this.isOperator('[') ||
      this.isOperator('{');
    if (this.isOperator('(')) args = this.parseArguments();
    else if (startsArgument && !['else', 'or', 'and'].some((word) => this.isName(word))) {
      if (this.isName('is')) this.failAt(this.token, 'You cannot chain multiple tests with is');
      args = { positional: [this.parsePostfix(this.parsePrimary())], named: [] };
    }
    const node: Expression = { kind: 'test', target, name, args, ...this.since(target) };
    return negated ? { kind: 'not', operand: node, ...this.since(target) } : node;
  }

  /** `a`, `a, b`, `(a, b), c` or, where allowed, `ns.attribute`. */
  protected parseTarget(options: { namespace?: boolean; tuple?: boolean }): Target {
    const start = this.token;
    const items: Target[] = [];
    let isTuple = false;
    for (;;) {
      items.push(this.parseTargetItem(options.namespace === true));
      if (options.tuple === false || !this.skipOperator(',')) break;
      isTuple = true;
      if (this.isName('in') || this.isOperator('=') || this.token.type === 'block_end') break;
    }
    const [first] = items;
    return first !== undefined && !isTuple ? first : { kind: 'tuple', items, ...this.since(start) };
  }

  private parseTargetItem(namespace: boolean): Target {
    const token = this.token;
    if (this.skipOperator('(')) {
      const inner = this.nested(() => this.parseTarget({ namespace }));
      this.expectOperator(')');
      return inner;
    }
    const { value: name } = this.expectType('name');
    if (constants.has(name)) this.failAt(token, `can't assign to '${name}'`);
    if (namespace && this.skipOperator('.')) {
      const attribute = this.expectType('name').value;
      return { kind: 'namespace', name, attribute, ...this.since(token) };
    }
    return { kind: 'name', name, ...this.since(token) };
  }
}
