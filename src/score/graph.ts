/** What waits for what. */
import type { Expansion } from './expand';
import type { Findings } from './findings';
import type { ScoreFields } from './schema/score';

/**
 * Prerequisites of every sheet, ascending. Without `dependencies` each stage waits for the whole stage before it; with them,
 * only what is written counts. Null when the graph cannot be played; `findings` says why.
 */
export function dependencyGraph(
  fields: ScoreFields,
  expansion: Expansion,
  findings: Findings,
): ReadonlyMap<number, readonly number[]> | null {
  const written = Object.entries(fields.sheet.dependencies);
  const graph = new Map<number, readonly number[]>();
  if (written.length === 0) {
    for (const sheet of expansion.sheets)
      graph.set(sheet.num, expansion.sheetsOfStage.get(sheet.stage - 1) ?? []);
    return graph;
  }
  if (!checkEdges(fields, nodeCount(fields, expansion), findings)) return null;
  for (const sheet of expansion.sheets) graph.set(sheet.num, []);
  for (const [key, prerequisites] of written) {
    // A dumped score (fan_out_stage_map) has its edges between sheets already.
    const expanded = expansion.hasFanOut && fields.sheet.fan_out_stage_map === null;
    const targets = expanded ? (expansion.sheetsOfStage.get(Number(key)) ?? []) : [Number(key)];
    for (const [index, target] of targets.entries()) {
      const sources = new Set<number>();
      for (const prerequisite of prerequisites) {
        const of = expanded ? (expansion.sheetsOfStage.get(prerequisite) ?? []) : [prerequisite];
        for (const source of edgeSources(of, targets.length, index)) sources.add(source);
      }
      graph.set(
        target,
        [...sources].sort((a, b) => a - b),
      );
    }
  }
  return graph;
}

/** Which of the sheets of a prerequisite stage the sheet at `index` of `targetCount` waits for. */
function edgeSources(sources: readonly number[], targetCount: number, index: number): readonly number[] {
  const pairwise = sources.length === targetCount;
  return pairwise ? sources.slice(index, index + 1) : sources;
}

/** The range of numbers that `dependencies` may name: stages with fan-out, sheets otherwise. */
function nodeCount(fields: ScoreFields, expansion: Expansion): number {
  return expansion.hasFanOut && fields.sheet.fan_out_stage_map === null
    ? expansion.totalStages
    : expansion.sheets.length;
}

function checkEdges(fields: ScoreFields, count: number, findings: Findings): boolean {
  const before = findings.list.length;
  const remedy = `Numbers here run from 1 to ${count}: stages, before fan-out.`;
  const related = [
    {
      path: ['sheet', 'total_items'],
      at: 'key',
      message: `\`total_items\` says how many stages there are.`,
    },
    {
      path: ['sheet', 'fan_out'],
      at: 'key',
      message: 'Fan-out makes several sheets of a stage; dependencies are between stages all the same.',
    },
  ] as const;
  for (const [key, prerequisites] of Object.entries(fields.sheet.dependencies)) {
    const path = ['sheet', 'dependencies', key];
    if (Number(key) > count) {
      findings.add({
        code: 'P024',
        severity: 'error',
        path,
        at: 'key',
        message: `Dependencies are written for stage ${key}, but the score has only ${count}.`,
        remedy,
        related,
      });
    }
    for (const [index, prerequisite] of prerequisites.entries()) {
      if (prerequisite === Number(key)) {
        findings.error('P025', [...path, index], `Stage ${key} waits for itself.`, 'Remove this entry.');
      } else if (prerequisite > count) {
        const message = `Stage ${key} waits for stage ${prerequisite}, but the score has only ${count}.`;
        findings.add({ code: 'P024', severity: 'error', path: [...path, index], message, remedy, related });
      }
    }
  }
  if (findings.list.length > before) return false;
  return reportCycles(fields, findings);
}

/** Depth first, without recursion; every edge that closes a cycle is reported at its entry. */
function reportCycles(fields: ScoreFields, findings: Findings): boolean {
  const edges = fields.sheet.dependencies;
  const done = new Set<string>();
  let sound = true;
  for (const start of Object.keys(edges)) {
    if (done.has(start)) continue;
    const trail: { key: string; next: number }[] = [{ key: start, next: 0 }];
    const onTrail = new Set([start]);
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const index = top.next++;
      const prerequisite = edges[top.key]?.[index];
      if (prerequisite === undefined) {
        done.add(top.key);
        onTrail.delete(top.key);
        trail.pop();
        continue;
      }
      const key = String(prerequisite);
      if (onTrail.has(key)) {
        const cycle = [
          ...trail.slice(trail.findIndex((step) => step.key === key)).map((step) => step.key),
          key,
        ];
        findings.add({
          code: 'P026',
          severity: 'error',
          path: ['sheet', 'dependencies', top.key, index],
          message: `The stages wait for each other, so none of them can start: ${cycle.join(' → ')}.`,
          remedy: 'Remove one of these dependencies.',
          related: otherEdges(edges, cycle),
        });
        sound = false;
      } else if (!done.has(key) && edges[key] !== undefined) {
        trail.push({ key, next: 0 });
        onTrail.add(key);
      }
    }
  }
  return sound;
}

/** More edges than this of one cycle are not pointed at. */
const mostEdges = 20;

/** The edges of a cycle but the one that closes it. */
function otherEdges(
  edges: Readonly<Record<string, readonly number[]>>,
  cycle: readonly string[],
): { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  return cycle
    .slice(0, -2)
    .map((stage, step) => {
      const next = cycle[step + 1] ?? '';
      return {
        path: ['sheet', 'dependencies', stage, edges[stage]?.indexOf(Number(next)) ?? 0],
        message: `Stage ${stage} waits for stage ${next}.`,
      };
    })
    .slice(0, mostEdges);
}
