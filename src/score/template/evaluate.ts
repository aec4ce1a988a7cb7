import type { Arguments, Expression, ExpressionOf, SourceRange } from './ast';
import { getAttribute, getItem, getSlice, ownAttribute } from './attributes';
import type { Budget } from './budget';
import { limitError, raise, typeError } from './errors';
import { filters } from './filters';
import { binary, compare, unary } from './operators';
import type { Runtime } from './runtime';
import { toText } from './repr';
import type { Scope } from './scope';
import { tests } from './tests';
import type { CallArguments, Value } from './values';
import { iterate, PyDict, PyExtra, PyFunction, PyList, PyTuple, truthy, typeName, Undefined } from './values';

/** Calls of macros and recursive loops inside each other. */
const deepestCalls = 200;
/** Expressions and bodies at work inside each other, over all calls. */
const deepestEvaluation = 1500;

/** Evaluates expressions; the statement interpreter builds on it. */
export abstract class Evaluator implements Runtime {
  /** The node at work: where an error raised below is reported. */
  node: SourceRange = { line: 1, column: 1, offset: 0, end: 0 };
  private depth = 0;
  private calls = 0;

  constructor(
    readonly budget: Budget,
    protected readonly strict: boolean,
  ) {}

  protected abstract resolve(name: string, scope: Scope): Value;

  undefined(message: string, name?: string, candidates?: () => Iterable<string>): Undefined {
    return new Undefined(message, name, this.strict, this.node, candidates);
  }

  getAttribute(target: Value, name: string): Value {
    return getAttribute(this, target, name);
  }

  getItem(target: Value, key: Value): Value {
    return getItem(this, target, key);
  }

  getOwnAttribute(target: Value, name: string): Value | undefined {
    return ownAttribute(this, target, name);
  }

  callFilter(name: string, value: Value, args: CallArguments): Value {
    const filter = filters.get(name) ?? raise('TemplateRuntimeError', `No filter named '${name}'.`);
    return filter.run(this, value, filter.signature.bind(args));
  }

  callTest(name: string, value: Value, args: CallArguments): boolean {
    const test = tests.get(name) ?? raise('TemplateRuntimeError', `No test named '${name}'.`);
    return test.run(this, value, test.signature.bind(args));
  }

  /** Runs one level deeper; every level costs a step. */
  protected enter<T>(node: SourceRange, run: () => T): T {
    this.node = node;
    this.budget.charge();
    this.depth += 1;
    if (this.depth > deepestEvaluation) limitError('the template nests too deep');
    const result = run();
    this.depth -= 1;
    return result;
  }

  evaluate(node: Expression, scope: Scope): Value {
    this.node = node;
    if (node.kind === 'const') return node.value;
    return this.enter(node, () => this.dispatch(node, scope));
  }

  private dispatch(node: Expression, scope: Scope): Value {
    switch (node.kind) {
      case 'const':
        return node.value;
      case 'name':
        return this.resolve(node.name, scope);
      case 'tuple':
        return new PyTuple(this.evaluateAll(node.items, scope));
      case 'list':
        return new PyList(this.evaluateAll(node.items, scope));
      case 'dict':
        return this.evaluateDict(node, scope);
      case 'concat':
        return this.evaluateConcat(node, scope);
      case 'attribute': {
        const target = this.evaluate(node.target, scope);
        this.node = node;
        return getAttribute(this, target, node.name);
      }
      case 'item':
        return this.evaluateItem(node, scope);
      case 'slice':
        return typeError('a slice is only possible as a whole index');
      case 'call':
        return this.evaluateCall(node, scope);
      case 'filter':
        return this.evaluateFilter(node, scope);
      case 'test': {
        const value = this.evaluate(node.target, scope);
        const args = this.evaluateArguments(node.args, scope);
        this.node = node;
        return this.callTest(node.name, value, args);
      }
      case 'negative':
      case 'positive':
      case 'not': {
        const value = this.evaluate(node.operand, scope);
        this.node = node;
        return unary(node.kind, value);
      }
      case 'binary': {
        const left = this.evaluate(node.left, scope);
        const right = this.evaluate(node.right, scope);
        this.node = node;
        return binary(node.operator, left, right, this.budget);
      }
      case 'and':
      case 'or': {
        const left = this.evaluate(node.left, scope);
        this.node = node.left;
        return truthy(left) === (node.kind === 'or') ? left : this.evaluate(node.right, scope);
      }
      case 'compare':
        return this.evaluateCompare(node, scope);
      case 'conditional':
        return this.evaluateConditional(node, scope);
    }
  }

  private evaluateAll(nodes: readonly Expression[], scope: Scope): Value[] {
    return nodes.map((node) => this.evaluate(node, scope));
  }

  private evaluateDict(node: ExpressionOf<'dict'>, scope: Scope): PyDict {
    const dict = new PyDict();
    for (const entry of node.entries) {
      const key = this.evaluate(entry.key, scope);
      const value = this.evaluate(entry.value, scope);
      this.node = entry.key;
      dict.set(key, value);
    }
    return dict;
  }

  private evaluateConcat(node: ExpressionOf<'concat'>, scope: Scope): string {
    let text = '';
    for (const item of node.items) {
      const value = this.evaluate(item, scope);
      this.node = item;
      text += toText(value, this.budget);
      this.budget.text(text.length);
    }
    return text;
  }

  private evaluateItem(node: ExpressionOf<'item'>, scope: Scope): Value {
    const target = this.evaluate(node.target, scope);
    if (node.index.kind !== 'slice') {
      const key = this.evaluate(node.index, scope);
      this.node = node;
      return getItem(this, target, key);
    }
    const bound = (part: Expression | undefined): Value =>
      part === undefined ? null : this.evaluate(part, scope);
    const bounds = {
      start: bound(node.index.start),
      stop: bound(node.index.stop),
      step: bound(node.index.step),
    };
    this.node = node;
    if (target instanceof Undefined) target.fail();
    return getSlice(this, target, bounds);
  }

  evaluateArguments(args: Arguments, scope: Scope): CallArguments {
    const positional = this.evaluateAll(args.positional, scope);
    const named = new Map<string, Value>();
    for (const argument of args.named) named.set(argument.name, this.evaluate(argument.value, scope));
    if (args.star !== undefined) {
      for (const item of iterate(this.evaluate(args.star, scope))) {
        this.budget.charge();
        positional.push(item);
      }
    }
    if (args.doubleStar !== undefined) {
      const mapping = this.evaluate(args.doubleStar, scope);
      if (mapping instanceof Undefined) mapping.fail();
      if (!(mapping instanceof PyDict)) return typeError('argument after ** must be a mapping');
      for (const [key, value] of mapping.entries()) {
        if (typeof key !== 'string') return typeError('keywords must be strings');
        if (named.has(key)) typeError(`got multiple values for keyword argument '${key}'`);
        named.set(key, value);
      }
    }
    return { positional, named };
  }

  private evaluateCall(node: ExpressionOf<'call'>, scope: Scope): Value {
    const callee = this.evaluate(node.callee, scope);
    const args = this.evaluateArguments(node.args, scope);
    this.node = node;
    return this.call(callee, args);
  }

  call(callee: Value, args: CallArguments): Value {
    if (callee instanceof Undefined) callee.fail();
    const call = callee instanceof PyFunction || callee instanceof PyExtra ? callee.call : undefined;
    if (call === undefined) return typeError(`'${typeName(callee)}' object is not callable`);
    this.calls += 1;
    if (this.calls > deepestCalls) limitError(`calls may nest at most ${deepestCalls} deep`);
    const result = call(args);
    this.calls -= 1;
    return result;
  }

  /** Applies a filter; `base` stands in for the missing target of a filter block. */
  evaluateFilter(node: ExpressionOf<'filter'>, scope: Scope, base?: Value): Value {
    let value: Value;
    if (node.target === undefined) value = base ?? '';
    else if (node.target.kind === 'filter') {
      const inner = node.target;
      value = this.enter(inner, () => this.evaluateFilter(inner, scope, base));
    } else value = this.evaluate(node.target, scope);
    const args = this.evaluateArguments(node.args, scope);
    this.node = node;
    return this.callFilter(node.name, value, args);
  }

  private evaluateCompare(node: ExpressionOf<'compare'>, scope: Scope): boolean {
    let left = this.evaluate(node.first, scope);
    for (const { operator, operand } of node.rest) {
      const right = this.evaluate(operand, scope);
      this.node = node;
      if (!compare(operator, left, right, this.budget)) return false;
      left = right;
    }
    return true;
  }

  private evaluateConditional(node: ExpressionOf<'conditional'>, scope: Scope): Value {
    const test = this.evaluate(node.test, scope);
    this.node = node.test;
    if (truthy(test)) return this.evaluate(node.then, scope);
    if (node.otherwise !== undefined) return this.evaluate(node.otherwise, scope);
    // Jinja2 is lenient here even with strict undefined.
    const message = `the inline if-expression on line ${node.line} evaluated to false and no else section was defined.`;
    return new Undefined(message, undefined, false, node);
  }
}
