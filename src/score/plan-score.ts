/** Checked score → plan. */
import { dirname, resolve } from 'node:path';
import type { ConditionPart } from './condition';
import { conditionHolds, parseCondition } from './condition';
import type { SheetPlace } from './expand';
import type { Score } from './parse';
import { ruleContext } from './placeholders';
import type { Plan, PlannedInstrument, PlannedRule, PlannedSheet } from './plan';
import { planInstruments } from './resolve';
import type { RuleFields } from './schema/score';

export interface PlanOptions {
  /** Where relative overrides and the default workspace are taken from, absolute. */
  readonly cwd: string;
  /** `--workspace`; relative to `cwd`. */
  readonly workspaceOverride?: string;
}

/** Time limit of a validation command when the rule gives none, in seconds. As in the reference. */
const defaultCommandTimeout = 3600;

/** The workspace of a run, absolute: the override, else the score's (relative to its folder), else `workspace` in `cwd`. */
export function workspaceOf(score: Score, options: PlanOptions): string {
  if (options.workspaceOverride !== undefined) return resolve(options.cwd, options.workspaceOverride);
  if (score.isWritten(['workspace'])) return resolve(dirname(score.path), score.fields.workspace);
  return resolve(options.cwd, 'workspace');
}

/** What the score comes to: every sheet with its instrument, prerequisites and rules. Looks at no file. */
export function planScore(score: Score, options: PlanOptions): Plan {
  const { fields, expansion } = score;
  const workspace = workspaceOf(score, options);
  const {
    retry,
    rate_limit: rate,
    parallel,
    cross_sheet: cross,
    cost_limits: cost,
    circuit_breaker: breaker,
  } = fields;
  const limited = cost.max_cost_per_job !== null || cost.max_cost_per_sheet !== null;
  const written = (key: string): boolean => score.isWritten(['cost_limits', key]);
  const rules = conditionalRules(score);
  return {
    format: 1,
    name: fields.name,
    description: fields.description,
    workspace,
    scoreDir: dirname(score.path),
    totalSheets: expansion.sheets.length,
    totalStages: expansion.totalStages,
    sheets: expansion.sheets.map((place) => planSheet(score, place, workspace, rules)),
    retry: {
      maxRetries: retry.max_retries,
      baseDelaySeconds: retry.base_delay_seconds,
      maxDelaySeconds: retry.max_delay_seconds,
      exponentialBase: retry.exponential_base,
      jitter: retry.jitter,
      maxCompletionAttempts: retry.max_completion_attempts,
      completionDelaySeconds: retry.completion_delay_seconds,
      completionThresholdPercent: retry.completion_threshold_percent,
    },
    rateLimit: {
      waitMinutes: rate.wait_minutes,
      maxWaits: rate.max_waits,
      maxQuotaWaits: rate.max_quota_waits,
      // The format's defaults ("429", "quota") match harmless words: only what an author wrote is looked for.
      detectionPatterns: score.isWritten(['rate_limit', 'detection_patterns']) ? rate.detection_patterns : [],
    },
    parallel: {
      enabled: parallel.enabled,
      maxConcurrent: parallel.max_concurrent,
      failFast: parallel.fail_fast,
      staggerDelayMs: parallel.stagger_delay_ms,
    },
    crossSheet:
      cross === null
        ? null
        : {
            autoCaptureStdout: cross.auto_capture_stdout,
            maxOutputChars: cross.max_output_chars,
            captureFiles: cross.capture_files,
            lookbackSheets: cross.lookback_sheets,
          },
    pauseBetweenSheetsSeconds: fields.pause_between_sheets_seconds,
    costLimits:
      limited && cost.enabled !== false
        ? {
            maxCostPerSheet: cost.max_cost_per_sheet,
            maxCostPerJob: cost.max_cost_per_job,
            warnAtPercent: cost.warn_at_percent,
          }
        : null,
    circuitBreaker:
      score.isWritten(['circuit_breaker']) && breaker.enabled
        ? {
            failureThreshold: breaker.failure_threshold,
            recoverySeconds: breaker.recovery_timeout_seconds,
          }
        : null,
    prices: {
      per1kInput: written('cost_per_1k_input_tokens') ? cost.cost_per_1k_input_tokens : null,
      per1kOutput: written('cost_per_1k_output_tokens') ? cost.cost_per_1k_output_tokens : null,
    },
  };
}

function planSheet(
  score: Score,
  place: SheetPlace,
  workspace: string,
  rules: readonly ConditionalRule[],
): PlannedSheet {
  const { fields, expansion } = score;
  const { sheet } = fields;
  const { instrument, fallbacks } = planInstruments(score, place, dirname(score.path));
  const stage = String(place.stage);
  const skipCommand = sheet.skip_when_command[stage];
  const context = ruleContext(
    place,
    { workspace, totalSheets: expansion.sheets.length, totalStages: expansion.totalStages },
    instrument.profile,
    score.variables,
  );
  const staleness = (planned: PlannedInstrument): PlannedInstrument =>
    fields.stale_detection.enabled && planned.config.idleTimeoutSeconds === null
      ? {
          ...planned,
          config: { ...planned.config, idleTimeoutSeconds: fields.stale_detection.idle_timeout_seconds },
        }
      : planned;
  return {
    ...place,
    description: sheet.descriptions[String(place.num)] ?? null,
    movementName: fields.movements[stage]?.name ?? null,
    dependsOn: score.graph.get(place.num) ?? [],
    instrument: staleness(instrument),
    fallbacks: fallbacks.map(staleness),
    skipWhen: sheet.skip_when[stage] ?? null,
    skipWhenCommand:
      skipCommand === undefined
        ? null
        : {
            command: skipCommand.command,
            description: skipCommand.description,
            timeoutSeconds: skipCommand.timeout_seconds,
          },
    validations: rules.filter(({ parts }) => conditionHolds(parts, context)).map(({ planned }) => planned),
  };
}

/** A rule, and when it applies; no parts = always. */
interface ConditionalRule {
  readonly planned: PlannedRule;
  readonly parts: readonly ConditionPart[];
}

/** The rules in the order in which they are checked. Read once: a score may have thousands of sheets and hundreds of rules. */
function conditionalRules(score: Score): ConditionalRule[] {
  return score.fields.validations
    .map((rule, index): ConditionalRule => {
      const condition = conditionOf(rule);
      return {
        planned: planRule(rule, index + 1, score.isWritten(['validations', index, 'retry_count'])),
        parts: condition === null ? [] : parseCondition(condition),
      };
    })
    .sort((a, b) => a.planned.stage - b.planned.stage || a.planned.index - b.planned.index);
}

/** The condition of a rule; `sheet: N` is short for one. */
export function conditionOf(rule: RuleFields): string | null {
  return rule.condition ?? (rule.sheet === null ? null : `sheet_num == ${rule.sheet}`);
}

function planRule(rule: RuleFields, index: number, retriesWritten: boolean): PlannedRule {
  return {
    index,
    type: rule.type,
    description: rule.description,
    path: rule.path,
    pattern: rule.pattern,
    command: rule.command,
    workingDirectory: rule.working_directory,
    stage: rule.stage,
    // A check that runs a program is repeated only where the score says so: the default is meant for files that appear late.
    retryCount: rule.type === 'command_succeeds' && !retriesWritten ? 0 : rule.retry_count,
    retryDelayMs: rule.retry_delay_ms,
    timeoutSeconds: rule.timeout_seconds ?? defaultCommandTimeout,
  };
}
