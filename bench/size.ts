/**
 * What a sheet costs in a small job and in a large one, in the same run: the large one's must not grow. Both are chains of empty sheets through a
 * real conductor; of each the same number of sheets in the middle is timed, by the records of the journal.
 */
import { TestConductor } from '../test/support/conductor';
import { chainScore } from './chain';

export interface SizeResult {
  readonly small: number;
  readonly large: number;
  /** Milliseconds per sheet. */
  readonly smallMs: number;
  readonly largeMs: number;
  readonly ratio: number;
}

const timedFrom = 20;
const timedTo = 95;

export async function measureSize(small = 100, large = 10_000): Promise<SizeResult> {
  const smallMs = await perSheet(small);
  const largeMs = await perSheet(large);
  return { small, large, smallMs, largeMs, ratio: largeMs / smallMs };
}

async function perSheet(sheets: number): Promise<number> {
  const conductor = new TestConductor();
  try {
    await conductor.start();
    await conductor.submit('size', chainScore(sheets));
    const from = await ended(conductor, timedFrom);
    const to = await ended(conductor, timedTo);
    return (to - from) / (timedTo - timedFrom);
  } finally {
    await conductor.dispose();
  }
}

/** When this sheet ended, milliseconds; waits for it. */
async function ended(conductor: TestConductor, sheet: number): Promise<number> {
  for (;;) {
    const record = conductor
      .records()
      .find(({ type, body }) => type === 'attempt.finished' && body['sheet'] === sheet);
    if (record) return record.t;
    await new Promise((done) => setTimeout(done, 500));
  }
}

if (require.main === module) {
  void measureSize(Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 10_000)).then((result) => {
    console.log(JSON.stringify(result));
  });
}
