import type { WireDiagnostic, WireRange } from '../protocol/diagnostic';
import type { Rendering, WirePlan } from '../protocol/job-methods';
import type { Diagnostic, SourceRange } from './diagnostic';
import type { Plan } from './plan';
import type { RenderedScore } from './render-all';

function wireRange(range: SourceRange): WireRange {
  const { line, column, endLine, endColumn, offset, end } = range;
  return { line, column, end_line: endLine, end_column: endColumn, offset, end };
}

/** A diagnostic in the form of the wire. */
export function wireDiagnostic(diagnostic: Diagnostic): WireDiagnostic {
  const { range, fix, related, tags, ...rest } = diagnostic;
  return {
    ...rest,
    range: range === null ? null : wireRange(range),
    ...(fix ? { fix: { title: fix.title, range: wireRange(fix.range), new_text: fix.newText } } : {}),
    ...(related ? { related: related.map((each) => ({ ...each, range: wireRange(each.range) })) } : {}),
    ...(tags ? { tags: [...tags] } : {}),
  };
}

/** A plan in the form of the wire, without prompts. */
export function wirePlan(plan: Plan): WirePlan {
  return {
    name: plan.name,
    description: plan.description,
    workspace: plan.workspace,
    total_sheets: plan.totalSheets,
    total_stages: plan.totalStages,
    parallel_max_concurrent: plan.parallel.enabled ? plan.parallel.maxConcurrent : 1,
    sheets: plan.sheets.map((sheet) => ({
      sheet: sheet.num,
      stage: sheet.stage,
      instance: sheet.instance,
      fan_count: sheet.fanCount,
      description: sheet.description,
      movement: sheet.movementName,
      depends_on: [...sheet.dependsOn],
      instrument: sheet.instrument.profile,
      model: sheet.instrument.config.model,
      fallbacks: sheet.fallbacks.map(({ profile }) => profile),
      skip_when: sheet.skipWhen ?? sheet.skipWhenCommand?.command ?? null,
      validations: sheet.validations.map(({ index, type, stage, description }) => ({
        index,
        type,
        stage,
        description,
      })),
    })),
  };
}

/** Characters of a token, roughly; providers report the true number afterwards. */
const charactersPerToken = 4;

/** What a text may count as, before anybody has counted it. */
export function estimateTokens(text: string): number {
  return Math.ceil(text.length / charactersPerToken);
}

/** Every prompt as an agent would get it, or why there is none. */
export function wireRendering(rendered: RenderedScore): Rendering[] {
  return rendered.sheets.map(({ sheet, result }) => {
    if (!result.ok) {
      const error = result.diagnostics.find(({ severity }) => severity === 'error');
      return {
        sheet: sheet.num,
        prompt: null,
        estimated_tokens: null,
        error: error?.message ?? 'cannot be rendered',
      };
    }
    const prompt = [result.preamble, result.prompt].filter((part) => part !== null).join('\n\n');
    return { sheet: sheet.num, prompt, estimated_tokens: estimateTokens(prompt), error: null };
  });
}
