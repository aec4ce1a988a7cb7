/** What a run keeps of its score, so that an attempt months later is rendered from the score as it was submitted. */
import type { Diagnostic } from './diagnostic';
import type { Score } from './parse';
import { parseScore } from './parse';
import type { Plan } from './plan';
import type { FailedPrompt, RenderedPrompt, SheetPromptInput } from './prompt';
import { renderSheetPrompt } from './prompt';
import type { TemplateSource } from './template-source';

/** Plain JSON data. */
export interface ScoreBundle {
  readonly format: 1;
  /** Of the score file, absolute. */
  readonly path: string;
  readonly scoreText: string;
  readonly template: TemplateSource;
  readonly plan: Plan;
}

/** A bundle that has been read again. */
export interface OpenedBundle {
  readonly score: Score;
  readonly plan: Plan;
  readonly template: TemplateSource;
}

export function makeBundle(score: Score, plan: Plan, template: TemplateSource): ScoreBundle {
  return { format: 1, path: score.path, scoreText: score.text, template, plan };
}

/** The text whose SHA-256 tells two submissions apart: the score and its template file, not the plan that follows from them. */
export function bundleDigestText(bundle: Pick<ScoreBundle, 'scoreText' | 'template'>): string {
  return JSON.stringify([bundle.scoreText, bundle.template.kind === 'file' ? bundle.template.text : null]);
}

/**
 * Reads a bundle. The plan is the stored one: newer code must not change what a run has begun.
 * Fails only when newer code refuses a score that older code accepted.
 */
export function openBundle(
  bundle: ScoreBundle,
):
  | { readonly ok: true; readonly opened: OpenedBundle }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] } {
  const { score, diagnostics } = parseScore({ text: bundle.scoreText, path: bundle.path });
  if (score === null) return { ok: false, diagnostics };
  return { ok: true, opened: { score, plan: bundle.plan, template: bundle.template } };
}

/** The prompt of an attempt of this run. Prelude and cadenza files are read now, from disk. */
export function renderFromBundle(
  opened: OpenedBundle,
  input: Omit<SheetPromptInput, keyof OpenedBundle>,
): RenderedPrompt | FailedPrompt {
  return renderSheetPrompt({ ...opened, ...input });
}
