import type { AttemptModel } from '../store/model';
import { l10n } from '../l10n';
import { brief, cost, duration, parts } from './format';
import { stateIcons } from './row';
import type { Row } from './row';
import { changeWords, usesClaudeCode } from './sheet-row';

type Outcome = Exclude<AttemptModel['outcome'], null>;

/** The row of one attempt. */
export function attemptRow(job: string, sheet: number, attempt: AttemptModel, now: number): Row {
  const state = attemptState(attempt);
  const why = attempt.outcome === 'completed' ? '' : brief(attempt.errorMessage ?? '');
  return {
    id: `job/${job}/sheet/${sheet}/attempt/${attempt.attempt}`,
    label: l10n.t('Attempt {0}', attempt.attempt),
    description: parts(
      attempt.outcome === null ? '' : state,
      why,
      attempt.outcome === null
        ? duration(now - attempt.startedAt, { steps: true })
        : attempt.durationSeconds !== null && duration(attempt.durationSeconds * 1000),
      modeName(attempt.mode),
      attemptCost(attempt),
      parts(attempt.instrument, attempt.model),
    ),
    icon: attempt.outcome === null ? stateIcons.running : icons[attempt.outcome],
    context: attemptContext(attempt),
    collapsible: 'none',
    spoken: l10n.t('attempt {0}, {1}', attempt.attempt, parts(state, why)),
  };
}

/** What can be done with an attempt, as words for `when` clauses. */
export function attemptContext(attempt: AttemptModel): string[] {
  return [
    'attempt',
    attempt.outcome ?? 'running',
    'hasLog',
    ...changeWords(attempt),
    ...(usesClaudeCode(attempt) ? ['resumableSession'] : []),
  ];
}

/** What was special about it; empty for an attempt like any other. */
export function modeName(mode: AttemptModel['mode']): string {
  const names: Record<AttemptModel['mode'], string> = {
    normal: '',
    completion: l10n.t('completes what was missing'),
    healing: l10n.t('repairs'),
  };
  return names[mode];
}

/** How it ended and why, for a line under its output. */
export function attemptEnd(attempt: AttemptModel): string {
  const why = attempt.outcome === 'completed' ? '' : brief(attempt.errorMessage ?? '', 500);
  const state = why === '' ? attemptState(attempt) : `${attemptState(attempt)}: ${why}`;
  return parts(state, attempt.durationSeconds !== null && duration(attempt.durationSeconds * 1000));
}

/** `~` marks what was priced by us; brackets a list price that a subscription covered. */
function attemptCost(attempt: AttemptModel): string {
  const shown = cost(attempt.costUsd ?? 0, attempt.unpriced);
  const marked = shown !== '' && attempt.costEstimated ? `~${shown}` : shown;
  return marked !== '' && attempt.paidBy === 'subscription' ? l10n.t('list price {0}', marked) : marked;
}

const icons: Record<Outcome, Row['icon']> = {
  completed: stateIcons.passed,
  failed: stateIcons.failed,
  partial: stateIcons.retrying,
  rate_limited: stateIcons.waiting,
  interrupted: stateIcons.cancelled,
  cancelled: stateIcons.cancelled,
  timeout: stateIcons.failed,
  skipped: stateIcons.skipped,
};

export function attemptState(attempt: Pick<AttemptModel, 'outcome'>): string {
  if (attempt.outcome === null) return l10n.t('running');
  const names: Record<Outcome, string> = {
    completed: l10n.t('completed'),
    failed: l10n.t('failed'),
    partial: l10n.t('partly passed'),
    rate_limited: l10n.t('rate limited'),
    interrupted: l10n.t('interrupted'),
    cancelled: l10n.t('cancelled'),
    timeout: l10n.t('timed out'),
    skipped: l10n.t('skipped'),
  };
  return names[attempt.outcome];
}
