// A process with a journal in the folders given as arguments, to be killed or starved by a test. Speaks lines on stdout:
// `ack <seq> <n>` for every durable record, and the journal's states.
import { existsSync, renameSync, writeSync } from 'node:fs';
import { systemClock } from '../../src/conductor/journal/clock';
import type { Clock } from '../../src/conductor/journal/clock';
import { openJournal } from './journal-folder';

const [mode = '', root = '', count = '0', padding = '0'] = process.argv.slice(2);
const state = { dir: `${root}/journal`, archiveDir: `${root}/archive` };

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Two seconds pass in ten milliseconds; each wait is told. */
const hastyClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    say(`wait ${ms}`);
    return systemClock.after(ms / 200, fn);
  },
};

/** Appends for ever, a few records in flight. */
async function appendForEver(): Promise<void> {
  const { journal, fold, report } = await openJournal(state, { segmentBytes: 20_000 });
  if (report.state === 'missing' || report.corruption.length > 0) say('damaged');
  let n = fold.count;
  const writer = async (): Promise<void> => {
    for (;;) {
      const group = Array.from({ length: 1 + (n % 3) }, () => ({
        type: 'test.note',
        run: 'r',
        body: { n: (n += 1), text: 'x'.repeat(n % 700) },
      }));
      for (const { seq, body } of await journal.append(group)) say(`ack ${seq} ${String(body['n'])}`);
    }
  };
  await Promise.all([writer(), writer(), writer()]);
}

/** Appends `count` records under a limit of the file size; the folder is away for the first new segments. */
async function appendUnderLimit(): Promise<void> {
  const { journal, fold } = await openJournal(state, { clock: hastyClock });
  // The timers of the clock do not keep the process alive; the journal's thread does.
  journal.on('failed', ({ code }) => {
    say(`failed ${code}`);
    // Make the first attempts fail too: no folder, no segment.
    if (!existsSync(`${state.dir}-away`)) {
      renameSync(state.dir, `${state.dir}-away`);
      setTimeout(() => renameSync(`${state.dir}-away`, state.dir), 60);
    }
  });
  journal.on('recovered', () => say('recovered'));
  // Five in flight: what waits has to fit into one segment under the limit.
  for (let n = 0; n < Number(count); n += 5) {
    await Promise.all(
      [n, n + 1, n + 2, n + 3, n + 4].map(async (number) => {
        const body = { n: number, text: 'x'.repeat(Number(padding)) };
        const [record] = await journal.append([{ type: 'test.note', run: 'r', body }]);
        say(`ack ${record?.seq} ${number}`);
      }),
    );
  }
  await journal.close();
  say(`done ${fold.count}`);
}

void (mode === 'kill' ? appendForEver() : appendUnderLimit());
