/**
 * A chain of empty sheets through a real conductor, beside the floor of bench/floor.ts in the same run: blocks of both alternate, so that a slow
 * moment of the machine meets both. Prints milliseconds a sheet and the ratio; the bar is 1.7.
 */
import { measureFloor } from './floor';
import { TestConductor } from '../test/support/conductor';

/** The record tells how long a job took; asking for it more often would be part of what is measured. */
const askEveryMs = 250;

export interface ChainResult {
  readonly sheets: number;
  readonly rounds: number;
  /** Milliseconds per sheet: means of a round, medians of the rounds. */
  readonly chainMs: number;
  readonly floorMs: number;
  readonly ratio: number;
}

export async function measureChain(sheets = 200, rounds = 5): Promise<ChainResult> {
  const conductor = new TestConductor();
  const chain: number[] = [];
  const floor: number[] = [];
  try {
    await conductor.start();
    for (let round = 0; round < rounds; round += 1) {
      floor.push((await measureFloor(sheets)).floorMs);
      const run = await conductor.submit('chain', chainScore(sheets));
      const job = await conductor.until(run, undefined, 300_000, askEveryMs);
      if (job.status !== 'completed' || !job.started_at || !job.completed_at)
        throw new Error(`the chain ended ${job.status}`);
      chain.push((Date.parse(job.completed_at) - Date.parse(job.started_at)) / sheets);
    }
  } finally {
    await conductor.dispose();
  }
  // Of each round's own ratio: its two halves met the same machine.
  const ratio = median(chain.map((ms, round) => ms / (floor[round] ?? Number.NaN)));
  return { sheets, rounds, chainMs: median(chain), floorMs: median(floor), ratio };
}

/** A score of empty sheets, each behind the one before. */
export function chainScore(sheets: number): string {
  return `
name: chain
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: ${sheets} }
prompt: { template: 'true' }
`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

if (require.main === module) {
  void measureChain(Number(process.argv[2] ?? 200), Number(process.argv[3] ?? 5)).then((result) => {
    console.log(JSON.stringify(result));
  });
}
