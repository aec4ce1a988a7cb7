/** One connection to the conductor, whatever its framing. */
import type { MethodName, ParamsOf, ResultOf } from '../protocol/methods';
import { methods } from '../protocol/methods';
import { BadReply } from './errors';

export interface CallOptions {
  /** Longest wait for the answer; default 30 s. */
  readonly timeoutMs?: number;
  /** Cancels the request at the conductor too. */
  readonly signal?: AbortSignal;
}

export type NotificationListener = (method: string, params: unknown) => void;

export interface Link {
  /**
   * @throws the error class of the conductor's error code; CallTimeout, ConnectionLost, BadReply, CancelledError
   */
  call<M extends MethodName>(method: M, params: ParamsOf<M>, options?: CallOptions): Promise<ResultOf<M>>;
  /** @returns a function that removes the listener */
  onNotification(listener: NotificationListener): () => void;
  readonly isOpen: boolean;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  close(): void;
}

/** The Python client's numbers, milliseconds. */
export const CONNECT_TIMEOUT_MS = 5_000;
export const RESPONSE_TIMEOUT_MS = 30_000;

/** Parses a result by the method's schema. @throws BadReply */
export function parseResult<M extends MethodName>(method: M, value: unknown): ResultOf<M> {
  const parsed = methods[method].result.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new BadReply(
      `malformed answer to ${method}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
    );
  }
  // One schema of the table, chosen by M: the compiler sees the union of all.
  return parsed.data as ResultOf<M>;
}
