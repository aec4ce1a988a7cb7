// A process that opens the index given as first argument, complete up to the seq given as second, and changes and exports it
// without pause, to be killed by a test.
import { IndexClient } from '../../src/conductor/index/index-client';
import { LogLines, ManualClock, indexWorkerFile } from './journal-folder';

async function main(file: string, lastSeq: number): Promise<void> {
  const clock = new ManualClock();
  const options = { file, journalId: 'j', lastSeq, workerFile: indexWorkerFile, clock, log: new LogLines() };
  const { index } = await IndexClient.open(options);
  process.stdout.write(`${index.state}\n`);
  for (let seq = lastSeq + 1; ; seq += 1) {
    index.feed([{ seq, epoch: 1, t: seq, type: 'job.status', run: 'a', body: { status: 'running' } }]);
    await index.flush();
    process.stdout.write('exported\n');
  }
}

void main(process.argv[2] ?? '', Number(process.argv[3]));
