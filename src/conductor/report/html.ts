import type { Redaction } from '../output/redact';

/** HTML that is safe to put into a page: made only by `markup` and `Escaper`. */
export class Html {
  constructor(readonly source: string) {}
}

type Part = Html | number | null | readonly Html[];

/** A template of HTML. Only numbers and `Html` can be put in: text goes through an `Escaper` first, the compiler sees to it. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((out, text, i) => out + render(parts[i - 1] ?? null) + text));
}

function render(part: Part): string {
  if (part === null) return '';
  if (typeof part === 'number') return String(part);
  return part instanceof Html ? part.source : part.map(({ source }) => source).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeText = (text: string): string =>
  text
    .replace(/[&<>"']/g, (character) => entities[character] ?? '')
    // Control characters have no place in HTML, and those that turn writing around could show another text than is there.
    .replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd');

/** As long as the longest secret that redaction sees as one piece (a private key), characters. */
const MARGIN = 16_384;

/** Turns foreign text into HTML: redacted first, then cut, then escaped. */
export class Escaper {
  constructor(private readonly redaction: Redaction) {}

  /** A short text; what is longer than `most` characters, or than twice as many bytes of HTML, is cut at its end. */
  short(text: string, most = 300): Html {
    const safe = this.safeHead(text, most);
    let escaped = escapeText(safe.length > most ? `${safe.slice(0, most - 1)}…` : safe);
    for (let keep = Math.min(most, safe.length); Buffer.byteLength(escaped) > 2 * most;) {
      keep = Math.floor(keep * 0.8);
      escaped = escapeText(`${safe.slice(0, keep)}…`);
    }
    return new Html(escaped);
  }

  /** A long text within a budget of bytes: beginning and end are kept, and a line between says that something is missing. */
  long(text: string, budget: number): Html {
    if (text.length <= budget) {
      const whole = escapeText(this.redaction.text(text));
      if (Buffer.byteLength(whole) <= budget) return new Html(whole);
    }
    const start = this.safeHead(text, budget);
    const end = this.safeTail(text, budget);
    for (let half = Math.floor(Math.min(budget, text.length) / 2); ; half = Math.floor(half * 0.8)) {
      const head = escapeText(start.slice(0, half));
      const tail = half === 0 ? '' : escapeText(end.slice(-half));
      if (half > 0 && Buffer.byteLength(head) + Buffer.byteLength(tail) > budget) continue;
      return new Html(`${head}\n[… of ${text.length} characters, the middle is left out …]\n${tail}`);
    }
  }

  /** The first `count` characters or about as many, redacted as they would be in the whole text. */
  private safeHead(text: string, count: number): string {
    if (text.length <= count + MARGIN) return this.redaction.text(text);
    // Without the flush: what is held back may be half a secret, whose other half is not here.
    return this.redaction.stream().push(text.slice(0, count + MARGIN));
  }

  /** At most the last `count` characters, redacted. What the cut could have left of a secret lies in the margin, which is dropped. */
  private safeTail(text: string, count: number): string {
    if (text.length <= count + MARGIN) return this.redaction.text(text).slice(-count);
    return this.redaction
      .text(text.slice(-(count + MARGIN)))
      .slice(MARGIN)
      .slice(-count);
  }
}
