import { raise, typeError, valueError } from './errors';
import { collect } from './methods-collection';
import { needLength } from './operators';
import { percentFormat } from './percent';
import { textRepr } from './repr';
import type { Bound, FilterRun, Runtime } from './runtime';
import { builtinTable } from './runtime';
import { capitalize, escapeHtml, justify, replace, sliceText, softText, splitLines, strip } from './text';
import { urlize } from './urlize';
import type { Value } from './values';
import {
  needCount,
  PyDict,
  PyDictView,
  PyList,
  PyTuple,
  textLength,
  truthy,
  tryIterate,
  typeName,
  Undefined,
} from './values';
import { wrapLine } from './wrap';

function count(args: Bound, name: string, standard: number): number {
  const value = args.optional(name);
  return value === undefined || value === null ? standard : needCount(value);
}

/** Text that must be text already, where Jinja2 calls a str method on the value itself. */
function strictText(value: Value, method: string): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) value.fail();
  return raise('AttributeError', `'${typeName(value)}' object has no attribute '${method}'`);
}

function titleFilter(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((part) => capitalize(part))
    .join('');
}

function indent(runtime: Runtime, value: Value, args: Bound): string {
  const width = args.get('width', 4n);
  const margin =
    typeof width === 'string' ? width : ' '.repeat(Math.min(Math.max(0, needCount(width)), 100_000));
  if (typeof value !== 'string' && !(value instanceof PyList) && !(value instanceof Undefined)) {
    typeError(`unsupported operand type(s) for +=: '${typeName(value)}' and 'str'`);
  }
  const text = `${strictText(value, 'splitlines')}\n`;
  const lines = splitLines(text, false);
  runtime.budget.text(text.length + lines.length * margin.length);
  const blank = truthy(args.get('blank', false));
  const body = lines
    .map((line, index) => (index > 0 && (blank || line !== '') ? margin + line : line))
    .join('\n');
  return truthy(args.get('first', false)) ? margin + body : body;
}

function truncate(runtime: Runtime, value: Value, args: Bound): Value {
  const size = needLength(value, runtime.budget);
  const text = softText(value, runtime.budget);
  const length = count(args, 'length', 255);
  const end = softText(args.get('end', '...'), runtime.budget);
  const leeway = count(args, 'leeway', 5);
  const endLength = textLength(end);
  if (length < endLength) raise('AssertionError', `expected length >= ${endLength}, got ${length}`);
  if (leeway < 0) raise('AssertionError', `expected leeway >= 0, got ${leeway}`);
  if (size <= length + leeway) return value instanceof Undefined ? text : value;
  const kept = sliceText(text, 0, length - endLength);
  const space = kept.lastIndexOf(' ');
  return (truthy(args.get('killwords', false)) || space < 0 ? kept : kept.slice(0, space)) + end;
}

function wordwrap(runtime: Runtime, value: Value, args: Bound): string {
  const text = strictText(value, 'splitlines');
  runtime.budget.charge(text.length);
  const width = count(args, 'width', 79);
  if (width <= 0) valueError(`invalid width ${width} (must be > 0)`);
  const wrapstring = args.get('wrapstring');
  const options = {
    width,
    breakLongWords: truthy(args.get('break_long_words', true)),
    breakOnHyphens: truthy(args.get('break_on_hyphens', true)),
  };
  return splitLines(text, false)
    .map((line) => wrapLine(line, options).join(wrapstring === null ? '\n' : strictText(wrapstring, 'join')))
    .join(wrapstring === null ? '\n' : strictText(wrapstring, 'join'));
}

function quoteUrl(text: string, query: boolean): string {
  const wellFormed = text.replace(
    /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    '\ufffd',
  );
  const quoted = encodeURIComponent(wellFormed).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return query ? quoted.replaceAll('%20', '+') : quoted.replaceAll('%2F', '/');
}

function urlencode(runtime: Runtime, value: Value): string {
  if (typeof value === 'string') return quoteUrl(softText(value, runtime.budget), false);
  const pairs = value instanceof PyDict ? new PyDictView(value, 'items') : tryIterate(value);
  if (pairs === undefined) return quoteUrl(softText(value, runtime.budget), false);
  const parts: string[] = [];
  for (const pair of pairs) {
    const [key, item, surplus] = collect(pair, runtime);
    if (key === undefined || item === undefined)
      return valueError('not enough values to unpack (expected 2)');
    if (surplus !== undefined) return valueError('too many values to unpack (expected 2)');
    const quote = (part: Value): string => quoteUrl(softText(part, runtime.budget), true);
    parts.push(`${quote(key)}=${quote(item)}`);
  }
  return parts.join('&');
}

function format(runtime: Runtime, value: Value, args: Bound): string {
  if (args.rest.length > 0 && args.named.size > 0) {
    raise('FilterArgumentError', "can't handle positional and keyword arguments at the same time");
  }
  const values = args.named.size > 0 ? PyDict.of(args.named) : new PyTuple(args.rest);
  return percentFormat(softText(value, runtime.budget), values, runtime.budget);
}

function xmlattr(runtime: Runtime, value: Value, args: Bound): string {
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof PyDict))
    return raise('AttributeError', `'${typeName(value)}' object has no attribute 'items'`);
  const parts: string[] = [];
  for (const [key, item] of value.entries()) {
    if (item === null || item instanceof Undefined) continue;
    const name = softText(key, runtime.budget);
    if (/[\s/>=]/.test(name)) valueError(`Invalid character in attribute name: ${textRepr(name)}`);
    parts.push(`${escapeHtml(name)}="${escapeHtml(softText(item, runtime.budget))}"`);
  }
  const text = parts.join(' ');
  return truthy(args.get('autospace', true)) && text !== '' ? ` ${text}` : text;
}

/** Removes comments and tags and collapses whitespace, as markupsafe's striptags does. */
function striptags(text: string): string {
  const drop = (source: string, open: string, close: string): string => {
    let result = '';
    let position = 0;
    for (;;) {
      const start = source.indexOf(open, position);
      const end = start < 0 ? -1 : source.indexOf(close, start);
      if (end < 0) return result + source.slice(position);
      result += source.slice(position, start);
      position = end + close.length;
    }
  };
  const plain = drop(drop(text, '<!--', '-->'), '<', '>');
  return plain
    .split(/\s+/)
    .filter((word) => word !== '')
    .join(' ')
    .replace(
      /&(#\d+|#[xX][\da-fA-F]+|amp|lt|gt|quot|apos|nbsp);/g,
      (whole, name: string) => unescapeEntity(name) ?? whole,
    );
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\xa0',
};

function unescapeEntity(name: string): string | undefined {
  if (!name.startsWith('#')) return entities[name];
  const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

const escape: FilterRun = (runtime, value) => {
  const text = escapeHtml(softText(value, runtime.budget));
  runtime.budget.text(text.length);
  return text;
};

/** Filters that work on text. Escaping filters return plain text: there is no Markup type, as nothing is escaped. */
export const textFilters = builtinTable<FilterRun>([
  ['upper', 'Upper case.', (runtime, value) => softText(value, runtime.budget).toUpperCase()],
  ['lower', 'Lower case.', (runtime, value) => softText(value, runtime.budget).toLowerCase()],
  [
    'capitalize',
    'First letter upper case, the rest lower case.',
    (runtime, value) => capitalize(softText(value, runtime.budget)),
  ],
  ['title', 'Every word capitalized.', (runtime, value) => titleFilter(softText(value, runtime.budget))],
  [
    'trim(chars=none)',
    'Without whitespace (or `chars`) at both ends.',
    (runtime, value, args) => {
      const chars = args.get('chars');
      return strip(
        softText(value, runtime.budget),
        chars === null ? undefined : strictText(chars, 'strip'),
        true,
        true,
      );
    },
  ],
  [
    'replace(old, new, count=none)',
    'With `old` replaced by `new`, at most `count` times.',
    (runtime, value, args) => {
      const text = (name: string): string => softText(args.get(name), runtime.budget);
      return replace(
        softText(value, runtime.budget),
        text('old'),
        text('new'),
        count(args, 'count', -1),
        runtime.budget,
      );
    },
  ],
  [
    'center(width=80)',
    'Centered in a field of that width.',
    (runtime, value, args) =>
      justify(softText(value, runtime.budget), count(args, 'width', 80), ' ', 'center', runtime.budget),
  ],
  ['indent(width=4, first=false, blank=false)', 'Every line after the first indented.', indent],
  [
    'truncate(length=255, killwords=false, end="...", leeway=5)',
    'Cut to a length at a word, with an ellipsis; texts up to `leeway` longer stay whole.',
    truncate,
  ],
  [
    'wordwrap(width=79, break_long_words=true, wrapstring=none, break_on_hyphens=true)',
    'Wrapped to lines of that width.',
    wordwrap,
  ],
  [
    'wordcount',
    'The number of words.',
    (runtime, value) => BigInt(softText(value, runtime.budget).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  ],
  ['format(*args, **kwargs)', 'Fills `%s`-like placeholders of the text.', format],
  ['string', 'The value as text.', (runtime, value) => softText(value, runtime.budget)],
  ['urlencode', 'Quoted for a URL; a mapping or pairs as a query string.', urlencode],
  [
    'urlize(trim_url_limit=none, nofollow=false, target=none, rel=none, extra_schemes=none)',
    'URLs and e-mail addresses as HTML links.',
    (runtime, value, args) => urlize(softText(value, runtime.budget), args, runtime),
  ],
  ['escape', 'HTML special characters escaped.', escape],
  ['e', 'HTML special characters escaped.', escape],
  ['forceescape', 'HTML special characters escaped.', escape],
  [
    'safe',
    'The text itself: nothing is escaped automatically.',
    (runtime, value) => softText(value, runtime.budget),
  ],
  ['striptags', 'Without HTML tags.', (runtime, value) => striptags(softText(value, runtime.budget))],
  ['xmlattr(autospace=true)', 'A mapping as HTML attributes.', xmlattr],
]);
