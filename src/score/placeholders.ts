/** Placeholders of validation rules: `{name}` in paths (Python's `str.format`) and in commands (plain replacement, quoted). */
import { resolve } from 'node:path';
import { pythonFormat, pythonStr } from './template';
import type { TemplateInput, TemplateVariables } from './variables';

/** The sheet that values are made for. */
export interface SheetFacts {
  readonly num: number;
  readonly stage: number;
  readonly instance: number;
  readonly fanCount: number;
  readonly startItem: number;
  readonly endItem: number;
}

export interface JobFacts {
  readonly workspace: string;
  readonly totalSheets: number;
  readonly totalStages: number;
}

/** Names that every template and rule knows. */
export const positionNames = [
  'sheet_num',
  'total_sheets',
  'start_item',
  'end_item',
  'workspace',
  'stage',
  'movement',
  'instance',
  'voice',
  'fan_count',
  'voice_count',
  'total_stages',
  'total_movements',
  'instrument_name',
] as const;

/** Values by name, in the form that templates and formats take. */
export type RuleContext = ReadonlyMap<string, TemplateInput>;

/** Values for the placeholders of a sheet's rules. Built-in names always win over the score's variables (V208 warns of those). */
export function ruleContext(
  sheet: SheetFacts,
  job: JobFacts,
  instrumentName: string,
  variables: TemplateVariables,
): RuleContext {
  const values = new Map<string, TemplateInput>(variables);
  const builtIn: Readonly<Record<(typeof positionNames)[number], number | string>> = {
    sheet_num: sheet.num,
    total_sheets: job.totalSheets,
    start_item: sheet.startItem,
    end_item: sheet.endItem,
    workspace: job.workspace,
    stage: sheet.stage,
    movement: sheet.stage,
    instance: sheet.instance,
    voice: sheet.instance,
    fan_count: sheet.fanCount,
    voice_count: sheet.fanCount,
    total_stages: job.totalStages,
    total_movements: job.totalStages,
    instrument_name: instrumentName,
  };
  for (const [name, value] of Object.entries(builtIn)) {
    values.set(name, typeof value === 'number' ? BigInt(value) : value);
  }
  return values;
}

/**
 * A path or working directory with its placeholders filled in; a relative one is taken from the workspace.
 * @throws TemplateError when a name is unknown or the format is broken: the rule then fails with that message.
 */
export function expandRulePath(path: string, context: RuleContext): string {
  const workspace = context.get('workspace');
  const expanded = pythonFormat(path, Object.fromEntries(context));
  return resolve(typeof workspace === 'string' ? workspace : '/', expanded);
}

/** A command with `{name}` replaced by the value, quoted for the shell when it needs to be. Unknown names stay: they are the shell's. */
export function expandRuleCommand(command: string, context: RuleContext): string {
  return command.replace(/\{([A-Za-z_]\w*)\}/g, (whole, name: string) => {
    const value = context.get(name);
    return value === undefined ? whole : shellQuote(pythonStr(value));
  });
}

/** As Python's `shlex.quote`: unchanged when every character is harmless. */
export function shellQuote(text: string): string {
  if (text === '') return "''";
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`;
}

/** Names in a Python format text, with their places in it: `{name}`, `{name:02d}`, `{name[key]}`. */
export function formatNames(
  format: string,
): { readonly name: string; readonly offset: number; readonly end: number }[] {
  const found: { name: string; offset: number; end: number }[] = [];
  for (const match of format.matchAll(/\{\{|\}\}|\{([^{}]*)\}/g)) {
    const field = match[1];
    if (field === undefined) continue;
    const name = /^[^.[:!]*/.exec(field)?.[0] ?? '';
    found.push({ name, offset: match.index, end: match.index + match[0].length });
  }
  return found;
}

/** The built-in values as environment variables (`MARIANNE_SHEET_NUM` …), for instruments whose prompt is a shell script. */
export function environmentOf(context: RuleContext): Record<string, string> {
  return Object.fromEntries(
    positionNames.map((name) => [`MARIANNE_${name.toUpperCase()}`, pythonStr(context.get(name) ?? '')]),
  );
}
