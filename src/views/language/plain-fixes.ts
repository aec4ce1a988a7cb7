/** Repairs that follow from a diagnostic alone, with nothing to guess. */
import { dirname, resolve } from 'node:path';
import type { Diagnostic } from '../../score/diagnostic';
import { nearestNames } from '../../score/nearest';
import { positionNames } from '../../score/placeholders';
import type { Analysis } from './analysis';
import { removeField, removeItem, removeLinesOf } from './removal';
import type { Repair } from './repair';
import { addVariable, append, indentIn, insertInto, nodeAt, notPreferred, replace } from './repair';
import { variableNames } from './template-completion';

/** The repairs of one diagnostic; `path` are its keys. */
export function plainRepairs(
  diagnostic: Diagnostic,
  path: readonly string[],
  analysis: Analysis,
): readonly Repair[] {
  const { code } = diagnostic;
  const last = path.at(-1) ?? '';
  const without = (): Repair[] => removeField(`Remove \`${last}\``, path, analysis);
  switch (code) {
    case 'P002': {
      const [first] = diagnostic.related ?? [];
      return first === undefined ? [] : removeLinesOf('Remove the first one', first.range, analysis);
    }
    case 'P021':
      return last === 'size' ? setValue(path, '1', analysis) : without();
    case 'P024':
    case 'P025':
    case 'P026':
    case 'P031': {
      const removed =
        path.length > 3 ? removeItem(`Remove \`${itemText(path, analysis)}\``, path, analysis) : without();
      // Of a cycle any edge may be the wrong one.
      return code === 'P025' ? removed : removed.map(notPreferred);
    }
    case 'P030':
    case 'V411':
    case 'V413':
    case 'V415':
      return without();
    case 'P032':
      return ['template_file', 'template'].flatMap((field) =>
        removeField(`Remove \`${field}\``, ['prompt', field], analysis).map(notPreferred),
      );
    case 'V002':
    case 'V005':
      return makeFolder(code, path, analysis);
    case 'V201':
      return singleBraces(path, analysis);
    case 'V206':
      return chainStages(analysis);
    case 'V207':
      return switchOnParallel(analysis);
    case 'V208':
    case 'V400':
    case 'V212':
      return without().map(notPreferred);
    case 'V406':
      // A rule without its `sheet` would apply to all sheets.
      if (path[0] === 'validations') return [];
      return path[1] === 'instrument_map'
        ? removeItem(`Remove \`${itemText(path, analysis)}\``, path, analysis)
        : without().map(notPreferred);
    case 'V209':
      return setValue(path, 'true', analysis);
    case 'V404':
      return placeholders(diagnostic, path, analysis);
    case 'V408':
      return capture(diagnostic, analysis);
    case 'V409':
      return shellVariable(diagnostic, analysis);
    default:
      return [];
  }
}

function itemText(path: readonly string[], analysis: Analysis): string {
  const node = nodeAt(analysis, path);
  return node?.kind === 'scalar' ? node.source : '';
}

function setValue(path: readonly string[], text: string, analysis: Analysis): Repair[] {
  const node = nodeAt(analysis, path);
  if (node?.kind !== 'scalar' || node.source === '') return [];
  return [replace(`Change to \`${path.at(-1) ?? ''}: ${text}\``, node.range, text, true)];
}

/** The folder that is missing; none when a file has its place. */
function makeFolder(code: string, path: readonly string[], analysis: Analysis): Repair[] {
  const { plan, input } = analysis;
  const node = nodeAt(analysis, path);
  const named = node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : null;
  const folder =
    code === 'V002'
      ? plan === null
        ? null
        : dirname(plan.workspace)
      : named && resolve(dirname(input.path), named);
  if (folder === null || input.files.exists(folder) || fileOnTheWay(folder, analysis)) return [];
  return [
    {
      title: `Create the folder \`${folder}\``,
      edits: [],
      create: null,
      createFolder: folder,
      preferred: true,
    },
  ];
}

function fileOnTheWay(folder: string, { input }: Analysis): boolean {
  for (let at = folder; at !== dirname(at); at = dirname(at))
    if (input.files.exists(at)) return !input.files.isDirectory(at);
  return false;
}

/** `{{ name }}` as `{name}`, all of a text at once. */
function singleBraces(path: readonly string[], analysis: Analysis): Repair[] {
  const node = nodeAt(analysis, path);
  if (node?.kind !== 'scalar') return [];
  const written = analysis.file.text.slice(node.range.offset, node.range.end);
  const mended = written.replace(/\{\{\s*(\w+)\s*\}\}/g, '{$1}');
  return mended === written || mended.includes('{{')
    ? []
    : [replace(`Change to ${mended}`, node.range, mended, true)];
}

/** What an order without `dependencies` is taken for, written out. */
function chainStages(analysis: Analysis): Repair[] {
  const stages = analysis.plan?.totalStages ?? 0;
  if (stages < 2 || stages > 50) return [];
  const edges = Array.from({ length: stages - 1 }, (_, at) => `${at + 2}: [${at + 1}]`).join(', ');
  const title = 'Write `dependencies`: each stage waits for the one before it';
  return insertInto(title, ['sheet'], `dependencies: { ${edges} }`, analysis).map(notPreferred);
}

function switchOnParallel(analysis: Analysis): Repair[] {
  const title = 'Switch `parallel.enabled` on';
  const enabled = nodeAt(analysis, ['parallel', 'enabled']);
  if (enabled !== null) return [replace(title, enabled.range, 'true', true)];
  if (nodeAt(analysis, ['parallel']) !== null)
    return insertInto(title, ['parallel'], 'enabled: true', analysis);
  return [append(title, 'parallel:\n  enabled: true\n', analysis)];
}

/** A name in braces that nobody defines: what was probably meant, or a new variable. */
function placeholders({ message }: Diagnostic, path: readonly string[], analysis: Analysis): Repair[] {
  const name = /^`\{(\w+)\}`/.exec(message)?.[1];
  const node = nodeAt(analysis, path);
  if (name === undefined || /^\d+$/.test(name) || node?.kind !== 'scalar') return [];
  const written = analysis.file.text.slice(node.range.offset, node.range.end);
  const at = new RegExp(`(?<!\\{)\\{${name}(?=[}:!.[])`).exec(written);
  const near = at === null ? [] : nearestNames(name, [...positionNames, ...variableNames(analysis)]);
  const from = node.range.offset + (at?.index ?? 0) + 1;
  return [
    ...near.map((each, position) =>
      replace(`Change to \`{${each}}\``, { offset: from, end: from + name.length }, each, position === 0),
    ),
    ...addVariable(name, analysis),
  ];
}

/** Switches on the capture of what the template reads. Which files are captured only the author knows. */
function capture({ message }: Diagnostic, analysis: Analysis): Repair[] {
  if (!message.startsWith('`previous_outputs`')) return [];
  const title = 'Capture what earlier sheets answered';
  const setting = nodeAt(analysis, ['cross_sheet', 'auto_capture_stdout']);
  if (setting !== null) return [replace(title, setting.range, 'true', true)];
  if (nodeAt(analysis, ['cross_sheet']) !== null)
    return insertInto(title, ['cross_sheet'], 'auto_capture_stdout: true', analysis);
  return [append(title, `cross_sheet:\n${indentIn(analysis, 'sheet')}auto_capture_stdout: true\n`, analysis)];
}

/** The shell's own variable in place of `{{ workspace }}`. */
function shellVariable({ range }: Diagnostic, analysis: Analysis): Repair[] {
  if (range === null || analysis.template === null) return [];
  const { text } = analysis.file;
  const before = /\{\{-?\s*$/.exec(text.slice(0, range.offset));
  const after = /^\s*-?\}\}/.exec(text.slice(range.end));
  if (before === null || after === null) return [];
  const place = { offset: before.index, end: range.end + after[0].length };
  return [replace('Change to `"$MARIANNE_WORKSPACE"`', place, '"$MARIANNE_WORKSPACE"', true)];
}
