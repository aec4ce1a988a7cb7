/** What is said of the place under the mouse. */
import type { InstrumentCatalogue } from '../../score/catalogue';
import { templateFilters, templateGlobals, templateTests } from '../../score/template';
import type { YamlMapping, YamlNode } from '../../score/yaml-node';
import { keyText } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import { isTemplatePath, namesInstrument, namesProfile, takesPlaceholders } from './completion';
import type { Embedded } from './embedded';
import { embeddedScalar } from './embedded';
import { escapeMarkdown, fieldAt, fieldMarkdown } from './fields';
import { jinjaPlaceAt, localNames } from './jinja';
import { contextDocs, loopDocs, positionDocs, tagDocs } from './variable-docs';

export interface HoverText {
  readonly markdown: string;
  readonly from: number;
  readonly end: number;
  /** About a field of the format: another extension with our JSON Schema would say the same. */
  readonly field: boolean;
}

/** The hover at an offset; null when there is nothing to say. */
export function hoverAt(
  analysis: Analysis,
  offset: number,
  catalogue: InstrumentCatalogue,
): HoverText | null {
  const { root } = analysis.file;
  return root === null ? null : hoverIn(root, [], { analysis, offset, catalogue });
}

interface Wanted {
  readonly analysis: Analysis;
  readonly offset: number;
  readonly catalogue: InstrumentCatalogue;
}

function contains(range: { readonly offset: number; readonly end: number }, offset: number): boolean {
  return range.offset <= offset && offset <= range.end;
}

function hoverIn(node: YamlNode, path: readonly string[], wanted: Wanted): HoverText | null {
  if (node.kind === 'map') return hoverInMap(node, path, wanted);
  if (node.kind === 'seq') {
    const position = node.items.findIndex((item) => contains(item.range, wanted.offset));
    const item = node.items[position];
    return item === undefined ? null : hoverIn(item, [...path, String(position)], wanted);
  }
  if (isTemplatePath(path)) {
    const { analysis, offset } = wanted;
    return analysis.template === null
      ? null
      : templateHoverAt(analysis, analysis.file.text, analysis.template.embedded, offset);
  }
  if (takesPlaceholders(path)) {
    const embedded = embeddedScalar(wanted.analysis.file.index, node);
    const word = wordAt(wanted.analysis.file.text, wanted.offset);
    if (embedded === null || word === null || wanted.analysis.file.text[word.from - 1] !== '{') return null;
    return named(word, variableMarkdown(wanted.analysis, word.text));
  }
  const range = { from: node.range.offset, end: node.range.end };
  if (namesInstrument(path) || namesProfile(path))
    return named(range, instrumentMarkdown(wanted, String(node.value)));
  return null;
}

function hoverInMap(map: YamlMapping, path: readonly string[], wanted: Wanted): HoverText | null {
  for (const { key, value } of map.entries) {
    const inner = [...path, keyText(key)];
    if (contains(key.range, wanted.offset)) {
      const range = { from: key.range.offset, end: key.range.end };
      if (path.join('.') === 'sheet.instrument_map')
        return named(range, instrumentMarkdown(wanted, keyText(key)));
      if (path.join('.') === 'prompt.variables')
        return named(range, variableMarkdown(wanted.analysis, keyText(key)));
      const doc = fieldAt(inner);
      if (doc === null) return null;
      const extra = /^\d+$/.test(keyText(key))
        ? sheetsMarkdown(wanted.analysis, path, Number(keyText(key)))
        : null;
      const markdown = [fieldMarkdown(inner, doc), extra].filter((part) => part !== null).join('\n\n');
      return { markdown, ...range, field: extra === null };
    }
    if (contains(value.range, wanted.offset)) return hoverIn(value, inner, wanted);
  }
  return null;
}

function named(range: { from: number; end: number }, markdown: string | null): HoverText | null {
  return markdown === null ? null : { markdown, from: range.from, end: range.end, field: false };
}

/** Which sheets a stage number comes to. */
function sheetsMarkdown(analysis: Analysis, path: readonly string[], number: number): string | null {
  const byStage = ['movements', 'fan_out', 'dependencies', 'skip_when', 'skip_when_command'];
  const { plan } = analysis;
  if (plan === null || !byStage.includes(path.at(-1) ?? '')) return null;
  const sheets = plan.sheets.filter((sheet) => sheet.stage === number);
  const [first] = sheets;
  if (first === undefined) return null;
  const waits = first.dependsOn.length === 0 ? 'starts at once' : `waits for ${first.dependsOn.join(', ')}`;
  const range =
    sheets.length === 1 ? `Sheet ${first.num}` : `Sheets ${first.num}–${sheets.at(-1)?.num ?? first.num}`;
  return `${range} · ${escapeMarkdown(first.instrument.label)} · ${waits}`;
}

function instrumentMarkdown({ analysis, catalogue }: Wanted, name: string): string | null {
  const alias = analysis.score?.fields.instruments[name];
  const info = catalogue.get(alias?.profile ?? name);
  if (alias === undefined && info === undefined) return null;
  const model = info?.defaultModel ?? null;
  const kind = info === undefined ? 'unknown profile' : info.kind === 'cli' ? 'command-line program' : 'HTTP';
  const facts = [
    alias === undefined
      ? `**${escapeMarkdown(name)}** · ${kind}`
      : `**${escapeMarkdown(name)}** · alias of ${escapeMarkdown(alias.profile)} · ${kind}`,
    model === null ? null : `Model: ${escapeMarkdown(model)}`,
    info === undefined ? null : `Time limit: ${info.defaultTimeoutSeconds} s`,
    info?.rawPrompt === true ? 'Gets the bare prompt, which a shell runs.' : null,
  ];
  return facts.filter((fact) => fact !== null).join('\n\n');
}

function wordAt(text: string, offset: number): { text: string; from: number; end: number } | null {
  const before = /\w*$/.exec(text.slice(Math.max(0, offset - 100), offset))?.[0] ?? '';
  const after = /^\w*/.exec(text.slice(offset, offset + 100))?.[0] ?? '';
  const word = before + after;
  return word === '' ? null : { text: word, from: offset - before.length, end: offset + after.length };
}

function variableMarkdown(analysis: Analysis, name: string): string | null {
  const docs: Readonly<Record<string, string>> = { ...positionDocs, ...contextDocs };
  if (Object.hasOwn(docs, name)) return `**${name}** · built-in variable\n\n${docs[name] ?? ''}`;
  const { variables } = analysis.score ?? { variables: new Map<string, unknown>() };
  if (!variables.has(name)) return null;
  return `**${escapeMarkdown(name)}** · your variable (\`prompt.variables\`)`;
}

/** The hover inside of a template. @param text of the document that holds the template, @param offset in it */
export function templateHoverAt(
  analysis: Analysis,
  text: string,
  template: Embedded,
  offset: number,
): HoverText | null {
  const word = wordAt(text, offset);
  if (word === null) return null;
  const end = template.fromDocument(word.end);
  const place = end === null ? null : jinjaPlaceAt(template.text, end);
  if (place === null) return null;
  const builtin = (list: typeof templateFilters, kind: string): HoverText | null => {
    const info = list.find(({ name }) => name === word.text);
    return named(
      word,
      info === undefined ? null : `**${info.name}**${info.signature} · ${kind}\n\n${info.doc}`,
    );
  };
  if (place.kind === 'filter') return builtin(templateFilters, 'filter');
  if (place.kind === 'test') return builtin(templateTests, 'test');
  if (place.kind === 'tag')
    return named(
      word,
      Object.hasOwn(tagDocs, word.text) ? `**${word.text}**\n\n${tagDocs[word.text] ?? ''}` : null,
    );
  if (place.kind === 'attribute') {
    const known = place.target === 'loop' && Object.hasOwn(loopDocs, word.text);
    return named(word, known ? `**loop.${word.text}**\n\n${loopDocs[word.text] ?? ''}` : null);
  }
  if (place.kind === 'number') return null;
  const local = localNames(template.text, end ?? 0).findLast(({ name }) => name === word.text);
  if (local !== undefined)
    return named(word, `**${escapeMarkdown(local.name)}** · ${local.kind} of this template`);
  return named(word, variableMarkdown(analysis, word.text)) ?? builtin(templateGlobals, 'function');
}
