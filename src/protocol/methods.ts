/** The one table of everything that can be called. */
import type { z } from 'zod';
import { changeMethods } from './change-methods';
import { daemonMethods } from './daemon-methods';
import { jobMethods } from './job-methods';

/** One method: how its params and result are parsed, and what a client may do when a connection breaks. */
export interface MethodSpec {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
  /** Asking twice does no more than asking once. */
  readonly idempotent: boolean;
  /** Never answered; sends notifications until the connection ends. */
  readonly streaming?: boolean;
}

export const methods = { ...daemonMethods, ...jobMethods, ...changeMethods } as const satisfies Record<
  string,
  MethodSpec
>;

export type MethodName = keyof typeof methods;
/** What a caller may send: optional keys may be left out or null. */
export type ParamsOf<M extends MethodName> = z.input<(typeof methods)[M]['params']>;
/** What a handler gets: every key present, defaults filled in, null for what was left out. */
export type ParsedParamsOf<M extends MethodName> = z.output<(typeof methods)[M]['params']>;
/** What a caller gets. */
export type ResultOf<M extends MethodName> = z.output<(typeof methods)[M]['result']>;
/** What a handler gives. */
export type HandlerResultOf<M extends MethodName> = z.input<(typeof methods)[M]['result']>;

export const methodNames = Object.keys(methods) as readonly MethodName[];

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

/** The table entry, typed for use by name. */
export function methodSpec(name: MethodName): MethodSpec {
  return methods[name];
}

/** Notifications of the server. */
export const Notification = {
  event: 'event',
  resync: 'resync',
  monitorEvent: 'monitor.event',
  /** From the client, as in the Language Server Protocol: `{id}`. */
  cancel: '$/cancelRequest',
} as const;
