/** Every place of a score where something is named or used: aliases, movements, variables. Go to definition, references and hover read it. */
import { formatNames } from '../../score/placeholders';
import { findUndeclared } from '../../score/template';
import type { YamlEntry, YamlMapping, YamlNode, YamlScalar } from '../../score/yaml-node';
import { entryOf, findNode, keyText } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import { namesInstrument, takesPlaceholders } from './completion';
import { embeddedScalar } from './embedded';

/** A place in the document; `end` is exclusive. */
export interface Occurrence {
  readonly kind: 'alias' | 'movement' | 'variable';
  readonly name: string;
  readonly from: number;
  readonly end: number;
  readonly definition: boolean;
}

/** Blocks of `sheet` whose keys are stage numbers. */
const stageBlocks = ['fan_out', 'dependencies', 'skip_when', 'skip_when_command'];

/** All occurrences in document order; empty while the text is no YAML. */
export function occurrencesOf(analysis: Analysis): Occurrence[] {
  const { root } = analysis.file;
  if (root === null) return [];
  const found: Occurrence[] = [];
  const add = (
    kind: Occurrence['kind'],
    node: YamlScalar,
    definition = false,
    name = keyText(node),
  ): void => {
    found.push({ kind, name, ...inQuotes(node), definition });
  };
  const mapAt = (...path: string[]): readonly YamlEntry[] => {
    const { node, rest } = findNode(root, path);
    return rest === 0 && node.kind === 'map' ? node.entries : [];
  };

  for (const { key } of mapAt('instruments')) add('alias', key, true);
  for (const { key } of mapAt('movements')) add('movement', key, true);
  for (const { key } of mapAt('prompt', 'variables')) add('variable', key, true);
  for (const name of ['stakes', 'thinking_method']) {
    const prompt = entryOf(root, 'prompt')?.value;
    const entry = prompt?.kind === 'map' ? entryOf(prompt, name) : undefined;
    if (entry !== undefined) add('variable', entry.key, true);
  }
  for (const { key } of mapAt('sheet', 'instrument_map')) add('alias', key);
  for (const block of stageBlocks) for (const { key } of mapAt('sheet', block)) add('movement', key);
  for (const { value } of mapAt('sheet', 'dependencies')) {
    for (const item of value.kind === 'seq' ? value.items : [])
      if (item.kind === 'scalar') add('movement', item);
  }
  scalars(root, [], (node, path) => {
    if (namesInstrument(path)) add('alias', node);
    if (takesPlaceholders(path)) placeholderUses(analysis, node, found);
  });
  templateUses(analysis, found);
  return found.sort((a, b) => a.from - b.from);
}

function inQuotes(node: YamlScalar): { from: number; end: number } {
  const shift = node.style === 'quoted' ? 1 : 0;
  return { from: node.range.offset + shift, end: node.range.end - shift };
}

/** Visits every scalar value with its path. */
export function scalars(
  root: YamlMapping,
  path: readonly string[],
  visit: (node: YamlScalar, path: readonly string[]) => void,
): void {
  const step = (node: YamlNode, at: readonly string[]): void => {
    if (node.kind === 'scalar') visit(node, at);
    else if (node.kind === 'seq')
      node.items.forEach((item, position) => step(item, [...at, String(position)]));
    else scalars(node, at, visit);
  };
  for (const { key, value } of root.entries) step(value, [...path, keyText(key)]);
}

function placeholderUses(analysis: Analysis, node: YamlScalar, found: Occurrence[]): void {
  const embedded = embeddedScalar(analysis.file.index, node);
  if (embedded === null) return;
  for (const { name, offset } of formatNames(embedded.text)) {
    const from = embedded.toDocument(offset + 1);
    if (/^\w+$/.test(name))
      found.push({ kind: 'variable', name, from, end: from + name.length, definition: false });
  }
}

function templateUses(analysis: Analysis, found: Occurrence[]): void {
  const { template } = analysis;
  if (template === null || template.parsed === null) return;
  for (const use of findUndeclared(template.parsed)) {
    const from = template.embedded.toDocument(use.offset);
    found.push({ kind: 'variable', name: use.name, from, end: from + use.name.length, definition: false });
  }
}

/** What stands at an offset of the document. */
export function occurrenceAt(occurrences: readonly Occurrence[], offset: number): Occurrence | undefined {
  return occurrences.find(({ from, end }) => from <= offset && offset <= end);
}

/** The definitions of what stands at an offset, else empty. */
export function definitionsOf(occurrences: readonly Occurrence[], offset: number): Occurrence[] {
  const at = occurrenceAt(occurrences, offset);
  return at === undefined ? [] : occurrences.filter((each) => each.definition && same(each, at));
}

/** All places that mean what stands at an offset. */
export function referencesOf(occurrences: readonly Occurrence[], offset: number): Occurrence[] {
  const at = occurrenceAt(occurrences, offset);
  return at === undefined ? [] : occurrences.filter((each) => same(each, at));
}

function same(a: Occurrence, b: Occurrence): boolean {
  return a.kind === b.kind && a.name === b.name;
}
