/** An attempt as one text with sections. Pure; the same parser gives folding and outline. */
import type { AttemptDetail } from '../../protocol/job-methods';
import { l10n } from '../l10n';
import { attemptState, modeName } from '../trees/attempt-row';
import { cost, duration, parts, tokens } from '../trees/format';

export interface AttemptParts {
  readonly job: string;
  readonly sheet: number;
  readonly detail: AttemptDetail;
  readonly prompt: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** ASCII: VS Code draws boxes round letters that look like others. */
const MARK = '==== ';

export function attemptText({ job, sheet, detail, prompt, stdout, stderr }: AttemptParts): string {
  const state = attemptState(detail);
  const facts = [
    [
      l10n.t('State'),
      parts(
        state,
        detail.exit_reason !== 'completed' && detail.exit_reason !== detail.outcome && detail.exit_reason,
        detail.decision !== null && detail.decision !== detail.outcome && l10n.t('then {0}', detail.decision),
      ),
    ],
    [l10n.t('Instrument'), parts(detail.instrument, detail.model, modeName(detail.mode))],
    [l10n.t('Started'), new Date(detail.started_at).toLocaleString()],
    [l10n.t('Duration'), detail.duration_seconds === null ? '' : duration(detail.duration_seconds * 1000)],
    [l10n.t('Exit code'), detail.exit_code === null ? '' : String(detail.exit_code)],
    [l10n.t('Signal'), detail.exit_signal === null ? '' : String(detail.exit_signal)],
    [
      l10n.t('Cost'),
      detail.cost_usd === null
        ? ''
        : parts(
            cost(detail.cost_usd),
            detail.cost_estimated && l10n.t('estimated'),
            detail.paid_by === 'subscription' && l10n.t('list price; the subscription covered it'),
          ),
    ],
    [l10n.t('Tokens'), detail.input_tokens === null ? '' : tokens(detail.input_tokens, detail.output_tokens)],
    [l10n.t('Key'), detail.key_label ?? ''],
    [l10n.t('Working folder'), detail.cwd ?? ''],
    [l10n.t('Command'), detail.command.map(quoted).join(' ')],
    [l10n.t('Variables'), detail.env_names.join(' ')],
    [l10n.t('Session'), detail.session_id ?? ''],
    [l10n.t('Output log'), detail.stdout_path ?? ''],
    [l10n.t('Error log'), detail.stderr_path ?? ''],
  ].filter(([, value]) => value !== '');
  const sections: [string, string][] = [
    [
      l10n.t('{0}, sheet {1}, attempt {2}', job, sheet, detail.attempt),
      facts.map(([name, value]) => `${name}: ${value}`).join('\n'),
    ],
    [l10n.t('Prompt'), prompt ?? l10n.t('(not kept)')],
    [l10n.t('Output'), stdout === '' ? l10n.t('(none)') : stdout],
  ];
  if (stderr !== '') sections.push([l10n.t('Error output'), stderr]);
  if (detail.validations.length > 0) {
    const lines = detail.validations.map(
      (rule) =>
        `${rule.passed ? '✓' : '✗'} ${rule.description ?? parts(rule.rule_type, rule.path)}` +
        (rule.passed || rule.error_message === null ? '' : `\n    ${rule.error_message}`) +
        (rule.suggested_fix === null ? '' : `\n    ${rule.suggested_fix}`),
    );
    sections.push([l10n.t('Validation'), lines.join('\n')]);
  }
  if (detail.error_message !== null) {
    sections.push([l10n.t('Error'), parts(detail.error_code, detail.error_message)]);
  }
  return sections.map(([title, body]) => `${MARK}${title}\n\n${bodyText(body)}\n`).join('\n');
}

/** What an agent writes never looks like a heading of ours. */
function bodyText(text: string): string {
  return text.replace(/\n+$/, '').replaceAll(/^(?===== )/gm, ' ');
}

export interface Section {
  readonly title: string;
  /** Lines, 0-based; the first is the heading. */
  readonly first: number;
  readonly last: number;
}

/** Sections of such a text. */
export function sectionsOf(text: string): Section[] {
  const lines = text.split('\n');
  const starts = lines.flatMap((line, index) => (line.startsWith(MARK) ? [index] : []));
  return starts.map((first, index) => ({
    title: (lines[first] ?? '').slice(MARK.length),
    first,
    last: (starts[index + 1] ?? lines.length) - 1,
  }));
}

function quoted(argument: string): string {
  return /^[A-Za-z0-9_./:=@%+,-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
