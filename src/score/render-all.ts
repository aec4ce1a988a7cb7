/** Every prompt of a score, as a dry run shows them. */
import { promptInstrument, type InstrumentCatalogue } from './catalogue';
import { lookback } from './cross-sheet';
import type { Diagnostic } from './diagnostic';
import type { ScoreFiles } from './files';
import type { Score } from './parse';
import type { Plan, PlannedSheet } from './plan';
import type { FailedPrompt, RenderedPrompt } from './prompt';
import { renderSheetPrompt } from './prompt';
import { loadTemplateSource } from './template-source';

export interface RenderAllOptions {
  readonly files: ScoreFiles;
  readonly catalogue: InstrumentCatalogue;
  readonly productVersion: string;
  /** A sheet to begin with: the one that somebody wants to see. */
  readonly first?: number;
  /** Template steps and characters after which the rest is left to its turn. Default 10 million and 64 Mi: some seconds of a program that has more to do. */
  readonly most?: { readonly steps: number; readonly text: number };
}

const defaultMost = { steps: 10_000_000, text: 64 * 1024 * 1024 };

export interface RenderedSheet {
  readonly sheet: PlannedSheet;
  readonly result: RenderedPrompt | FailedPrompt;
}

export interface RenderedScore {
  /** In number order; without those that came after the bound. */
  readonly sheets: readonly RenderedSheet[];
  /** One per place, however many sheets it breaks. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Renders the first attempt of every sheet. Earlier sheets count as done: where the score captures outputs, a stand-in text takes
 * the place of each, so that a template that reads them is judged as it will be. All sheets together are bounded: past that a warning says so.
 */
export function renderAll(score: Score, plan: Plan, options: RenderAllOptions): RenderedScore {
  const loaded = loadTemplateSource(score, options.files);
  if ('diagnostic' in loaded) return { sheets: [], diagnostics: [loaded.diagnostic] };
  const diagnostics = new Map<string, Diagnostic>();
  const most = options.most ?? defaultMost;
  const meter = { steps: 0 };
  let text = 0;
  const sheets: RenderedSheet[] = [];
  for (const sheet of inOrder(plan.sheets, options.first)) {
    if (meter.steps > most.steps || text > most.text) {
      diagnostics.set('bound', boundReached(sheets.length, plan.sheets.length));
      break;
    }
    const result = renderSheetPrompt({
      score,
      plan,
      sheetNum: sheet.num,
      template: loaded.source,
      files: options.files,
      instrument: promptInstrument(options.catalogue, sheet.instrument),
      attempt: 1,
      previousOutputs: standIns(plan, sheet.num),
      productVersion: options.productVersion,
      meter,
    });
    if (result.ok) text += result.prompt.length;
    for (const diagnostic of result.ok ? [] : result.diagnostics) {
      const key = `${diagnostic.code} ${diagnostic.range?.offset ?? diagnostic.message}`;
      if (!diagnostics.has(key)) diagnostics.set(key, diagnostic);
    }
    sheets.push({ sheet, result });
  }
  sheets.sort((a, b) => a.sheet.num - b.sheet.num);
  return { sheets, diagnostics: [...diagnostics.values()] };
}

function standIns(plan: Plan, sheetNum: number): ReadonlyMap<number, string> {
  if (plan.crossSheet?.autoCaptureStdout !== true) return new Map();
  return new Map(lookback(sheetNum, plan.crossSheet).map((num) => [num, `[output of sheet ${num}]`]));
}

function* inOrder(sheets: readonly PlannedSheet[], first: number | undefined): Generator<PlannedSheet> {
  const begin = sheets.find(({ num }) => num === first);
  if (begin) yield begin;
  for (const sheet of sheets) if (sheet !== begin) yield sheet;
}

function boundReached(rendered: number, all: number): Diagnostic {
  return {
    code: 'V431',
    severity: 'warning',
    message: `Only ${rendered} of ${all} prompts were rendered ahead: together they are too much work for a check.`,
    remedy:
      'The others are rendered, and judged, when their turn comes. A simpler template is checked whole.',
    range: null,
    path: null,
  };
}
