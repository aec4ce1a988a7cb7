import type { PlannedScore } from './score-room';

/** The sheet and all that it waits for, ascending. */
export function withDependencies(score: Pick<PlannedScore, 'sheets'>, sheet: number): number[] {
  const needed = new Set<number>();
  const open = [sheet];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (needed.has(next)) continue;
    needed.add(next);
    open.push(...(score.sheets.find(({ num }) => num === next)?.dependsOn ?? []));
  }
  return [...needed].sort((a, b) => a - b);
}
