/**
 * "Did you mean": the candidates that differ least from a mistyped name.
 */

/** Names longer than this are not compared: the distance is quadratic and nobody mistypes a page of text. */
const longestName = 64;

/** Edit distance with transposition of neighbours (optimal string alignment), or `limit + 1` when above it. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(
        (previous[j] ?? 0) + 1,
        (current[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      }
      current.push(best);
    }
    beforePrevious = previous;
    previous = current;
  }
  return Math.min(previous[b.length] ?? 0, limit + 1);
}

/**
 * The candidates nearest to `name`, best first, at most `max` of them. Letter case and `-` against `_` hardly
 * count. Only near ones are returned (a third of the name's length may differ, at least one letter), never
 * `name` itself.
 */
export function nearestNames(name: string, candidates: Iterable<string>, max = 3): string[] {
  if (name.length === 0 || name.length > longestName) return [];
  const fold = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  const wanted = fold(name);
  const limit = Math.max(1, Math.floor(name.length / 3));
  const found: { candidate: string; distance: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate === name || candidate.length > longestName) continue;
    const distance = editDistance(wanted, fold(candidate), limit);
    if (distance <= limit && distance < wanted.length) found.push({ candidate, distance });
  }
  found.sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1));
  return found.slice(0, max).map((entry) => entry.candidate);
}
