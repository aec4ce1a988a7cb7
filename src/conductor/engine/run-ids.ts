/** 1 for `demo`, n for `demo-n`; 0 when the run is not one of this stem. A greater number is a later run. */
export function runNumber(stem: string, run: string): number {
  if (run === stem) return 1;
  const match = new RegExp(`^${stem.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}-([2-9]|[1-9][0-9]+)$`).exec(run);
  return match ? Number(match[1]) : 0;
}
