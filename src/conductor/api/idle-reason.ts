import type { Reason } from '../records';
import { terminalSheet } from '../engine/state';
import type { JobState, SheetState } from '../engine/state';

/** Sheets that are asked why they do not start: they are mostly held by one thing. */
const askedForHold = 20;

/** Nothing goes on until a person does something. */
const forPerson = new Set(['waiting_for_key', 'storage_failed']);

/**
 * Why nothing of a job plays although it runs: a person has to do something, or the next retry is not due. Null when something plays, and when a rate
 * limit holds it, which is told by its end. Without this a viewer that shows only the job would call it busy.
 */
export function idleReason(job: JobState, holdOf: (sheet: SheetState) => Reason | null): Reason | null {
  if (job.status !== 'running' || job.sheets.some(({ status }) => status === 'dispatched')) return null;
  const open = job.sheets.filter(({ status }) => !terminalSheet.has(status));
  const holds = open.slice(0, askedForHold).map(holdOf);
  const hold = holds.find((reason) => reason !== null && forPerson.has(reason.code));
  if (hold) return hold;
  if (holds.some((reason) => reason?.code === 'rate_limit')) return null;
  const [next] = open
    .filter(({ status, due_at }) => status === 'retry_scheduled' && due_at !== null)
    .sort((a, b) => (a.due_at ?? 0) - (b.due_at ?? 0));
  return next === undefined
    ? null
    : { code: 'retrying', message: `sheet ${next.num} is retried`, until: next.due_at };
}
