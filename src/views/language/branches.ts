/** The branches of a template that select sheets, and which ones. */
import type { Condition, ConditionBranch } from '../../score/template';
import { TemplateError, listConditions } from '../../score/template';
import type { Template } from '../../score/template';
import type { Statement } from '../../score/template/ast';
import type { Plan, PlannedSheet } from '../../score/plan';

/** A branch, by the offset of its tag in the template. */
export interface SheetBranch {
  readonly offset: number;
  readonly end: number;
  /** Where the branch's text ends. */
  readonly bodyEnd: number;
  /** `stage == 2`, as written; `else` for the rest. */
  readonly label: string;
  /** Sheets that come into this branch, ascending; never empty. */
  readonly sheets: readonly number[];
}

/** Further branches get no lens and no line in the outline: a template of that size is not written by hand. */
const mostBranches = 1000;

function valueOf(name: string, sheet: PlannedSheet, plan: Plan): number | undefined {
  switch (name) {
    case 'sheet_num':
      return sheet.num;
    case 'stage':
    case 'movement':
      return sheet.stage;
    case 'instance':
    case 'voice':
      return sheet.instance;
    case 'fan_count':
    case 'voice_count':
      return sheet.fanCount;
    case 'start_item':
      return sheet.startItem;
    case 'end_item':
      return sheet.endItem;
    case 'total_sheets':
      return plan.totalSheets;
    case 'total_stages':
    case 'total_movements':
      return plan.totalStages;
    default:
      return undefined;
  }
}

function holds({ op, value }: Condition, actual: number): boolean {
  switch (op) {
    case '==':
      return actual === value;
    case '!=':
      return actual !== value;
    case '<':
      return actual < value;
    case '<=':
      return actual <= value;
    case '>':
      return actual > value;
    case '>=':
      return actual >= value;
  }
}

/**
 * Which sheets come into which branch. A sheet that an earlier `if` or `elif` of the same chain takes is not in a later one, and a branch
 * inside another has only sheets of that. Branches that depend on anything else select nothing, and end what can be known of their chain.
 */
export function sheetBranches(template: Template, plan: Plan): SheetBranch[] {
  const known = new Map<number, ConditionBranch>();
  try {
    for (const branch of listConditions(template)) known.set(branch.offset, branch);
  } catch (error) {
    if (error instanceof TemplateError) return [];
    throw error;
  }
  const found: SheetBranch[] = [];
  const select = (
    branch: ConditionBranch | undefined,
    among: readonly PlannedSheet[],
  ): PlannedSheet[] | null => {
    if (branch === undefined) return null;
    if (among.some((sheet) => branch.conditions.some(({ name }) => valueOf(name, sheet, plan) === undefined)))
      return null;
    return among.filter((sheet) =>
      branch.conditions.every((condition) => holds(condition, valueOf(condition.name, sheet, plan) ?? NaN)),
    );
  };
  const labelOf = (offset: number, end: number): string =>
    template.source
      .slice(offset, end)
      .replace(/^\{%[-+]?\s*(?:el)?if\s+|\s*[-+]?%\}$/g, '')
      .replace(/\s+/g, ' ');
  const add = (
    offset: number,
    end: number,
    bodyEnd: number,
    label: string,
    sheets: readonly PlannedSheet[],
  ): void => {
    if (sheets.length > 0 && found.length < mostBranches)
      found.push({ offset, end, bodyEnd, label, sheets: sheets.map(({ num }) => num) });
  };

  const visit = (statements: readonly Statement[], among: readonly PlannedSheet[]): void => {
    for (const statement of statements) {
      if (statement.kind !== 'if') {
        for (const body of bodiesOf(statement)) visit(body, among);
        continue;
      }
      if (found.length >= mostBranches) return;
      let left: readonly PlannedSheet[] | null = among;
      statement.branches.forEach((branch, position) => {
        const chosen: PlannedSheet[] | null =
          left === null ? null : select(known.get(branch.tag.offset), left);
        const bodyEnd =
          statement.branches[position + 1]?.tag.offset ??
          elseTag(template, statement)?.offset ??
          statement.end;
        if (chosen !== null)
          add(branch.tag.offset, branch.tag.end, bodyEnd, labelOf(branch.tag.offset, branch.tag.end), chosen);
        visit(branch.body, chosen ?? left ?? among);
        const taken = new Set(chosen);
        left = chosen === null || left === null ? null : left.filter((sheet) => !taken.has(sheet));
      });
      const rest: readonly PlannedSheet[] | null = left;
      const tag = elseTag(template, statement);
      if (rest !== null && tag !== null) add(tag.offset, tag.end, statement.end, 'else', rest);
      visit(statement.otherwise, rest ?? among);
    }
  };
  visit(template.body, plan.sheets);
  return found.sort((a, b) => a.offset - b.offset);
}

function bodiesOf(statement: Statement): readonly (readonly Statement[])[] {
  switch (statement.kind) {
    case 'for':
      return [statement.body, statement.otherwise];
    case 'setblock':
    case 'filterblock':
    case 'with':
    case 'block':
      return [statement.body];
    case 'callblock':
      return [statement.macro.body];
    default:
      return [];
  }
}

/** The `{% else %}` before the last body: the tree does not keep its place. */
function elseTag(
  template: Template,
  statement: Extract<Statement, { kind: 'if' }>,
): { offset: number; end: number } | null {
  const [first] = statement.otherwise;
  if (first === undefined) return null;
  const before = template.source.slice(0, first.offset).trimEnd();
  const offset = before.lastIndexOf('{%');
  return offset >= 0 && /^\{%[-+]?\s*else\s*[-+]?%\}/.test(before.slice(offset))
    ? { offset, end: before.length }
    : null;
}
