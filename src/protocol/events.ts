/** Events: notifications `event` after `events.subscribe`, and the Python form `monitor.event` after `daemon.monitor.stream`. */
import { z } from 'zod';

/** Every type of event, and whether it is numbered (journalled, replayed) or ephemeral (latest value by key). */
export const eventKinds = {
  'job.submitted': 'numbered',
  'job.started': 'numbered',
  'job.paused': 'numbered',
  'job.resumed': 'numbered',
  'job.completed': 'numbered',
  'job.failed': 'numbered',
  'job.cancelled': 'numbered',
  'job.deleted': 'numbered',
  'sheet.started': 'numbered',
  'sheet.completed': 'numbered',
  'sheet.partial': 'numbered',
  'sheet.failed': 'numbered',
  'sheet.retrying': 'numbered',
  'sheet.waiting': 'numbered',
  'sheet.skipped': 'numbered',
  'sheet.cancelled': 'numbered',
  'sheet.reset': 'numbered',
  'sheet.validation_passed': 'numbered',
  'sheet.validation_failed': 'numbered',
  'rate_limit.active': 'numbered',
  'rate_limit.cleared': 'numbered',
  'job.cost_update': 'numbered',
  'job.cost_warning': 'numbered',
  'attempt.progress': 'ephemeral',
  'key.refused': 'ephemeral',
  'storage.failed': 'ephemeral',
  'storage.recovered': 'ephemeral',
  'conductor.draining': 'ephemeral',
} as const satisfies Record<string, 'numbered' | 'ephemeral'>;

export type EventType = keyof typeof eventKinds;
export const eventTypes = Object.keys(eventKinds) as readonly EventType[];
export const eventTypeSchema = z.enum(eventTypes as [EventType, ...EventType[]]);

/**
 * Params of the notification `event`. Numbered events carry `seq`; ephemeral ones carry `key`, by which a later one replaces an earlier.
 * Several events may carry one `seq` (one journal record can mean several things); they are sent in order, and `more` is true on all but the last,
 * so that a client that resumes `since` a seq never loses the rest of it.
 */
export const eventSchema = z.object({
  seq: z.number().optional(),
  more: z.boolean().optional(),
  key: z.string().optional(),
  /** A type that this build does not know is kept as text: viewers skip it. */
  type: z.string(),
  /** Null for what concerns no single job. */
  job_id: z.string().nullable(),
  sheet: z.number().nullish(),
  attempt: z.number().nullish(),
  /** Milliseconds since the epoch. */
  t: z.number(),
  data: z.record(z.string(), z.unknown()),
});
export type WireEvent = z.infer<typeof eventSchema>;

/** An event of a known type, as the conductor publishes it. */
export interface ConductorEvent extends WireEvent {
  type: EventType;
}

/** `data` of the event types, for those who read them. All keys optional on reading: an older conductor may lack some. */
export const eventDataSchemas = {
  jobStarted: z.object({ sheet_count: z.number().nullish(), instrument: z.string().nullish() }),
  jobEnded: z.object({ all_success: z.boolean().nullish(), error_message: z.string().nullish() }),
  sheet: z.object({
    status: z.string().nullish(),
    instrument: z.string().nullish(),
    model: z.string().nullish(),
    error_code: z.string().nullish(),
    error_message: z.string().nullish(),
    /** Milliseconds since the epoch: when a retry or a wait is due. */
    due_at: z.number().nullish(),
    duration_seconds: z.number().nullish(),
    cost_usd: z.number().nullish(),
    pass_percentage: z.number().nullish(),
  }),
  progress: z.object({
    phase: z.string().nullish(),
    /** Of both streams, so far. */
    bytes: z.number().nullish(),
    lines: z.number().nullish(),
    elapsed_seconds: z.number().nullish(),
    last_line: z.string().nullish(),
  }),
  rateLimit: z.object({
    /** An instrument with one key; limits come and go by account. */
    account: z.string().nullish(),
    instrument: z.string().nullish(),
    model: z.string().nullish(),
    until: z.number().nullish(),
  }),
  cost: z.object({
    total_cost_usd: z.number().nullish(),
    limit_usd: z.number().nullish(),
    unpriced: z.boolean().nullish(),
  }),
  /** A key of the keyring is set aside. */
  key: z.object({
    account: z.string().nullish(),
    instrument: z.string().nullish(),
    key_label: z.string().nullish(),
    message: z.string().nullish(),
  }),
  storage: z.object({ message: z.string().nullish() }),
} as const;

/** `data` of `attempt.progress`, as the conductor fills it. */
export type ProgressData = Required<z.input<typeof eventDataSchemas.progress>>;

/**
 * Params of the notification `resync`: this subscriber fell behind and its queue was dropped. It subscribes again without `since` (or with the
 * seq it has) and takes the snapshot.
 */
export const resyncSchema = z.object({ seq: z.number() });

/** Params of `monitor.event`, the Python form. `sheet_num` 0 = the job itself; `timestamp` in epoch seconds. */
export const monitorEventSchema = z.object({
  job_id: z.string(),
  sheet_num: z.number(),
  event: z.string(),
  data: z.record(z.string(), z.unknown()).nullable(),
  timestamp: z.number(),
});
export type MonitorEvent = z.infer<typeof monitorEventSchema>;

/** The Python form of one of our events. */
export function toMonitorEvent(event: WireEvent): MonitorEvent {
  return {
    job_id: event.job_id ?? '',
    sheet_num: event.sheet ?? 0,
    event: event.type,
    data: event.data,
    timestamp: event.t / 1000,
  };
}
