import type { MacroNode, Statement, StatementOf, Target, Template } from './ast';
import { Budget, type RenderMeter } from './budget';
import { toTemplateValue } from './convert';
import {
  isStackOverflow,
  placed,
  Raised,
  raise,
  TemplateError,
  TemplateLimitError,
  typeError,
  valueError,
} from './errors';
import { Evaluator } from './evaluate';
import { globals } from './globals';
import { Loop } from './loop';
import { nearestNames } from '../nearest';
import { toText } from './repr';
import { Scope } from './scope';
import type { CallArguments, Value } from './values';
import {
  iterate,
  lengthOf,
  PyDict,
  PyExtra,
  PyFunction,
  PyIterator,
  PyNamespace,
  PyTuple,
  truthy,
  typeName,
  Undefined,
  UndefinedUse,
} from './values';
import { statementParts } from './walk';

/** Limits of one render: a template is a stranger's program. */
export interface RenderOptions {
  /** Evaluation steps: nodes, elements, and one per 64 characters handled. Default 1 000 000. */
  maxSteps?: number;
  /** Characters written in all, and in any one text. Default 16 Mi. */
  maxOutput?: number;
  /** Its steps are added up here too. */
  meter?: RenderMeter;
}

/** Variables by name; values are plain data as `toTemplateValue` takes it. */
export type RenderContext = Readonly<Record<string, unknown>> | ReadonlyMap<string, unknown>;

class Interpreter extends Evaluator {
  private output: string[] = [];
  private readonly root = new Scope();
  private readonly converted = new Map<string, Value>();
  private readonly context: ReadonlyMap<string, unknown>;
  private blocks: Map<string, StatementOf<'block'>> | undefined;

  constructor(
    private readonly template: Template,
    context: RenderContext,
    strict: boolean,
    options: RenderOptions,
  ) {
    const { maxSteps = 1_000_000, maxOutput = 16 * 1024 * 1024, meter } = options;
    super(new Budget(maxSteps, maxOutput, meter), strict);
    this.context = context instanceof Map ? context : new Map(Object.entries(context));
  }

  render(): string {
    try {
      this.executeAll(this.template.body, this.root);
      return this.output.join('');
    } catch (error) {
      if (error instanceof UndefinedUse) throw this.explain(error);
      if (error instanceof Raised) throw placed(error, this.node);
      if (isStackOverflow(error)) throw new TemplateLimitError('the template nests too deep', this.node);
      throw error;
    }
  }

  private explain(error: UndefinedUse): TemplateError {
    const name = error.facts.undefinedName;
    const near = name === undefined ? [] : nearestNames(name, error.source.candidates?.() ?? []);
    const hint =
      near.length === 0 ? undefined : `Did you mean ${near.map((each) => `'${each}'`).join(', ')}?`;
    return new TemplateError({ ...error.facts, hint }, error.range ?? this.node);
  }

  protected resolve(name: string, scope: Scope): Value {
    const local = scope.get(name);
    if (local !== undefined) return local;
    const before = this.converted.get(name);
    if (before !== undefined) return before;
    const given = this.context.get(name);
    let value: Value | undefined;
    if (given !== undefined) value = toTemplateValue(given);
    else if (name === 'self') value = this.selfObject();
    else {
      const builtin = globals.get(name);
      if (builtin !== undefined) {
        value = new PyFunction(name, (args) => builtin.run(this, builtin.signature.bind(args)));
      }
    }
    if (value === undefined) {
      const candidates = (): string[] => [...scope.names(), ...this.context.keys(), ...globals.keys()];
      return this.undefined(`'${name}' is undefined`, name, candidates);
    }
    this.converted.set(name, value);
    return value;
  }

  private write(text: string): void {
    this.budget.write(text.length);
    this.output.push(text);
  }

  /** Runs `run` and returns what it wrote. */
  private capture(run: () => void): string {
    const outer = this.output;
    this.output = [];
    run();
    const text = this.output.join('');
    this.output = outer;
    return text;
  }

  private executeAll(body: readonly Statement[], scope: Scope): void {
    for (const statement of body) this.enter(statement, () => this.execute(statement, scope));
  }

  private execute(node: Statement, scope: Scope): void {
    switch (node.kind) {
      case 'text':
        return this.write(node.text);
      case 'print': {
        const value = this.evaluate(node.value, scope);
        this.node = node.value;
        return this.write(toText(value, this.budget));
      }
      case 'if':
        return this.executeIf(node, scope);
      case 'for': {
        const iterable = this.evaluate(node.iterable, scope);
        this.node = node.iterable;
        return this.executeFor(node, iterable, scope, 0);
      }
      case 'set': {
        const value = this.evaluate(node.value, scope);
        return this.assign(node.target, value, scope);
      }
      case 'setblock': {
        const text = this.capture(() => this.executeAll(node.body, new Scope(scope)));
        const value = node.filter?.kind === 'filter' ? this.evaluateFilter(node.filter, scope, text) : text;
        return this.assign(node.target, value, scope);
      }
      case 'macro':
        return scope.set(node.macro.name, this.makeMacro(node.macro, scope));
      case 'callblock':
        return this.executeCallBlock(node, scope);
      case 'filterblock': {
        const text = this.capture(() => this.executeAll(node.body, new Scope(scope)));
        if (node.filter.kind !== 'filter') return undefined;
        return this.write(toText(this.evaluateFilter(node.filter, scope, text), this.budget));
      }
      case 'with': {
        const inner = new Scope(scope);
        const values = node.bindings.map((binding) => this.evaluate(binding.value, scope));
        node.bindings.forEach((binding, index) => this.assign(binding.target, values[index] ?? null, inner));
        return this.executeAll(node.body, inner);
      }
      case 'block':
        return this.executeAll(node.body, new Scope(node.scoped ? scope : this.root));
    }
  }

  private executeIf(node: StatementOf<'if'>, scope: Scope): void {
    for (const branch of node.branches) {
      const test = this.evaluate(branch.test, scope);
      this.node = branch.test;
      if (truthy(test)) return this.executeAll(branch.body, scope);
    }
    return this.executeAll(node.otherwise, scope);
  }

  private executeFor(node: StatementOf<'for'>, iterable: Value, scope: Scope, depth: number): void {
    const all = iterate(iterable);
    const items = node.filter === undefined ? all : new PyIterator(this.filtered(node, all, scope));
    const recurse = node.recursive
      ? (inner: Value): Value => this.capture(() => this.executeFor(node, inner, scope, depth + 1))
      : undefined;
    const loop = new Loop(this, items, node.filter === undefined ? iterable : undefined, depth, recurse);
    let any = false;
    for (let item = loop.next(); item !== undefined; item = loop.next()) {
      any = true;
      this.budget.charge();
      const inner = new Scope(scope);
      inner.set('loop', loop.value);
      this.node = node.target;
      this.assign(node.target, item, inner);
      this.executeAll(node.body, inner);
    }
    if (!any) this.executeAll(node.otherwise, new Scope(scope));
  }

  private *filtered(node: StatementOf<'for'>, items: Iterable<Value>, scope: Scope): Generator<Value> {
    for (const item of items) {
      const inner = new Scope(scope);
      this.assign(node.target, item, inner);
      if (node.filter === undefined || truthy(this.evaluate(node.filter, inner))) yield item;
    }
  }

  private assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === 'name') return scope.set(target.name, value);
    this.node = target;
    if (target.kind === 'namespace') {
      const namespace = this.resolve(target.name, scope);
      if (!(namespace instanceof PyNamespace)) {
        return raise('TemplateRuntimeError', 'cannot assign attribute on non-namespace object');
      }
      namespace.attributes.set(target.attribute, value);
      return undefined;
    }
    if (value instanceof Undefined) value.fail();
    if (lengthOf(value) === undefined && !(value instanceof PyIterator)) {
      return typeError(`cannot unpack non-iterable ${typeName(value)} object`);
    }
    const wanted = target.items.length;
    const items: Value[] = [];
    for (const item of iterate(value)) {
      if (items.length === wanted) return valueError(`too many values to unpack (expected ${wanted})`);
      items.push(item);
    }
    if (items.length < wanted) {
      return valueError(`not enough values to unpack (expected ${wanted}, got ${items.length})`);
    }
    target.items.forEach((each, index) => this.assign(each, items[index] ?? null, scope));
    return undefined;
  }

  private makeMacro(macro: MacroNode, scope: Scope): PyFunction {
    const { uses, parameters } = macro;
    const attributes = new Map<string, Value>([
      ['name', macro.name],
      ['arguments', new PyTuple(parameters.map((parameter) => parameter.name))],
      ['catch_kwargs', uses.kwargs],
      ['catch_varargs', uses.varargs],
      ['caller', uses.caller],
    ]);
    const call = (args: CallArguments): Value => {
      const inner = new Scope(scope);
      this.bindMacro(macro, args, inner);
      return this.capture(() => this.executeAll(macro.body, inner));
    };
    return new PyFunction(macro.name, call, 'Macro', attributes);
  }

  private bindMacro(macro: MacroNode, args: CallArguments, scope: Scope): void {
    const { parameters, uses } = macro;
    const named = new Map(args.named);
    const missing: typeof parameters = [];
    parameters.forEach((parameter, index) => {
      const value =
        args.positional[index] ?? (index < args.positional.length ? null : named.get(parameter.name));
      if (value === undefined) missing.push(parameter);
      else scope.set(parameter.name, value);
      if (index >= args.positional.length) named.delete(parameter.name);
    });
    if (uses.caller) {
      scope.set('caller', named.get('caller') ?? this.undefined('No caller defined', 'caller'));
      named.delete('caller');
    }
    const [surplus] = named.keys();
    if (uses.kwargs) scope.set('kwargs', PyDict.of(named));
    else if (surplus !== undefined) typeError(`macro '${macro.name}' takes no keyword argument '${surplus}'`);
    if (uses.varargs) scope.set('varargs', new PyTuple(args.positional.slice(parameters.length)));
    else if (args.positional.length > parameters.length) {
      typeError(`macro '${macro.name}' takes not more than ${parameters.length} argument(s)`);
    }
    for (const parameter of missing) {
      const value =
        parameter.default === undefined
          ? this.undefined(`parameter '${parameter.name}' was not provided`, parameter.name)
          : this.evaluate(parameter.default, scope);
      scope.set(parameter.name, value);
    }
  }

  private executeCallBlock(node: StatementOf<'callblock'>, scope: Scope): void {
    if (node.call.kind !== 'call') return undefined;
    const callee = this.evaluate(node.call.callee, scope);
    const args = this.evaluateArguments(node.call.args, scope);
    args.named.set('caller', this.makeMacro(node.macro, scope));
    this.node = node.call;
    return this.write(toText(this.call(callee, args), this.budget));
  }

  private selfObject(): PyExtra {
    this.blocks ??= collectBlocks(this.template.body);
    const { blocks } = this;
    const attribute = (name: string): Value | undefined => {
      const block = blocks.get(name);
      if (block === undefined) return undefined;
      const run = (): Value => this.capture(() => this.executeAll(block.body, new Scope(this.root)));
      return new PyFunction(name, run, 'BlockReference');
    };
    return new PyExtra('TemplateReference', attribute, () => '<TemplateReference>');
  }
}

function collectBlocks(body: readonly Statement[]): Map<string, StatementOf<'block'>> {
  const found = new Map<string, StatementOf<'block'>>();
  const visit = (statements: readonly Statement[]): void => {
    for (const statement of statements) {
      if (statement.kind === 'block') found.set(statement.name, statement);
      statementParts(statement).bodies.forEach(visit);
    }
  };
  visit(body);
  return found;
}

/** Renders a parsed template; throws `TemplateError`. */
export function render(
  template: Template,
  context: RenderContext,
  strict: boolean,
  options: RenderOptions,
): string {
  return new Interpreter(template, context, strict, options).render();
}
