/** Every prompt of a score, as a dry run shows them. */
import type { InstrumentCatalogue } from './catalogue';
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
}

export interface RenderedSheet {
  readonly sheet: PlannedSheet;
  readonly result: RenderedPrompt | FailedPrompt;
}

export interface RenderedScore {
  readonly sheets: readonly RenderedSheet[];
  /** One per place, however many sheets it breaks. */
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * Renders the first attempt of every sheet. Earlier sheets count as done: where the score captures outputs, a stand-in text takes
 * the place of each, so that a template that reads them is judged as it will be.
 */
export function renderAll(score: Score, plan: Plan, options: RenderAllOptions): RenderedScore {
  const loaded = loadTemplateSource(score, options.files);
  if ('diagnostic' in loaded) return { sheets: [], diagnostics: [loaded.diagnostic] };
  const diagnostics = new Map<string, Diagnostic>();
  const sheets = plan.sheets.map((sheet): RenderedSheet => {
    const result = renderSheetPrompt({
      score,
      plan,
      sheetNum: sheet.num,
      template: loaded.source,
      files: options.files,
      instrument: {
        profile: sheet.instrument.profile,
        rawPrompt: options.catalogue.get(sheet.instrument.profile)?.rawPrompt ?? false,
      },
      attempt: 1,
      previousOutputs: standIns(plan, sheet.num),
      productVersion: options.productVersion,
    });
    for (const diagnostic of result.ok ? [] : result.diagnostics) {
      const key = `${diagnostic.code} ${diagnostic.range?.offset ?? diagnostic.message}`;
      if (!diagnostics.has(key)) diagnostics.set(key, diagnostic);
    }
    return { sheet, result };
  });
  return { sheets, diagnostics: [...diagnostics.values()] };
}

function standIns(plan: Plan, sheetNum: number): ReadonlyMap<number, string> {
  if (plan.crossSheet?.autoCaptureStdout !== true) return new Map();
  return new Map(lookback(sheetNum, plan.crossSheet).map((num) => [num, `[output of sheet ${num}]`]));
}
