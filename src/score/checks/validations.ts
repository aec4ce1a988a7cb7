/** V106, V201, V203, V205, V401, V404: validation rules. */
import { integerOf, parseCondition } from '../condition';
import { nearestNames } from '../nearest';
import { formatNames, positionNames } from '../placeholders';
import { sheetContext } from '../prompt';
import { definitionsOf } from './template';
import type { CheckContext } from './context';

export function checkValidations(context: CheckContext): void {
  const { score, plan, findings } = context;
  const rules = score.fields.validations;
  if (rules.length === 0) {
    findings.warning(
      'V203',
      [],
      'The score has no `validations`: whatever the agent does counts as success.',
      'Add a rule for what each stage must leave behind, such as `type: file_exists`.',
    );
    return;
  }
  if (rules.every((rule) => rule.type === 'file_exists')) {
    findings.add({
      code: 'V205',
      severity: 'info',
      path: ['validations'],
      at: 'key',
      message: 'All rules only check that files exist; an empty file would pass.',
      remedy: 'Check contents too: `content_contains`, `content_regex` or `command_succeeds`.',
    });
  }
  const names = new Set<string>([...positionNames, ...score.variables.keys()]);
  const first = plan.sheets[0];
  const values = first === undefined ? new Map<string, unknown>() : sheetContext(score, plan, first);
  for (const [index, rule] of rules.entries()) {
    const path = ['validations', index];
    if ((rule.type === 'content_contains' || rule.type === 'content_regex') && rule.pattern?.trim() === '') {
      findings.warning(
        'V106',
        [...path, 'pattern'],
        'The pattern is blank.',
        rule.type === 'content_contains'
          ? 'An empty text is never found.'
          : 'A blank pattern matches almost anything.',
      );
    }
    for (const field of ['path', 'working_directory'] as const) {
      const text = rule[field];
      if (text !== null) checkPath(text, [...path, field], names, context);
    }
    if (rule.condition !== null) checkCondition(rule.condition, [...path, 'condition'], values, context);
  }
}

function checkPath(
  text: string,
  path: readonly PropertyKey[],
  names: ReadonlySet<string>,
  { findings }: CheckContext,
): void {
  if (text.includes('{{')) {
    findings.warning(
      'V201',
      path,
      'A validation path is no template: `{{ name }}` is not replaced here.',
      'Write `{name}` with single braces.',
    );
    return;
  }
  for (const { name } of formatNames(text)) {
    if (names.has(name)) continue;
    const near = nearestNames(name, names);
    findings.add({
      code: 'V404',
      severity: 'warning',
      path,
      message:
        name === '' || /^\d+$/.test(name)
          ? `\`{${name}}\` has no name, so the rule will always fail.`
          : `\`{${name}}\` is not defined, so the rule will always fail.`,
      remedy:
        near.length > 0
          ? `Did you mean ${near.map((each) => `\`{${each}}\``).join(' or ')}?`
          : 'Add it to `prompt.variables`, or write `{{` and `}}` for braces that are meant.',
      related: definitionsOf(near),
    });
  }
}

function checkCondition(
  condition: string,
  path: readonly PropertyKey[],
  values: ReadonlyMap<string, unknown>,
  { findings }: CheckContext,
): void {
  const say = (message: string, remedy: string): void => findings.warning('V401', path, message, remedy);
  const form = 'Write comparisons with whole numbers, joined by `and`: `stage == 2 and instance >= 1`.';
  for (const { text, comparison, ignored } of parseCondition(condition)) {
    if (comparison === null) {
      say(`\`${text}\` cannot be read, so the rule applies as if it were not there.`, form);
    } else if (ignored !== '') {
      say(
        `\`${ignored}\` is ignored: only \`${text.slice(0, text.length - ignored.length).trim()}\` counts.`,
        /^or\b/.test(ignored) ? 'There is no `or`: write a rule of its own for each case.' : form,
      );
    } else if (!values.has(comparison.name)) {
      const near = nearestNames(comparison.name, values.keys(), 1)[0];
      say(
        `\`${comparison.name}\` is not defined, so this part of the condition always holds.`,
        near === undefined ? form : `Did you mean \`${near}\`?`,
      );
    } else if (integerOf(values.get(comparison.name)) === null) {
      say(`\`${comparison.name}\` is no whole number, so this part of the condition always holds.`, form);
    }
  }
}
