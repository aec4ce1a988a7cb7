/** What an expression of a template comes to for a sheet, as far as it can be told without rendering. */
import type { Expression, ExpressionOf } from '../../score/template/ast';
import type { TemplateInput } from '../../score/variables';

/** Not known before the sheet is rendered. */
export const unknown = Symbol('unknown');

/** Numbers are whole. */
export type StaticValue = bigint | string | boolean | null | readonly StaticValue[] | typeof unknown;

/** The value of a name for the sheet in question. */
export type Names = (name: string) => StaticValue;

/** Longer texts and lists are not computed with. */
const longest = 10_000;

/** The value of an expression; `unknown` for everything that this small part of the language does not cover. */
export function staticValue(node: Expression, names: Names): StaticValue {
  switch (node.kind) {
    case 'const':
      return typeof node.value === 'number' ? unknown : node.value;
    case 'name':
      return names(node.name);
    case 'list':
    case 'tuple':
      return node.items.length > longest ? unknown : node.items.map((item) => staticValue(item, names));
    case 'not': {
      const truth = truthOf(staticValue(node.operand, names));
      return truth === null ? unknown : !truth;
    }
    case 'negative': {
      const value = staticValue(node.operand, names);
      return typeof value === 'bigint' ? -value : unknown;
    }
    case 'and':
    case 'or':
      return junction(node, names);
    case 'compare':
      return comparison(node, names);
    case 'binary':
      return arithmetic(node, staticValue(node.left, names), staticValue(node.right, names));
    case 'test':
      return parity(node, staticValue(node.target, names));
    default:
      return unknown;
  }
}

/** As Python counts truth; null = not known. */
export function truthOf(value: StaticValue): boolean | null {
  if (value === unknown) return null;
  if (Array.isArray(value)) return value.length > 0;
  return value !== null && value !== false && value !== 0n && value !== '';
}

/** One side that decides is enough, whatever the other is. */
function junction(node: ExpressionOf<'and' | 'or'>, names: Names): StaticValue {
  const decides = node.kind === 'or';
  const left = truthOf(staticValue(node.left, names));
  if (left === decides) return decides;
  const right = truthOf(staticValue(node.right, names));
  if (right === decides) return decides;
  return left === null || right === null ? unknown : !decides;
}

function comparison(node: ExpressionOf<'compare'>, names: Names): StaticValue {
  let left = staticValue(node.first, names);
  let holds: boolean | null = true;
  for (const { operator, operand } of node.rest) {
    const right = staticValue(operand, names);
    const part =
      operator === 'in' || operator === 'not in'
        ? negated(isIn(left, right), operator === 'not in')
        : compare(left, operator, right);
    if (part === false) return false;
    if (part === null) holds = null;
    left = right;
  }
  return holds ?? unknown;
}

function negated(value: boolean | null, negate: boolean): boolean | null {
  return value === null ? null : value !== negate;
}

function isIn(value: StaticValue, list: StaticValue): boolean | null {
  if (typeof value === 'string' && typeof list === 'string') return list.includes(value);
  if (!Array.isArray(list)) return null;
  const answers = (list as readonly StaticValue[]).map((item) => equal(value, item));
  return answers.includes(true) ? true : answers.includes(null) ? null : false;
}

function equal(left: StaticValue, right: StaticValue): boolean | null {
  if (left === unknown || right === unknown || Array.isArray(left) || Array.isArray(right)) return null;
  // As in Python, true is 1.
  return plain(left) === plain(right);
}

function plain(value: StaticValue): StaticValue {
  return value === true ? 1n : value === false ? 0n : value;
}

type Order = Exclude<ExpressionOf<'compare'>['rest'][number]['operator'], 'in' | 'not in'>;

function compare(left: StaticValue, operator: Order, right: StaticValue): boolean | null {
  if (operator === '==') return equal(left, right);
  if (operator === '!=') return negated(equal(left, right), true);
  const [a, b] = [plain(left), plain(right)];
  if (typeof a !== 'bigint' || typeof b !== 'bigint') return null;
  switch (operator) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
  }
}

function arithmetic(
  { operator }: ExpressionOf<'binary'>,
  left: StaticValue,
  right: StaticValue,
): StaticValue {
  if (typeof left !== 'bigint' || typeof right !== 'bigint') return unknown;
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '%':
      // Python's remainder has the sign of the divisor.
      return right === 0n ? unknown : ((left % right) + right) % right;
    default:
      return unknown;
  }
}

function parity({ name, args }: ExpressionOf<'test'>, value: StaticValue): StaticValue {
  if (typeof value !== 'bigint') return unknown;
  if (name === 'even') return value % 2n === 0n;
  if (name === 'odd') return value % 2n !== 0n;
  const [divisor] = args.positional;
  if (name !== 'divisibleby' || divisor?.kind !== 'const' || typeof divisor.value !== 'bigint')
    return unknown;
  return divisor.value === 0n ? unknown : value % divisor.value === 0n;
}

/** A variable of the score, as far as branches compare with it: whole numbers, texts, and lists of them. */
export function staticVariable(value: TemplateInput | undefined): StaticValue {
  if (typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean') return value;
  if (!Array.isArray(value) || value.length > longest) return unknown;
  return (value as readonly TemplateInput[]).map(staticVariable);
}
