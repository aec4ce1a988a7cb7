import type { SourceRange } from './ast';
import { LineIndex } from './ast';
import { TemplateError } from './errors';

/*
 * Token rules of Jinja2 3.1 with its default delimiters, keep_trailing_newline on, trim_blocks and lstrip_blocks
 * off. Patterns are sticky and free of nested repetition, so that no input makes them slow.
 */

export type TokenType =
  | 'data'
  | 'block_begin'
  | 'block_end'
  | 'variable_begin'
  | 'variable_end'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'eof';

export interface Token {
  type: TokenType;
  /** Text of a name or operator, value of data (line ends normalised), source of a number, value of a string. */
  value: string;
  offset: number;
  end: number;
}

/** Whitespace as Python's `str.strip` and `\s` see it. */
export const pythonWhitespace =
  '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

const whitespaceRun = new RegExp(`[${pythonWhitespace}]*`, 'y');
const rawBegin = new RegExp(`\\{%[-+]?[${pythonWhitespace}]*raw[${pythonWhitespace}]*(?:-%\\}|%\\})`, 'y');
const rawEnd = new RegExp(
  `\\{%([-+]?)[${pythonWhitespace}]*endraw[${pythonWhitespace}]*(?:\\+%\\}|(-)%\\}|%\\})`,
  'g',
);
const trailingWhitespace = new RegExp(`[${pythonWhitespace}]`);
const floatPattern = /(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y;
const integerPattern = /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y;
const namePattern = /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy;
const stringPattern = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const operatorPattern = /\/\/|\*\*|==|!=|<=|>=|[-+/*%~[\](){}><=.:|,;]/y;
const closing: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const simpleEscapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};

/** Splits template source into tokens; throws `TemplateError` of kind syntax. */
export class Lexer {
  private readonly lines: LineIndex;
  private readonly tokens: Token[] = [];
  private position = 0;

  constructor(private readonly source: string) {
    this.lines = new LineIndex(source);
  }

  range(offset: number, end: number): SourceRange {
    return this.lines.range(offset, end);
  }

  fail(message: string, offset: number, end = offset + 1, hint?: string): never {
    const facts = { pythonClass: 'TemplateSyntaxError', message, hint };
    throw new TemplateError(facts, this.range(offset, Math.min(end, this.source.length)));
  }

  tokenize(): Token[] {
    while (this.position < this.source.length) this.readData();
    this.push('eof', '', this.source.length, this.source.length);
    return this.tokens;
  }

  private push(type: TokenType, value: string, offset: number, end: number): void {
    this.tokens.push({ type, value, offset, end });
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    return pattern.exec(this.source)?.[0];
  }

  private skipWhitespace(): void {
    this.position += this.match(whitespaceRun)?.length ?? 0;
  }

  private pushData(start: number, end: number, strip: boolean): void {
    let stop = end;
    while (strip && stop > start && trailingWhitespace.test(this.source.charAt(stop - 1))) stop -= 1;
    if (stop > start) this.push('data', this.source.slice(start, stop).replace(/\r\n?/g, '\n'), start, stop);
  }

  /** Text up to the next tag, and that tag. */
  private readData(): void {
    const start = this.position;
    let open = this.source.indexOf('{', start);
    while (open >= 0 && !'{%#'.includes(this.source.charAt(open + 1) || ' ')) {
      open = this.source.indexOf('{', open + 1);
    }
    if (open < 0) {
      this.pushData(start, this.source.length, false);
      this.position = this.source.length;
      return;
    }
    const sign = this.source.charAt(open + 2);
    this.pushData(start, open, sign === '-');
    this.position = open;
    const kind = this.source.charAt(open + 1);
    if (kind === '%') {
      const raw = this.match(rawBegin);
      if (raw !== undefined) {
        this.readRaw(open, raw);
        return;
      }
    }
    this.position = open + (sign === '-' || sign === '+' ? 3 : 2);
    if (kind === '#') this.readComment(open);
    else this.readCode(open, kind === '%');
  }

  private readRaw(open: number, begin: string): void {
    this.position = open + begin.length;
    if (begin.endsWith('-%}')) this.skipWhitespace();
    rawEnd.lastIndex = this.position;
    const end = rawEnd.exec(this.source);
    if (end === null) this.fail('Missing end of raw directive', open, open + begin.length);
    this.pushData(this.position, end.index, end[1] === '-');
    this.position = end.index + end[0].length;
    if (end[2] === '-') this.skipWhitespace();
  }

  private readComment(open: number): void {
    const end = this.source.indexOf('#}', this.position);
    if (end < 0) this.fail('Missing end of comment tag', open, open + 2);
    const strip = end > this.position && this.source.charAt(end - 1) === '-';
    this.position = end + 2;
    if (strip) this.skipWhitespace();
  }

  private readCode(open: number, block: boolean): void {
    this.push(block ? 'block_begin' : 'variable_begin', '', open, this.position);
    const mark = block ? '%}' : '}}';
    const brackets: string[] = [];
    for (;;) {
      this.skipWhitespace();
      if (this.position >= this.source.length) return;
      if (brackets.length === 0 && this.readEnd(mark, block)) return;
      this.readToken(brackets);
    }
  }

  private readEnd(mark: string, block: boolean): boolean {
    const start = this.position;
    const sign = this.source.charAt(start);
    const signed = (sign === '-' || (sign === '+' && block)) && this.source.startsWith(mark, start + 1);
    if (!signed && !this.source.startsWith(mark, start)) return false;
    this.position = start + mark.length + (signed ? 1 : 0);
    this.push(block ? 'block_end' : 'variable_end', '', start, this.position);
    if (signed && sign === '-') this.skipWhitespace();
    return true;
  }

  private readToken(brackets: string[]): void {
    const start = this.position;
    const take = (type: TokenType, text: string, value = text): void => {
      this.position = start + text.length;
      this.push(type, value, start, this.position);
    };
    const float = this.source.charAt(start - 1) === '.' ? undefined : this.match(floatPattern);
    if (float !== undefined) return take('float', float, float.replaceAll('_', ''));
    const integer = this.match(integerPattern);
    if (integer !== undefined) return take('integer', integer, integer.replaceAll('_', ''));
    const name = this.match(namePattern);
    if (name !== undefined) return take('name', name);
    const text = this.match(stringPattern);
    if (text !== undefined) return take('string', text, this.unescape(text.slice(1, -1), start));
    const operator = this.match(operatorPattern);
    if (operator === undefined) {
      const character = String.fromCodePoint(this.source.codePointAt(start) ?? 0);
      this.fail(`unexpected char ${JSON.stringify(character)}`, start, start + character.length);
    }
    const close = closing[operator];
    if (close !== undefined) brackets.push(close);
    else if (operator === ')' || operator === ']' || operator === '}') {
      const expected = brackets.pop();
      if (expected === undefined) this.fail(`unexpected '${operator}'`, start);
      if (expected !== operator) this.fail(`unexpected '${operator}', expected '${expected}'`, start);
    }
    take('operator', operator);
  }

  /** The escapes of a Python string literal; unknown ones stay as written. */
  private unescape(body: string, start: number): string {
    if (!body.includes('\\')) return body.replace(/\r\n?/g, '\n');
    const pattern = /\\(x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[0-7]{1,3}|[^])/g;
    return body.replace(/\r\n?/g, '\n').replace(pattern, (whole: string, code: string) => {
      const first = code.charAt(0);
      if (code.length > 1 || /[0-7]/.test(first)) {
        const point = /[0-7]/.test(first) ? parseInt(code, 8) : parseInt(code.slice(1), 16);
        if (point > 0x10ffff) this.fail('illegal Unicode character in string', start);
        return String.fromCodePoint(point);
      }
      if ('xuUN'.includes(first)) this.fail(`incomplete \\${first} escape in string`, start);
      return simpleEscapes[code] ?? whole;
    });
  }
}
