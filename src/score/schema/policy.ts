import { z } from 'zod';
import { block, count, fraction, maybe, positive } from './fields';

const defaultRateLimitPatterns = [
  'rate.?limit',
  'usage.?limit',
  'quota',
  'too many requests',
  '429',
  'capacity',
  'try again later',
];

/** How attempts, sheets and money are limited. */
export const policyFields = {
  retry: block({
    max_retries: count(0).default(3).describe('Retries after the first attempt: 3 means at most 4 attempts.'),
    base_delay_seconds: positive().default(10).describe('Delay before the first retry, in seconds.'),
    max_delay_seconds: positive().default(3600).describe('Longest delay, in seconds.'),
    exponential_base: z.number().gt(1).default(2).describe('Each delay is this many times the one before.'),
    jitter: z
      .boolean()
      .default(true)
      .describe('Vary delays at random, so that retries do not come together.'),
    max_completion_attempts: count(0)
      .default(5)
      .describe('Attempts that only finish what is missing, before the work is begun anew.'),
    completion_delay_seconds: z
      .number()
      .min(0)
      .default(5)
      .describe('Delay before such an attempt, in seconds.'),
    completion_threshold_percent: z
      .number()
      .gt(0)
      .max(100)
      .default(50)
      .describe('When more than this share of the validations passed, the next attempt only finishes.'),
  }).describe('What happens after a failed attempt.'),
  rate_limit: block({
    detection_patterns: z
      .array(z.string())
      .default(defaultRateLimitPatterns)
      .describe('Regular expressions that mark a rate limit in output.'),
    wait_minutes: count(1).default(60).describe('How long to wait when the instrument does not say.'),
    max_waits: count(1).default(24).describe('Waits before the sheet fails.'),
    max_quota_waits: count(1).default(48).describe('Waits for a spent quota before the sheet fails.'),
  }).describe('Waiting for rate limits.'),
  circuit_breaker: block({
    enabled: z.boolean().default(true).describe('Stop using an instrument that keeps failing.'),
    failure_threshold: count(1, 100).default(5).describe('Failures in a row that open it.'),
    recovery_timeout_seconds: z.number().gt(0).max(3600).default(300).describe('Pause before a new try.'),
    cross_workspace_coordination: z.boolean().default(true).describe('Share rate limits between jobs.'),
    honor_other_jobs_rate_limits: z.boolean().default(true).describe('Respect the limits others met.'),
  }).describe('Protection against an instrument that keeps failing; off unless this block is written.'),
  cost_limits: block({
    enabled: z.boolean().optional().describe('On when a limit is given.'),
    max_cost_per_sheet: maybe(positive()).describe('US dollars a sheet may cost; above it the sheet fails.'),
    max_cost_per_job: maybe(positive()).describe('US dollars the job may cost; above it the job pauses.'),
    cost_per_1k_input_tokens: positive().default(0.003).describe('Price of 1,000 input tokens, US dollars.'),
    cost_per_1k_output_tokens: positive()
      .default(0.015)
      .describe('Price of 1,000 output tokens, US dollars.'),
    warn_at_percent: z.number().gt(0).max(100).default(80).describe('Share of a limit at which to warn.'),
  }).describe('Limits on what a run may cost.'),
  stale_detection: block({
    enabled: z.boolean().default(false).describe('End attempts that have gone quiet.'),
    idle_timeout_seconds: positive().default(300).describe('Seconds without output that count as stale.'),
    check_interval_seconds: positive().default(30).describe('Seconds between checks; less than the former.'),
  }).describe('Detection of attempts that hang.'),
  parallel: block({
    enabled: z.boolean().default(false).describe('Play ready sheets at the same time; else one at a time.'),
    max_concurrent: count(1, 20).default(3).describe('Sheets of this job at the same time.'),
    fail_fast: z.boolean().default(true).describe('Start no further sheets after one has failed.'),
    budget_partition: z.boolean().default(true).describe('Must be true.'),
    stagger_delay_ms: count(0, 5000).default(0).describe('Gap between two starts, in milliseconds.'),
  }).describe('Sheets at the same time.'),
  pause_between_sheets_seconds: count(0)
    .default(2)
    .describe('Pause after a sheet before the next of this job starts, in seconds.'),
  cross_sheet: maybe(
    z.strictObject({
      auto_capture_stdout: z
        .boolean()
        .default(false)
        .describe('Fill `previous_outputs` with what earlier sheets answered.'),
      max_output_chars: count(1).default(2000).describe('Longest text of one sheet or file, in characters.'),
      capture_files: z
        .array(z.string())
        .default([])
        .describe('Glob patterns (templates) of files that go into `previous_files`.'),
      lookback_sheets: count(0).default(3).describe('How many sheets to look back; 0 = all.'),
    }),
  ).describe('What a sheet learns of those before it.'),
};

/** Learning from earlier runs. */
export const learningFields = {
  learning: block({
    enabled: z.boolean().default(true).describe('Remember outcomes and learn from them.'),
    outcome_store_type: z.enum(['json', 'sqlite']).default('json').describe('Kind of store.'),
    outcome_store_path: maybe(z.string()).describe('Where the store is.'),
    min_confidence_threshold: fraction().default(0.3).describe('Patterns below are ignored.'),
    high_confidence_threshold: fraction().default(0.7).describe('Patterns above are trusted.'),
    escalation_enabled: z.boolean().default(false).describe('Ask a person when unsure.'),
    use_global_patterns: z.boolean().default(true).describe('Use what other jobs learned.'),
    exploration_rate: fraction().default(0.15).describe('Share of tries with unproven patterns.'),
    exploration_min_priority: fraction().default(0.05).describe('Least priority of those.'),
    entropy_alert_threshold: fraction().default(0.5).describe('Alert when patterns become uniform.'),
    entropy_check_interval: count(1).default(100).describe('Patterns between two such checks.'),
    auto_apply_enabled: z.boolean().default(false).describe('Older form of `auto_apply.enabled`.'),
    auto_apply_trust_threshold: fraction()
      .default(0.85)
      .describe('Older form of `auto_apply.trust_threshold`.'),
    exploration_budget: block({
      enabled: z.boolean().default(false).describe('Adjust the exploration rate by itself.'),
      floor: fraction().default(0.05).describe('Lowest rate.'),
      ceiling: fraction().default(0.5).describe('Highest rate.'),
      decay_rate: fraction().default(0.95).describe('Factor per step.'),
      boost_amount: z.number().min(0).max(0.5).default(0.1).describe('Added on a boost.'),
      initial_budget: fraction().default(0.15).describe('Rate at the start.'),
    }).describe('Exploration.'),
    entropy_response: block({
      enabled: z.boolean().default(false).describe('React when patterns become uniform.'),
      entropy_threshold: fraction().default(0.3).describe('When to react.'),
      cooldown_seconds: count(60).default(3600).describe('Pause between reactions.'),
      boost_budget: z.boolean().default(true).describe('Raise exploration.'),
      revisit_quarantine: z.boolean().default(true).describe('Look at quarantined patterns again.'),
      max_quarantine_revisits: count(0, 10).default(3).describe('How many of them.'),
    }).describe('Reaction to uniform patterns.'),
    auto_apply: maybe(
      z.strictObject({
        enabled: z.boolean().default(false).describe('Apply trusted patterns by itself.'),
        trust_threshold: fraction().default(0.85).describe('Least trust.'),
        max_patterns_per_sheet: count(1, 10).default(3).describe('At most so many.'),
        require_validated_status: z.boolean().default(true).describe('Only validated ones.'),
        log_applications: z.boolean().default(true).describe('Log each use.'),
      }),
    ).describe('Patterns applied without asking.'),
  }).describe('Learning from the outcomes of earlier runs.'),
  grounding: block({
    enabled: z.boolean().default(false).describe('Check results against known facts.'),
    hooks: z
      .array(
        z.strictObject({
          type: z.enum(['file_checksum']).describe('Kind of check.'),
          name: maybe(z.string()).describe('Name.'),
          expected_checksums: z.record(z.string(), z.string()).default({}).describe('Path → digest.'),
          checksum_algorithm: z.enum(['md5', 'sha256']).default('sha256').describe('Algorithm.'),
        }),
      )
      .default([])
      .describe('The checks.'),
    fail_on_grounding_failure: z.boolean().default(true).describe('A failed check fails the sheet.'),
    escalate_on_failure: z.boolean().default(true).describe('A failed check asks a person.'),
    timeout_seconds: positive().default(30).describe('Time limit, in seconds.'),
  }).describe('Checks against known facts.'),
  checkpoints: block({
    enabled: z.boolean().default(false).describe('Ask a person before certain sheets.'),
    triggers: z
      .array(
        z.strictObject({
          name: z.string().describe('Name.'),
          sheet_nums: maybe(z.array(z.int())).describe('These sheets.'),
          prompt_contains: maybe(z.array(z.string())).describe('Prompts with one of these texts.'),
          min_retry_count: maybe(count(0)).describe('After so many retries.'),
          requires_confirmation: z.boolean().default(true).describe('Wait for an answer.'),
          message: z.string().default('').describe('Text for the person.'),
        }),
      )
      .default([])
      .describe('When to ask.'),
  }).describe('Points where a person is asked.'),
};
