import type { JobResponse } from '../../protocol/job-methods';
import { l10n } from '../l10n';
import { longCall } from '../long-work';
import type { PlannedScore } from '../scores/score-room';
import type { Services } from '../services';
import { parts } from '../trees/format';
import { scoreArgument } from './arguments';
import type { Command } from './command';
import { readScore, submitParams } from './submit';
import type { SubmitRequest } from './submit';

/** Marianne: Dry Run Score. Plan and all prompts in a document; nothing is started. */
export const dryRunScore: Command = {
  id: 'marianne.dryRunScore',
  async run(services, given) {
    const uri = await scoreArgument(services, given);
    if (uri === null) return;
    const score = await readScore(services, uri);
    if (score !== null) await dryRun(services, { uri }, score);
  },
};

export async function dryRun(services: Services, request: SubmitRequest, score: PlannedScore): Promise<void> {
  const title = l10n.t('Dry run of {0}', score.name);
  const params = await submitParams(services, { ...request, dryRun: true }, score);
  const answer = await longCall(services.connection, title, 'job.submit', params);
  await services.pages.show(title, dryRunText(answer, score.name));
}

function dryRunText(answer: JobResponse, name: string): string {
  const lines = [`# ${l10n.t('Dry run of {0}', name)}`, '', answer.message, ''];
  for (const { severity, message, code, range } of answer.diagnostics ?? []) {
    lines.push(
      `- ${severity}: ${range === null ? '' : `${l10n.t('line {0}', range.line)}: `}${message} (${code})`,
    );
  }
  const { plan } = answer;
  if (plan !== undefined) {
    lines.push('', l10n.t('Workspace: {0}', plan.workspace), '');
    for (const sheet of plan.sheets) {
      const after = sheet.depends_on.length > 0 && l10n.t('after {0}', sheet.depends_on.join(', '));
      const rendered = answer.rendering?.find((row) => row.sheet === sheet.sheet);
      lines.push(`## ${l10n.t('Sheet {0}', sheet.sheet)} ${sheet.description ?? ''}`.trimEnd(), '');
      lines.push(
        parts(
          sheet.instrument,
          sheet.model,
          after,
          sheet.validations.length === 1
            ? l10n.t('1 validation')
            : l10n.t('{0} validations', sheet.validations.length),
        ),
        '',
      );
      const prompt = rendered?.prompt ?? rendered?.error ?? null;
      if (prompt === null) continue;
      const fence = '`'.repeat(
        Math.max(3, ...[...prompt.matchAll(/`+/g)].map((match) => match[0].length + 1)),
      );
      lines.push(fence, prompt.trimEnd(), fence, '');
    }
  }
  return `${lines.join('\n')}\n`;
}
