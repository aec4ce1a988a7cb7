import type { JobStatus } from '../../protocol/states';
import { l10n } from '../l10n';
import { hasEnded, isLimited, needsPerson } from '../store/model';
import type { JobModel, PaidBy } from '../store/model';
import { ago, brief, clock, cost, countdown, duration, limitText, parts } from './format';
import { stateIcons } from './row';
import type { Row } from './row';

/** The row of a job. */
export function jobRow(job: JobModel, now: number): Row {
  return {
    id: `job/${job.id}`,
    label: job.id,
    description: parts(
      job.total > 0 && jobProgress(job),
      outcome(job, now),
      elapsed(job, now),
      jobCost(job),
      !hasEnded(job) && job.unasked.length > 0 && l10n.t('acts without asking'),
      !hasEnded(job) && job.instruments.join(', '),
    ),
    icon: icon(job),
    context: jobContext(job),
    collapsible: 'collapsed',
    alarm: !hasEnded(job) && job.unasked.length > 0,
    spoken: l10n.t(
      'job {0}, {1}, {2} of {3} sheets done, {4}',
      job.id,
      jobState(job),
      job.completed,
      job.total,
      parts(job.skipped > 0 && l10n.t('{0} skipped', job.skipped), outcome(job, now) || elapsed(job, now)),
    ),
  };
}

/** Sheets that will never play are no progress, and without a word about them the job would seem to stand still. */
function jobProgress(job: JobModel): string {
  const done = `${job.completed}/${job.total}`;
  return job.skipped > 0 ? l10n.t('{0}, {1} skipped', done, job.skipped) : done;
}

/** What can be done with a job, as words for `when` clauses. */
export function jobContext(job: JobModel): string[] {
  const words = ['job', job.status];
  const { status } = job;
  if (status === 'running' || status === 'queued' || status === 'pending')
    words.push('pausable', 'cancelable');
  if (status === 'paused' || status === 'paused_at_chain') words.push('resumable', 'cancelable');
  if (status === 'failed' || status === 'cancelled') words.push('retryable');
  if (hasEnded(job)) words.push('deletable');
  if (needsPerson(job)) words.push('person');
  if (!hasEnded(job) && job.reason?.code === 'waiting_for_key') words.push('needsKey');
  return words;
}

export function jobState(job: JobModel): string {
  const names: Record<JobStatus, string> = {
    queued: l10n.t('queued'),
    pending: l10n.t('pending'),
    running: l10n.t('running'),
    paused: l10n.t('paused'),
    paused_at_chain: l10n.t('paused at a chain'),
    completed: l10n.t('completed'),
    failed: l10n.t('failed'),
    cancelled: l10n.t('cancelled'),
  };
  return names[job.status];
}

function icon(job: JobModel): Row['icon'] {
  if (needsPerson(job)) return stateIcons.person;
  if (job.status === 'running' && isLimited(job)) return stateIcons.waiting;
  if (job.status === 'running' && job.reason?.code === 'retrying') return stateIcons.retrying;
  const icons: Record<JobStatus, Row['icon']> = {
    queued: stateIcons.pending,
    pending: stateIcons.pending,
    running: stateIcons.running,
    paused: stateIcons.paused,
    paused_at_chain: stateIcons.paused,
    completed: stateIcons.passed,
    failed: stateIcons.failed,
    cancelled: stateIcons.cancelled,
  };
  return icons[job.status];
}

/** Why it is as it is, in words; empty when the numbers say it. */
function outcome(job: JobModel, now: number): string {
  if (job.status === 'failed') return failure(job.error ?? job.reason?.message ?? l10n.t('see its sheets'));
  if (job.status === 'cancelled') return l10n.t('cancelled');
  if (job.status === 'completed') return '';
  const paused = job.status === 'paused' || job.status === 'paused_at_chain';
  // Who paused it by hand knows of the limit, and nothing goes on when that is over.
  if (paused && (job.reason === null || job.reason.code === 'user_paused')) return l10n.t('paused');
  const why = waits(job, now);
  if (paused) return l10n.t('paused: {0}', why);
  return why === '' && job.status !== 'running' ? jobState(job) : why;
}

/** What it waits for, with the time that is left where that is known. */
function waits(job: JobModel, now: number): string {
  const until = job.reason?.until ?? job.resumeAt;
  const left = until !== null && until > now;
  if (left && isLimited(job)) return limitText(until, now);
  if (job.reason === null) return '';
  const message = brief(job.reason.message);
  return left ? l10n.t('{0} in {1}', message, countdown(until, now)) : message;
}

function elapsed(job: JobModel, now: number): string {
  if (job.startedAt === null) return '';
  if (job.endedAt !== null) return parts(duration(job.endedAt - job.startedAt), ago(job.endedAt, now));
  return duration(now - job.startedAt, { steps: true });
}

/** Lines of the tooltip, Markdown. Values of others are code, so that no text of a score is taken for Markdown. */
export function jobTooltip(job: JobModel, now: number): string {
  const lines = [
    `**${escapeMarkdown(job.id)}** — ${jobState(job)}`,
    '',
    `- ${l10n.t('Sheets')}: ${jobProgress(job)}`,
    `- ${l10n.t('Score')}: ${code(job.scorePath)}`,
    `- ${l10n.t('Workspace')}: ${code(job.workspace)}`,
    `- ${l10n.t('Submitted')}: ${clock(job.submittedAt, now)}`,
  ];
  if (job.instruments.length > 0)
    lines.push(`- ${l10n.t('Instruments')}: ${code(job.instruments.join(', '))}`);
  if (jobCost(job) !== '') lines.push(`- ${l10n.t('Cost')}: ${jobCost(job)}`);
  if (job.costWarning !== null) lines.push(`- ${l10n.t('Cost limit')}: ${code(job.costWarning)}`);
  for (const { instrument, paidBy } of job.payers)
    lines.push(`- ${l10n.t('Paid by')}: ${payerName(paidBy)} (${code(instrument)})`);
  if (job.unasked.length > 0)
    lines.push(`- **${l10n.t('Acts without asking')}**: ${code(job.unasked.join(', '))}`);
  if (job.mcpOff.length > 0)
    lines.push(
      `- ${l10n.t('MCP servers')}: ${l10n.t('off for {0} (disable_mcp)', code(job.mcpOff.join(', ')))}`,
    );
  if (job.reason !== null) lines.push(`- ${l10n.t('Reason')}: ${code(job.reason.message)}`);
  if (job.error !== null) lines.push(`- ${l10n.t('Error')}: ${code(job.error)}`);
  return lines.join('\n');
}

/** What was paid; what a subscription covered, as such; and that something has no price. */
export function jobCost(job: JobModel): string {
  return parts(
    cost(job.costUsd, job.unpriced),
    job.listPriceUsd > 0 && l10n.t('subscription (list price {0})', cost(job.listPriceUsd)),
  );
}

function payerName(paidBy: PaidBy): string {
  const names: Record<PaidBy, string> = {
    subscription: l10n.t('the subscription of its login'),
    key: l10n.t('an API key'),
    cloud: l10n.t('a cloud account'),
  };
  return names[paidBy];
}

export function code(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}

export function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]()#+\-.!|<>~$]/g, '\\$&');
}

/** The conductor's own words, which mostly begin with "sheet 3 failed", are not said twice. */
function failure(why: string): string {
  return /^sheet \d+ failed\b/.test(why) ? brief(why) : l10n.t('failed: {0}', brief(why));
}
