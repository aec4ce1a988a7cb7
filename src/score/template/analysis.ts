import type { Expression, MacroNode, SourceRange, Statement, StatementOf, Target, Template } from './ast';
import { isStackOverflow, TemplateLimitError } from './errors';
import { globals } from './globals';
import { partsOf } from './walk';

/** One use of a name that the template itself does not set. */
export interface UndeclaredUse extends SourceRange {
  name: string;
  /** The template copes where the name is missing, or sets it on some paths before this use. */
  guarded: boolean;
}

/** Whether a name is set by the template on all paths, or on some only. */
type Declared = 'always' | 'sometimes';

class Names {
  private readonly own = new Map<string, Declared>();

  constructor(private readonly parent?: Names) {}

  get(name: string): Declared | undefined {
    const own = this.own.get(name);
    return own === 'always' ? own : (this.parent?.get(name) ?? own);
  }

  declare(name: string, how: Declared = 'always'): void {
    if (this.own.get(name) !== 'always') this.own.set(name, how);
  }

  entries(): Iterable<[string, Declared]> {
    return this.own;
  }
}

/** Names known to exist in a branch because its condition says so. */
type Guards = ReadonlySet<string>;

const none: Guards = new Set();
const both = (a: Guards, b: Guards): Guards => (b.size === 0 ? a : new Set([...a, ...b]));

/** The names that exist wherever `test` is true (or, with `truth` false, wherever it is false). */
function guardsOf(test: Expression, truth: boolean): Guards {
  if (test.kind === 'not') return guardsOf(test.operand, !truth);
  if (test.kind === (truth ? 'and' : 'or'))
    return both(guardsOf(test.left, truth), guardsOf(test.right, truth));
  if (test.kind !== 'test' || test.target.kind !== 'name') return none;
  return test.name === (truth ? 'defined' : 'undefined') ? new Set([test.target.name]) : none;
}

class UndeclaredFinder {
  readonly uses: UndeclaredUse[] = [];

  body(statements: readonly Statement[], names: Names, guards: Guards): void {
    const later: (() => void)[] = [];
    for (const statement of statements) this.statement(statement, names, guards, later);
    // A macro runs when it is called: names set after its definition count.
    for (const run of later) run();
  }

  private statement(node: Statement, names: Names, guards: Guards, later: (() => void)[]): void {
    switch (node.kind) {
      case 'text':
        return undefined;
      case 'print':
        return this.expression(node.value, names, guards);
      case 'if':
        return this.conditional(node, names, guards);
      case 'for': {
        this.expression(node.iterable, names, guards);
        const inner = new Names(names);
        this.declareTarget(node.target, inner, names, guards);
        if (node.filter !== undefined) this.expression(node.filter, inner, guards);
        inner.declare('loop');
        this.body(
          node.body,
          inner,
          both(guards, node.filter === undefined ? none : guardsOf(node.filter, true)),
        );
        return this.body(node.otherwise, new Names(names), guards);
      }
      case 'set':
        this.expression(node.value, names, guards);
        return this.declareTarget(node.target, names, names, guards);
      case 'setblock':
        this.body(node.body, new Names(names), guards);
        if (node.filter !== undefined) this.expression(node.filter, names, guards);
        return this.declareTarget(node.target, names, names, guards);
      case 'macro':
        names.declare(node.macro.name);
        later.push(() => this.macro(node.macro, names, guards));
        return undefined;
      case 'callblock':
        this.expression(node.call, names, guards);
        return this.macro(node.macro, names, guards);
      case 'filterblock':
        this.body(node.body, new Names(names), guards);
        return this.expression(node.filter, names, guards);
      case 'with': {
        const inner = new Names(names);
        for (const binding of node.bindings) this.expression(binding.value, names, guards);
        for (const binding of node.bindings) this.declareTarget(binding.target, inner, names, guards);
        return this.body(node.body, inner, guards);
      }
      case 'block':
        return this.body(node.body, new Names(names), guards);
    }
  }

  /** Names set in every branch are set afterwards; names set in some are set sometimes. */
  private conditional(node: StatementOf<'if'>, names: Names, guards: Guards): void {
    let reached = guards;
    const outcomes: Names[] = [];
    for (const branch of node.branches) {
      this.expression(branch.test, names, reached);
      const inner = new Names(names);
      this.body(branch.body, inner, both(reached, guardsOf(branch.test, true)));
      outcomes.push(inner);
      reached = both(reached, guardsOf(branch.test, false));
    }
    const otherwise = new Names(names);
    this.body(node.otherwise, otherwise, reached);
    outcomes.push(otherwise);
    for (const outcome of outcomes) {
      for (const [name] of outcome.entries()) {
        names.declare(name, outcomes.every((each) => each.get(name) === 'always') ? 'always' : 'sometimes');
      }
    }
  }

  private macro(macro: MacroNode, names: Names, guards: Guards): void {
    const inner = new Names(names);
    for (const name of ['varargs', 'kwargs', 'caller']) inner.declare(name);
    for (const parameter of macro.parameters) inner.declare(parameter.name);
    for (const parameter of macro.parameters) {
      if (parameter.default !== undefined) this.expression(parameter.default, inner, guards);
    }
    this.body(macro.body, inner, guards);
  }

  private declareTarget(target: Target, into: Names, names: Names, guards: Guards): void {
    if (target.kind === 'name') into.declare(target.name);
    else if (target.kind === 'namespace') this.use(target.name, target, names, guards.has(target.name));
    else for (const item of target.items) this.declareTarget(item, into, names, guards);
  }

  private use(name: string, range: SourceRange, names: Names, guarded: boolean): void {
    const declared = names.get(name);
    if (declared === 'always' || globals.has(name) || name === 'self') return;
    const { line, column, offset } = range;
    const end = offset + name.length;
    this.uses.push({ name, line, column, offset, end, guarded: guarded || declared === 'sometimes' });
  }

  private expression(node: Expression, names: Names, guards: Guards): void {
    if (node.kind === 'name') return this.use(node.name, node, names, guards.has(node.name));
    if (node.kind === 'and' || node.kind === 'or') {
      this.expression(node.left, names, guards);
      return this.expression(node.right, names, both(guards, guardsOf(node.left, node.kind === 'and')));
    }
    if (node.kind === 'conditional') {
      this.expression(node.test, names, guards);
      this.expression(node.then, names, both(guards, guardsOf(node.test, true)));
      if (node.otherwise === undefined) return undefined;
      return this.expression(node.otherwise, names, both(guards, guardsOf(node.test, false)));
    }
    const forgiving =
      (node.kind === 'test' && (node.name === 'defined' || node.name === 'undefined')) ||
      (node.kind === 'filter' && (node.name === 'default' || node.name === 'd'));
    for (const part of partsOf(node)) {
      const isTarget = forgiving && part === node.target && part.kind === 'name';
      if (isTarget) this.use(part.name, part, names, true);
      else this.expression(part, names, guards);
    }
  }
}

function guardDepth(template: Template, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
    const range = { line: 1, column: 1, offset: 0, end: template.source.length };
    throw new TemplateLimitError('the template nests too deep', range);
  }
}

/**
 * Every use of a name that neither the template (set, for, macro, with) nor Jinja2 itself provides, in source
 * order: `jinja2.meta.find_undeclared_variables` with places. Throws `TemplateLimitError` for one that nests too deep.
 */
export function findUndeclared(template: Template): UndeclaredUse[] {
  const finder = new UndeclaredFinder();
  guardDepth(template, () => finder.body(template.body, new Names(), none));
  return finder.uses.sort((a, b) => a.offset - b.offset);
}
