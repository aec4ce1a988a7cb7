import type { WireDiagnostic } from '../../protocol/diagnostic';
import type { Diagnostic } from '../../score/diagnostic';
import type { Plan, PlannedSheet } from '../../score/plan';
import type { RenderedSheet } from '../../score/render-all';
import type { CliCommand, Invocation } from '../command';
import { action, examples, jsonOption, subcommand } from '../command';
import type { ExitCode } from '../failure';
import { Exit } from '../failure';
import { reportDiagnostics, shortPath } from '../report-diagnostics';
import type { Inspection } from '../score-inspection';
import { hasErrors, inspectScore } from '../score-inspection';
import { wireDiagnostic } from '../../score/wire-plan';
import { diagnosticCounts } from '../text/diagnostics';
import { planSummary, promptPreview } from '../text/plan';

export const validateCommand: CliCommand = {
  name: 'validate',
  configure(program, session) {
    const command = subcommand(program, 'validate <score>', 'check a score without running it')
      .description(
        'Check a score: format, templates, files, instruments, dependencies. Needs no conductor and runs nothing.\n' +
          'Exit code: 0 valid (warnings allowed), 1 it has errors, 2 it cannot be read as a score.',
      )
      .option('-w, --workspace <dir>', 'as for run');
    jsonOption(command);
    examples(command, [
      ['mzt validate review.yaml', ''],
      ['mzt validate review.yaml -v', 'with the prompt of every sheet'],
      ["mzt validate review.yaml --json | jq '.issues[]'", 'for programs'],
    ]);
    action<{ readonly workspace?: string }>(command, session, (invocation, options, score) =>
      validate(invocation, score ?? '', options.workspace),
    );
  },
};

const PREVIEW_LINES = 15;

async function validate(
  invocation: Invocation,
  file: string,
  workspace: string | undefined,
): Promise<ExitCode> {
  const { context, output } = invocation;
  const inspection = await inspectScore(context, { file, workspace, render: true });
  const { diagnostics, plan, rendered } = inspection;
  const code = inspection.score === null ? Exit.usage : hasErrors(diagnostics) ? Exit.failed : Exit.ok;
  if (output.json) {
    output.document(
      inspection.score === null
        ? { ...unusable(diagnostics), ...issueReport(diagnostics) }
        : {
            ...issueReport(diagnostics),
            rendering: renderingReport(
              inspection.plan,
              rendered?.sheets ?? [],
              await pathExpander(inspection),
            ),
          },
    );
    return code;
  }
  await reportDiagnostics(invocation, inspection.path, inspection.text, diagnostics.map(wireDiagnostic));
  const name = shortPath(inspection.path, context.cwd());
  const counts = diagnosticCounts(diagnostics);
  const verdict = code === Exit.ok ? output.out.green('valid') : output.out.red('not valid');
  output.line(`${name}: ${verdict}${counts === '' ? '' : ` (${counts})`}`);
  if (code !== Exit.ok) return code;
  if (plan !== null) for (const line of planSummary(plan, output.out)) output.info(line);
  const shown = output.options.verbose ? (rendered?.sheets ?? []) : (rendered?.sheets ?? []).slice(0, 1);
  for (const sheet of shown) {
    output.info('');
    for (const line of promptPreview(sheet, PREVIEW_LINES, output.out)) output.info(line);
  }
  return code;
}

/** The form of the Python system for what is no score at all. */
function unusable(diagnostics: readonly Diagnostic[]) {
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  return {
    success: false,
    message: errors[0]?.message ?? 'this is not a score',
    hints: errors.flatMap(({ remedy }) => (remedy === null ? [] : [remedy])),
  };
}

function issueReport(diagnostics: readonly Diagnostic[]) {
  const count = (severity: string) => diagnostics.filter((one) => one.severity === severity).length;
  return {
    valid: count('error') === 0,
    error_count: count('error'),
    warning_count: count('warning'),
    info_count: count('info'),
    issues: diagnostics.map((diagnostic) => ({
      check_id: diagnostic.code,
      severity: diagnostic.severity,
      message: diagnostic.message,
      line: diagnostic.range?.line ?? null,
      column: diagnostic.range?.column ?? null,
      context: diagnostic.path,
      suggestion: diagnostic.remedy,
      auto_fixable: diagnostic.fix !== undefined,
      metadata: {},
      ...placesOf(wireDiagnostic(diagnostic)),
    })),
  };
}

/** What the Python system does not tell: the exact range, other places that belong to it, how an editor may draw it. */
function placesOf({ range, related, tags }: WireDiagnostic) {
  return { range, related: related ?? [], tags: tags ?? [] };
}

type ExpandPath = (path: string, sheet: PlannedSheet) => string | null;

/** Fills the placeholders of rule paths; null where they cannot be filled (a diagnostic has said so). */
async function pathExpander({ score, plan }: Inspection): Promise<ExpandPath> {
  if (score === null || plan === null) return () => null;
  const [{ expandRulePath }, { sheetContext }] = await Promise.all([
    import('../../score/placeholders'),
    import('../../score/prompt'),
  ]);
  return (path, sheet) => {
    try {
      return expandRulePath(path, sheetContext(score, plan, sheet));
    } catch {
      return null;
    }
  };
}

function renderingReport(plan: Plan | null, sheets: readonly RenderedSheet[], expand: ExpandPath) {
  return {
    total_sheets: plan?.totalSheets ?? 0,
    has_fan_out: plan?.sheets.some((sheet) => sheet.fanCount > 1) ?? false,
    has_dependencies: plan?.sheets.some((sheet) => sheet.dependsOn.length > 0) ?? false,
    render_errors: sheets.filter(({ result }) => !result.ok).length,
    sheets: sheets.map(({ sheet, result }) => ({
      sheet_num: sheet.num,
      item_range: [sheet.startItem, sheet.endItem],
      stage: sheet.stage,
      instance: sheet.instance,
      fan_count: sheet.fanCount,
      instrument: sheet.instrument.profile,
      depends_on: sheet.dependsOn,
      prompt_snippet: result.ok ? result.prompt.split('\n').slice(0, PREVIEW_LINES).join('\n') : null,
      render_error: result.ok ? null : (result.diagnostics[0]?.message ?? null),
      validations: sheet.validations.map((rule) => ({
        index: rule.index,
        type: rule.type,
        applicable: true,
        description: rule.description,
        path: rule.path,
        expanded_path: rule.path === null ? null : expand(rule.path, sheet),
        pattern: rule.pattern,
      })),
    })),
  };
}
