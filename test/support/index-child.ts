// A process that feeds the index in the folder given as argument and exports it without pause, to be killed by a test.
import { IndexClient } from '../../src/conductor/index/index-client';
import { LogLines, ManualClock, indexWorkerFile } from './journal-folder';
import { RecordMaker, streamOf } from './journal-records';

async function main(file: string): Promise<void> {
  const clock = new ManualClock();
  const log = new LogLines();
  const make = new RecordMaker();
  const options = { file, journalId: 'j', lastSeq: 0, workerFile: indexWorkerFile, clock, log };
  const { index } = await IndexClient.open(options);
  if (index.state !== 'ok') await index.rebuild(streamOf([]));
  make.submitted('a', 1_000_000);
  for (let sheet = 1; ; sheet += 50) {
    const from = make.records.length;
    for (let n = sheet; n < sheet + 50; n += 1) {
      make.started('a', n, 1);
      make.finished('a', n, 1, true);
    }
    index.feed(make.records.slice(from));
    await index.flush();
    process.stdout.write('exported\n');
  }
}

void main(process.argv[2] ?? '');
