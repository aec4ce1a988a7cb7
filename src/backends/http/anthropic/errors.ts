import Anthropic from '@anthropic-ai/sdk';
import { ANTHROPIC_ERROR_TYPES } from '../../anthropic-error-types';
import type { ErrorType } from '../../result';
import { HttpFailure, statusFailure, untilSeconds } from '../failure';

/** By `error.type`. The types also come inside a stream that began with 200. */
const byType: Readonly<Record<string, ErrorType>> = {
  ...ANTHROPIC_ERROR_TYPES,
  invalid_request_error: 'bad_request',
};

/** By status, for servers that only speak the protocol and give no type. */
const byStatus: Readonly<Record<number, ErrorType>> = {
  400: 'bad_request',
  401: 'authentication',
  402: 'quota_exhausted',
  403: 'authentication',
  404: 'configuration',
  408: 'network',
  413: 'context_too_long',
  429: 'rate_limit',
  500: 'bad_response',
  502: 'overloaded',
  503: 'overloaded',
  504: 'overloaded',
  529: 'overloaded',
};

/** What an error of the SDK means; null = it is none of an answer. */
export function anthropicFailure(error: unknown): HttpFailure | null {
  if (!(error instanceof Anthropic.APIError) || error instanceof Anthropic.APIConnectionError) return null;
  if (error instanceof Anthropic.APIUserAbortError) return null;
  const status: unknown = error.status;
  const given: unknown = error.headers;
  const headers = given instanceof Headers ? given : null;
  const said = error.apiMessage ?? bareMessage(error.message);
  const type = kindOf(typeof status === 'number' ? status : null, error.type, error.errorCode, said);
  if (typeof status !== 'number')
    return new HttpFailure(type, `the answer broke off: ${error.type ?? 'error'}: ${said}`.slice(0, 400));
  const failure = statusFailure(status, hinted(status, said), headers, type);
  if (failure.waitSeconds !== null || type !== 'rate_limit' || headers === null) return failure;
  return new HttpFailure(type, failure.message, { status, waitSeconds: resetSeconds(headers) });
}

function kindOf(status: number | null, type: string | null, code: string | null, said: string): ErrorType {
  if (code !== null && /spend_limit|ramp_limit/.test(code)) return 'quota_exhausted';
  const kind =
    (type === null ? undefined : byType[type]) ??
    (status === null ? undefined : byStatus[status]) ??
    // Any failure without a name of its own: beside a status, that says more.
    (type === 'api_error' ? 'bad_response' : undefined) ??
    (status !== null && status >= 500 ? 'overloaded' : 'bad_request');
  if (kind !== 'bad_request') return kind;
  // Both are told as "invalid request" with status 400.
  // The last wording is llama.cpp's, whose server speaks the protocol too.
  if (/prompt is too long|exceeds? the (?:maximum|(?:available )?context)|context window/i.test(said))
    return 'context_too_long';
  if (/credit balance is too low/i.test(said)) return 'quota_exhausted';
  return kind;
}

function hinted(status: number, said: string): string {
  if (status === 408) return `the request timed out: ${said}`;
  return said;
}

/** The SDK's own message begins with the status and may be a whole body. */
function bareMessage(message: string): string {
  return message.replace(/^\d{3} /, '');
}

/** Seconds until the last of the used-up limits is filled again, by the `anthropic-ratelimit-*` headers (page "Rate limits"). */
function resetSeconds(headers: Headers): number | null {
  const waits = ['requests', 'tokens', 'input-tokens', 'output-tokens'].flatMap((limit) => {
    if (headers.get(`anthropic-ratelimit-${limit}-remaining`)?.trim() !== '0') return [];
    const wait = untilSeconds(headers.get(`anthropic-ratelimit-${limit}-reset`));
    return wait === null ? [] : [wait];
  });
  return waits.length === 0 ? null : Math.max(...waits);
}
