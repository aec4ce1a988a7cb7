import type { Budget } from './budget';
import { limitError } from './errors';
import { floatRepr } from './numbers';
import type { PyObject, Value } from './values';
import {
  PyDict,
  PyDictView,
  PyExtra,
  PyFunction,
  PyIterator,
  PyList,
  PyNamespace,
  PyRange,
  PyTuple,
  Undefined,
} from './values';

const unprintable = /[\p{C}\p{Z}]/u;
const shortEscapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
};

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** Python's `repr` of a str: single quotes unless only those occur inside. */
export function textRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let result = '';
  for (const character of text) {
    const short = shortEscapes[character];
    if (short !== undefined) result += short;
    else if (character === quote) result += `\\${quote}`;
    else if (character !== ' ' && unprintable.test(character)) result += escapeCharacter(character);
    else result += character;
  }
  return quote + result + quote;
}

/** `repr` with the characters outside ASCII escaped, as `!a` asks for. */
export function asciiOnly(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, escapeCharacter);
}

/** Python's `str(value)`; raises for a strict undefined. */
export function toText(value: Value, budget: Budget): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) return value.strict ? value.fail() : '';
  return toRepr(value, budget);
}

/** Python's `repr(value)`. */
export function toRepr(value: Value, budget: Budget): string {
  return new ReprWriter(budget).write(value);
}

class ReprWriter {
  private readonly open = new Set<PyObject>();

  constructor(private readonly budget: Budget) {}

  write(value: Value): string {
    this.budget.charge();
    switch (typeof value) {
      case 'string': {
        const text = textRepr(value);
        this.budget.text(text.length);
        return text;
      }
      case 'boolean':
        return value ? 'True' : 'False';
      case 'bigint':
        return value.toString();
      case 'number':
        return floatRepr(value);
      default:
        return value === null ? 'None' : this.writeObject(value);
    }
  }

  private writeObject(value: PyObject): string {
    if (value instanceof PyList) return this.guarded(value, '[...]', () => `[${this.all(value.items)}]`);
    if (value instanceof PyTuple) {
      const comma = value.items.length === 1 ? ',' : '';
      return this.guarded(value, '(...)', () => `(${this.all(value.items)}${comma})`);
    }
    if (value instanceof PyDict)
      return this.guarded(value, '{...}', () => `{${this.pairs(value.entries())}}`);
    if (value instanceof PyDictView) {
      return this.guarded(value, '...', () => `dict_${value.part}([${this.all(value)}])`);
    }
    if (value instanceof PyRange) {
      const step = value.step === 1n ? '' : `, ${value.step}`;
      return `range(${value.start}, ${value.stop}${step})`;
    }
    if (value instanceof PyNamespace) {
      return this.guarded(value, '<Namespace {...}>', () => `<Namespace {${this.pairs(value.attributes)}}>`);
    }
    if (value instanceof PyFunction) {
      return value.typeName === 'Macro'
        ? `<Macro ${textRepr(value.name)}>`
        : `<${value.typeName} ${value.name}>`;
    }
    if (value instanceof PyIterator) return `<${value.typeName} object>`;
    if (value instanceof PyExtra) return value.repr();
    return 'Undefined';
  }

  private guarded(value: PyObject, ellipsis: string, write: () => string): string {
    if (this.open.has(value)) return ellipsis;
    if (this.open.size >= 200) limitError('a value nests deeper than 200 levels');
    this.open.add(value);
    const text = write();
    this.open.delete(value);
    this.budget.text(text.length);
    return text;
  }

  private all(items: Iterable<Value>): string {
    const parts: string[] = [];
    for (const item of items) parts.push(this.write(item));
    return parts.join(', ');
  }

  private pairs(entries: Iterable<readonly [Value, Value]>): string {
    const parts: string[] = [];
    for (const [key, value] of entries) parts.push(`${this.write(key)}: ${this.write(value)}`);
    return parts.join(', ');
  }
}
