/** Everything that can be said of a score before it runs. */
import { checkFiles } from './checks/files';
import { checkSettings } from './checks/settings';
import { checkTemplate } from './checks/template';
import { checkValidations } from './checks/validations';
import type { InstrumentCatalogue } from './catalogue';
import type { Diagnostic } from './diagnostic';
import type { ScoreFiles } from './files';
import { Findings, sortDiagnostics } from './findings';
import type { Score } from './parse';
import type { Plan } from './plan';
import { TemplateError, parseTemplate } from './template';
import type { Template } from './template';
import type { TemplateSource } from './template-source';
import { loadTemplateSource, templateDiagnostic } from './template-source';

export interface CheckOptions {
  readonly plan: Plan;
  readonly files: ScoreFiles;
  readonly catalogue: InstrumentCatalogue;
}

/** Checks a score against the files and instruments at hand. An error means that it would not run. */
export function checkScore(score: Score, options: CheckOptions): Diagnostic[] {
  const findings = new Findings(score.file);
  const template = readTemplate(score, options.files, findings);
  const context = { score, ...options, findings, template };
  if (template?.source.kind === 'default') {
    findings.add({
      code: 'V412',
      severity: 'warning',
      path: ['prompt'],
      at: 'key',
      message:
        'The score has neither `template` nor `template_file`: agents get only a line with their position.',
      remedy: 'Add `template: |` with what is to be done.',
    });
  }
  checkFiles(context);
  checkTemplate(context);
  checkValidations(context);
  checkSettings(context);
  return sortDiagnostics(findings.list);
}

function readTemplate(
  score: Score,
  files: ScoreFiles,
  findings: Findings,
): { source: TemplateSource; parsed: Template } | null {
  const loaded = loadTemplateSource(score, files);
  if ('diagnostic' in loaded) {
    findings.list.push(loaded.diagnostic);
    return null;
  }
  const { source } = loaded;
  try {
    return { source, parsed: parseTemplate(source.text) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const about = { code: 'V001', prefix: 'The template cannot be read' };
    findings.list.push(templateDiagnostic(score, source, error, about));
    return null;
  }
}
