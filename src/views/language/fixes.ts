/** Repairs that an editor offers for a diagnostic. */
import { dirname, resolve } from 'node:path';
import type { InstrumentCatalogue } from '../../score/catalogue';
import type { Diagnostic } from '../../score/diagnostic';
import { nearestNames } from '../../score/nearest';
import { positionNames } from '../../score/placeholders';
import { contextOnlyNames } from '../../score/prompt';
import { entryOf, findNode } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import { fieldAt, fieldNames } from './fields';
import { plainRepairs } from './plain-fixes';
import type { Place, Repair } from './repair';
import { addVariable, append, bare, indentIn, insertInto, replace, textAt } from './repair';
import { variableNames } from './template-completion';

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
  if (code === 'V101' && range !== null && analysis.template !== null)
    repairs.push(...addVariable(textAt(analysis, range), analysis));
  if (code === 'V412') repairs.push(...addTemplate(analysis));
  repairs.push(...plainRepairs(diagnostic, path, analysis));
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
    case 'V405':
      return nearestNames(written, fieldNames(['instrument_config']));
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
  const { root } = analysis.file;
  if (root === null) return [];
  const title = `Add \`${path.join('.')}\``;
  if (path.length === 1 && Object.hasOwn(blocks, first)) {
    const block = blocks[first] ?? '';
    // The name comes first, what is long at the end.
    const top = root.entries[0]?.key.range.offset ?? 0;
    if (first === 'name') return [replace(title, { offset: top, end: top }, block, true)];
    return [append(title, block, analysis)];
  }
  const line = Object.hasOwn(sheetFields, second) && first === 'sheet' ? sheetFields[second] : undefined;
  return line === undefined ? [] : insertInto(title, ['sheet'], line, analysis);
}

function quote(path: readonly string[], analysis: Analysis): Repair[] {
  const { root } = analysis.file;
  if (root === null || fieldAt(path)?.kind !== 'text') return [];
  const { node, rest } = findNode(root, path);
  if (rest > 0 || node.kind !== 'scalar' || node.style !== 'plain' || node.source === '') return [];
  return [replace('Put quotes around it', node.range, JSON.stringify(node.source), true)];
}

function addTemplate(analysis: Analysis): Repair[] {
  const indent = indentIn(analysis, 'prompt');
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
    createFolder: null,
    preferred: true,
  };
}
