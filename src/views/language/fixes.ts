/** Repairs that an editor offers for a diagnostic. */
import { dirname, resolve } from 'node:path';
import type { InstrumentCatalogue } from '../../score/catalogue';
import type { Diagnostic } from '../../score/diagnostic';
import { nearestNames } from '../../score/nearest';
import { positionNames } from '../../score/placeholders';
import { contextOnlyNames } from '../../score/prompt';
import type { YamlNode } from '../../score/yaml-node';
import { entryOf, findNode } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import { fieldAt, fieldNames } from './fields';
import { variableNames } from './template-completion';

/** A change of the document, or of a file beside it. */
export interface Repair {
  readonly title: string;
  readonly edits: readonly { readonly from: number; readonly end: number; readonly text: string }[];
  /** File to be made, absolute; its folders too. */
  readonly create: { readonly path: string; readonly text: string } | null;
  /** The one that is meant in nearly all cases. */
  readonly preferred: boolean;
}

type Place = { readonly offset: number; readonly end: number };

/** The path of a diagnostic as its keys. */
export function keysOf(path: string | null): string[] {
  return path === null
    ? []
    : path.split(/\.|\[(\d+)\]\.?/).filter((part) => part !== undefined && part !== '');
}

/** The repairs of one diagnostic of this state of the document. */
export function repairsOf(
  diagnostic: Diagnostic,
  analysis: Analysis,
  catalogue: InstrumentCatalogue,
): Repair[] {
  const repairs: Repair[] = [];
  const { range, code } = diagnostic;
  const path = keysOf(diagnostic.path);
  const fix =
    code === 'P012' && isTaken(path, diagnostic.fix?.newText, analysis) ? undefined : diagnostic.fix;
  if (fix !== undefined) repairs.push(replace(fix.title, fix.range, fix.newText, true));
  if (range !== null) {
    const choices = alternatives(code, path, range, analysis, catalogue);
    choices
      .filter((choice) => choice !== fix?.newText)
      .forEach((choice, position) =>
        repairs.push(
          replace(
            `Change to \`${choice}\``,
            bare(analysis, range),
            choice,
            fix === undefined && position === 0,
          ),
        ),
      );
  }
  if (code === 'P013') repairs.push(...addMissing(path, analysis));
  if (code === 'P011' && range !== null) repairs.push(...quote(path, analysis));
  if (code === 'V101' && range !== null) repairs.push(...addVariable(textAt(analysis, range), analysis));
  if (code === 'V412') repairs.push(...addTemplate(analysis));
  const file = missingFile(diagnostic, path, analysis);
  if (file !== null) repairs.push(file);
  return repairs;
}

/** True when the block has a field of this name already: a second one would undo the first. */
function isTaken(path: readonly string[], name: string | undefined, analysis: Analysis): boolean {
  const { root } = analysis.file;
  if (root === null || name === undefined) return false;
  const { node } = findNode(root, path.slice(0, -1));
  return node.kind === 'map' && entryOf(node, name) !== undefined;
}

function replace(title: string, place: Place, text: string, preferred: boolean): Repair {
  return { title, edits: [{ from: place.offset, end: place.end, text }], create: null, preferred };
}

function textAt(analysis: Analysis, place: Place): string {
  return analysis.file.text.slice(place.offset, place.end);
}

/** The place without quotes. */
function bare(analysis: Analysis, place: Place): Place {
  return /^(["']).*\1$/s.test(textAt(analysis, place))
    ? { offset: place.offset + 1, end: place.end - 1 }
    : place;
}

/** Names that were probably meant, best first. */
function alternatives(
  code: string,
  path: readonly string[],
  range: Place,
  analysis: Analysis,
  catalogue: InstrumentCatalogue,
): string[] {
  const written = textAt(analysis, bare(analysis, range));
  switch (code) {
    case 'P012':
      return nearestNames(written, fieldNames(path.slice(0, -1))).filter(
        (name) => !isTaken(path, name, analysis),
      );
    case 'P015':
      return nearestNames(written, fieldAt(path)?.values ?? []);
    case 'V210':
    case 'V211':
    case 'V410':
      return nearestNames(written, [
        ...catalogue.names(),
        ...Object.keys(analysis.score?.fields.instruments ?? {}),
      ]);
    case 'V101':
      // A range over the name of a template file is no place to write a variable.
      return analysis.template === null
        ? []
        : nearestNames(written, [...positionNames, ...contextOnlyNames, ...variableNames(analysis)]);
    default:
      return [];
  }
}

const blocks: Readonly<Record<string, string>> = {
  name: 'name: my-score\n',
  sheet: 'sheet:\n  size: 1\n  total_items: 1\n',
  prompt: 'prompt:\n  template: |\n    Describe what is to be done in sheet {{ sheet_num }}.\n',
};
const sheetFields: Readonly<Record<string, string>> = { size: 'size: 1', total_items: 'total_items: 1' };

function addMissing(path: readonly string[], analysis: Analysis): Repair[] {
  const [first = '', second = ''] = path;
  const { text, root } = analysis.file;
  if (root === null) return [];
  const title = `Add \`${path.join('.')}\``;
  if (path.length === 1 && Object.hasOwn(blocks, first)) {
    const block = blocks[first] ?? '';
    // The name comes first, what is long at the end.
    const top = root.entries[0]?.key.range.offset ?? 0;
    if (first === 'name') return [replace(title, { offset: top, end: top }, block, true)];
    const lead = text.endsWith('\n') || text === '' ? '' : '\n';
    return [replace(title, { offset: text.length, end: text.length }, lead + block, true)];
  }
  const line = Object.hasOwn(sheetFields, second) && first === 'sheet' ? sheetFields[second] : undefined;
  return line === undefined ? [] : insertInto(title, ['sheet'], line, analysis);
}

/** Puts a line at the top of a block mapping, or first into one in braces. */
function insertInto(title: string, path: readonly string[], line: string, analysis: Analysis): Repair[] {
  const { root, text, index } = analysis.file;
  if (root === null) return [];
  const { node, key, rest } = findNode(root, path);
  if (rest > 0 || key === null) return [];
  if (node.kind === 'map' && text[node.range.offset] === '{') {
    const at = node.range.offset + 1;
    const tail = node.entries.length > 0 ? ', ' : ' ';
    return [
      replace(
        title,
        { offset: at, end: at },
        ` ${line}${tail}`.replace(/ +$/, node.entries.length > 0 ? ' ' : ' '),
        true,
      ),
    ];
  }
  const isEmpty = node.kind === 'scalar' && node.value === null;
  if (node.kind !== 'map' && !isEmpty) return [];
  const first = node.kind === 'map' ? node.entries[0]?.key.range : undefined;
  const indent = ' '.repeat(first === undefined ? key.range.column + 1 : first.column - 1);
  const at = index.lineStart(key.range.line + 1);
  const lead = at === text.length && !text.endsWith('\n') ? '\n' : '';
  return [replace(title, { offset: at, end: at }, `${lead}${indent}${line}\n`, true)];
}

function quote(path: readonly string[], analysis: Analysis): Repair[] {
  const { root } = analysis.file;
  if (root === null || fieldAt(path)?.kind !== 'text') return [];
  const { node, rest } = findNode(root, path);
  if (rest > 0 || node.kind !== 'scalar' || node.style !== 'plain' || node.source === '') return [];
  return [replace('Put quotes around it', node.range, JSON.stringify(node.source), true)];
}

function addVariable(name: string, analysis: Analysis): Repair[] {
  if (!/^[A-Za-z_]\w*$/.test(name) || analysis.template === null) return [];
  const title = `Add \`${name}\` to \`prompt.variables\``;
  const { root } = analysis.file;
  const variables = root === null ? null : findNode(root, ['prompt', 'variables']);
  if (variables?.rest === 0)
    return insertInto(title, ['prompt', 'variables'], `${name}: ""`, analysis).map(notPreferred);
  const prompt: YamlNode | undefined = root === null ? undefined : entryOf(root, 'prompt')?.value;
  const column = prompt?.kind === 'map' ? prompt.entries[0]?.key.range.column : undefined;
  const indent = ' '.repeat((column ?? 3) - 1);
  return insertInto(title, ['prompt'], `variables:\n${indent}${indent}${name}: ""`, analysis).map(
    notPreferred,
  );
}

function notPreferred(repair: Repair): Repair {
  return { ...repair, preferred: false };
}

function addTemplate(analysis: Analysis): Repair[] {
  const { root } = analysis.file;
  const prompt = root === null ? undefined : entryOf(root, 'prompt')?.value;
  const column = prompt?.kind === 'map' ? prompt.entries[0]?.key.range.column : undefined;
  const indent = ' '.repeat((column ?? 3) - 1);
  const line = `template: |\n${indent}${indent}Describe what is to be done in sheet {{ sheet_num }}.`;
  return insertInto('Add `template`', ['prompt'], line, analysis);
}

/** Fields whose missing file can be made. */
const makeable: Readonly<Record<string, string>> = {
  V003: 'template file',
  V004: 'system prompt file',
  V108: 'file',
};

function missingFile(diagnostic: Diagnostic, path: readonly string[], analysis: Analysis): Repair | null {
  const kind = Object.hasOwn(makeable, diagnostic.code) ? makeable[diagnostic.code] : undefined;
  const { root } = analysis.file;
  if (kind === undefined || root === null || path.at(-1) === 'directory') return null;
  const { node, rest } = findNode(root, path);
  if (rest > 0 || node.kind !== 'scalar' || typeof node.value !== 'string') return null;
  const target = resolve(dirname(analysis.input.path), node.value.trim());
  if (analysis.input.files.exists(target)) return null;
  const text = diagnostic.code === 'V003' ? 'Describe what is to be done in sheet {{ sheet_num }}.\n' : '';
  return {
    title: `Create the ${kind} \`${node.value}\``,
    edits: [],
    create: { path: target, text },
    preferred: true,
  };
}
