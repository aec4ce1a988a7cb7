/** What the language features know of one state of a document. */
import { promptInstrument, type InstrumentCatalogue } from '../../score/catalogue';
import { checkScore } from '../../score/check';
import { lookback } from '../../score/cross-sheet';
import type { Diagnostic } from '../../score/diagnostic';
import type { ScoreFiles } from '../../score/files';
import { sortDiagnostics } from '../../score/findings';
import type { Score } from '../../score/parse';
import { parseScore } from '../../score/parse';
import type { Plan } from '../../score/plan';
import { planScore } from '../../score/plan-score';
import { renderSheetPrompt } from '../../score/prompt';
import type { Template } from '../../score/template';
import { TemplateError, parseTemplate } from '../../score/template';
import { loadTemplateSource } from '../../score/template-source';
import type { YamlFile } from '../../score/yaml';
import { readYaml } from '../../score/yaml';
import { findNode } from '../../score/yaml-node';
import type { Embedded } from './embedded';
import { embeddedScalar } from './embedded';

export interface AnalysisInput {
  readonly text: string;
  /** Of the score, absolute. */
  readonly path: string;
  /** The workspace of a score without `workspace:`, absolute. */
  readonly cwd: string;
  readonly files: ScoreFiles;
  readonly catalogue: InstrumentCatalogue;
}

/** The template that is written in the score itself. */
export interface InlineTemplate {
  readonly embedded: Embedded;
  /** Null while it cannot be parsed. */
  readonly parsed: Template | null;
}

export interface Analysis {
  readonly input: AnalysisInput;
  readonly file: YamlFile;
  /** Null while the text does not hold together. */
  readonly score: Score | null;
  readonly plan: Plan | null;
  readonly template: InlineTemplate | null;
  /** Sorted; what only rendering tells is added by `renderedDiagnostics`. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What the text alone says: the first part of an analysis. The plan names the workspace, whose instruments the rest needs. */
export type Draft = Omit<Analysis, 'input'>;

/** Reads, plans and checks the text, as `mzt validate` does. */
export function analyse(input: AnalysisInput): Analysis {
  return checkDraft(draft(input), input);
}

/** Reads and plans the text. */
function draft(input: Pick<AnalysisInput, 'text' | 'path' | 'cwd'>): Draft {
  return planDraft(readDraft(input), input.cwd);
}

/** Reads the text. The steps are apart, so that who reads long ones can let others work in between. */
export function readDraft({ text, path }: Pick<AnalysisInput, 'text' | 'path'>): Omit<Draft, 'plan'> {
  const { score, diagnostics } = parseScore({ text, path });
  const file = score?.file ?? readYaml(text);
  return { file, score, template: inlineTemplate(file), diagnostics };
}

/** Plans what was read. */
export function planDraft(read: Omit<Draft, 'plan'>, cwd: string): Draft {
  const { score } = read;
  // The window sends its own folder as the workspace of a score that names none.
  const names = score?.isWritten(['workspace']) === true;
  const plan = score === null ? null : planScore(score, names ? { cwd } : { cwd, workspaceOverride: cwd });
  return { ...read, plan };
}

/** Completes a draft with what files and instruments tell. */
export function checkDraft(read: Draft, input: AnalysisInput): Analysis {
  const { score, plan, diagnostics } = read;
  if (score === null || plan === null) return { ...read, input };
  const checked = checkScore(score, { plan, files: input.files, catalogue: input.catalogue });
  return { ...read, input, diagnostics: sortDiagnostics([...diagnostics, ...checked]) };
}

/** The template in the score's text; null when there is none or its characters cannot be placed. */
export function inlineTemplate(file: YamlFile): InlineTemplate | null {
  if (file.root === null) return null;
  const { node, rest } = findNode(file.root, ['prompt', 'template']);
  if (rest > 0 || node.kind !== 'scalar') return null;
  const embedded = embeddedScalar(file.index, node);
  return embedded === null ? null : { embedded, parsed: parsedOrNull(embedded.text) };
}

/** The template as parsed; null while it is broken. */
export function parsedOrNull(text: string): Template | null {
  try {
    return parseTemplate(text);
  } catch (error) {
    if (error instanceof TemplateError) return null;
    throw error;
  }
}

/**
 * Renders one prompt per step and returns all diagnostics of the score, as `renderAll` would complete them. A generator, because a score may
 * have thousands of sheets and the extension host must not stand still: the caller pauses, gives up when the text has changed, or ends it early with `next(true)` and gets what was found until then.
 */
export function* renderedDiagnostics(
  analysis: Analysis,
  productVersion: string,
): Generator<void, readonly Diagnostic[], boolean> {
  const { score, plan, input, diagnostics } = analysis;
  if (score === null || plan === null || diagnostics.some(({ severity }) => severity === 'error'))
    return diagnostics;
  const loaded = loadTemplateSource(score, input.files);
  if ('diagnostic' in loaded) return sortDiagnostics([...diagnostics, loaded.diagnostic]);
  const found = new Map<string, Diagnostic>();
  for (const sheet of plan.sheets) {
    const capture = plan.crossSheet?.autoCaptureStdout === true ? plan.crossSheet : null;
    const earlier = capture === null ? [] : lookback(sheet.num, capture);
    const result = renderSheetPrompt({
      score,
      plan,
      sheetNum: sheet.num,
      template: loaded.source,
      files: input.files,
      instrument: promptInstrument(input.catalogue, sheet.instrument),
      attempt: 1,
      previousOutputs: new Map(earlier.map((num) => [num, `[output of sheet ${num}]`])),
      productVersion,
    });
    for (const diagnostic of result.ok ? [] : result.diagnostics) {
      const key = `${diagnostic.code} ${diagnostic.range?.offset ?? diagnostic.message}`;
      if (!found.has(key)) found.set(key, diagnostic);
    }
    const enough = yield;
    if (enough) break;
  }
  return found.size === 0 ? diagnostics : sortDiagnostics([...diagnostics, ...found.values()]);
}
