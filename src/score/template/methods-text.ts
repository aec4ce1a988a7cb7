import { BraceFormatter } from './brace-format';
import { typeError, valueError } from './errors';
import type { Bound, MethodRun, Runtime } from './runtime';
import { builtinTable } from './runtime';
import {
  capitalize,
  countText,
  expandTabs,
  justify,
  needText,
  replace,
  sliceText,
  split,
  splitLines,
  strip,
  swapCase,
  titleCase,
} from './text';
import type { Value } from './values';
import { characters, iterate, needCount, PyDict, PyList, PyTuple, truthy, typeName } from './values';

function optionalText(args: Bound, name: string): string | undefined {
  const value = args.get(name);
  return value === null ? undefined : needText(value, name);
}

function separator(args: Bound, name: string): string | undefined {
  const text = optionalText(args, name);
  return text === '' ? valueError('empty separator') : text;
}

function count(args: Bound, name: string, standard: number): number {
  const value = args.optional(name);
  return value === undefined ? standard : needCount(value);
}

function listOf(parts: string[], runtime: Runtime): PyList {
  runtime.budget.charge(parts.length);
  return new PyList(parts);
}

/** The stretch of the text that `start` and `end` arguments select, and where it starts. */
function stretch(text: string, args: Bound): { part: string; start: number; valid: boolean } {
  const { length } = characters(text);
  const bound = (name: string, standard: number): number => {
    const value = args.get(name);
    const index = value === null ? standard : needCount(value);
    return index < 0 ? Math.max(0, index + length) : index;
  };
  const start = bound('start', 0);
  const end = Math.min(bound('end', length), length);
  return { part: sliceText(text, start, Math.max(start, end)), start, valid: start <= end };
}

function find(text: string, args: Bound, last: boolean): number {
  const { part, start, valid } = stretch(text, args);
  const wanted = needText(args.get('sub'), 'sub');
  const index = last ? part.lastIndexOf(wanted) : part.indexOf(wanted);
  return index < 0 || !valid ? -1 : start + characters(part.slice(0, index)).length;
}

function found(index: number): bigint {
  return index < 0 ? valueError('substring not found') : BigInt(index);
}

function affix(text: string, args: Bound, test: (part: string, affix: string) => boolean): boolean {
  const { part, valid } = stretch(text, args);
  const wanted = args.get('affix');
  const all = wanted instanceof PyTuple ? wanted.items : [wanted];
  return valid && all.some((each) => test(part, needText(each, 'affix')));
}

function fill(args: Bound): string {
  const text = needText(args.get('fillchar', ' '), 'fillchar');
  return characters(text).length === 1
    ? text
    : typeError('The fill character must be exactly one character long');
}

function partition(text: string, args: Bound, last: boolean): PyTuple {
  const sep = separator(args, 'sep') ?? typeError('must be str, not NoneType');
  const index = last ? text.lastIndexOf(sep) : text.indexOf(sep);
  if (index < 0) return new PyTuple(last ? ['', '', text] : [text, '', '']);
  return new PyTuple([text.slice(0, index), sep, text.slice(index + sep.length)]);
}

function zeroFill(text: string, width: number, runtime: Runtime): string {
  const [, sign = '', body = ''] = /^([-+]?)([^]*)$/.exec(text) ?? [];
  return sign + justify(body, width - sign.length, '0', 'right', runtime.budget);
}

function joinAll(text: string, items: Value, runtime: Runtime): string {
  const parts: string[] = [];
  let length = 0;
  for (const item of iterate(items)) {
    runtime.budget.charge();
    if (typeof item !== 'string') {
      typeError(`sequence item ${parts.length}: expected str instance, ${typeName(item)} found`);
    }
    const part = needText(item);
    length += part.length + text.length;
    if (length > runtime.budget.maxText) runtime.budget.text(length);
    parts.push(part);
  }
  runtime.budget.text(length);
  return parts.join(text);
}

const every =
  (pattern: RegExp): MethodRun<string> =>
  (_runtime, text) =>
    pattern.test(text);

function isCased(text: string, upper: boolean): boolean {
  const [wanted, other] = upper
    ? [/[\p{Lu}\p{Lt}]/u, /[\p{Ll}\p{Lt}]/u]
    : [/\p{Lowercase}/u, /[\p{Lu}\p{Lt}]/u];
  return wanted.test(text) && !other.test(text);
}

/** The allow-list of `str` methods. */
export const textMethods = builtinTable<MethodRun<string>>([
  ['upper()', 'Upper case.', (_runtime, text) => text.toUpperCase()],
  ['lower()', 'Lower case.', (_runtime, text) => text.toLowerCase()],
  ['casefold()', 'Lower case for comparisons.', (_runtime, text) => text.toLowerCase().replaceAll('ß', 'ss')],
  ['title()', 'Every word capitalized.', (_runtime, text) => titleCase(text)],
  ['capitalize()', 'First letter upper case, the rest lower case.', (_runtime, text) => capitalize(text)],
  ['swapcase()', 'Upper case to lower case and back.', (_runtime, text) => swapCase(text)],
  [
    'strip(chars=none)',
    'Without whitespace (or `chars`) at both ends.',
    (_runtime, text, args) => strip(text, optionalText(args, 'chars'), true, true),
  ],
  [
    'lstrip(chars=none)',
    'Without whitespace (or `chars`) at the start.',
    (_runtime, text, args) => strip(text, optionalText(args, 'chars'), true, false),
  ],
  [
    'rstrip(chars=none)',
    'Without whitespace (or `chars`) at the end.',
    (_runtime, text, args) => strip(text, optionalText(args, 'chars'), false, true),
  ],
  [
    'split(sep=none, maxsplit=-1)',
    'The parts between separators (or runs of whitespace).',
    (runtime, text, args) =>
      listOf(split(text, separator(args, 'sep'), count(args, 'maxsplit', -1), false), runtime),
  ],
  [
    'rsplit(sep=none, maxsplit=-1)',
    'Like split, counted from the end.',
    (runtime, text, args) =>
      listOf(split(text, separator(args, 'sep'), count(args, 'maxsplit', -1), true), runtime),
  ],
  [
    'splitlines(keepends=false)',
    'The lines of the text.',
    (runtime, text, args) => listOf(splitLines(text, truthy(args.get('keepends', false))), runtime),
  ],
  [
    'join(iterable)',
    'The items joined by this text.',
    (runtime, text, args) => joinAll(text, args.get('iterable'), runtime),
  ],
  [
    'replace(old, new, count=-1)',
    'With `old` replaced by `new`.',
    (runtime, text, args) =>
      replace(
        text,
        needText(args.get('old'), 'replace() argument 1'),
        needText(args.get('new'), 'replace() argument 2'),
        count(args, 'count', -1),
        runtime.budget,
      ),
  ],
  [
    'startswith(affix, start=none, end=none)',
    'Whether the text starts so (a tuple: with any of these).',
    (_runtime, text, args) => affix(text, args, (part, each) => part.startsWith(each)),
  ],
  [
    'endswith(affix, start=none, end=none)',
    'Whether the text ends so (a tuple: with any of these).',
    (_runtime, text, args) => affix(text, args, (part, each) => part.endsWith(each)),
  ],
  [
    'find(sub, start=none, end=none)',
    'Where `sub` is first, or -1.',
    (_runtime, text, args) => BigInt(find(text, args, false)),
  ],
  [
    'rfind(sub, start=none, end=none)',
    'Where `sub` is last, or -1.',
    (_runtime, text, args) => BigInt(find(text, args, true)),
  ],
  [
    'index(sub, start=none, end=none)',
    'Where `sub` is first; an error if nowhere.',
    (_runtime, text, args) => found(find(text, args, false)),
  ],
  [
    'rindex(sub, start=none, end=none)',
    'Where `sub` is last; an error if nowhere.',
    (_runtime, text, args) => found(find(text, args, true)),
  ],
  [
    'count(sub, start=none, end=none)',
    'How often `sub` occurs.',
    (_runtime, text, args) => {
      const { part, valid } = stretch(text, args);
      return BigInt(valid ? countText(part, needText(args.get('sub'), 'sub')) : 0);
    },
  ],
  [
    'format(*args, **kwargs)',
    'Fills the `{}` and `{name}` fields.',
    (runtime, text, args) =>
      new BraceFormatter(
        { positional: args.rest, named: (name) => args.named.get(name) },
        runtime.budget,
      ).format(text),
  ],
  [
    'format_map(mapping)',
    'Fills the `{name}` fields from a mapping.',
    (runtime, text, args) => {
      const mapping = args.get('mapping');
      if (!(mapping instanceof PyDict)) return typeError('format_map() argument must be a mapping');
      return new BraceFormatter(
        { positional: [], named: (name) => mapping.get(name) },
        runtime.budget,
      ).format(text);
    },
  ],
  [
    'zfill(width)',
    'Zeros on the left, after a sign.',
    (runtime, text, args) => zeroFill(text, count(args, 'width', 0), runtime),
  ],
  [
    'ljust(width, fillchar=" ")',
    'Padded on the right.',
    (runtime, text, args) => justify(text, count(args, 'width', 0), fill(args), 'left', runtime.budget),
  ],
  [
    'rjust(width, fillchar=" ")',
    'Padded on the left.',
    (runtime, text, args) => justify(text, count(args, 'width', 0), fill(args), 'right', runtime.budget),
  ],
  [
    'center(width, fillchar=" ")',
    'Padded on both sides.',
    (runtime, text, args) => justify(text, count(args, 'width', 0), fill(args), 'center', runtime.budget),
  ],
  [
    'expandtabs(tabsize=8)',
    'Tabs as spaces.',
    (runtime, text, args) => expandTabs(text, count(args, 'tabsize', 8), runtime.budget),
  ],
  [
    'partition(sep)',
    '(before, sep, after) at the first `sep`.',
    (_runtime, text, args) => partition(text, args, false),
  ],
  [
    'rpartition(sep)',
    '(before, sep, after) at the last `sep`.',
    (_runtime, text, args) => partition(text, args, true),
  ],
  [
    'removeprefix(prefix)',
    'Without that start.',
    (_runtime, text, args) => {
      const prefix = needText(args.get('prefix'), 'prefix');
      return text.startsWith(prefix) ? text.slice(prefix.length) : text;
    },
  ],
  [
    'removesuffix(suffix)',
    'Without that end.',
    (_runtime, text, args) => {
      const suffix = needText(args.get('suffix'), 'suffix');
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  ],
  ['isdigit()', 'Only digits.', every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089]+$/u)],
  ['isdecimal()', 'Only decimal digits.', every(/^\p{Nd}+$/u)],
  ['isnumeric()', 'Only numeric characters.', every(/^\p{N}+$/u)],
  ['isalpha()', 'Only letters.', every(/^\p{L}+$/u)],
  ['isalnum()', 'Only letters and digits.', every(/^[\p{L}\p{N}]+$/u)],
  ['isascii()', 'Only ASCII characters.', every(/^[\0-\x7f]*$/)],
  ['isidentifier()', 'A valid name.', every(/^[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*$/u)],
  [
    'isspace()',
    'Only whitespace.',
    (_runtime, text) => text !== '' && strip(text, undefined, true, false) === '',
  ],
  ['isupper()', 'Letters, all upper case.', (_runtime, text) => isCased(text, true)],
  ['islower()', 'Letters, all lower case.', (_runtime, text) => isCased(text, false)],
  [
    'istitle()',
    'Every word capitalized.',
    (_runtime, text) => /\p{Cased}/u.test(text) && titleCase(text) === text,
  ],
]);
