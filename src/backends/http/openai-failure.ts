import { z } from 'zod';
import { failureFromStatus, failureFromText } from '../failure-texts';
import { parseWait } from '../reset-time';
import type { ErrorType } from '../result';
import { HttpFailure, retryAfterSeconds, statusFailure } from './failure';

const words = z.string().nullish().catch(null);
/** The `error` object of OpenAI and, with `metadata`, of OpenRouter ("Errors"). */
const errorSchema = z.object({
  /** A status as a number (OpenRouter), or a word (OpenAI). */
  code: z.union([z.number(), z.string()]).nullish().catch(null),
  type: words,
  message: words,
  metadata: z
    .object({
      provider_name: words,
      /** What the provider itself said: text, or its JSON. */
      raw: z.unknown().optional(),
      /** A prompt that moderation stopped. */
      reasons: z.array(z.string()).nullish().catch(null),
      headers: z
        .record(z.string(), z.union([z.string(), z.number()]))
        .nullish()
        .catch(null),
    })
    .nullish()
    .catch(null),
});
type VendorError = z.infer<typeof errorSchema>;

/** The failure behind an error object, whether it came with a status, with 200, or in the middle of a stream. */
export function openAiFailure(
  status: number | null,
  error: unknown,
  headers: Headers | null,
  now: number = Date.now(),
): HttpFailure {
  const read = errorSchema.safeParse(typeof error === 'string' ? { message: error } : (error ?? {}));
  const facts: VendorError = read.success ? read.data : {};
  const code = typeof facts.code === 'string' && /^\d{3}$/.test(facts.code) ? Number(facts.code) : facts.code;
  const stated = typeof code === 'number' && code >= 400 && code < 600 ? code : null;
  const effective = status !== null && status >= 400 ? status : stated;
  const said = inWords(facts);
  const type = kindOf(effective, typeof code === 'string' ? code : (facts.type ?? ''), said, facts);
  const base =
    effective === null
      ? new HttpFailure(type, said === '' ? 'the server reports an error and does not say which' : said)
      : statusFailure(effective, said, headers, type);
  const wait =
    (headers === null ? null : (retryAfterSeconds(headers, now) ?? resetSeconds(headers, now))) ??
    resetSeconds(headersIn(facts), now) ??
    parseWait(said, new Date(now), 'UTC');
  if (!base.rateLimited && base.errorType !== 'overloaded') return base;
  return new HttpFailure(type, base.message, { status: base.status, waitSeconds: wait });
}

function inWords({ message, metadata }: VendorError): string {
  const { provider_name: provider, raw, reasons } = metadata ?? {};
  const upstream =
    raw === undefined || raw === null ? '' : typeof raw === 'string' ? raw : JSON.stringify(raw);
  return [
    message ?? '',
    provider ? `(${provider})` : '',
    upstream.trim(),
    reasons && reasons.length > 0 ? `flagged: ${reasons.join(', ')}` : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** OpenAI's "Error codes" guide, as far as a status does not say it already. */
const kindsByCode: Readonly<Record<string, ErrorType>> = {
  insufficient_quota: 'quota_exhausted',
  billing_hard_limit_reached: 'quota_exhausted',
  rate_limit_exceeded: 'rate_limit',
  context_length_exceeded: 'context_too_long',
  exceed_context_size_error: 'context_too_long',
  invalid_api_key: 'authentication',
  authentication_error: 'authentication',
  content_policy_violation: 'refused',
  content_filter: 'refused',
  model_not_found: 'configuration',
  server_error: 'overloaded',
  overloaded: 'overloaded',
  overloaded_error: 'overloaded',
};

function kindOf(status: number | null, code: string, said: string, facts: VendorError): ErrorType {
  const known = Object.hasOwn(kindsByCode, code) ? kindsByCode[code] : undefined;
  if (known) return known;
  if (status === null) return failureFromText(said) ?? 'bad_response';
  if (status === 403 && facts.metadata?.reasons) return 'refused';
  // Free models have a limit for a minute and one for a day (OpenRouter, "Limits").
  if (status === 429 && /per[- ]day|daily/i.test(said)) return 'usage_limit';
  if (status === 400 && failureFromText(said) === 'context_too_long') return 'context_too_long';
  return failureFromStatus(status) ?? 'bad_response';
}

function headersIn({ metadata }: VendorError): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(metadata?.headers ?? {})) {
    try {
      headers.set(name, String(value));
    } catch {
      // Not the shape of a header: it tells nothing.
    }
  }
  return headers;
}

/**
 * Seconds until a limit ends by `X-RateLimit-Reset` (OpenRouter: milliseconds since the epoch; others: seconds since then, or seconds from now) or by
 * `x-ratelimit-reset-requests` and `-tokens` (OpenAI: spans such as `6m0s`; of the two, the one that is used up). Null = not told.
 */
export function resetSeconds(headers: Headers, now: number): number | null {
  const reset = headers.get('x-ratelimit-reset')?.trim();
  if (reset !== undefined && /^\d+(\.\d+)?$/.test(reset)) {
    const value = Number(reset);
    const at = value > 1e11 ? value : value > 1e9 ? value * 1000 : now + value * 1000;
    return bounded((at - now) / 1000);
  }
  const spans = ['requests', 'tokens'].flatMap((kind) => {
    const span = spanSeconds(headers.get(`x-ratelimit-reset-${kind}`));
    const left = headers.get(`x-ratelimit-remaining-${kind}`);
    return span === null ? [] : [{ span, usedUp: left !== null && Number(left) <= 0 }];
  });
  if (spans.length === 0) return null;
  const usedUp = spans.filter((one) => one.usedUp);
  return bounded(Math.max(...(usedUp.length > 0 ? usedUp : spans).map(({ span }) => span)));
}

const SPAN = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;

function spanSeconds(text: string | null): number | null {
  const match = text === null || text === '' ? null : SPAN.exec(text.trim());
  if (!match) return null;
  const [days, hours, minutes, seconds, milliseconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (
    (days ?? 0) * 86_400 +
    (hours ?? 0) * 3600 +
    (minutes ?? 0) * 60 +
    (seconds ?? 0) +
    (milliseconds ?? 0) / 1000
  );
}

/** A day, as with waits that are told otherwise. */
function bounded(seconds: number): number {
  return Math.min(Math.max(0, seconds), 86_400);
}
