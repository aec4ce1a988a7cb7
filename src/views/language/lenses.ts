/** Which lines of a score offer to run something. */
import type { Plan } from '../../score/plan';
import type { YamlEntry } from '../../score/yaml-node';
import { entryOf, findNode, keyText } from '../../score/yaml-node';
import { TextIndex } from '../../score/text-index';
import type { Analysis } from './analysis';
import { parsedOrNull } from './analysis';
import { sheetBranches } from './branches';

/** Setting `marianne.codeLens`. */
export type LensMode = 'off' | 'top' | 'all';

/** A place that offers something. */
export interface LensPlace {
  readonly kind: 'score' | 'sheets' | 'movement' | 'fan-out' | 'dependencies' | 'branch';
  /** 0-based. */
  readonly line: number;
  /** 0-based, UTF-16 units. */
  readonly column: number;
  /** Sheets meant, ascending; all of them for `score` and `sheets`. */
  readonly sheets: readonly number[];
  /** The place waits for other sheets. */
  readonly waits: boolean;
  /** More than one place is in this line: say little. */
  readonly crowded: boolean;
}

/** A line with more places than this shows only the first ones. */
const mostInLine = 6;

/** The places of a score that holds together; null when it does not. */
export function lensPlaces(analysis: Analysis, mode: LensMode): LensPlace[] | null {
  const { plan, score, file, template } = analysis;
  if (mode === 'off') return [];
  if (plan === null || score === null || file.root === null) return null;
  const { root, index } = file;
  const all = plan.sheets.map(({ num }) => num);
  const places: LensPlace[] = [];
  const add = (kind: LensPlace['kind'], offset: number, sheets: readonly number[]): void => {
    const { line, column } = index.range(offset, offset);
    places.push({
      kind,
      line: line - 1,
      column: column - 1,
      sheets,
      waits: waits(plan, kind, sheets),
      crowded: false,
    });
  };
  const name = entryOf(root, 'name');
  if (name !== undefined) add('score', name.key.range.offset, all);
  if (mode === 'top') return places;

  const entries = (...path: string[]): readonly YamlEntry[] => {
    const { node, rest } = findNode(root, path);
    return rest === 0 && node.kind === 'map' ? node.entries : [];
  };
  const byStage = (kind: LensPlace['kind'], list: readonly YamlEntry[]): void => {
    for (const { key } of list) {
      const sheets = score.expansion.sheetsOfStage.get(Number(keyText(key))) ?? [];
      if (sheets.length > 0) add(kind, key.range.offset, sheets);
    }
  };
  const sheet = entryOf(root, 'sheet');
  if (sheet !== undefined) add('sheets', sheet.key.range.offset, all);
  byStage('movement', entries('movements'));
  byStage('fan-out', entries('sheet', 'fan_out'));
  byStage('dependencies', entries('sheet', 'dependencies'));
  if (template !== null && template.parsed !== null) {
    for (const branch of sheetBranches(template.parsed, plan, score.variables)) {
      add('branch', template.embedded.toDocument(branch.offset), branch.sheets);
    }
  }
  return inOrder(places);
}

/** The branches of a template file; null while it cannot be parsed. */
export function templatePlaces({ score, plan }: Analysis, text: string): LensPlace[] | null {
  const parsed = parsedOrNull(text);
  if (parsed === null || plan === null || score === null) return null;
  const index = new TextIndex(text);
  return inOrder(
    sheetBranches(parsed, plan, score.variables).map(({ offset, sheets }) => {
      const { line, column } = index.range(offset, offset);
      const place = { line: line - 1, column: column - 1, sheets, waits: waits(plan, 'branch', sheets) };
      return { kind: 'branch', ...place, crowded: false };
    }),
  );
}

function waits(plan: Plan, kind: LensPlace['kind'], sheets: readonly number[]): boolean {
  return (
    kind !== 'score' &&
    kind !== 'sheets' &&
    sheets.some((num) => (plan.sheets[num - 1]?.dependsOn.length ?? 0) > 0)
  );
}

function inOrder(places: readonly LensPlace[]): LensPlace[] {
  const byLine = new Map<number, LensPlace[]>();
  for (const place of places) byLine.set(place.line, [...(byLine.get(place.line) ?? []), place]);
  return [...byLine.values()]
    .flatMap((line) =>
      line
        .sort((a, b) => a.column - b.column)
        .slice(0, mostInLine)
        .map((place) => ({ ...place, crowded: line.length > 1 })),
    )
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

/**
 * The places of an earlier text on the lines of a newer one that cannot be read: what stands before the first and behind the last changed line
 * is kept; in between a place goes to the next line with the same text, and is left out when there is none.
 */
export function shiftPlaces(places: readonly LensPlace[], before: string, after: string): LensPlace[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail += 1;
  let next = head;
  return places.flatMap((place) => {
    if (place.line < head) return [place];
    if (place.line >= old.length - tail) return [{ ...place, line: place.line + now.length - old.length }];
    const wanted = old[place.line]?.trim() ?? '';
    for (let line = next; line < now.length - tail; line++) {
      if (now[line]?.trim() !== wanted) continue;
      next = line;
      return [{ ...place, line }];
    }
    // The line itself is being written: it stays where it is as long as nothing else moved.
    return old.length === now.length ? [place] : [];
  });
}

function linesOf(text: string): string[] {
  return text.split(/\r\n|\r|\n/);
}
