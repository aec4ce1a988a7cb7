/** One attempt as people read it. */
import { isUnpriced, type AttemptSummary } from '../../protocol/checkpoint';
import type { AttemptDetail } from '../../protocol/job-methods';
import type { Colors } from '../output';
import { duration, instant, money, tokens } from './amounts';
import { printable } from './printable';

/** Signals by number, as far as they are the same on Linux and macOS. */
const signals: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  6: 'SIGABRT',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  13: 'SIGPIPE',
  14: 'SIGALRM',
  15: 'SIGTERM',
};

/** `completed`, `failed: E009 exit code 1: …`, `playing`. */
export function attemptResult(attempt: AttemptSummary): string {
  if (attempt.outcome === null) return 'playing';
  if (attempt.outcome === 'completed') return 'completed';
  const error = [attempt.error_code, attempt.error_message].filter((part) => part !== null).join(' ');
  return `${attempt.outcome}${error === '' ? '' : `: ${error}`}`;
}

/** `exit code 1`, `SIGKILL (9)`, `timeout`; null when nothing is known. */
export function exitText(attempt: AttemptSummary): string | null {
  const { exit_signal: signal, exit_code: code, exit_reason: reason } = attempt;
  const how =
    signal !== null
      ? `${signals[signal] ?? 'signal'} (${signal})`
      : code !== null
        ? `exit code ${code}`
        : null;
  const why = reason === null || reason === 'completed' || reason === 'exited' ? null : reason;
  const parts = [how, why].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(', ');
}

export function attemptTokens(attempt: AttemptSummary): number | null {
  if (attempt.input_tokens === null && attempt.output_tokens === null) return null;
  return (attempt.input_tokens ?? 0) + (attempt.output_tokens ?? 0);
}

/** An argument as a shell would need it. */
export function quoteArgument(argument: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}

const LONGEST_ARGUMENT = 200;

/** A command line to read; long arguments (a whole prompt) are cut. */
export function commandText(command: readonly string[]): string {
  return command
    .map((argument) => {
      const shown = printable(argument);
      return quoteArgument(shown.length > LONGEST_ARGUMENT ? `${shown.slice(0, LONGEST_ARGUMENT)}…` : shown);
    })
    .join(' ');
}

/** Everything that is known of an attempt. */
export function attemptLines(attempt: AttemptDetail, colors: Colors, now: number): string[] {
  const fact = (name: string, value: string | null) =>
    value === null || value === '' ? [] : [`    ${colors.dim(name.padEnd(12))} ${value}`];
  const used = attemptTokens(attempt);
  const cost = attempt.cost_usd;
  const paint =
    attempt.outcome === 'completed' ? colors.green : attempt.outcome === null ? colors.cyan : colors.red;
  const mode = attempt.mode === 'normal' ? '' : ` (${attempt.mode})`;
  return [
    `  ${colors.bold(`attempt ${attempt.attempt}`)}${mode}: ${paint(printable(attemptResult(attempt)))}`,
    ...fact('instrument', [attempt.instrument, attempt.model].filter((part) => part !== null).join(' ')),
    ...fact('key', attempt.key_label ? printable(attempt.key_label) : null),
    ...fact('started', instant(Date.parse(attempt.started_at), now)),
    ...fact('took', attempt.duration_seconds === null ? null : duration(attempt.duration_seconds)),
    ...fact('ended by', exitText(attempt)),
    ...fact('then', attempt.decision),
    ...fact(
      'tokens',
      used === null
        ? null
        : `${tokens(attempt.input_tokens ?? 0)} in, ${tokens(attempt.output_tokens ?? 0)} out`,
    ),
    ...fact(
      'cost',
      cost === null
        ? isUnpriced(attempt)
          ? 'unpriced'
          : null
        : `${money(cost)}${attempt.cost_estimated ? ' (estimated)' : ''}`,
    ),
    ...attempt.validations.flatMap((rule) =>
      fact(
        rule.passed ? 'check passed' : 'check FAILED',
        printable(
          `${rule.description ?? rule.rule_type}${rule.error_message === null ? '' : `: ${rule.error_message}`}`,
        ),
      ),
    ),
    ...fact('command', attempt.command.length === 0 ? null : commandText(attempt.command)),
    ...fact('folder', attempt.cwd),
    ...fact('variables', attempt.env_names.join(' ')),
    ...fact('session', attempt.session_id),
    ...Object.entries(attempt.metadata ?? {}).flatMap(([name, value]) =>
      fact(printable(name), printable(JSON.stringify(value))),
    ),
    ...fact('prompt', attempt.prompt_digest === null ? null : `sha256 ${attempt.prompt_digest}`),
    ...fact('stdout', attempt.stdout_path),
    ...fact('stderr', attempt.stderr_path),
  ];
}
