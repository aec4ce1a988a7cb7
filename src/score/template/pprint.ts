import type { Budget } from './budget';
import { Raised } from './errors';
import { order } from './operators';
import { textRepr, toRepr } from './repr';
import type { Value } from './values';
import { characters, PyDict, PyList, PyTuple, typeName } from './values';

/** Python's default line width for `pprint`. */
const width = 80;

/** Sorted by key; keys that cannot be compared stand in the order of their types' names. */
function sortedEntries(dict: PyDict, budget: Budget): (readonly [Value, Value])[] {
  const before = (a: Value, b: Value): boolean => {
    try {
      return order('<', a, b, budget);
    } catch (error) {
      if (!(error instanceof Raised) || error.facts.pythonClass !== 'TypeError') throw error;
      return typeName(a) < typeName(b);
    }
  };
  return [...dict.entries()].sort(([a], [b]) => (before(a, b) ? -1 : before(b, a) ? 1 : 0));
}

function sortKeys(value: Value, budget: Budget, depth: number): Value {
  if (depth > 100) return value;
  if (value instanceof PyList)
    return new PyList(value.items.map((item) => sortKeys(item, budget, depth + 1)));
  if (value instanceof PyTuple)
    return new PyTuple(value.items.map((item) => sortKeys(item, budget, depth + 1)));
  if (!(value instanceof PyDict)) return value;
  return PyDict.of(
    sortedEntries(value, budget).map(([key, item]) => [key, sortKeys(item, budget, depth + 1)]),
  );
}

/** A long text as several adjacent literals, broken after words and line ends. */
function longText(text: string, indent: number, allowance: number, level: number): string {
  const inner = level === 1 ? indent + 1 : indent;
  const spare = level === 1 ? allowance + 1 : allowance;
  const chunks: string[] = [];
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  lines.forEach((line, index) => {
    const most = width - inner - (index === lines.length - 1 ? spare : 0);
    if (textRepr(line).length <= most) {
      chunks.push(textRepr(line));
      return;
    }
    const words = line.match(/\S*\s*/g)?.filter((word) => word !== '') ?? [];
    let current = '';
    words.forEach((word, place) => {
      const lastOfAll = place === words.length - 1 && index === lines.length - 1;
      const room = width - inner - (lastOfAll ? spare : 0);
      if (current !== '' && textRepr(current + word).length > room) {
        chunks.push(textRepr(current));
        current = word;
      } else current += word;
    });
    if (current !== '') chunks.push(textRepr(current));
  });
  if (chunks.length === 1) return textRepr(text);
  const body = chunks.join(`\n${' '.repeat(inner)}`);
  return level === 1 ? `(${body})` : body;
}

function layOut(value: Value, indent: number, allowance: number, level: number, budget: Budget): string {
  const flat = toRepr(value, budget);
  const inside = level + 1;
  if (characters(flat).length <= width - indent - allowance) return flat;
  if (typeof value === 'string') return longText(value, indent, allowance, inside);
  const margin = `,\n${' '.repeat(indent + 1)}`;
  if (value instanceof PyList || value instanceof PyTuple) {
    if (value.items.length === 0) return flat;
    const [open, close] = value instanceof PyList ? ['[', ']'] : ['(', value.items.length === 1 ? ',)' : ')'];
    const parts = value.items.map((item, index) => {
      const after = index === value.items.length - 1 ? allowance + close.length : 1;
      return layOut(item, indent + 1, after, inside, budget);
    });
    return open + parts.join(margin) + close;
  }
  if (value instanceof PyDict && value.size > 0) {
    const parts = [...value.entries()].map(([key, item], index) => {
      const name = toRepr(key, budget);
      const after = index === value.size - 1 ? allowance + 1 : 1;
      return `${name}: ${layOut(item, indent + 1 + name.length + 2, after, inside, budget)}`;
    });
    return `{${parts.join(margin)}}`;
  }
  return flat;
}

/** Python's `pprint.pformat` with its defaults: 80 columns, mappings sorted by key. */
export function pprint(value: Value, budget: Budget): string {
  toRepr(value, budget);
  const text = layOut(sortKeys(value, budget, 0), 0, 0, 0, budget);
  budget.text(text.length);
  return text;
}
