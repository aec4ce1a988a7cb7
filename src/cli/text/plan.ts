/** Plans and prompts before anything runs: `validate` and `run --dry-run`. */
import type { Plan, PlannedSheet } from '../../score/plan';
import type { RenderedSheet } from '../../score/render-all';
import type { Colors } from '../output';
import { counted } from './amounts';
import { printable, printableLines } from './printable';

/** Sheets by how many steps of dependencies lie before them: those of one level may play side by side. */
export function dependencyLevels(sheets: readonly PlannedSheet[]): number[][] {
  const levelOf = new Map<number, number>();
  const levels: number[][] = [];
  // Prerequisites may have higher numbers, so each pass places what can be placed; the graph has no cycles.
  let rest = [...sheets];
  while (rest.length > 0) {
    const placed = rest.filter((sheet) => sheet.dependsOn.every((before) => levelOf.has(before)));
    if (placed.length === 0) break;
    for (const sheet of placed) {
      const level = Math.max(-1, ...sheet.dependsOn.map((before) => levelOf.get(before) ?? -1)) + 1;
      levelOf.set(sheet.num, level);
      (levels[level] ??= []).push(sheet.num);
    }
    rest = rest.filter((sheet) => !placed.includes(sheet));
  }
  return levels;
}

/** `1-4, 7` for 1, 2, 3, 4, 7. */
export function numberRanges(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < numbers.length; at += 1) {
    const first = numbers[at] ?? 0;
    let last = first;
    while (numbers[at + 1] === last + 1) {
      last += 1;
      at += 1;
    }
    parts.push(
      first === last ? String(first) : last === first + 1 ? `${first}, ${last}` : `${first}-${last}`,
    );
  }
  return parts.join(', ');
}

/** What a score comes to, in a few lines. */
export function planSummary(plan: Plan, colors: Colors): string[] {
  const fact = (name: string, value: string) => `  ${colors.dim(name.padEnd(11))} ${value}`;
  const instruments = [...new Set(plan.sheets.map(({ instrument }) => instrument.profile))];
  const checks = plan.sheets.reduce((sum, sheet) => sum + sheet.validations.length, 0);
  const levels = dependencyLevels(plan.sheets);
  const chain = levels.every((level) => level.length === 1);
  return [
    fact('name', printable(plan.name)),
    fact(
      'sheets',
      `${plan.totalSheets} in ${counted(plan.totalStages, 'stage')}, ${counted(checks, 'check')}`,
    ),
    fact('instruments', instruments.join(', ')),
    fact('workspace', plan.workspace),
    fact('at once', plan.parallel.enabled ? String(plan.parallel.maxConcurrent) : '1'),
    ...(chain
      ? [fact('order', 'one after another')]
      : levels.map((level, at) => fact(at === 0 ? 'order' : '', `${at + 1}. sheets ${numberRanges(level)}`))),
  ];
}

/** Every sheet with its prompt, whole. */
export function renderingLines(plan: Plan, sheets: readonly RenderedSheet[], colors: Colors): string[] {
  return [
    ...planSummary(plan, colors),
    ...sheets.flatMap(({ sheet, result }) => ['', ...sheetLines(sheet, colors), ...promptLines(result)]),
  ];
}

/** A sheet's heading and facts. */
function sheetLines(sheet: PlannedSheet, colors: Colors): string[] {
  const title = sheet.description ?? sheet.movementName ?? '';
  const fan = sheet.fanCount > 1 ? `, ${sheet.instance} of ${sheet.fanCount}` : '';
  const { profile, config } = sheet.instrument;
  return [
    colors.bold(`Sheet ${sheet.num}${title === '' ? '' : `: ${printable(title)}`}`) +
      colors.dim(` (stage ${sheet.stage}${fan})`),
    `  ${colors.dim('instrument')} ${profile}${config.model === null ? '' : ` ${config.model}`}`,
    ...(sheet.dependsOn.length === 0
      ? []
      : [`  ${colors.dim('after     ')} ${numberRanges(sheet.dependsOn)}`]),
    ...sheet.validations.map(
      (rule) =>
        `  ${colors.dim('check     ')} ${printable(rule.description ?? `${rule.type} ${rule.path ?? rule.command ?? ''}`)}`,
    ),
  ];
}

function promptLines(result: RenderedSheet['result']): string[] {
  if (!result.ok) return result.diagnostics.map(({ message }) => `  ${printable(message)}`);
  return [...(result.preamble === null ? [] : [result.preamble]), result.prompt]
    .flatMap((text) => printableLines(text).trimEnd().split('\n'))
    .map((line) => `    ${line}`.trimEnd());
}

/** The first lines of one prompt. */
export function promptPreview(rendered: RenderedSheet, lines: number, colors: Colors): string[] {
  const all = promptLines(rendered.result);
  const more = all.length - lines;
  return [
    ...sheetLines(rendered.sheet, colors),
    ...all.slice(0, lines),
    ...(more > 0 ? [colors.dim(`    … ${counted(more, 'more line')}`)] : []),
  ];
}
