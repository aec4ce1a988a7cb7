import { limitError, typeError, valueError } from './errors';
import { floatRepr } from './numbers';
import { order } from './operators';
import type { Bound, Runtime } from './runtime';
import type { PyObject, Value } from './values';
import { needCount, PyDict, PyList, PyTuple, typeName, Undefined } from './values';

function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[^\0-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Python's `json.dumps(sort_keys=True)`. */
class JsonWriter {
  private readonly open = new Set<PyObject>();

  constructor(
    private readonly runtime: Runtime,
    private readonly indent: string | undefined,
  ) {}

  write(value: Value, level = 0): string {
    this.runtime.budget.charge();
    if (value === null) return 'null';
    if (typeof value === 'string') {
      this.runtime.budget.text(value.length);
      return quote(value);
    }
    if (typeof value === 'number') {
      if (Number.isNaN(value)) return 'NaN';
      return Number.isFinite(value) ? floatRepr(value) : value < 0 ? '-Infinity' : 'Infinity';
    }
    if (typeof value !== 'object') return value.toString();
    if (value instanceof PyList || value instanceof PyTuple) {
      return this.container(value, '[]', level, () => value.items.map((item) => this.write(item, level + 1)));
    }
    if (value instanceof PyDict) return this.container(value, '{}', level, () => this.members(value, level));
    return typeError(`Object of type ${typeName(value)} is not JSON serializable`);
  }

  private members(dict: PyDict, level: number): string[] {
    const { budget } = this.runtime;
    const pairs = [...dict.entries()];
    pairs.sort(([a], [b]) => (order('<', a, b, budget) ? -1 : order('<', b, a, budget) ? 1 : 0));
    const colon = ': ';
    return pairs.map(([key, value]) => this.key(key) + colon + this.write(value, level + 1));
  }

  private key(key: Value): string {
    if (typeof key === 'string') return quote(key);
    if (key === null || typeof key !== 'object') return quote(this.write(key));
    return typeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
  }

  private container(value: PyObject, brackets: string, level: number, parts: () => string[]): string {
    if (this.open.has(value)) valueError('Circular reference detected');
    if (this.open.size >= 200) limitError('a value nests deeper than 200 levels');
    this.open.add(value);
    const all = parts();
    this.open.delete(value);
    const [start = '', end = ''] = brackets;
    let text: string;
    if (all.length === 0) text = brackets;
    else if (this.indent === undefined) text = start + all.join(', ') + end;
    else {
      const margin = `\n${this.indent.repeat(level + 1)}`;
      text = `${start}${margin}${all.join(`,${margin}`)}\n${this.indent.repeat(level)}${end}`;
    }
    this.runtime.budget.text(text.length);
    return text;
  }
}

/** The `tojson` filter: JSON that is safe inside HTML, as Jinja2 writes it. */
export function toJson(runtime: Runtime, value: Value, args: Bound): string {
  if (value instanceof Undefined) value.fail();
  const indent = args.get('indent');
  const width =
    indent === null || typeof indent === 'string'
      ? indent
      : ' '.repeat(Math.min(100, Math.max(0, needCount(indent))));
  return new JsonWriter(runtime, width ?? undefined)
    .write(value)
    .replaceAll('<', '\\u003c')
    .replaceAll('>', '\\u003e')
    .replaceAll('&', '\\u0026')
    .replaceAll("'", '\\u0027');
}
