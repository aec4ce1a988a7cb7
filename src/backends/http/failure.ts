import { failureFromStatus, isLimit } from '../failure-texts';
import type { ErrorType, ExitReason } from '../result';
import type { TransportError } from './transport-error';

/** A call that failed, in the terms of a result. The message names neither address nor key. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly status: number | null;
  readonly waitSeconds: number | null;
  readonly exitReason: ExitReason;

  constructor(
    readonly errorType: ErrorType,
    message: string,
    facts: {
      /** HTTP status, when the server gave one. */
      readonly status?: number | null;
      /** Seconds until a limit ends, as the server stated. */
      readonly waitSeconds?: number | null;
      readonly exitReason?: ExitReason;
    } = {},
  ) {
    super(message);
    this.status = facts.status ?? null;
    this.waitSeconds = facts.waitSeconds ?? null;
    this.exitReason = facts.exitReason ?? 'error';
  }

  get rateLimited(): boolean {
    return isLimit(this.errorType);
  }
}

/** Characters of a server's own words that are passed on. */
const SAID_CHARACTERS = 300;

/** The failure behind an HTTP status, with what the server said and how long it asks to wait. */
export function statusFailure(
  status: number,
  said: string,
  headers: Headers | null,
  errorType: ErrorType = failureFromStatus(status) ?? 'bad_response',
): HttpFailure {
  const words = said.trim().replaceAll(/\s+/g, ' ').slice(0, SAID_CHARACTERS);
  return new HttpFailure(errorType, words === '' ? `HTTP ${status}` : `HTTP ${status}: ${words}`, {
    status,
    waitSeconds: headers === null ? null : retryAfterSeconds(headers),
  });
}

/** What a broken connection means for the attempt. */
export function transportFailure(error: TransportError): HttpFailure {
  const { kind } = error;
  if (kind === 'redirect') return new HttpFailure('configuration', error.message);
  if (kind === 'too_large') return new HttpFailure('bad_response', error.message);
  return new HttpFailure('network', error.message);
}

/** Longest wait that a header is believed, seconds: a day, as with limits told in words. */
const LONGEST_WAIT_SECONDS = 86_400;

/** `retry-after-ms` and `Retry-After` in both forms of RFC 9110 §10.2.3: seconds, or a date. Null = not stated, or not readable. */
export function retryAfterSeconds(headers: Headers, now: number = Date.now()): number | null {
  const milliseconds = headers.get('retry-after-ms');
  if (milliseconds !== null && /^\d+(\.\d+)?$/.test(milliseconds.trim()))
    return withinReason(Number(milliseconds) / 1000);
  const stated = headers.get('retry-after')?.trim();
  if (stated === undefined || stated === '') return null;
  if (/^\d+(\.\d+)?$/.test(stated)) return withinReason(Number(stated));
  // A date begins with its weekday; `Date.parse` would make one of almost anything.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(stated)) return null;
  const instant = Date.parse(stated);
  return Number.isNaN(instant) ? null : withinReason((instant - now) / 1000);
}

/** Seconds until the instant that a header names (RFC 3339); null = none. */
export function untilSeconds(instant: string | null, now: number = Date.now()): number | null {
  if (instant === null) return null;
  const at = Date.parse(instant);
  return Number.isNaN(at) ? null : withinReason((at - now) / 1000);
}

function withinReason(seconds: number): number {
  return Math.min(Math.max(seconds, 0), LONGEST_WAIT_SECONDS);
}
