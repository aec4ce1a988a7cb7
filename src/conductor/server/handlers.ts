/** What the engine plugs into the server. */
import type { HandlerResultOf, MethodName, ParsedParamsOf } from '../../protocol/methods';

/** Methods that the server answers itself. */
export type BuiltInMethod =
  'initialize' | 'events.subscribe' | 'events.unsubscribe' | 'daemon.monitor.stream';

/** What a handler knows of its caller. */
export interface RequestContext {
  readonly connectionId: number;
  /** Aborted when the caller cancels (the reason is then a CancelledError), when its connection ends, and when the server stops. */
  readonly signal: AbortSignal;
  /** `client.kind` of the caller's `initialize`; null when it skipped that. */
  readonly clientKind: string | null;
  readonly capabilities: ReadonlySet<string>;
  /** Sends a notification to this caller only. False: its queue is full and the notification was dropped. */
  notify(method: string, params: unknown): boolean;
}

/** One function a method. A method without one is answered "method not found". */
export type Handlers = {
  [M in Exclude<MethodName, BuiltInMethod>]?: (
    params: ParsedParamsOf<M>,
    context: RequestContext,
  ) => Promise<HandlerResultOf<M>>;
};

export type ServerLog = (
  level: 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;
