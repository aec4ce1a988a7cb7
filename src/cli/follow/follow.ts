/** Follows a job to its end, over restarts of the conductor. */
import type { Link } from '../../client/link';
import { DaemonError, ErrorCode } from '../../protocol/errors';
import type { Checkpoint } from '../../protocol/checkpoint';
import type { WireEvent } from '../../protocol/events';
import type { CliContext } from '../context';
import { isOver } from '../text/job';
import type { FollowRenderer } from './renderers';
import { JobTracker } from './tracker';

export interface FollowOptions {
  readonly context: CliContext;
  /** Whole run id. */
  readonly jobId: string;
  readonly connect: () => Promise<Link>;
  readonly renderer: FollowRenderer;
  /** Called with each new connection, to offer keys. */
  readonly onConnected?: () => void;
}

export type FollowEnd =
  | { readonly kind: 'over'; readonly record: Checkpoint }
  /** Ctrl-C: the job goes on. */
  | { readonly kind: 'interrupted' };

/** Failed connections in a row after which nobody will answer any more: about half a minute with the stream's growing pauses. */
const MOST_FAILURES = 10;
const PAGE = 100;

/** @throws DaemonError when no conductor can be reached any more, or the job is gone */
export async function followJob(options: FollowOptions): Promise<FollowEnd> {
  const { EventStream } = await import('../../client/event-stream');
  const { context, jobId, renderer } = options;
  const tracker = new JobTracker();
  let resolveEnd: (end: FollowEnd) => void = () => undefined;
  let rejectEnd: (error: Error) => void = () => undefined;
  const end = new Promise<FollowEnd>((resolve, reject) => {
    resolveEnd = resolve;
    rejectEnd = reject;
  });
  let link: Link | null = null;
  let failures = 0;
  let lost = false;
  let asking = false;

  const load = async (from: Link) => {
    try {
      const record = await from.call('job.status', { job_id: jobId });
      tracker.load(record);
      renderer.loaded(tracker);
      if (isOver(record.status)) resolveEnd({ kind: 'over', record });
    } catch (error) {
      // A connection that broke is made again by the stream; an answer that refuses will not change.
      if (from.isOpen) rejectEnd(asError(error));
    }
  };
  const refresh = async (from: Link) => {
    if (asking) return;
    asking = true;
    try {
      for (let next = tracker.takeStale(PAGE); next !== null; next = tracker.takeStale(PAGE)) {
        const page = await from.call('job.sheets', { job_id: jobId, ...next });
        tracker.update(page.sheets);
      }
    } catch {
      // The record is loaded whole with the next connection.
    } finally {
      asking = false;
    }
  };
  const onEvent = (event: WireEvent) => {
    if (event.job_id !== null && event.job_id !== jobId) return;
    tracker.apply(event);
    renderer.event(event, tracker);
    if (link === null) return;
    if (/^job\.(completed|failed|cancelled|paused|resumed|started)$/.test(event.type)) void load(link);
    else void refresh(link);
  };

  const stream = new EventStream({
    connect: options.connect,
    jobId,
    ephemeral: true,
    onSnapshot: () => undefined,
    onEvent,
    onState(state) {
      link = state.link;
      if (state.link !== null) {
        failures = 0;
        if (lost) renderer.notice('connected again');
        lost = false;
        options.onConnected?.();
        void load(state.link);
        return;
      }
      failures += 1;
      const { error } = state;
      const fatal = error instanceof DaemonError && error.code === ErrorCode.startFailed && failures >= 3;
      if (error !== null && (fatal || failures >= MOST_FAILURES)) {
        rejectEnd(asError(error));
      } else if (!lost) {
        lost = true;
        renderer.notice('lost the conductor; its work is safe and goes on. Connecting again …');
      }
    },
  });
  const stopListening = context.onInterrupt(() => resolveEnd({ kind: 'interrupted' }));
  try {
    return await end;
  } finally {
    stopListening();
    stream.close();
    renderer.end();
    await stream.ended;
  }
}

function asError(error: unknown): Error {
  return error instanceof Error
    ? error
    : new Error('the connection to the conductor failed', { cause: error });
}
