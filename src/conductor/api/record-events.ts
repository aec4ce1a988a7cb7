import type { ConductorEvent, EventType } from '../../protocol/events';
import type { JobState } from '../engine/state';
import { recordBodies, type RecordBody, type RecordType } from '../records';
import type { DurableRecord } from '../engine/core';

type Told = {
  readonly type: EventType;
  readonly sheet?: number;
  readonly attempt?: number;
  readonly data: Record<string, unknown>;
};

/** What one durable record means to a viewer: none, one or several events, all with the record's number. */
export function eventsOf(record: DurableRecord, job: JobState | undefined): ConductorEvent[] {
  const told = tell(record, job);
  return told.map((event, i) => ({
    seq: record.seq,
    ...(i < told.length - 1 ? { more: true } : {}),
    type: event.type,
    job_id: record.run ?? null,
    sheet: event.sheet ?? null,
    attempt: event.attempt ?? null,
    t: record.t,
    data: event.data,
  }));
}

function tell(record: DurableRecord, job: JobState | undefined): Told[] {
  switch (record.type) {
    case 'job.submitted': {
      const { job: head } = body(record, 'job.submitted');
      return [
        {
          type: 'job.submitted',
          data: {
            name: head.name,
            stem: head.stem,
            workspace: head.workspace,
            total_sheets: head.total_sheets,
          },
        },
        ...head.skips.map(({ sheet, reason }): Told => ({
          type: 'sheet.skipped',
          sheet,
          data: { status: 'skipped', reason, error_code: null, error_message: null },
        })),
      ];
    }
    case 'job.status':
      return jobStatus(body(record, 'job.status'), job);
    case 'job.reopened':
      return [];
    case 'job.deleted':
      return [{ type: 'job.deleted', data: {} }];
    case 'attempt.started': {
      const started = body(record, 'attempt.started');
      const { sheet, attempt, instrument, model, mode } = started;
      return [
        { type: 'sheet.started', sheet, attempt, data: { status: 'dispatched', instrument, model, mode } },
      ];
    }
    case 'attempt.finished':
      return attemptFinished(body(record, 'attempt.finished'), job);
    case 'sheet.status': {
      const changed = body(record, 'sheet.status');
      const data = {
        status: changed.status,
        reason: changed.reason,
        error_code: changed.error_code,
        error_message: changed.error_message,
      };
      const type: EventType =
        changed.status === 'skipped'
          ? 'sheet.skipped'
          : changed.status === 'cancelled'
            ? 'sheet.cancelled'
            : changed.status === 'failed'
              ? 'sheet.failed'
              : 'sheet.reset';
      return [{ type, sheet: changed.sheet, data }];
    }
    case 'sheet.reset': {
      const { sheet, reason } = body(record, 'sheet.reset');
      return [{ type: 'sheet.reset', sheet, data: { status: 'pending', reason } }];
    }
    case 'job.cost_warning': {
      const { sheet, spent_usd: spent, limit_usd: limit } = body(record, 'job.cost_warning');
      return [
        {
          type: 'job.cost_warning',
          ...(sheet === null ? {} : { sheet }),
          data: { total_cost_usd: spent, limit_usd: limit },
        },
      ];
    }
    case 'limit.set': {
      const { account, instrument, until, message, stated } = body(record, 'limit.set');
      return [{ type: 'rate_limit.active', data: { account, instrument, until, message, stated } }];
    }
    case 'limit.cleared': {
      const { account, instrument } = body(record, 'limit.cleared');
      return [{ type: 'rate_limit.cleared', data: { account, instrument: instrument || account } }];
    }
    default:
      return [];
  }
}

function jobStatus({ status, reason, error }: RecordBody<'job.status'>, job: JobState | undefined): Told[] {
  const data = {
    status,
    reason,
    error_message: error,
    all_success: status === 'completed',
    sheet_count: job?.sheets.length ?? null,
    ...(status === 'running' ? { instrument: instrumentsOf(job) } : {}),
  };
  const first = job?.sheets.every((sheet) => sheet.attempts.length === 0) ?? false;
  const types: Partial<Record<typeof status, EventType>> = {
    running: first ? 'job.started' : 'job.resumed',
    paused: 'job.paused',
    completed: 'job.completed',
    failed: 'job.failed',
    cancelled: 'job.cancelled',
  };
  const type = types[status];
  return type ? [{ type, data }] : [];
}

/** The instruments that the sheets ask for, as one text: the Python form has one `instrument`. Null when the job is not known. */
function instrumentsOf(job: JobState | undefined): string | null {
  return job === undefined ? null : [...new Set(job.sheets.map(({ instrument }) => instrument))].join(', ');
}

function attemptFinished(end: RecordBody<'attempt.finished'>, job: JobState | undefined): Told[] {
  const { sheet, attempt, next } = end;
  const told: Told[] = [];
  const failed = end.rules.filter((rule) => !rule.passed);
  if (end.pass_percent !== null && end.rules.length > 0) {
    const type = failed.length === 0 ? 'sheet.validation_passed' : 'sheet.validation_failed';
    told.push({
      type,
      sheet,
      attempt,
      data: {
        pass_percentage: end.pass_percent,
        passed: end.rules.length - failed.length,
        failed: failed.length,
      },
    });
  }
  const data = {
    status: next.status,
    outcome: end.outcome,
    instrument: end.instrument,
    model: end.model,
    error_code: end.error_code,
    error_message: end.error_message,
    due_at: next.due_at,
    duration_seconds: end.duration_seconds,
    cost_usd: end.cost_usd,
    pass_percentage: end.pass_percent,
  };
  const types: Partial<Record<typeof next.status, EventType>> = {
    completed: 'sheet.completed',
    failed: 'sheet.failed',
    cancelled: 'sheet.cancelled',
    waiting: 'sheet.waiting',
    pending: 'sheet.retrying',
    retry_scheduled: next.mode === 'completion' ? 'sheet.partial' : 'sheet.retrying',
  };
  const type = types[next.status];
  if (type) told.push({ type, sheet, attempt, data });
  if (end.cost_usd !== null || end.input_tokens !== null) {
    told.push({
      type: 'job.cost_update',
      data: { total_cost_usd: job?.cost_usd ?? null, unpriced: job?.unpriced ?? null },
    });
  }
  return told;
}

function body<T extends RecordType>(record: DurableRecord, type: T): RecordBody<T> {
  return (record.parsed === true ? record.body : recordBodies[type].parse(record.body)) as RecordBody<T>;
}
