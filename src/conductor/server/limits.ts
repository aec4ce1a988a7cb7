import { MAX_MESSAGE_BYTES } from '../../protocol/framing';

const MIB = 1024 * 1024;

/** The bounds of the server. Every one is there so that no client, however broken, costs the others more than a share. */
export interface ServerLimits {
  /** Connections over all sockets; one more is told so and closed. */
  readonly maxConnections: number;
  /** Requests being worked on, over all connections; streams are not counted. */
  readonly maxConcurrentRequests: number;
  readonly maxMessageBytes: number;
  /** Bytes of incomplete messages over all connections. Over it the connection that holds most is closed. */
  readonly inboundBudgetBytes: number;
  /** Bytes of replies and events that the clients have not read, over all connections. Over it the one that holds most is closed. */
  readonly outboundBudgetBytes: number;
  /** Unread bytes of one connection above which no further request of it is read. */
  readonly pauseInputBytes: number;
  /** Unread bytes of one connection above which its events wait in the queue. */
  readonly holdEventsBytes: number;
  /** How long a client that has ended its side may wait for its last answers, milliseconds. */
  readonly halfOpenMs: number;
  readonly maxQueuedEvents: number;
  readonly maxQueuedEventBytes: number;
}

/** Connections, requests and message size are the Python system's intended numbers; the event bounds are those of docs/architecture.md. */
export const defaultLimits: ServerLimits = {
  maxConnections: 500,
  maxConcurrentRequests: 50,
  maxMessageBytes: MAX_MESSAGE_BYTES,
  inboundBudgetBytes: 64 * MIB,
  outboundBudgetBytes: 256 * MIB,
  pauseInputBytes: MIB,
  holdEventsBytes: MIB / 4,
  halfOpenMs: 10_000,
  maxQueuedEvents: 1_000,
  maxQueuedEventBytes: 4 * MIB,
};
