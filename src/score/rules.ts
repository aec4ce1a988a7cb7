/** Rules between fields, which a schema of single fields cannot express. Most are the reference's own. */
import { FORBIDDEN_SERVER_VARIABLES } from '../instruments/mcp-servers';
import type { Findings } from './findings';
import { compilePythonRegex } from './regex';
import type { InjectionFields, RuleFields, ScoreFields } from './schema/score';

/** Reports every rule that the fields break. */
export function checkFieldRules(fields: ScoreFields, findings: Findings): void {
  checkInstruments(fields, findings);
  checkPrompt(fields, findings);
  checkInjections(fields, findings);
  for (const [index, rule] of fields.validations.entries()) checkRule(rule, index, findings);
  checkPolicies(fields, findings);
  checkSurroundings(fields, findings);
}

function checkInstruments(fields: ScoreFields, findings: Findings): void {
  if (fields.instrument !== null && fields.backend.type !== 'claude_cli') {
    findings.add({
      code: 'P030',
      severity: 'error',
      path: ['backend', 'type'],
      message: `\`instrument\` (${fields.instrument}) and \`backend.type\` (${fields.backend.type}) both choose the instrument.`,
      remedy: 'Remove `backend.type`.',
      related: [{ path: ['instrument'], message: '`instrument` chooses it here.' }],
    });
  }
  const seen = new Map<number, { readonly name: string; readonly index: number }>();
  for (const [name, sheets] of Object.entries(fields.sheet.instrument_map)) {
    for (const [index, num] of sheets.entries()) {
      const before = seen.get(num);
      if (before === undefined) seen.set(num, { name, index });
      else {
        findings.add({
          code: 'P031',
          severity: 'error',
          path: ['sheet', 'instrument_map', name, index],
          message: `Sheet ${num} is given to \`${before.name}\` and to \`${name}\`.`,
          remedy: 'Leave it in one of the lists.',
          related: [
            {
              path: ['sheet', 'instrument_map', before.name, before.index],
              message: `\`${before.name}\` has it here.`,
            },
          ],
        });
      }
    }
  }
}

function checkPrompt(fields: ScoreFields, findings: Findings): void {
  if (fields.prompt.template === null || fields.prompt.template_file === null) return;
  findings.add({
    code: 'P032',
    severity: 'error',
    path: ['prompt', 'template_file'],
    message: '`template` and `template_file` are both given.',
    remedy: 'Keep one of them.',
    related: [{ path: ['prompt', 'template'], at: 'key', message: '`template` is given here.' }],
  });
}

function checkInjections(fields: ScoreFields, findings: Findings): void {
  const check = (injection: InjectionFields, path: readonly PropertyKey[]): void => {
    if ((injection.file === null) !== (injection.directory === null)) return;
    findings.error(
      'P033',
      path,
      injection.file === null
        ? 'An injection needs `file` or `directory`.'
        : 'An injection has both `file` and `directory`.',
      'Give exactly one of them.',
    );
  };
  for (const [index, injection] of fields.sheet.prelude.entries())
    check(injection, ['sheet', 'prelude', index]);
  for (const [num, list] of Object.entries(fields.sheet.cadenzas)) {
    for (const [index, injection] of list.entries()) check(injection, ['sheet', 'cadenzas', num, index]);
  }
}

const neededFields: Readonly<Record<RuleFields['type'], readonly ('path' | 'pattern' | 'command')[]>> = {
  file_exists: ['path'],
  file_modified: ['path'],
  content_contains: ['path', 'pattern'],
  content_regex: ['path', 'pattern'],
  command_succeeds: ['command'],
};

function checkRule(rule: RuleFields, index: number, findings: Findings): void {
  const path = ['validations', index];
  for (const field of neededFields[rule.type]) {
    const value = rule[field];
    if (value === null) {
      findings.error('V008', path, `A \`${rule.type}\` rule needs \`${field}\`.`, `Add \`${field}:\`.`);
    } else if (value.trim() === '' && field !== 'pattern') {
      findings.error('V008', [...path, field], `\`${field}\` is blank.`, 'Write what to check.');
    }
  }
  if (rule.type !== 'content_regex' || rule.pattern === null) return;
  const compiled = compilePythonRegex(rule.pattern);
  if (compiled.ok) return;
  findings.error(
    'V007',
    [...path, 'pattern'],
    `The regular expression cannot be used: ${compiled.message}.`,
    'Mend it, or use `content_contains` for a plain text.',
  );
}

function checkPolicies(fields: ScoreFields, findings: Findings): void {
  const { retry, stale_detection: stale, cost_limits: cost, rate_limit: rate } = fields;
  if (retry.base_delay_seconds > retry.max_delay_seconds) {
    findings.add({
      code: 'P034',
      severity: 'error',
      path: ['retry', 'base_delay_seconds'],
      message: `\`base_delay_seconds\` (${retry.base_delay_seconds}) is more than \`max_delay_seconds\` (${retry.max_delay_seconds}).`,
      related: [{ path: ['retry', 'max_delay_seconds'], message: '`max_delay_seconds` is given here.' }],
    });
  }
  if (stale.check_interval_seconds >= stale.idle_timeout_seconds) {
    const written = findings.isWritten(['stale_detection', 'check_interval_seconds']);
    findings.error(
      'P034',
      ['stale_detection', written ? 'check_interval_seconds' : 'idle_timeout_seconds'],
      `\`idle_timeout_seconds\` (${stale.idle_timeout_seconds}) must be more than \`check_interval_seconds\` (${stale.check_interval_seconds}).`,
      'Raise the former, or write a smaller `check_interval_seconds`.',
    );
  }
  if (cost.enabled === true && cost.max_cost_per_sheet === null && cost.max_cost_per_job === null) {
    findings.error(
      'P034',
      ['cost_limits', 'enabled'],
      'Cost limits are on, but there is no limit.',
      'Add `max_cost_per_job:` or `max_cost_per_sheet:` in US dollars.',
    );
  }
  for (const [index, pattern] of rate.detection_patterns.entries()) {
    const compiled = compilePythonRegex(pattern);
    if (compiled.ok) continue;
    findings.error(
      'V007',
      ['rate_limit', 'detection_patterns', index],
      `The regular expression cannot be used: ${compiled.message}.`,
    );
  }
  if (!fields.parallel.budget_partition) {
    findings.error(
      'P034',
      ['parallel', 'budget_partition'],
      '`budget_partition` must be true.',
      'Remove it.',
    );
  }
}

function checkSurroundings(fields: ScoreFields, findings: Findings): void {
  const ordered = (
    path: readonly string[],
    low: number,
    high: number,
    message: string,
    strict = false,
  ): void => {
    if (strict ? low >= high : low > high) findings.error('P034', path, message);
  };
  const { ai_review: review, learning, logging, grounding, checkpoints } = fields;
  ordered(['ai_review'], review.min_score, review.target_score, '`min_score` is more than `target_score`.');
  ordered(
    ['learning'],
    learning.min_confidence_threshold,
    learning.high_confidence_threshold,
    '`min_confidence_threshold` must be less than `high_confidence_threshold`.',
    true,
  );
  const budget = learning.exploration_budget;
  const budgetPath = ['learning', 'exploration_budget'];
  ordered(budgetPath, budget.floor, budget.initial_budget, '`floor` is more than `initial_budget`.');
  ordered(budgetPath, budget.initial_budget, budget.ceiling, '`initial_budget` is more than `ceiling`.');
  if (logging.format === 'both' && logging.file_path === null) {
    findings.error('P034', ['logging', 'format'], '`format: both` needs `file_path`.');
  }
  if (grounding.enabled && grounding.hooks.length === 0) {
    findings.error('P034', ['grounding', 'enabled'], 'Grounding is on, but has no `hooks`.');
  }
  if (checkpoints.enabled && checkpoints.triggers.length === 0) {
    findings.error('P034', ['checkpoints', 'enabled'], 'Checkpoints are on, but have no `triggers`.');
  }
  for (const [index, trigger] of checkpoints.triggers.entries()) {
    if (trigger.sheet_nums ?? trigger.prompt_contains ?? trigger.min_retry_count) continue;
    if (trigger.min_retry_count === 0) continue;
    findings.error(
      'P034',
      ['checkpoints', 'triggers', index],
      'A trigger needs `sheet_nums`, `prompt_contains` or `min_retry_count`.',
    );
  }
  for (const [index, hook] of fields.on_success.entries()) {
    const needed = hook.type === 'run_job' ? 'job_path' : 'command';
    if (hook[needed] === null) {
      findings.error('P034', ['on_success', index], `A \`${hook.type}\` hook needs \`${needed}\`.`);
    }
  }
  for (const [index, server] of (fields.bridge?.mcp_servers ?? []).entries()) {
    for (const name of Object.keys(server.env)) {
      if (!FORBIDDEN_SERVER_VARIABLES.has(name.toUpperCase())) continue;
      findings.error(
        'P034',
        ['bridge', 'mcp_servers', index, 'env', name],
        `A server’s environment must not set \`${name}\`.`,
        'Remove it.',
      );
    }
  }
}
