/** The branches of a template that select sheets, and which ones. */
import type { Template } from '../../score/template';
import type { Expression, Statement, Target } from '../../score/template/ast';
import { isStackOverflow } from '../../score/template/errors';
import { statementParts } from '../../score/template/walk';
import type { Plan, PlannedSheet } from '../../score/plan';
import type { TemplateVariables } from '../../score/variables';
import type { StaticValue } from './static-value';
import { staticValue, staticVariable, truthOf, unknown } from './static-value';

/** A branch, by the offset of its tag in the template. */
export interface SheetBranch {
  readonly offset: number;
  readonly end: number;
  /** Where the branch's text ends. */
  readonly bodyEnd: number;
  /** `stage == 2`, as written; `else` for the rest. */
  readonly label: string;
  /** Sheets that come into this branch, or may, when something else must hold too; ascending, never empty. */
  readonly sheets: readonly number[];
}

/** Further branches get no lens and no line in the outline: a template of that size is not written by hand. */
const mostBranches = 1000;
/** Conditions are judged at most so often for a template; what comes after it gets no lens. */
const mostJudgements = 200_000;

/**
 * Which sheets come into which branch. A sheet that an earlier `if` or `elif` of the same chain takes is not in a later one, and a branch
 * inside another has only sheets of that. A condition that tells no sheets apart, as far as can be known here, selects nothing.
 */
export function sheetBranches(template: Template, plan: Plan, variables: TemplateVariables): SheetBranch[] {
  const finder = new BranchFinder(template, plan, variables);
  try {
    finder.visit(template.body, new Set(plan.sheets), assignedNames(template.body));
  } catch (error) {
    if (!isStackOverflow(error)) throw error;
  }
  return finder.found.sort((a, b) => a.offset - b.offset);
}

type Sheets = ReadonlySet<PlannedSheet>;
/** Names that the template gives other values. */
type Shadowed = ReadonlySet<string>;

class BranchFinder {
  readonly found: SheetBranch[] = [];
  private judged = 0;
  /** Sheets by the value of a name; made when first asked for. */
  private readonly indexes = new Map<string, ReadonlyMap<bigint, readonly PlannedSheet[]>>();

  constructor(
    private readonly template: Template,
    private readonly plan: Plan,
    private readonly variables: TemplateVariables,
  ) {}

  visit(statements: readonly Statement[], among: Sheets, shadowed: Shadowed): void {
    for (const statement of statements) {
      if (this.found.length >= mostBranches) return;
      if (statement.kind === 'if') this.chain(statement, among, shadowed);
      else {
        const inner = new Set([...shadowed, ...ownNames(statement)]);
        for (const body of statementParts(statement).bodies) this.visit(body, among, inner);
      }
    }
  }

  private chain(statement: Extract<Statement, { kind: 'if' }>, among: Sheets, shadowed: Shadowed): void {
    const { branches, elseTag } = statement;
    const left = new Set(among);
    let certain = true;
    for (const [position, { test, tag, body }] of branches.entries()) {
      const before = left.size;
      const { sure, perhaps } = this.select(test, left, shadowed);
      for (const sheet of sure) left.delete(sheet);
      const sheets = [...sure, ...perhaps].sort((a, b) => a.num - b.num);
      const bodyEnd = branches[position + 1]?.tag.offset ?? elseTag?.offset ?? statement.end;
      if (perhaps.length === 0 || sheets.length < before) this.add(tag, bodyEnd, this.labelOf(tag), sheets);
      if (perhaps.length > 0) certain = false;
      this.visit(body, new Set(sheets), shadowed);
    }
    if (elseTag === undefined) return;
    if (certain || left.size < among.size) this.add(elseTag, statement.end, 'else', [...left]);
    this.visit(statement.otherwise, left, shadowed);
  }

  /** The sheets for which a condition holds, and those for which it may. */
  private select(
    test: Expression,
    among: Sheets,
    shadowed: Shadowed,
  ): { readonly sure: readonly PlannedSheet[]; readonly perhaps: readonly PlannedSheet[] } {
    const simple = equalityOf(test);
    if (simple !== null && !shadowed.has(simple.name) && positions.has(simple.name)) {
      const sheets = this.indexOf(simple.name).get(simple.value) ?? [];
      return { sure: sheets.filter((sheet) => among.has(sheet)), perhaps: [] };
    }
    this.judged += among.size;
    if (this.judged > mostJudgements) return { sure: [], perhaps: [...among] };
    const sure: PlannedSheet[] = [];
    const perhaps: PlannedSheet[] = [];
    for (const sheet of among) {
      const names = (name: string): StaticValue => (shadowed.has(name) ? unknown : this.valueOf(name, sheet));
      const truth = truthOf(staticValue(test, names));
      if (truth === true) sure.push(sheet);
      else if (truth === null) perhaps.push(sheet);
    }
    return { sure, perhaps };
  }

  private valueOf(name: string, sheet: PlannedSheet): StaticValue {
    const position = positions.get(name);
    if (position !== undefined) return BigInt(position(sheet, this.plan));
    return staticVariable(this.variables.get(name));
  }

  private indexOf(name: string): ReadonlyMap<bigint, readonly PlannedSheet[]> {
    const known = this.indexes.get(name);
    if (known !== undefined) return known;
    const made = new Map<bigint, PlannedSheet[]>();
    for (const sheet of this.plan.sheets) {
      const value = this.valueOf(name, sheet);
      if (typeof value !== 'bigint') continue;
      const same = made.get(value);
      if (same === undefined) made.set(value, [sheet]);
      else same.push(sheet);
    }
    this.indexes.set(name, made);
    return made;
  }

  private labelOf({ offset, end }: { readonly offset: number; readonly end: number }): string {
    return this.template.source
      .slice(offset, end)
      .replace(/^\{%[-+]?\s*(?:el)?if\s+|\s*[-+]?%\}$/g, '')
      .replace(/\s+/g, ' ');
  }

  private add(
    { offset, end }: { readonly offset: number; readonly end: number },
    bodyEnd: number,
    label: string,
    sheets: readonly PlannedSheet[],
  ): void {
    if (sheets.length > 0 && this.found.length < mostBranches)
      this.found.push({ offset, end, bodyEnd, label, sheets: sheets.map(({ num }) => num) });
  }
}

/** What the built-in names stand for (`ruleContext`); a whole number each. */
const positions = new Map<string, (sheet: PlannedSheet, plan: Plan) => number>([
  ['sheet_num', ({ num }) => num],
  ['stage', ({ stage }) => stage],
  ['movement', ({ stage }) => stage],
  ['instance', ({ instance }) => instance],
  ['voice', ({ instance }) => instance],
  ['fan_count', ({ fanCount }) => fanCount],
  ['voice_count', ({ fanCount }) => fanCount],
  ['start_item', ({ startItem }) => startItem],
  ['end_item', ({ endItem }) => endItem],
  ['total_sheets', (_, { totalSheets }) => totalSheets],
  ['total_stages', (_, { totalStages }) => totalStages],
  ['total_movements', (_, { totalStages }) => totalStages],
]);

/** `name == 3`, the usual case: a long chain of them is looked up, not judged sheet by sheet. */
function equalityOf(test: Expression): { readonly name: string; readonly value: bigint } | null {
  const [only] = test.kind === 'compare' && test.rest.length === 1 ? test.rest : [];
  if (test.kind !== 'compare' || only?.operator !== '==') return null;
  const [name, value] = test.first.kind === 'name' ? [test.first, only.operand] : [only.operand, test.first];
  if (name.kind !== 'name' || value.kind !== 'const' || typeof value.value !== 'bigint') return null;
  return { name: name.name, value: value.value };
}

/** Names that `set` gives a value anywhere: from where on it holds depends on what is rendered. */
function assignedNames(statements: readonly Statement[]): Set<string> {
  const names = new Set<string>();
  const visit = (list: readonly Statement[]): void => {
    for (const statement of list) {
      if (statement.kind === 'set' || statement.kind === 'setblock')
        for (const name of targetNames(statement.target)) names.add(name);
      statementParts(statement).bodies.forEach(visit);
    }
  };
  visit(statements);
  return names;
}

/** Names that hold another value inside of a statement. */
function ownNames(statement: Statement): string[] {
  switch (statement.kind) {
    case 'for':
      return targetNames(statement.target);
    case 'with':
      return statement.bindings.flatMap(({ target }) => targetNames(target));
    case 'macro':
    case 'callblock':
      return statement.macro.parameters.map(({ name }) => name);
    default:
      return [];
  }
}

function targetNames(target: Target): string[] {
  switch (target.kind) {
    case 'name':
      return [target.name];
    case 'tuple':
      return target.items.flatMap(targetNames);
    case 'namespace':
      return [];
  }
}
