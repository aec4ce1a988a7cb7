import { z } from 'zod';

/** Why a rule failed. `skipped`: a rule of an earlier stage failed, so this one was not looked at. */
export const failureCategories = ['missing', 'malformed', 'incomplete', 'stale', 'error', 'skipped'] as const;
export type FailureCategory = (typeof failureCategories)[number];

/** What kept a rule from being checked at all; null when it was checked. */
export const checkErrorTypes = ['io_error', 'regex_error', 'internal_error', 'timeout'] as const;
export type CheckErrorType = (typeof checkErrorTypes)[number];

/** What one rule came to; journalled with the end of the attempt. All texts are redacted. */
export const ruleResultSchema = z.object({
  /** Position in the score's `validations`, 1-based. */
  index: z.number(),
  type: z.enum(['file_exists', 'file_modified', 'content_contains', 'content_regex', 'command_succeeds']),
  description: z.string().nullable(),
  stage: z.number(),
  passed: z.boolean(),
  expected: z.string().nullable(),
  actual: z.string().nullable(),
  /** What is wrong, for people and for the agent; null when the rule passed. */
  message: z.string().nullable(),
  failure_category: z.enum(failureCategories).nullable(),
  suggested_fix: z.string().nullable(),
  error_type: z.enum(checkErrorTypes).nullable(),
  /** Time of all checks of this rule, pauses included. */
  duration_ms: z.number(),
  /** How often it was checked; 0 = skipped. */
  checks: z.number(),
  /** 0 to 1, as in the Python system: 0.8 for a command that failed, else 1. */
  confidence: z.number(),
  /** With placeholders filled and made absolute, as far as it came to that. */
  path: z.string().nullable(),
  /** As in the score: patterns have no placeholders. */
  pattern: z.string().nullable(),
  /** With placeholders filled. */
  command: z.string().nullable(),
  /** The file that was looked at lies, with links resolved, outside the workspace; the format allows it, people should see it. */
  outside_workspace: z.boolean(),
});
export type RuleResult = z.infer<typeof ruleResultSchema>;

/** What all rules of an attempt came to. */
export const validationOutcomeSchema = z.object({
  passed: z.boolean(),
  /** Passed of all, skipped ones included; 100 when there are no rules (`results` is empty then: nothing was proven). */
  pass_percent: z.number(),
  results: z.array(ruleResultSchema),
});
export type ValidationOutcome = z.infer<typeof validationOutcomeSchema>;
