/** V103, V104, V204, V206–V212 and V400, V406–V413: settings that do not do what the author may expect. */
import type { SourceRange } from '../diagnostic';
import type { RelatedFinding } from '../findings';
import { nearestNames } from '../nearest';
import { asksForNothing, notObeyed } from '../obeyed';
import { chooseFallbacks, chooseInstrument } from '../resolve';
import { skipWhenProblem } from '../skip-when';
import { checkInstrumentSettings } from './instrument-settings';
import { checkPrograms } from './missing-programs';
import type { CheckContext } from './context';

export function checkSettings(context: CheckContext): void {
  checkNotObeyed(context);
  checkBackend(context);
  checkFanOut(context);
  checkInstrumentNames(context);
  checkInstrumentSettings(context);
  checkPrograms(context);
  checkNumbers(context);
}

function checkNotObeyed({ score, findings }: CheckContext): void {
  for (const [key, note] of Object.entries(notObeyed)) {
    const path = key.split('.');
    if (!score.isWritten(path) || asksForNothing(score.fields, path)) continue;
    findings.add({
      code: 'V400',
      severity: 'warning',
      path,
      at: 'key',
      message: `\`${key}\` is accepted, but not obeyed yet. ${note}`,
      remedy: 'The score runs without it; remove it if the score must not.',
      tags: ['unnecessary'],
    });
  }
}

const legacyBackends = ['claude_cli', 'anthropic_api', 'recursive_light', 'ollama'];
const cliFields = [
  'skip_permissions',
  'disable_mcp',
  'output_format',
  'cli_model',
  'allowed_tools',
  'system_prompt_file',
  'cli_extra_args',
];
const apiFields = ['model', 'api_key_env', 'max_tokens', 'temperature'];

function checkBackend({ score, catalogue, findings }: CheckContext): void {
  const { backend } = score.fields;
  const written = (field: string): boolean => score.isWritten(['backend', field]);
  if (
    written('type') &&
    !legacyBackends.includes(backend.type) &&
    catalogue.get(backend.type) === undefined
  ) {
    findings.warning(
      'V410',
      ['backend', 'type'],
      `\`${backend.type}\` is not a known backend.`,
      `Known are ${legacyBackends.map((name) => `\`${name}\``).join(', ')}; or use \`instrument\`.`,
    );
  }
  for (const field of backend.type === 'claude_cli' ? apiFields : cliFields) {
    if (!written(field)) continue;
    const message = `\`${field}\` is ignored with backend type \`${backend.type}\`.`;
    findings.add({
      code: 'V411',
      severity: 'warning',
      path: ['backend', field],
      at: 'key',
      message,
      related: [{ path: ['backend', 'type'], message: 'The type is given here.' }],
      tags: ['unnecessary'],
    });
  }
  if (backend.timeout_seconds < 60) {
    findings.warning('V103', ['backend', 'timeout_seconds'], 'Less than a minute is short for an agent.');
  } else if (backend.timeout_seconds > 7200) {
    findings.info('V104', ['backend', 'timeout_seconds'], 'More than two hours for one attempt is long.');
  }
  if (chooseInstrument(score, { num: 1, stage: 1 }).label !== 'claude_cli') return;
  if (!backend.skip_permissions) {
    findings.warning(
      'V204',
      ['backend', 'skip_permissions'],
      'Without `skip_permissions` the agent will ask for permission, and nobody is there to answer.',
    );
  }
  if (!backend.disable_mcp) {
    findings.info(
      'V209',
      ['backend', 'disable_mcp'],
      'MCP servers are started with every attempt, which is slow.',
    );
  }
}

function checkFanOut({ score, findings }: CheckContext): void {
  const { fields, expansion } = score;
  for (const [stage, movement] of Object.entries(fields.movements)) {
    const fanOut = fields.sheet.fan_out[stage];
    if (movement.voices === null || fanOut === undefined || fanOut === movement.voices) continue;
    findings.add({
      code: 'V413',
      severity: 'warning',
      path: ['movements', stage, 'voices'],
      message: `\`voices: ${movement.voices}\` and \`fan_out: {${stage}: ${fanOut}}\` disagree; \`fan_out\` counts.`,
      remedy: 'Keep one of them.',
      related: [{ path: ['sheet', 'fan_out', stage], message: 'This counts.' }],
      tags: ['unnecessary'],
    });
  }
  if (!expansion.sheets.some((sheet) => sheet.fanCount > 1)) return;
  const path = score.isWritten(['sheet', 'fan_out']) ? ['sheet', 'fan_out'] : ['movements'];
  if (Object.keys(fields.sheet.dependencies).length === 0) {
    findings.add({
      code: 'V206',
      severity: 'warning',
      path,
      at: 'key',
      message: 'Fan-out without `dependencies`: each stage waits for all sheets of the one before it.',
      remedy: 'Write `dependencies` if that is not meant.',
    });
  }
  if (!fields.parallel.enabled) {
    findings.add({
      code: 'V207',
      severity: 'info',
      path,
      at: 'key',
      message: 'Fan-out without `parallel.enabled`: the sheets run one after another.',
      remedy: 'Add `parallel: {enabled: true}`.',
    });
  }
}

/** A line of a file whose text is not at hand. */
function lineRange(line: number): SourceRange {
  return { line, column: 1, endLine: line, endColumn: 1, offset: 0, end: 0 };
}

function checkInstrumentNames({ score, catalogue, findings }: CheckContext): void {
  const { fields } = score;
  const aliases = Object.keys(fields.instruments);
  const known = new Set([...catalogue.names(), ...aliases]);
  const check = (
    name: string,
    path: readonly PropertyKey[],
    code: string,
    at: 'key' | 'value' = 'value',
  ): void => {
    if (known.has(name)) return;
    const near = nearestNames(name, known);
    const outcast = catalogue.outcast(name);
    const suggestion =
      near.length > 0
        ? `Did you mean ${near.map((each) => `\`${each}\``).join(' or ')}?`
        : `Known are ${[...known].map((each) => `\`${each}\``).join(', ')}.`;
    findings.add({
      code,
      severity: 'warning',
      path,
      at,
      message: `There is no instrument \`${name}\`.`,
      remedy: outcast?.remedy ?? suggestion,
      related:
        outcast === null
          ? []
          : [{ message: outcast.reason, file: outcast.file, range: lineRange(outcast.line) }],
    });
  };
  const checkList = (names: readonly string[], path: readonly PropertyKey[]): void => {
    for (const [index, name] of names.entries()) check(name, [...path, index], 'V211');
  };
  if (fields.instrument !== null) check(fields.instrument, ['instrument'], 'V210');
  for (const [alias, { profile }] of Object.entries(fields.instruments)) {
    if (catalogue.get(profile) === undefined) check(profile, ['instruments', alias, 'profile'], 'V210');
  }
  for (const [num, name] of Object.entries(fields.sheet.per_sheet_instruments)) {
    check(name, ['sheet', 'per_sheet_instruments', num], 'V210');
  }
  for (const name of Object.keys(fields.sheet.instrument_map)) {
    check(name, ['sheet', 'instrument_map', name], 'V210', 'key');
  }
  for (const [stage, movement] of Object.entries(fields.movements)) {
    if (movement.instrument !== null) check(movement.instrument, ['movements', stage, 'instrument'], 'V210');
    checkList(movement.instrument_fallbacks, ['movements', stage, 'instrument_fallbacks']);
  }
  checkList(fields.instrument_fallbacks, ['instrument_fallbacks']);
  for (const [num, names] of Object.entries(fields.sheet.per_sheet_fallbacks)) {
    checkList(names, ['sheet', 'per_sheet_fallbacks', num]);
  }
  for (const sheet of score.expansion.sheets) {
    const { label } = chooseInstrument(score, sheet);
    if (!chooseFallbacks(score, sheet).includes(label)) continue;
    findings.info(
      'V211',
      ['instrument_fallbacks'],
      `\`${label}\` is its own fall-back in sheet ${sheet.num}.`,
    );
    break;
  }
}

/** Sheet and stage numbers beyond the score have no effect. */
function checkNumbers({ score, plan, findings }: CheckContext): void {
  const { fields } = score;
  const counted: readonly RelatedFinding[] = [
    { path: ['sheet', 'total_items'], message: 'How many there are follows from this …' },
    { path: ['sheet', 'fan_out'], at: 'key', message: '… and from fan-out.' },
  ];
  const beyond = (
    code: string,
    path: readonly PropertyKey[],
    most: number,
    what: string,
    at: 'key' | 'value',
  ): void => {
    findings.add({
      code,
      severity: 'warning',
      path,
      at,
      message:
        `There is no ${what} ${String(at === 'key' ? path.at(-1) : '')}`.trimEnd() +
        `: the score has ${most}.`,
      remedy:
        what === 'sheet'
          ? 'Numbers here count sheets after fan-out.'
          : 'Numbers here count stages, before fan-out.',
      related: counted,
      tags: ['unnecessary'],
    });
  };
  const bySheet: readonly [readonly string[], object][] = [
    [['sheet', 'descriptions'], fields.sheet.descriptions],
    [['sheet', 'cadenzas'], fields.sheet.cadenzas],
    [['sheet', 'prompt_extensions'], fields.sheet.prompt_extensions],
    [['sheet', 'per_sheet_instruments'], fields.sheet.per_sheet_instruments],
    [['sheet', 'per_sheet_instrument_config'], fields.sheet.per_sheet_instrument_config],
    [['sheet', 'per_sheet_fallbacks'], fields.sheet.per_sheet_fallbacks],
    [['backend', 'timeout_overrides'], fields.backend.timeout_overrides],
    [['backend', 'sheet_overrides'], fields.backend.sheet_overrides],
    [['instrument_config', 'timeout_overrides'], fields.instrument_config.timeout_overrides ?? {}],
  ];
  for (const [path, map] of bySheet) {
    for (const key of Object.keys(map)) {
      if (Number(key) > plan.totalSheets) beyond('V406', [...path, key], plan.totalSheets, 'sheet', 'key');
    }
  }
  for (const [name, sheets] of Object.entries(fields.sheet.instrument_map)) {
    for (const [index, num] of sheets.entries()) {
      if (num <= plan.totalSheets) continue;
      beyond('V406', ['sheet', 'instrument_map', name, index], plan.totalSheets, `sheet`, 'value');
    }
  }
  for (const key of Object.keys(fields.movements)) {
    if (Number(key) > plan.totalStages) beyond('V406', ['movements', key], plan.totalStages, 'stage', 'key');
  }
  for (const [index, rule] of fields.validations.entries()) {
    if (rule.sheet === null || rule.sheet <= plan.totalSheets) continue;
    beyond('V406', ['validations', index, 'sheet'], plan.totalSheets, 'sheet', 'value');
  }
  for (const field of ['skip_when', 'skip_when_command'] as const) {
    for (const key of Object.keys(fields.sheet[field])) {
      if (Number(key) > plan.totalStages)
        beyond('V212', ['sheet', field, key], plan.totalStages, 'stage', 'key');
    }
  }
  for (const [stage, expression] of Object.entries(fields.sheet.skip_when)) {
    const problem = skipWhenProblem(expression);
    if (problem === null) continue;
    findings.warning(
      'V407',
      ['sheet', 'skip_when', stage],
      `The expression cannot be read, so the sheet always runs: ${problem}.`,
      'Compare with `sheets[1].status`, `sheets[1].validation_passed` or `job.total_retry_count`.',
    );
  }
}
