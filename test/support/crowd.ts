/**
 * A state directory with many finished jobs, made fast: two jobs are played by a real conductor, then told again under other names through the
 * journal's own writer and archive. As a program: `node out/test/support/crowd.js <state directory> <folder of the jobs> <jobs>`.
 */
import { cpSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { applyRecord, emptyState } from '../../src/conductor/engine/state';
import { systemClock } from '../../src/conductor/journal/clock';
import { Journal } from '../../src/conductor/journal/journal';
import type { RecordDraft } from '../../src/conductor/journal/record';
import { TestConductor } from './conductor';
import { LogLines } from './journal-folder';

const MINUTE = 60_000;

const played = (name: string, script: string) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: 2 }
pause_between_sheets_seconds: 0
retry: { max_retries: 0 }
prompt: { template: '${script}' }
validations: []
`;

/** Makes `jobs` finished jobs, a minute apart, each tenth of them failed; the youngest is `night-<jobs>`. No conductor may run there. */
export async function makeCrowd(stateDir: string, folder: string, jobs: number): Promise<void> {
  const conductor = new TestConductor();
  let templates: RecordDraft[][];
  try {
    await conductor.start();
    templates = [];
    for (const [name, script] of [
      ['template-well', 'echo sheet {{ sheet_num }}'],
      ['template-ill', 'echo wrong >&2; exit 1'],
    ] as const) {
      const run = await conductor.submit(name, played(name, script));
      await conductor.until(run);
      const records = conductor.records().filter((record) => record.run === run);
      const known = new Map(records.map((record) => [record.seq, record]));
      templates.push(
        [...known.values()]
          .filter(({ type }) => !type.startsWith('snapshot.') && type !== 'job.archived')
          .sort((a, b) => a.seq - b.seq)
          .map(({ type, body, t }) => ({ type, run, body, t })),
      );
    }
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    for (const kept of ['scores', 'prompts'])
      cpSync(join(conductor.home, kept), join(stateDir, kept), { recursive: true });
  } finally {
    await conductor.dispose();
  }
  await tell(stateDir, jobs, (number) => {
    const template = templates[number % 10 === 0 ? 1 : 0] ?? [];
    const run = `night-${String(number).padStart(4, '0')}`;
    const began = template[0]?.t ?? 0;
    const shift = Date.now() - (jobs - number + 1) * MINUTE - began;
    return template.map((draft) => ({
      ...renamed(draft, run, conductor.root, folder),
      t: (draft.t ?? 0) + shift,
    }));
  });
}

/** The record, of another run whose files lie elsewhere. */
function renamed(draft: RecordDraft, run: string, from: string, to: string): RecordDraft {
  const text = JSON.stringify(draft.body)
    .replaceAll(draft.run ?? '', run)
    .replaceAll(`${from}/ws`, to)
    .replaceAll(from, to);
  return { type: draft.type, run, body: JSON.parse(text) as RecordDraft['body'] };
}

/** Has the journal write and archive what `records` gives for 1 to `jobs`. */
async function tell(
  stateDir: string,
  jobs: number,
  records: (number: number) => RecordDraft[],
): Promise<void> {
  const state = emptyState();
  const { journal } = await Journal.open({
    dir: join(stateDir, 'journal'),
    archiveDir: join(stateDir, 'archive'),
    epoch: 1,
    clock: systemClock,
    log: new LogLines(),
    workerFile: resolve('dist/journal-worker.js'),
    // An archive is taken from the segments that know its run: small ones are quick to read.
    segmentBytes: 64 * 1024,
    onRecord: () => undefined,
    onDurable: (durable) => {
      for (const record of durable) applyRecord(state, record);
    },
    snapshot: () => [],
  });
  for (let first = 1; first <= jobs; first += 100) {
    const numbers = Array.from({ length: Math.min(100, jobs - first + 1) }, (_, index) => first + index);
    const drafts = numbers.map(records);
    await Promise.all(drafts.map((some) => journal.append(some)));
    const runs = drafts.map((some) => some[0]?.run ?? '');
    for (const run of runs) await journal.store.archiveRun(run);
    await journal.append(runs.map((run) => ({ type: 'job.archived', run, body: {} })));
  }
  await journal.close();
}

if (require.main === module) {
  const [stateDir = '', folder = '', jobs = '1000'] = process.argv.slice(2);
  void makeCrowd(resolve(stateDir), resolve(folder), Number(jobs)).then(() => process.exit(0));
}
