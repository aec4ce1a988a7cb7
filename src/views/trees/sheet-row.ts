import type { SheetStatus } from '../../protocol/states';
import { l10n } from '../l10n';
import type { AttemptModel, JobModel, Progress, SheetModel } from '../store/model';
import { brief, clock, cost, countdown, duration, limitText, parts, tokens } from './format';
import { code } from './job-row';
import { stateIcons } from './row';
import type { Row } from './row';

/** The row of a sheet. `prefix` keeps ids apart when two trees or groups show the same sheet. */
export function sheetRow(job: JobModel, sheet: SheetModel, now: number): Row {
  const many = sheet.attempts.length > 1;
  return {
    id: `job/${job.id}/sheet/${sheet.num}`,
    label: sheetLabel(sheet.num, sheet.description),
    description: parts(
      sheetOutcome(sheet, now),
      sheetElapsed(sheet, now),
      many && l10n.t('attempt {0}', sheet.attempts.length),
      cost(sheet.costUsd, sheet.unpriced),
      playedBy(sheet),
    ),
    icon: sheetIcon(sheet),
    context: sheetContext(sheet),
    collapsible: many ? 'collapsed' : 'none',
    spoken: [
      spokenLabel(sheet.num, sheet.description),
      // What is told of a failure begins with the word for it.
      sheetOutcome(sheet, now) || sheetState(sheet.status),
      sheetElapsed(sheet, now),
      many ? l10n.t('{0} attempts', sheet.attempts.length) : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
  };
}

function playedBy(sheet: SheetModel): string | null {
  if (sheet.fallbackFrom === null || sheet.instrument === null) return sheet.instrument;
  return l10n.t('{0}, fallback for {1}', sheet.instrument, sheet.fallbackFrom);
}

export function sheetLabel(num: number, description: string | null): string {
  return description === null || description === '' ? l10n.t('Sheet {0}', num) : `${num} ${description}`;
}

/** As a screen reader says it. */
export function spokenLabel(num: number, description: string | null): string {
  return description === null || description === ''
    ? l10n.t('sheet {0}', num)
    : l10n.t('sheet {0}, {1}', num, description);
}

export function isRunning(status: SheetStatus): boolean {
  return status === 'dispatched' || status === 'in_progress';
}

export function sheetContext(sheet: SheetModel): string[] {
  const words = ['sheet', sheet.status];
  if (isRunning(sheet.status)) words.push('running');
  else words.push('rerunnable');
  if (sheet.attempts.length > 0) words.push('hasLog');
  const last = sheet.attempts.at(-1);
  if (last !== undefined) words.push(...changeWords(last));
  if (sheet.reason?.code === 'waiting_for_key') words.push('needsKey');
  if (sheet.attempts.some(usesClaudeCode)) words.push('resumableSession');
  return words;
}

/** What can be shown and undone of an attempt. */
export function changeWords({ changes }: AttemptModel): string[] {
  if (changes === 'some') return ['hasChanges', 'undoable'];
  return changes === 'recording' ? ['hasChanges'] : [];
}

export function usesClaudeCode(attempt: AttemptModel): boolean {
  return attempt.instrument === 'claude-code' || attempt.instrument === 'claude_cli';
}

export function sheetState(status: SheetStatus): string {
  const names: Record<SheetStatus, string> = {
    pending: l10n.t('pending'),
    ready: l10n.t('ready'),
    dispatched: l10n.t('running'),
    in_progress: l10n.t('running'),
    waiting: l10n.t('waiting'),
    retry_scheduled: l10n.t('will be retried'),
    fermata: l10n.t('waits for a person'),
    completed: l10n.t('completed'),
    failed: l10n.t('failed'),
    skipped: l10n.t('skipped'),
    cancelled: l10n.t('cancelled'),
  };
  return names[status];
}

export function sheetIcon(sheet: Pick<SheetModel, 'status' | 'reason'>): Row['icon'] {
  if (sheet.reason?.code === 'waiting_for_key') return stateIcons.person;
  const icons: Record<SheetStatus, Row['icon']> = {
    pending: stateIcons.pending,
    ready: stateIcons.pending,
    dispatched: stateIcons.running,
    in_progress: stateIcons.running,
    waiting: stateIcons.waiting,
    retry_scheduled: stateIcons.retrying,
    fermata: stateIcons.person,
    completed: stateIcons.passed,
    failed: stateIcons.failed,
    skipped: stateIcons.skipped,
    cancelled: stateIcons.cancelled,
  };
  return icons[sheet.status];
}

/** Why it is as it is, in words; empty when icon and numbers say it. */
export function sheetOutcome(sheet: SheetModel, now: number): string {
  switch (sheet.status) {
    case 'failed':
      return l10n.t('failed: {0}', brief(failure(sheet)));
    case 'retry_scheduled':
      return sheet.dueAt === null
        ? l10n.t('will be retried: {0}', brief(failure(sheet)))
        : l10n.t('retries in {0}: {1}', countdown(sheet.dueAt, now), brief(failure(sheet)));
    case 'waiting':
      return sheet.dueAt === null
        ? brief(sheet.reason?.message ?? l10n.t('waiting'))
        : limitText(sheet.dueAt, now);
    case 'fermata':
      return brief(sheet.reason?.message ?? l10n.t('waits for a person'));
    case 'skipped':
    case 'cancelled':
      return sheet.reason === null
        ? sheetState(sheet.status)
        : `${sheetState(sheet.status)}: ${brief(sheet.reason.message)}`;
    case 'pending':
    case 'ready':
      return sheet.reason === null ? '' : brief(sheet.reason.message);
    case 'dispatched':
    case 'in_progress':
    case 'completed':
      return '';
  }
}

function failure(sheet: SheetModel): string {
  if (sheet.errorMessage !== null) return sheet.errorMessage;
  const [first] = sheet.failedValidations;
  if (first !== undefined) return l10n.t('validation {0}', first);
  if (sheet.exitCode !== null && sheet.exitCode !== 0) return l10n.t('exit code {0}', sheet.exitCode);
  return sheet.errorCode ?? l10n.t('unknown reason');
}

function sheetElapsed(sheet: SheetModel, now: number): string {
  const last = sheet.attempts.at(-1);
  if (isRunning(sheet.status) && last !== undefined) return duration(now - last.startedAt, { steps: true });
  if (sheet.durationSeconds > 0) return duration(sheet.durationSeconds * 1000);
  return '';
}

export function sheetTooltip(sheet: SheetModel, progress: Progress | undefined, now: number): string {
  const lines = [`**${l10n.t('Sheet {0}', sheet.num)}** — ${sheetState(sheet.status)}`, ''];
  const add = (name: string, value: string | number | null) => {
    if (value !== null && value !== '') lines.push(`- ${name}: ${code(String(value))}`);
  };
  add(l10n.t('Description'), sheet.description);
  add(l10n.t('Instrument'), parts(playedBy(sheet), sheet.model));
  add(l10n.t('Started'), sheet.startedAt === null ? null : clock(sheet.startedAt, now));
  add(l10n.t('Attempts'), sheet.attempts.length === 0 ? null : sheet.attempts.length);
  add(l10n.t('Exit code'), sheet.exitCode);
  add(l10n.t('Validations'), sheet.passPercent === null ? null : `${sheet.passPercent}%`);
  add(l10n.t('Failed'), sheet.failedValidations.join(', '));
  add(l10n.t('Tokens'), sheet.inputTokens === null ? null : tokens(sheet.inputTokens, sheet.outputTokens));
  add(l10n.t('Cost'), cost(sheet.costUsd, sheet.unpriced));
  add(l10n.t('Depends on'), sheet.dependsOn.join(', '));
  if (sheet.reason?.message !== sheet.errorMessage) add(l10n.t('Reason'), sheet.reason?.message ?? null);
  add(l10n.t('Error'), sheet.errorMessage === null ? null : parts(sheet.errorMessage, sheet.errorCode));
  if (isRunning(sheet.status)) add(l10n.t('Last line'), progress?.lastLine ?? null);
  return lines.join('\n');
}
