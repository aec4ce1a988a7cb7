/** Suggestions inside templates and placeholder texts. */
import { templateFilters, templateGlobals, templateTests } from '../../score/template';
import type { BuiltinInfo } from '../../score/template';
import type { TemplateInput } from '../../score/variables';
import { findNode, keyText } from '../../score/yaml-node';
import type { Analysis } from './analysis';
import type { Suggestion, SuggestionInput } from './completion';
import { suggestion } from './completion';
import type { Embedded } from './embedded';
import type { JinjaPlace } from './jinja';
import { jinjaPlaceAt, localNames } from './jinja';
import { contextDocs, loopDocs, positionDocs, tagDocs } from './variable-docs';

/** Names of the score's own variables, also while the score does not hold together. */
export function variableNames(analysis: Analysis | null): string[] {
  if (analysis === null) return [];
  if (analysis.score !== null) return [...analysis.score.variables.keys()];
  if (analysis.file.root === null) return [];
  const { node, rest } = findNode(analysis.file.root, ['prompt', 'variables']);
  return rest === 0 && node.kind === 'map' ? node.entries.map((entry) => keyText(entry.key)) : [];
}

/** What may be written at an offset of a template. */
export function suggestTemplate(input: SuggestionInput, embedded: Embedded, offset: number): Suggestion[] {
  const place = jinjaPlaceAt(embedded.text, offset);
  if (place === null) return [];
  const range = [embedded.toDocument(place.from), input.offset] as const;
  const documented = (
    docs: Readonly<Record<string, string>>,
    kind: Suggestion['kind'],
    order: number,
  ): Suggestion[] =>
    Object.entries(docs).map(([label, documentation]) =>
      suggestion(...range, { label, kind, documentation, order }),
    );
  switch (place.kind) {
    case 'tag':
      return documented(tagDocs, 'tag', 1);
    case 'filter':
      return templateFilters.map((info) => builtin(info, 'filter', range));
    case 'test':
      return templateTests.map((info) => builtin(info, 'test', range));
    case 'number':
      return numberValues(input.analysis, place.name).map((value) =>
        suggestion(...range, { label: String(value), kind: 'number', order: value }),
      );
    case 'attribute':
      return attributes(input.analysis, place, range);
    case 'name': {
      const locals = localNames(embedded.text, offset).map(({ name, kind }) =>
        suggestion(...range, {
          label: name,
          kind: kind === 'macro' ? 'function' : 'variable',
          detail: kind,
          order: 0,
        }),
      );
      const own = variableNames(input.analysis).map((label) =>
        suggestion(...range, { label, kind: 'variable', detail: 'prompt.variables', order: 1 }),
      );
      const functions = templateGlobals.map((info) => builtin(info, 'function', range));
      const all = [
        ...locals,
        ...own,
        ...documented(positionDocs, 'variable', 2),
        ...documented(contextDocs, 'variable', 3),
        ...functions,
      ];
      const seen = new Set<string>();
      return all.filter(({ label }) => !seen.has(label) && seen.add(label));
    }
  }
}

function builtin(info: BuiltinInfo, kind: Suggestion['kind'], range: readonly [number, number]): Suggestion {
  return suggestion(...range, {
    label: info.name,
    kind,
    detail: info.signature,
    documentation: info.doc,
    order: 4,
  });
}

function numberValues(analysis: Analysis | null, name: string): number[] {
  const plan = analysis?.plan ?? null;
  if (plan === null) return [];
  const most: Readonly<Record<string, number>> = {
    stage: plan.totalStages,
    movement: plan.totalStages,
    sheet_num: plan.totalSheets,
    instance: Math.max(0, ...plan.sheets.map((sheet) => sheet.fanCount)),
    voice: Math.max(0, ...plan.sheets.map((sheet) => sheet.fanCount)),
  };
  const count = Object.hasOwn(most, name) ? (most[name] ?? 0) : 0;
  return Array.from({ length: Math.min(count, 200) }, (_, at) => at + 1);
}

function attributes(
  analysis: Analysis | null,
  place: Extract<JinjaPlace, { kind: 'attribute' }>,
  range: readonly [number, number],
): Suggestion[] {
  const [first = '', ...rest] = place.target.split('.');
  if (first === 'loop' && rest.length === 0 && !place.bracket) {
    return Object.entries(loopDocs).map(([label, documentation]) =>
      suggestion(...range, { label, kind: 'variable', documentation }),
    );
  }
  let value: TemplateInput | undefined = analysis?.score?.variables.get(first);
  for (const part of rest)
    value = value instanceof Map ? (value as ReadonlyMap<unknown, TemplateInput>).get(part) : undefined;
  if (!(value instanceof Map)) return [];
  return [...(value as ReadonlyMap<unknown, TemplateInput>).keys()].flatMap((key) => {
    if (place.bracket) {
      if (typeof key === 'bigint') return [suggestion(...range, { label: String(key), kind: 'number' })];
      return typeof key === 'string'
        ? [suggestion(...range, { label: JSON.stringify(key), kind: 'value' })]
        : [];
    }
    return typeof key === 'string' && /^[A-Za-z_]\w*$/.test(key)
      ? [suggestion(...range, { label: key, kind: 'variable', detail: place.target })]
      : [];
  });
}

/** Names for `{…}` in the paths and commands of validation rules. */
export function suggestPlaceholders(input: SuggestionInput, text: string, offset: number): Suggestion[] {
  const open = /(?<!\{)\{(\w*)$/.exec(text.slice(0, offset));
  if (open === null) return [];
  const closed = /^\w*\}/.test(text.slice(offset));
  const from = input.offset - (open[1] ?? '').length;
  const make = (label: string, documentation: string | null, order: number): Suggestion =>
    suggestion(from, input.offset, {
      label,
      kind: 'variable',
      insert: closed ? label : `${label}}`,
      documentation,
      order,
    });
  return [
    ...Object.entries(positionDocs).map(([name, doc]) => make(name, doc, name === 'workspace' ? 0 : 1)),
    ...variableNames(input.analysis).map((name) => make(name, null, 2)),
  ];
}
