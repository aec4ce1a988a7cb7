import type { Budget } from './budget';
import { raise, Raised, typeError, valueError } from './errors';
import { formatValue } from './format-spec';
import { asciiOnly, textRepr, toRepr, toText } from './repr';
import type { Value } from './values';
import { PyDict, PyList, PyTuple, typeName, Undefined, orElse } from './values';

/** The values a `str.format` may name. */
export interface FormatArguments {
  positional: readonly Value[];
  named: (name: string) => Value | undefined;
}

interface Field {
  expression: string;
  conversion: string;
  spec: string;
}

/** Python's `str.format`. Attribute access (`{x.name}`) finds nothing: there are no Python attributes here. */
export class BraceFormatter {
  private automatic = 0;
  private numbering: 'automatic' | 'manual' | undefined;

  constructor(
    private readonly args: FormatArguments,
    private readonly budget: Budget,
    /** Told the offset and end of each field before it is looked up, for error places. */
    private readonly onField: (offset: number, end: number) => void = () => undefined,
  ) {}

  format(text: string, depth = 0): string {
    if (depth > 1) valueError('Max string recursion exceeded');
    let result = '';
    let position = 0;
    while (position < text.length) {
      const next = text.slice(position).search(/[{}]/);
      if (next < 0) return result + text.slice(position);
      const brace = position + next;
      result += text.slice(position, brace);
      const character = text.charAt(brace);
      if (depth === 0) this.onField(brace, brace + 1);
      if (text.charAt(brace + 1) === character) {
        result += character;
        position = brace + 2;
        continue;
      }
      if (character === '}') valueError("Single '}' encountered in format string");
      const end = fieldEnd(text, brace + 1);
      if (depth === 0) this.onField(brace, end + 1);
      result += this.formatField(splitField(text.slice(brace + 1, end)), depth);
      this.budget.charge();
      this.budget.check(result.length);
      position = end + 1;
    }
    return result;
  }

  private formatField(field: Field, depth: number): string {
    let value = this.lookUp(field.expression);
    if (field.conversion === 's') value = toText(value, this.budget);
    else if (field.conversion === 'r') value = toRepr(value, this.budget);
    else if (field.conversion === 'a') value = asciiOnly(toRepr(value, this.budget));
    else if (field.conversion !== '') valueError(`Unknown conversion specifier '${field.conversion}'`);
    const spec = field.spec.includes('{') ? this.format(field.spec, depth + 1) : field.spec;
    return formatValue(value, spec, this.budget);
  }

  private lookUp(expression: string): Value {
    const [first = ''] = /^[^.[]*/.exec(expression) ?? [];
    let value = this.argument(first);
    let rest = expression.slice(first.length);
    while (rest !== '') {
      const [whole, attribute, key] = /^(?:\.([^.[]+)|\[([^\]]+)\])/.exec(rest) ?? [];
      if (whole === undefined) return valueError('Empty attribute in format string');
      if (attribute !== undefined)
        raise('AttributeError', `'${typeName(value)}' object has no attribute '${attribute}'`);
      value = item(value, key ?? '');
      rest = rest.slice(whole.length);
    }
    return value;
  }

  private argument(name: string): Value {
    if (name === '' || /^\d+$/.test(name)) {
      const kind = name === '' ? 'automatic' : 'manual';
      if (this.numbering !== undefined && this.numbering !== kind) {
        valueError('cannot switch between manual field specification and automatic field numbering');
      }
      this.numbering = kind;
      const index = name === '' ? this.automatic++ : Number(name);
      const message = `Replacement index ${index} out of range for positional args tuple`;
      return orElse(this.args.positional[index], () => raise('IndexError', message));
    }
    const value = this.args.named(name);
    if (value !== undefined) return value;
    throw new Raised({ pythonClass: 'KeyError', message: textRepr(name), undefinedName: name });
  }
}

function item(value: Value, key: string): Value {
  if (value instanceof Undefined) value.fail();
  const index = /^\d+$/.test(key) ? BigInt(key) : undefined;
  if (value instanceof PyDict) {
    return orElse(value.get(index ?? key), () =>
      raise('KeyError', index === undefined ? textRepr(key) : key),
    );
  }
  if (value instanceof PyList || value instanceof PyTuple || typeof value === 'string') {
    if (index === undefined)
      return typeError(`${typeName(value)} indices must be integers or slices, not str`);
    const items = typeof value === 'string' ? Array.from(value) : value.items;
    const found = items[Number(index)];
    return orElse(found, () => raise('IndexError', `${typeName(value)} index out of range`));
  }
  return typeError(`'${typeName(value)}' object is not subscriptable`);
}

/** The offset of the `}` that ends the field starting at `start`. */
function fieldEnd(text: string, start: number): number {
  let depth = 1;
  let bracket = false;
  for (let index = start; index < text.length; index++) {
    const character = text.charAt(index);
    if (bracket) bracket = character !== ']';
    else if (character === '[' && depth === 1) bracket = !text.slice(start, index).includes(':');
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return index;
    }
  }
  return text.length === start
    ? valueError("Single '{' encountered in format string")
    : valueError("expected '}' before end of string");
}

function splitField(field: string): Field {
  const [whole = '', expression = '', conversion = ''] =
    /^((?:[^[:!]|\[[^\]]*\])*)(?:!([^:]*))?/.exec(field) ?? [];
  const spec = field.slice(whole.length);
  if (spec !== '' && !spec.startsWith(':')) valueError("expected ':' after conversion specifier");
  if (expression.includes('{')) valueError("unexpected '{' in field name");
  return { expression, conversion, spec: spec.slice(1) };
}
