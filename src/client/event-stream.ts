/**
 * A viewer's stream of events that survives the conductor's restarts: a snapshot, then every event in order. An event comes twice only when the
 * connection broke between the events of one journal record.
 */
import { eventSchema } from '../protocol/events';
import type { WireEvent } from '../protocol/events';
import { Notification } from '../protocol/methods';
import type { JobRow } from '../protocol/states';
import type { Link } from './link';
import { pause as pauseFor } from './pause';

export interface EventStreamOptions {
  /** Opens a connection to whoever is the conductor now; may start one. */
  readonly connect: () => Promise<Link>;
  /** Null: all jobs. */
  readonly jobId: string | null;
  /** Also progress and countdowns. */
  readonly ephemeral: boolean;
  /** Replaces everything that was known. */
  readonly onSnapshot: (jobs: readonly JobRow[], seq: number) => void;
  readonly onEvent: (event: WireEvent) => void;
  /** Connected, with the link for further calls; or not, with the reason. */
  readonly onState: (
    state: { readonly link: Link } | { readonly link: null; readonly error: unknown },
  ) => void;
  /** Waits between attempts to connect, less when the signal says so. True: there is reason to hope, so the next pauses are short again. */
  readonly pause?: (milliseconds: number, signal: AbortSignal) => Promise<boolean | void>;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export class EventStream {
  private readonly stopped = new AbortController();
  private link: Link | null = null;
  /** Number of the last event whose record was delivered whole; null before the first snapshot. */
  private seq: number | null = null;
  /** Notifications that wait for the answer to `subscribe`. */
  private held: (() => void)[] | null = null;
  /** Resolves when the stream has been closed and ended. */
  readonly ended: Promise<void>;

  constructor(private readonly options: EventStreamOptions) {
    this.ended = this.run();
  }

  close(): void {
    this.stopped.abort();
    this.link?.close();
  }

  private async run(): Promise<void> {
    const pause = this.options.pause ?? pauseFor;
    let wait = FIRST_PAUSE_MS;
    while (!this.isStopped) {
      let error: unknown = null;
      try {
        const link = await this.options.connect();
        this.link = link;
        if (this.isStopped) link.close();
        else {
          await this.follow(link);
          wait = FIRST_PAUSE_MS;
        }
        await link.closed;
      } catch (caught) {
        error = caught;
        this.link?.close();
      }
      this.link = null;
      if (this.isStopped) return;
      this.options.onState({ link: null, error });
      // Many windows lose one conductor at the same moment: they do not come back at the same moment.
      const hope = await pause(wait * (0.5 + Math.random() / 2), this.stopped.signal);
      wait = hope === true ? FIRST_PAUSE_MS : Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  }

  private get isStopped(): boolean {
    return this.stopped.signal.aborted;
  }

  private async follow(link: Link): Promise<void> {
    link.onNotification((method, params) => {
      // What arrives in one read with the answer to `subscribe` is taken after it.
      if (this.held === null) this.take(link, method, params);
      else this.held.push(() => this.take(link, method, params));
    });
    await this.subscribe(link);
    this.options.onState({ link });
  }

  private async subscribe(link: Link): Promise<void> {
    const { jobId, ephemeral } = this.options;
    this.held = [];
    const reply = await link.call('events.subscribe', { since: this.seq, job_id: jobId, ephemeral });
    if (reply.resync) {
      this.seq = reply.seq;
      this.options.onSnapshot(reply.snapshot?.jobs ?? [], reply.seq);
    }
    const { held } = this;
    this.held = null;
    for (const take of held) take();
  }

  private take(link: Link, method: string, params: unknown): void {
    if (method === Notification.resync) {
      // We were too slow and our events were dropped. Nothing came after the last one that we have, so it is enough to ask from there.
      this.subscribe(link).catch(() => link.close());
      return;
    }
    if (method !== Notification.event) return;
    const parsed = eventSchema.safeParse(params);
    if (!parsed.success) return;
    const event = parsed.data;
    if (event.seq !== undefined) {
      if (this.seq !== null && event.seq <= this.seq) return;
      if (event.more !== true) this.seq = event.seq;
    }
    this.options.onEvent(event);
  }
}
