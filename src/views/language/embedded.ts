/** Texts inside YAML scalars (templates, scripts) and where their characters stand in the file. */
import type { TextIndex } from '../../score/text-index';
import type { YamlScalar } from '../../score/yaml-node';

/** A text within the document. Offsets count UTF-16 units; `end` is exclusive. */
export interface Embedded {
  readonly text: string;
  /** Where the text begins and ends in the document. */
  readonly from: number;
  readonly end: number;
  toDocument(offset: number): number;
  /** Null when the place lies outside of the text or in its indentation. */
  fromDocument(offset: number): number | null;
}

/** Part of a document that is written as it is read: one line, or a quoted text without escapes. */
export function verbatim(text: string, from: number): Embedded {
  const end = from + text.length;
  return {
    text,
    from,
    end,
    toDocument: (offset) => from + Math.max(0, Math.min(offset, text.length)),
    fromDocument: (offset) => (offset >= from && offset <= end ? offset - from : null),
  };
}

/**
 * The lines of a block scalar without their indentation, as they are written: of a folded one too, so that every character has its place.
 * @param headerLine 1-based line of the `|` or `>`. @param lastLine 1-based last line that belongs to it.
 */
export function blockLines(index: TextIndex, headerLine: number, lastLine: number, indent: number): Embedded {
  const starts: { readonly inText: number; readonly inDocument: number; readonly length: number }[] = [];
  let text = '';
  for (let line = headerLine + 1; line <= lastLine; line++) {
    const written = index.lineText(line);
    const cut = Math.min(indent, /^ */.exec(written)?.[0].length ?? 0);
    const content = written.slice(cut);
    starts.push({ inText: text.length, inDocument: index.lineStart(line) + cut, length: content.length });
    text += `${content}\n`;
  }
  const from = starts[0]?.inDocument ?? index.lineStart(headerLine + 1);
  const last = starts.at(-1);
  // By halves: a template of thousands of lines is asked for thousands of places.
  const lineAt = (offset: number, of: 'inText' | 'inDocument') => {
    let low = -1;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle]?.[of] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return starts[low];
  };
  return {
    text,
    from,
    end: last === undefined ? from : last.inDocument + last.length,
    toDocument(offset) {
      const line = lineAt(offset, 'inText');
      return line === undefined ? from : line.inDocument + Math.min(offset - line.inText, line.length);
    },
    fromDocument(offset) {
      const line = lineAt(offset, 'inDocument');
      if (line === undefined || offset > line.inDocument + line.length) return null;
      return line.inText + offset - line.inDocument;
    },
  };
}

/** The indentation of a block scalar's text: that of its first line with text. */
export function blockIndent(index: TextIndex, headerLine: number, lastLine: number): number {
  for (let line = headerLine + 1; line <= lastLine; line++) {
    const written = index.lineText(line);
    if (written.trim() !== '') return /^ */.exec(written)?.[0].length ?? 0;
  }
  return 0;
}

/** The text of a scalar with places; null when it has escapes or folded lines that hide them. */
export function embeddedScalar(index: TextIndex, node: YamlScalar): Embedded | null {
  if (typeof node.value !== 'string') return null;
  if (node.style === 'literal' || node.style === 'folded') {
    const header = node.range.line;
    const last = node.range.endColumn === 1 ? node.range.endLine - 1 : node.range.endLine;
    return blockLines(index, header, last, blockIndent(index, header, last));
  }
  const written = index.text.slice(node.range.offset, node.range.end);
  const at = written.indexOf(node.value);
  return at < 0 ? null : verbatim(node.value, node.range.offset + at);
}
