/** Where the engine publishes events and connections take them: a ring of the latest numbered ones, and the subscribers. */
import type { WireEvent } from '../../protocol/events';
import type { JobRow } from '../../protocol/states';

/** All jobs as of `seq`. */
export interface EventSnapshot {
  readonly seq: number;
  readonly jobs: JobRow[];
}

export interface EventHubOptions {
  /** Number of the last journal record at start: what came before is not in the ring. */
  readonly seq: number;
  /** The state as of now; asked when a subscriber has nothing, or too old a number. Must be prompt: its subscriber's events are held meanwhile. */
  readonly snapshot: (jobId: string | null) => EventSnapshot | Promise<EventSnapshot>;
  /** Turns what a subscriber calls a job into its run id. @throws JobSubmissionError for no such job */
  readonly resolveJob?: (jobId: string) => string;
  readonly capacity?: number;
  readonly capacityBytes?: number;
}

export interface SubscribeRequest {
  readonly since: number | null;
  readonly jobId: string | null;
  readonly ephemeral: boolean;
  readonly deliver: (event: WireEvent) => void;
}

export interface Subscription {
  /** The answer to the subscriber; events follow only after `open`. */
  readonly reply: { seq: number; resync: boolean; snapshot?: { jobs: JobRow[] } };
  /** Delivers what came since the reply, and from then on everything at once. */
  open(): void;
  close(): void;
}

interface Subscriber {
  readonly jobId: string | null;
  readonly ephemeral: boolean;
  readonly deliver: (event: WireEvent) => void;
  /** Batches held until `open`; null once open. */
  held: (readonly WireEvent[])[] | null;
}

interface RingEntry {
  readonly event: WireEvent;
  readonly bytes: number;
}

export class EventHub {
  private readonly subscribers = new Set<Subscriber>();
  private ring: RingEntry[] = [];
  private ringStart = 0;
  private ringBytes = 0;
  /** Every numbered event above this number is in the ring. */
  private floor: number;
  private last: number;
  private readonly capacity: number;
  private readonly capacityBytes: number;

  constructor(private readonly options: EventHubOptions) {
    this.floor = options.seq;
    this.last = options.seq;
    this.capacity = options.capacity ?? 10_000;
    this.capacityBytes = options.capacityBytes ?? 16 * 1024 * 1024;
  }

  /** Number of the last journal record that subscribers know of. */
  get seq(): number {
    return this.last;
  }

  get subscriberCount(): number {
    return this.subscribers.size;
  }

  /** A journal record that means no event: keeps the number that subscribers are told current. */
  advance(seq: number): void {
    this.last = Math.max(this.last, seq);
  }

  /** Publishes what one journal record (or one moment) means. Numbered events of one call share their record's seq or ascend. */
  publish(...events: readonly WireEvent[]): void {
    for (const event of events) {
      if (event.seq === undefined) continue;
      this.remember(event);
      this.advance(event.seq);
    }
    for (const subscriber of [...this.subscribers]) {
      if (subscriber.held === null) deliver(subscriber, events);
      else subscriber.held.push(events);
    }
  }

  /** Registers a subscriber; from this call on it misses nothing. */
  async subscribe(request: SubscribeRequest): Promise<Subscription> {
    const jobId =
      request.jobId === null || this.options.resolveJob === undefined
        ? request.jobId
        : this.options.resolveJob(request.jobId);
    const subscriber: Subscriber = {
      jobId,
      ephemeral: request.ephemeral,
      deliver: request.deliver,
      held: [],
    };
    const { since } = request;
    const seq = this.last;
    if (since !== null && since >= this.floor && since <= this.last) {
      subscriber.held?.push(this.after(since));
      this.subscribers.add(subscriber);
      return this.subscription(subscriber, { seq, resync: false });
    }
    this.subscribers.add(subscriber);
    try {
      const snapshot = await this.options.snapshot(jobId);
      // What the snapshot includes already must not come again as news.
      subscriber.held = (subscriber.held ?? []).map((batch) =>
        batch.filter((event) => event.seq === undefined || event.seq > snapshot.seq),
      );
      return this.subscription(subscriber, {
        seq: snapshot.seq,
        resync: true,
        snapshot: { jobs: snapshot.jobs },
      });
    } catch (error) {
      this.subscribers.delete(subscriber);
      throw error;
    }
  }

  private subscription(subscriber: Subscriber, reply: Subscription['reply']): Subscription {
    return {
      reply,
      open: () => {
        const held = subscriber.held ?? [];
        subscriber.held = null;
        for (const batch of held) deliver(subscriber, batch);
      },
      close: () => this.subscribers.delete(subscriber),
    };
  }

  private after(seq: number): WireEvent[] {
    const missed: WireEvent[] = [];
    for (let index = this.ring.length - 1; index >= this.ringStart; index -= 1) {
      const entry = this.ring[index];
      if (entry?.event.seq === undefined || entry.event.seq <= seq) break;
      missed.push(entry.event);
    }
    return missed.reverse();
  }

  private remember(event: WireEvent): void {
    const bytes = Buffer.byteLength(JSON.stringify(event));
    this.ring.push({ event, bytes });
    this.ringBytes += bytes;
    while (this.ring.length - this.ringStart > this.capacity || this.ringBytes > this.capacityBytes) {
      const oldest = this.ring[this.ringStart];
      if (oldest?.event.seq === undefined) break;
      // A record's events stay or go together: a number half of whose events are gone is below the floor.
      this.floor = Math.max(this.floor, oldest.event.seq);
      this.ringBytes -= oldest.bytes;
      this.ringStart += 1;
    }
    // Cutting the array now and then keeps removal cheap.
    if (this.ringStart > this.capacity) {
      this.ring = this.ring.slice(this.ringStart);
      this.ringStart = 0;
    }
  }
}

/** Hands over what the subscriber asked for; all but the last event of one seq say that more of it follows. */
function deliver(subscriber: Subscriber, events: readonly WireEvent[]): void {
  const wanted = events.filter(
    (event) =>
      (subscriber.jobId === null || event.job_id === null || event.job_id === subscriber.jobId) &&
      (subscriber.ephemeral || event.seq !== undefined),
  );
  // Backwards, because the numbers ascend: the seq that follows tells whether this one goes on.
  let following: number | undefined;
  const marked = wanted.toReversed().map((event) => {
    const more = event.seq !== undefined && event.seq === following;
    following = event.seq ?? following;
    return more ? { ...event, more } : event;
  });
  for (const event of marked.reverse()) subscriber.deliver(event);
}
