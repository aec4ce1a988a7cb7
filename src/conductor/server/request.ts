import type { RequestId } from './connection';

/** A JSON value as a JSON-RPC message: `id` null is a notification. */
export type ParsedRequest =
  | {
      readonly kind: 'request';
      readonly id: RequestId | null;
      readonly method: string;
      readonly params: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'invalid'; readonly id: RequestId | null; readonly reason: string };

/** Reads a message as the Python system does: `jsonrpc` may be absent, params are given by name, batches are not served. */
export function parseRequest(value: unknown): ParsedRequest {
  if (Array.isArray(value)) return invalid(null, 'batches are not supported');
  if (!isRecord(value)) return invalid(null, 'a request is an object');
  const hasId = Object.hasOwn(value, 'id');
  const rawId = value['id'];
  const id = isRequestId(rawId) ? rawId : null;
  if (hasId && id === null) return invalid(null, 'id must be a string or an integer');
  if (Object.hasOwn(value, 'jsonrpc') && value['jsonrpc'] !== '2.0')
    return invalid(id, 'jsonrpc must be "2.0"');
  const method = value['method'];
  if (typeof method !== 'string') return invalid(id, 'method must be a string');
  const params = value['params'] ?? {};
  if (!isRecord(params)) return invalid(id, 'params must be an object');
  return { kind: 'request', id, method, params };
}

function invalid(id: RequestId | null, reason: string): ParsedRequest {
  return { kind: 'invalid', id, reason };
}

function isRequestId(value: unknown): value is RequestId {
  return (typeof value === 'string' && value.length <= 1_000) || Number.isSafeInteger(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
