/** Suggestions at a place of a score. */
import type { InstrumentCatalogue } from '../../score/catalogue';
import type { Analysis } from './analysis';
import type { Cursor } from './cursor';
import { cursorAt } from './cursor';
import { fieldAt, fieldMarkdown, fieldNames, hasNumberKeys } from './fields';
import type { LiveModels } from './models';
import { namesModel, suggestModels } from './models';
import { suggestPlaceholders, suggestTemplate } from './template-completion';

/** One suggestion; `from`..`end` of the document is replaced. */
export interface Suggestion {
  readonly label: string;
  readonly kind:
    | 'field'
    | 'value'
    | 'instrument'
    | 'model'
    | 'number'
    | 'variable'
    | 'filter'
    | 'test'
    | 'function'
    | 'tag';
  readonly insert: string;
  /** `insert` is a snippet with tab stops. */
  readonly snippet: boolean;
  readonly detail: string | null;
  /** Markdown. */
  readonly documentation: string | null;
  readonly from: number;
  readonly end: number;
  /** Suggestions follow at once, as for the value of a field. */
  readonly again: boolean;
  /** Orders suggestions; equal ones by label. */
  readonly order: number;
}

export interface SuggestionInput {
  readonly text: string;
  readonly offset: number;
  /** Of the last state that could be read; it may be older than the text. */
  readonly analysis: Analysis | null;
  readonly catalogue: InstrumentCatalogue;
  /** What instruments say they have now. */
  readonly models?: LiveModels;
}

/** All fields of a suggestion, the usual ones filled in. */
export function suggestion(
  from: number,
  end: number,
  given: Pick<Suggestion, 'label' | 'kind'> & Partial<Suggestion>,
): Suggestion {
  const usual = {
    insert: given.label,
    snippet: false,
    detail: null,
    documentation: null,
    again: false,
    order: 1,
  };
  return { ...usual, ...given, from, end };
}

/** True when the value at this path names an instrument (an alias or a profile). */
export function namesInstrument(path: readonly string[]): boolean {
  const last = path.at(-1);
  const before = path.at(-2);
  return (
    last === 'instrument' ||
    before === 'instrument_fallbacks' ||
    before === 'per_sheet_instruments' ||
    (path[0] === 'sheet' && path[1] === 'per_sheet_fallbacks' && path.length === 4)
  );
}

/** True when the value at this path names a profile; aliases do not count here. */
export function namesProfile(path: readonly string[]): boolean {
  return (
    (path[0] === 'instruments' && path[2] === 'profile' && path.length === 3) ||
    path.join('.') === 'backend.type'
  );
}

/** True when `{name}` is filled in at this path. */
export function takesPlaceholders(path: readonly string[]): boolean {
  return path[0] === 'validations' && ['path', 'command', 'working_directory'].includes(path[2] ?? '');
}

/** True when the text at this path is a template. */
export function isTemplatePath(path: readonly string[]): boolean {
  return path[0] === 'prompt' && path[1] === 'template' && path.length === 2;
}

/** The path of the value at a place, if that is the name of a model; else null. */
export function modelPathAt(text: string, offset: number): readonly string[] | null {
  const cursor = cursorAt(text, offset);
  return cursor?.kind === 'value' && namesModel(cursor.path) ? cursor.path : null;
}

/** What may be written at a place. */
export function suggest(input: SuggestionInput): Suggestion[] {
  const cursor = cursorAt(input.text, input.offset);
  if (cursor === null) return [];
  if (cursor.kind === 'block') {
    const at = cursor.embedded.fromDocument(input.offset);
    if (at === null) return [];
    if (isTemplatePath(cursor.path)) return suggestTemplate(input, cursor.embedded, at);
    return takesPlaceholders(cursor.path) ? suggestPlaceholders(input, cursor.embedded.text, at) : [];
  }
  if (cursor.kind === 'value') return suggestValue(input, cursor);
  const fields = cursor.item ? suggestItem(input, cursor) : [];
  return [...fields, ...suggestKeys(input, cursor)];
}

function suggestValue(input: SuggestionInput, cursor: Extract<Cursor, { kind: 'value' }>): Suggestion[] {
  const { path, from, end, text, textFrom } = cursor;
  const at = input.offset - textFrom;
  if (isTemplatePath(path)) {
    const embedded = {
      text,
      from: textFrom,
      end: textFrom + text.length,
      toDocument: (offset: number) => textFrom + offset,
      fromDocument: (offset: number) => offset - textFrom,
    };
    return suggestTemplate(input, embedded, at);
  }
  if (takesPlaceholders(path)) return suggestPlaceholders(input, text, at);
  return valuesFor(input, path, from, end);
}

function suggestItem(input: SuggestionInput, cursor: Extract<Cursor, { kind: 'entry' }>): Suggestion[] {
  return valuesFor(input, cursor.path, cursor.from, cursor.end);
}

function valuesFor(input: SuggestionInput, path: readonly string[], from: number, end: number): Suggestion[] {
  if (namesInstrument(path) || namesProfile(path)) return instruments(input, namesProfile(path), from, end);
  if (namesModel(path)) return suggestModels(input, path, from, end);
  const numbers = numbersFor(input.analysis, path);
  if (numbers.length > 0) return numbers.map((number) => numberSuggestion(input.analysis, number, from, end));
  const doc = fieldAt(path);
  const plain = doc?.defaultText ?? null;
  return (doc?.values ?? []).map((value) =>
    suggestion(from, end, { label: value, kind: 'value', ...(value === plain ? { detail: 'default' } : {}) }),
  );
}

function instruments(input: SuggestionInput, profilesOnly: boolean, from: number, end: number): Suggestion[] {
  const aliases = profilesOnly ? {} : (input.analysis?.score?.fields.instruments ?? {});
  const own = Object.entries(aliases).map(([name, { profile }]) =>
    suggestion(from, end, { label: name, kind: 'instrument', detail: `alias of ${profile}`, order: 0 }),
  );
  const profiles = input.catalogue.names().map((name) => {
    const info = input.catalogue.get(name);
    const detail =
      info === undefined ? null : [info.kind, info.defaultModel].filter((part) => part !== null).join(' · ');
    return suggestion(from, end, { label: name, kind: 'instrument', detail });
  });
  return [...own, ...profiles.filter((profile) => !Object.hasOwn(aliases, profile.label))];
}

/** The sheet or stage numbers that are values at this path. */
function numbersFor(analysis: Analysis | null, path: readonly string[]): number[] {
  const list =
    path[0] === 'sheet' && (path[1] === 'dependencies' || path[1] === 'instrument_map') && path.length === 4;
  const rule = path[0] === 'validations' && path[2] === 'sheet';
  if (!list && !rule) return [];
  return numbers(analysis, path[1] === 'dependencies' ? 'stage' : 'sheet').filter(
    (number) => path[1] !== 'dependencies' || String(number) !== path[2],
  );
}

function numbers(analysis: Analysis | null, of: 'stage' | 'sheet'): number[] {
  const plan = analysis?.plan ?? null;
  if (plan === null) return [];
  // A list of thousands helps nobody.
  return Array.from(
    { length: Math.min(of === 'stage' ? plan.totalStages : plan.totalSheets, 200) },
    (_, at) => at + 1,
  );
}

function numberSuggestion(analysis: Analysis | null, number: number, from: number, end: number): Suggestion {
  const sheet = analysis?.plan?.sheets.find((each) => each.stage === number);
  const detail = sheet?.movementName ?? sheet?.description ?? null;
  return suggestion(from, end, { label: String(number), kind: 'number', detail, order: number });
}

/** Keys that are stage numbers; all other number keys are sheet numbers. */
function keysOfStages(path: readonly string[]): boolean {
  const name = path.at(-1) ?? '';
  return ['movements', 'fan_out', 'dependencies', 'skip_when', 'skip_when_command'].includes(name);
}

function suggestKeys(input: SuggestionInput, cursor: Extract<Cursor, { kind: 'entry' }>): Suggestion[] {
  const { path, from, end, siblings, flow } = cursor;
  if (hasNumberKeys(path)) {
    const open = numbers(input.analysis, keysOfStages(path) ? 'stage' : 'sheet');
    const key = open
      .filter((number) => !siblings.includes(String(number)))
      .map((number) => numberSuggestion(input.analysis, number, from, end));
    const tail = valueSnippet([...path, '1'], flow, nesting(input.text, from));
    return key.map((each) => ({ ...each, insert: `${each.label}:${tail}`, snippet: true, again: true }));
  }
  const plain = path.join('.') === 'sheet.instrument_map';
  if (plain)
    return instruments(input, false, from, end).map((each) => ({ ...each, insert: `${each.label}: ` }));
  return fieldNames(path)
    .filter((name) => !siblings.includes(name))
    .map((name, position) => {
      const inner = [...path, name];
      const doc = fieldAt(inner);
      return suggestion(from, end, {
        label: name,
        kind: 'field',
        insert: `${name}:${valueSnippet(inner, flow, nesting(input.text, from))}`,
        snippet: true,
        detail: doc === null ? null : doc.note === null ? doc.type : `${doc.type} · not obeyed yet`,
        documentation: doc === null ? null : fieldMarkdown(inner, doc),
        again:
          doc !== null &&
          (doc.values.length > 0 || namesInstrument(inner) || namesModel(inner) || doc.kind === 'block'),
        order: (doc?.note === null ? 10 : 500) + position,
      });
    });
}

/** Spaces by which a key stands deeper than its line, as behind a dash: a snippet's lines begin at the indentation of the line. */
function nesting(text: string, from: number): string {
  const line = text.slice(text.lastIndexOf('\n', from - 1) + 1, from);
  return ' '.repeat(line.length - (/^ */.exec(line)?.[0].length ?? 0));
}

/** What follows the colon of a key. */
function valueSnippet(path: readonly string[], flow: boolean, deeper: string): string {
  const doc = fieldAt(path);
  if (doc === null || flow) return ' ';
  if (isTemplatePath(path)) return ` |\n${deeper}  $0`;
  if (doc.kind === 'block') return `\n${deeper}  $0`;
  if (doc.kind === 'list') return fieldNames([...path, '0']).length > 0 ? `\n${deeper}  - $0` : ' [$0]';
  return ' ';
}
