/** Suggestions for `model:`: which instrument a place speaks to, and what models that one has. */
import { chooseInstrument, profileOf } from '../../score/resolve';
import type { Score } from '../../score/parse';
import { findNode } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import type { Suggestion, SuggestionInput } from './completion';
import { suggestion } from './completion';

/** Models by profile name, as the instruments themselves told; instruments that were not asked are absent. */
export type LiveModels = ReadonlyMap<string, readonly string[]>;

/** Blocks whose last part but one is a number or a name. */
const keyed: readonly (readonly string[])[] = [
  ['instruments', '*', 'config'],
  ['movements', '*', 'instrument_config'],
  ['sheet', 'per_sheet_instrument_config', '*'],
  ['backend', 'sheet_overrides', '*'],
  ['instrument_config'],
  ['backend'],
  ['backend', 'ollama'],
];

/** True when the value at this path is the name of a model. */
export function namesModel(path: readonly string[]): boolean {
  const last = path.at(-1);
  if (last !== 'model' && last !== 'cli_model') return false;
  const block = path.slice(0, -1);
  return keyed.some(
    (form) => form.length === block.length && form.every((part, at) => part === '*' || part === block[at]),
  );
}

/** Profiles that a model at this path is for: the instrument in force there, several where sheets differ. */
export function instrumentsOfModel(path: readonly string[], analysis: Analysis | null): readonly string[] {
  const [first = '', second = '', third = ''] = path;
  const score = analysis?.score ?? null;
  if (first === 'backend' && second === 'ollama') return ['ollama'];
  if (score === null) return writtenInstrument(analysis, first);
  if (first === 'backend') return [score.fields.backend.type];
  if (first === 'instruments') {
    const { instruments } = score.fields;
    return Object.hasOwn(instruments, second) ? [profileOf(score, second)] : [];
  }
  const sheets = analysis?.plan?.sheets ?? [];
  if (first === 'sheet') {
    const num = Number(third);
    return profiles(
      score,
      sheets.filter((sheet) => sheet.num === num),
    );
  }
  if (first === 'movements') {
    const stage = Number(second);
    const own = score.fields.movements[second]?.instrument ?? null;
    const named = own === null ? [] : [profileOf(score, own)];
    // Sheets with an instrument of their own take nothing from their movement.
    const heeding = sheets.filter((sheet) => sheet.stage === stage && !hasOwnInstrument(score, sheet));
    return [...new Set([...named, ...profiles(score, heeding)])];
  }
  const { instrument } = score.fields;
  const general = profileOf(score, instrument ?? score.fields.backend.type);
  // A score without an instrument of its own, whose movements name theirs, speaks to those.
  const playing = profiles(score, sheets);
  return instrument === null && playing.length > 0 ? playing : [...new Set([general, ...playing])];
}

type NumberedSheet = { readonly num: number; readonly stage: number };

function profiles(score: Score, sheets: readonly NumberedSheet[]): string[] {
  return [...new Set(sheets.map((sheet) => profileOf(score, chooseInstrument(score, sheet).label)))];
}

function hasOwnInstrument(score: Score, sheet: NumberedSheet): boolean {
  const { from } = chooseInstrument(score, sheet);
  return from === 'per_sheet' || from === 'map';
}

/** In a text that does not hold together yet: the instrument as it is written at the top. */
function writtenInstrument(analysis: Analysis | null, block: string): readonly string[] {
  const root = analysis?.file.root ?? null;
  if (root === null) return [];
  const path = block === 'backend' ? ['backend', 'type'] : ['instrument'];
  const { node, rest } = findNode(root, path);
  return rest === 0 && node.kind === 'scalar' && typeof node.value === 'string' ? [node.value] : [];
}

/** The models that may stand at this path. The instrument's own list counts where it was asked, else its profile's. */
export function suggestModels(
  input: SuggestionInput,
  path: readonly string[],
  from: number,
  end: number,
): Suggestion[] {
  const instruments = instrumentsOfModel(path, input.analysis);
  const found = new Map<string, Suggestion>();
  for (const name of instruments) {
    const info = input.catalogue.get(name);
    const known = info?.models ?? [];
    const live = input.models?.get(name);
    const usual = info?.defaultModel ?? null;
    const all = live ?? [...new Set([...(usual === null ? [] : [usual]), ...known])];
    for (const model of all) {
      if (found.has(model)) continue;
      const insert = written(model, input.text.charAt(from - 1));
      if (insert === null) continue;
      const detail = model === usual ? `${name} · default` : name;
      found.set(
        model,
        suggestion(from, end, {
          label: model,
          kind: 'model',
          insert,
          detail,
          order: model === usual ? 0 : 1,
        }),
      );
    }
  }
  return [...found.values()];
}

/** A model's name as YAML; servers name models as they like. Null = it cannot stand here. */
function written(model: string, before: string): string | null {
  if (before === '"' || before === "'") return /^[^"'\\\p{Cc}]+$/u.test(model) ? model : null;
  // Plain, and text beyond doubt: `1e3` or `4:30` would be read as numbers by some.
  return /^[A-Za-z][\w./@+-]*(?::[\w./@+-]+)*$/.test(model) &&
    !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(model)
    ? model
    : JSON.stringify(model);
}
