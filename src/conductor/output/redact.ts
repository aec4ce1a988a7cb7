import { StringDecoder } from 'node:string_decoder';
import { fullExpression, partialExpression, shapes } from './shapes';

/** Shortest value that is taken for a secret: shorter ones would redact ordinary words. */
export const shortestSecret = 8;

/** How much of what went before decides whether a shape starts at a word boundary: longer than any colour sequence in use. */
const leftContext = 24;
/** An escape (`\n`, `%3D`, a colour sequence) ends in a letter or digit that does not belong to the word that follows. */
const escapeBefore =
  /(?:\\[bfnrt0]|%[0-9A-Fa-f]{2}|(?:\x1b|\\u001[bB]|\\x1[bB]|\\e|\\033)\[[0-9;]*[A-Za-z])$/;

interface Shape {
  readonly label: string;
  readonly full: RegExp;
  readonly partial: RegExp;
  readonly boundary: boolean;
  readonly run: Run;
}

/** What is swallowed after a shape has matched. */
interface Run {
  readonly chars: RegExp;
  readonly end: { readonly full: RegExp; readonly partial: RegExp } | null;
  readonly limit: number;
}

const byAnchor = new Map<string, Shape[]>();
for (const spec of shapes) {
  const shape: Shape = {
    label: `[REDACTED_${spec.kind}]`,
    full: fullExpression(spec.atoms),
    partial: partialExpression(spec.atoms),
    boundary: spec.boundary ?? false,
    run: {
      chars: new RegExp(`${spec.run}*`, 'y'),
      end:
        spec.end === undefined
          ? null
          : { full: fullExpression(spec.end), partial: partialExpression(spec.end) },
      limit: spec.limit ?? Number.MAX_SAFE_INTEGER,
    },
  };
  for (const anchor of spec.anchors) byAnchor.set(anchor, [...(byAnchor.get(anchor) ?? []), shape]);
}
/** Shapes to try at a place, by the first character there. */
const shapesByFirst = new Map<string, { readonly anchor: string; readonly shape: Shape }[]>();
for (const [anchor, list] of byAnchor) {
  const first = anchor.charAt(0);
  const entry = shapesByFirst.get(first) ?? [];
  entry.push(...list.map((shape) => ({ anchor, shape })));
  shapesByFirst.set(first, entry);
}

const exactLabel = '[REDACTED_SECRET]';

export interface RedactionOptions {
  /** Values to redact wherever they appear, also as base64, URL-encoded and inside JSON. Those shorter than `shortestSecret` are left out. */
  readonly secrets?: readonly string[];
}

/** A stream of text on its way to a file or a person. */
export interface RedactionStream {
  /** Takes the next bytes (UTF-8, split anywhere; bad bytes become U+FFFD) or text; returns what is safe to show by now. */
  push(chunk: Uint8Array | string): string;
  /** The end: returns what was held back. The stream can be used again afterwards, for another text. */
  flush(): string;
}

/**
 * Replaces credentials in text: known values and known shapes. Scans each character once; overlapping finds become one label.
 * Compile once for an attempt (or for all, with another set of secrets), then open a stream for each output.
 */
export class Redaction {
  /** Exact forms by first character, longest first. */
  readonly #forms = new Map<string, string[]>();
  /** Exact forms and anchors by first character: whatever a find can begin with. */
  readonly #needles = new Map<string, string[]>();
  readonly #longestNeedle: number;
  readonly #finder: string;

  constructor(options: RedactionOptions = {}) {
    const forms = new Set((options.secrets ?? []).flatMap(secretForms));
    const needles = [...new Set([...forms, ...byAnchor.keys()])].sort((a, b) => b.length - a.length);
    for (const form of [...forms].sort((a, b) => b.length - a.length)) collect(this.#forms, form);
    for (const needle of needles) collect(this.#needles, needle);
    this.#longestNeedle = needles[0]?.length ?? 0;
    // Only the place of a find matters, so a needle that begins with another one adds nothing.
    const shortest = needles.filter(
      (needle) => !needles.some((other) => other !== needle && needle.startsWith(other)),
    );
    this.#finder = shortest.map((needle) => needle.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|');
  }

  /** A new stream. */
  stream(): RedactionStream {
    return new Stream({
      finder: new RegExp(this.#finder, 'g'),
      forms: this.#forms,
      needles: this.#needles,
      longestNeedle: this.#longestNeedle,
    });
  }

  /** Redacts a whole text. */
  text(text: string): string {
    if (text === '') return '';
    const stream = this.stream();
    return stream.push(text) + stream.flush();
  }

  /** A copy of JSON data with every string (keys too) redacted; for events, records and bundles. */
  json<T>(value: T): T;
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (Array.isArray(value)) return value.map((item: unknown) => this.json(item));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]: [string, unknown]) => [this.text(key), this.json(item)]),
    );
  }
}

/** A stream that redacts these secrets and the credential shapes. */
export function createRedactor(options: RedactionOptions = {}): RedactionStream {
  return new Redaction(options).stream();
}

const shapesOnly = new Redaction();

/** Redacts credential shapes in a whole text, for when no secret is known by value. */
export function redactText(text: string): string {
  return shapesOnly.text(text);
}

/** Redacts credential shapes in JSON data. */
export function redactJson<T>(value: T): T {
  return shapesOnly.json(value);
}

interface Finders {
  readonly finder: RegExp;
  readonly forms: ReadonlyMap<string, readonly string[]>;
  readonly needles: ReadonlyMap<string, readonly string[]>;
  readonly longestNeedle: number;
}

/**
 * `#text` is up to 24 characters that are done (left context) and then what is held back. Every decision depends only on the text, never on
 * where it was cut: a place is decided when no further text could change what is found there; from the first that is not, all is held.
 */
class Stream implements RedactionStream {
  readonly #find: Finders;
  #decoder = new StringDecoder('utf8');
  #text = '';
  #start = 0;
  /** Up to here the text is under a label that is already out. */
  #cover = 0;
  #run: { readonly rule: Run; left: number } | null = null;

  constructor(find: Finders) {
    this.#find = find;
  }

  push(chunk: Uint8Array | string): string {
    return this.#scan(
      typeof chunk === 'string'
        ? chunk
        : this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)),
      false,
    );
  }

  flush(): string {
    const out = this.#scan(this.#decoder.end(), true);
    this.#decoder = new StringDecoder('utf8');
    this.#text = '';
    this.#start = this.#cover = 0;
    this.#run = null;
    return out;
  }

  #scan(more: string, final: boolean): string {
    if (more === '' && !final) return '';
    const text = (this.#text += more);
    const { finder } = this.#find;
    let limit = final ? text.length : this.#undecidedTail(text);
    if (this.#run !== null) limit = Math.min(limit, this.#extend(text, final));
    let out = '';
    let done = this.#start;
    finder.lastIndex = this.#start;
    for (let hit = finder.exec(text); hit !== null && hit.index < limit; hit = finder.exec(text)) {
      const at = hit.index;
      finder.lastIndex = at + 1;
      const end = this.#exactEnd(text, at);
      let label = exactLabel;
      if (at >= this.#cover) {
        const found = this.#shapeAt(text, at, final);
        if (found === 'undecided') {
          limit = at;
          break;
        }
        if (found !== null) {
          if (end === 0) label = found.shape.label;
          out += text.slice(Math.max(done, this.#cover), at) + label;
          this.#cover = found.end;
          this.#run = { rule: found.shape.run, left: found.shape.run.limit };
          done = at;
          limit = Math.min(limit, this.#extend(text, final));
        } else if (end > 0) {
          out += text.slice(Math.max(done, this.#cover), at) + label;
          done = at;
        }
      }
      if (end > this.#cover) {
        if (this.#run !== null && end > limit) {
          limit = at;
          break;
        }
        this.#cover = end;
      }
    }
    out += text.slice(Math.max(done, this.#cover), limit);
    this.#keepFrom(limit);
    return out;
  }

  #keepFrom(limit: number): void {
    const from = Math.max(0, limit - leftContext);
    this.#text = this.#text.slice(from);
    this.#start = limit - from;
    this.#cover = Math.max(0, this.#cover - from);
  }

  /** First place of the tail from which the rest could be the beginning of a needle. */
  #undecidedTail(text: string): number {
    for (let at = Math.max(this.#start, text.length - this.#find.longestNeedle + 1); at < text.length; at++) {
      const needles = this.#find.needles.get(text.charAt(at));
      if (needles === undefined) continue;
      const rest = text.slice(at);
      if (needles.some((needle) => needle.length > rest.length && needle.startsWith(rest))) return at;
    }
    return text.length;
  }

  #exactEnd(text: string, at: number): number {
    const form = this.#find.forms.get(text.charAt(at))?.find((candidate) => text.startsWith(candidate, at));
    return form === undefined ? 0 : at + form.length;
  }

  #shapeAt(text: string, at: number, final: boolean): { shape: Shape; end: number } | 'undecided' | null {
    for (const { anchor, shape } of shapesByFirst.get(text.charAt(at)) ?? []) {
      if (!text.startsWith(anchor, at)) continue;
      if (shape.boundary && insideWord(text, at)) continue;
      shape.full.lastIndex = at;
      if (shape.full.test(text)) return { shape, end: shape.full.lastIndex };
      shape.partial.lastIndex = at;
      if (!final && shape.partial.test(text)) return 'undecided';
    }
    return null;
  }

  /** Lets the run swallow what it can. Returns the place from which it must wait for more text (the text's length when it needs not). */
  #extend(text: string, final: boolean): number {
    const run = this.#run;
    if (run === null) return text.length;
    const { chars, end } = run.rule;
    while (run.left > 0) {
      chars.lastIndex = this.#cover;
      chars.test(text);
      const taken = Math.min(chars.lastIndex - this.#cover, run.left);
      this.#cover += taken;
      run.left -= taken;
      if (run.left === 0) break;
      if (this.#cover >= text.length) return text.length;
      if (end === null || text.charAt(this.#cover) !== '-') break;
      end.full.lastIndex = this.#cover;
      if (end.full.test(text)) {
        this.#cover = end.full.lastIndex;
        break;
      }
      end.partial.lastIndex = this.#cover;
      if (!final && end.partial.test(text)) return this.#cover;
      this.#cover += 1;
      run.left -= 1;
    }
    this.#run = null;
    return text.length;
  }
}

function insideWord(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - leftContext), at);
  return /[A-Za-z0-9]$/.test(before) && !escapeBefore.test(before);
}

function collect(map: Map<string, string[]>, value: string): void {
  const first = value.charAt(0);
  const list = map.get(first);
  if (list === undefined) map.set(first, [value]);
  else list.push(value);
}

/** The forms in which a value turns up: itself, inside JSON, URL-encoded, and base64 (also as part of a longer base64 text). */
export function secretForms(secret: string): string[] {
  if (secret.length < shortestSecret) return [];
  const bytes = Buffer.from(secret);
  const forms = [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(bytes.toString())];
  for (let shift = 0; shift < 3; shift++) {
    // Only the characters that the secret alone decides: 6 bits each, begun and ended inside of it.
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    const whole = encoded.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    if (whole.length >= shortestSecret) forms.push(whole, whole.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms.filter((form) => form.length >= shortestSecret);
}
