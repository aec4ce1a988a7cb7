import type { ErrorType } from './result';

/**
 * The API's own names of errors (`error.type`): https://platform.claude.com/docs/en/api/errors. Left out are the two that name no kind of failure:
 * of `invalid_request_error` the text tells, of `api_error` the status.
 */
export const ANTHROPIC_ERROR_TYPES: Readonly<Record<string, ErrorType>> = {
  authentication_error: 'authentication',
  permission_error: 'authentication',
  billing_error: 'quota_exhausted',
  not_found_error: 'configuration',
  request_too_large: 'context_too_long',
  rate_limit_error: 'rate_limit',
  timeout_error: 'network',
  overloaded_error: 'overloaded',
};
