/**
 * Twelve sheets at once against a vendor that answers 429 in bursts, beside the ideal: the same fan-out without bursts, and the times in which
 * nobody could have been served. Prints seconds and the ratio; the bar is 1.3, and one probe a window.
 */
import { TestConductor } from '../test/support/conductor';
import { fanOutScore, LimitedVendor, writeVendorAgent } from '../test/support/limited-vendor';

export interface LimitsResult {
  readonly idealSeconds: number;
  readonly takenSeconds: number;
  readonly ratio: number;
  /** Requests at the end of each closed time before one was answered. */
  readonly probes: readonly number[];
  readonly completed: number;
}

const workMs = 1000;
const closedSeconds = 4;

export async function measureLimits(): Promise<LimitsResult> {
  const conductor = new TestConductor();
  const calm = new LimitedVendor({ burstsAfter: [], closedSeconds, workMs });
  const bursty = new LimitedVendor({ burstsAfter: [4, 4, 9], closedSeconds, workMs });
  try {
    await conductor.start();
    writeVendorAgent(conductor, 'calm', await calm.start());
    writeVendorAgent(conductor, 'bursty', await bursty.start());
    const play = async (instrument: string) => {
      const job = await conductor.until(
        await conductor.submit(instrument, fanOutScore(instrument, instrument)),
      );
      if (!job.started_at || !job.completed_at) throw new Error(`the fan-out ended ${job.status}`);
      const completed = Object.values(job.sheets).filter(({ status }) => status === 'completed').length;
      return { seconds: (Date.parse(job.completed_at) - Date.parse(job.started_at)) / 1000, completed };
    };
    const without = await play('calm');
    const { seconds, completed } = await play('bursty');
    const closed = bursty.closed.reduce((sum, { from, until }) => sum + (until - from) / 1000, 0);
    const idealSeconds = without.seconds + closed;
    const probes = bursty.probes();
    return { idealSeconds, takenSeconds: seconds, ratio: seconds / idealSeconds, probes, completed };
  } finally {
    calm.stop();
    bursty.stop();
    await conductor.dispose();
  }
}

if (require.main === module) {
  void measureLimits().then((result) => {
    console.log(JSON.stringify(result));
  });
}
