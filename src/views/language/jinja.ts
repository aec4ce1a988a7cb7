/** Where a cursor stands in a template, by tokens alone: a template that is being written cannot be parsed. */

/** What is being written at a place of a template. `from` is where the word begins, an offset into the template. */
export type JinjaPlace = { readonly from: number; readonly typed: string } & (
  | { readonly kind: 'tag' | 'filter' | 'test' | 'name' }
  /** After `target.` or `target[`. */
  | { readonly kind: 'attribute'; readonly target: string; readonly bracket: boolean }
  /** After `name ==` and the like, where a number is wanted. */
  | { readonly kind: 'number'; readonly name: string }
);

/** A tag or output of a template; `end` is where the text goes on. */
interface Code {
  readonly kind: '{{' | '{%';
  readonly from: number;
  readonly end: number;
  readonly content: string;
}

const codePattern =
  /\{#[^]*?(?:#\}|$)|\{%-?\s*raw\s*-?%\}[^]*?(?:\{%-?\s*endraw\s*-?%\}|$)|(\{\{|\{%)([^]*?)(\}\}|%\}|$)/g;

/** Every tag and output before `until`; the last may be open. */
function* codes(template: string, until: number): Generator<Code> {
  for (const match of template.matchAll(codePattern)) {
    if (match.index >= until) return;
    const kind = match[1];
    if (kind !== '{{' && kind !== '{%') continue;
    yield { kind, from: match.index, end: match.index + match[0].length, content: match[2] ?? '' };
  }
}

/** The place of an offset; null in plain text, comments and quoted texts. */
export function jinjaPlaceAt(template: string, offset: number): JinjaPlace | null {
  let code: Code | undefined;
  for (const each of codes(template, offset)) code = each;
  if (code === undefined || offset < code.from + 2) return null;
  const closed = /(?:\}\}|%\})$/.test(template.slice(code.from, code.end));
  if (offset > code.end - (closed ? 2 : 0)) return null;
  const before = template.slice(code.from + 2, offset);
  if (openQuote(before)) return null;
  const typed = /\w*$/.exec(before)?.[0] ?? '';
  if (/^\d/.test(typed) && !/[=<>]\s*\d*$/.test(before)) return null;
  const from = offset - typed.length;
  const lead = before.slice(0, before.length - typed.length);
  if (code.kind === '{%' && /^[-+]?\s*$/.test(lead)) return { kind: 'tag', from, typed };
  if (/(?:^|[^|])\|\s*$/.test(lead) || (code.kind === '{%' && /^[-+]?\s*filter\s+$/.test(lead)))
    return { kind: 'filter', from, typed };
  if (/\bis(?:\s+not)?\s+$/.test(lead)) return { kind: 'test', from, typed };
  const attribute = /([A-Za-z_][\w.]*?)\s*(\.|\[)\s*$/.exec(lead);
  if (attribute !== null)
    return { kind: 'attribute', target: attribute[1] ?? '', bracket: attribute[2] === '[', from, typed };
  const compared = /([A-Za-z_]\w*)\s*(?:==|!=|<=|>=|<|>)\s*$/.exec(lead);
  if (compared !== null && /^\d*$/.test(typed))
    return { kind: 'number', name: compared[1] ?? '', from, typed };
  if (/^\d/.test(typed)) return null;
  return { kind: 'name', from, typed };
}

function openQuote(text: string): boolean {
  const rest = text.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/g, '');
  return /['"]/.test(rest);
}

/** A name that the template itself gives. */
export interface LocalName {
  readonly name: string;
  readonly kind: 'loop variable' | 'set' | 'macro' | 'parameter';
  /** Where it is given, an offset into the template. */
  readonly offset: number;
}

/** The names that hold at a place: of open loops and macros, and of all `set` and `macro` before it. */
export function localNames(template: string, until: number): LocalName[] {
  const names: LocalName[] = [];
  const scopes: { readonly tag: string; readonly names: number }[] = [];
  for (const code of codes(template, until)) {
    if (code.kind !== '{%' || code.end > until) continue;
    const inner = code.from + 2;
    const tag = /^[-+]?\s*(\w+)\s*/.exec(code.content);
    const [lead = '', word = ''] = tag ?? [];
    const rest = code.content.slice(lead.length);
    const add = (list: string, kind: LocalName['kind'], shift: number): void => {
      for (const match of list.matchAll(/[A-Za-z_]\w*(?=\s*(?:=|,|\)|$))/g))
        names.push({ name: match[0], kind, offset: inner + lead.length + shift + match.index });
    };
    if (word === 'for') {
      const targets = /^\(?([\w\s,]+?)\)?\s+in\b/.exec(rest)?.[1] ?? '';
      scopes.push({ tag: 'endfor', names: names.length });
      add(targets, 'loop variable', rest.indexOf(targets));
      names.push({ name: 'loop', kind: 'loop variable', offset: code.from });
    } else if (word === 'macro') {
      const name = /^\w+/.exec(rest)?.[0] ?? '';
      if (name !== '') names.push({ name, kind: 'macro', offset: inner + lead.length });
      scopes.push({ tag: 'endmacro', names: names.length });
      const parameters = /\(([^)]*)/.exec(rest);
      if (parameters !== null) add(parameters[1] ?? '', 'parameter', parameters.index + 1);
    } else if (word === 'with') {
      scopes.push({ tag: 'endwith', names: names.length });
      add(rest.split('=')[0] ?? '', 'set', 0);
    } else if (word === 'set') {
      add(/^[\w\s,]+/.exec(rest)?.[0] ?? '', 'set', 0);
    } else if (scopes.at(-1)?.tag === word) {
      names.length = scopes.pop()?.names ?? names.length;
    }
  }
  return names;
}
