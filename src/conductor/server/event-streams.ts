/** The streams of the connections: `events.subscribe`, `daemon.monitor.stream`, and notifications that a handler sends to its caller. */
import { toMonitorEvent } from '../../protocol/events';
import type { WireEvent } from '../../protocol/events';
import type { HandlerResultOf, ParsedParamsOf } from '../../protocol/methods';
import { Notification } from '../../protocol/methods';
import type { Connection } from './connection';
import type { EventHub, Subscription } from './event-hub';
import { EventQueue } from './event-queue';
import type { ServerLimits } from './limits';

interface Stream {
  readonly end: () => void;
}

interface ConnectionStreams {
  events: Stream | null;
  monitor: Stream | null;
  direct: EventQueue | null;
}

export class EventStreams {
  private readonly byConnection = new Map<Connection, ConnectionStreams>();

  constructor(
    private readonly hub: EventHub,
    private readonly limits: ServerLimits,
  ) {}

  /** Subscribes, in place of an earlier subscription of the connection. `reply` is called before the first event. */
  async subscribe(
    connection: Connection,
    params: ParsedParamsOf<'events.subscribe'>,
    reply: (result: HandlerResultOf<'events.subscribe'>) => void,
  ): Promise<void> {
    this.unsubscribe(connection);
    const queue = this.newQueue();
    let behind = false;
    const subscription = await this.hub.subscribe({
      since: params.since,
      jobId: params.job_id,
      ephemeral: params.ephemeral,
      deliver: (event) => {
        if (behind) return;
        const frame = connection.encodeNotification(Notification.event, event);
        if (frame !== null && queue.push(event.key ?? null, frame)) {
          connection.pump();
          return;
        }
        behind = true;
        queue.clear();
        // This client fell behind: its events are dropped, it is told so once, and it has to subscribe again.
        subscription.close();
        this.enqueue(connection, queue, Notification.resync, { seq: this.hub.seq });
        connection.pump();
      },
    });
    this.install(connection, 'events', queue, subscription, () => reply(subscription.reply));
  }

  unsubscribe(connection: Connection): boolean {
    const streams = this.byConnection.get(connection);
    if (streams === undefined || streams.events === null) return false;
    streams.events.end();
    streams.events = null;
    return true;
  }

  /** The Python form: no numbers, no replay. What a slow reader misses is counted and told. */
  async monitor(connection: Connection, params: ParsedParamsOf<'daemon.monitor.stream'>): Promise<void> {
    this.byConnection.get(connection)?.monitor?.end();
    const queue = this.newQueue();
    const deliver = (event: WireEvent) => {
      const held = queue.length;
      if (!this.enqueue(connection, queue, Notification.monitorEvent, toMonitorEvent(event))) {
        const dropped = {
          job_id: '',
          sheet_num: 0,
          event: 'stream.dropped',
          data: { dropped: held + 1 },
          timestamp: event.t / 1000,
        };
        this.enqueue(connection, queue, Notification.monitorEvent, dropped);
      }
      connection.pump();
    };
    const subscription = await this.hub.subscribe({
      since: this.hub.seq,
      jobId: params.job_id,
      ephemeral: false,
      deliver,
    });
    this.install(connection, 'monitor', queue, subscription, () => undefined);
  }

  /** A notification to this connection only. False: dropped, its queue is full. */
  notify(connection: Connection, method: string, params: unknown): boolean {
    if (connection.ended.signal.aborted) return false;
    const streams = this.of(connection);
    if (streams.direct === null) {
      streams.direct = this.newQueue();
      connection.attach(streams.direct);
    }
    const taken = this.enqueue(connection, streams.direct, method, params);
    connection.pump();
    return taken;
  }

  /** Connections that listen to events, apart from one. */
  listenersBeside(connectionId: number): number {
    let count = 0;
    for (const [{ id }, { events, monitor }] of this.byConnection)
      if (id !== connectionId && (events !== null || monitor !== null)) count += 1;
    return count;
  }

  endAll(connection: Connection): void {
    const streams = this.byConnection.get(connection);
    streams?.events?.end();
    streams?.monitor?.end();
    this.byConnection.delete(connection);
  }

  private install(
    connection: Connection,
    kind: 'events' | 'monitor',
    queue: EventQueue,
    subscription: Subscription,
    beforeFirst: () => void,
  ): void {
    // The connection may have ended, or subscribed a second time, while the snapshot was made.
    if (connection.ended.signal.aborted) {
      subscription.close();
      return;
    }
    const streams = this.of(connection);
    streams[kind]?.end();
    const detach = connection.attach(queue);
    streams[kind] = {
      end: () => {
        subscription.close();
        detach();
      },
    };
    beforeFirst();
    subscription.open();
  }

  private of(connection: Connection): ConnectionStreams {
    let streams = this.byConnection.get(connection);
    if (streams === undefined) {
      streams = { events: null, monitor: null, direct: null };
      this.byConnection.set(connection, streams);
    }
    return streams;
  }

  private enqueue(connection: Connection, queue: EventQueue, method: string, params: unknown): boolean {
    const frame = connection.encodeNotification(method, params);
    return frame !== null && queue.push(null, frame);
  }

  private newQueue(): EventQueue {
    return new EventQueue(this.limits.maxQueuedEvents, this.limits.maxQueuedEventBytes);
  }
}
