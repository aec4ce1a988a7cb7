import assert from 'node:assert/strict';
import { TestConductor } from '../support/conductor';
import { assertSound, ended, inFlight, ledger, ledgerAgent, spawnDoomed } from '../support/kill-kit';

/** A chain of three: the second fails once and heals. */
const chain = `
name: chain
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 3 }
retry: { max_retries: 2, base_delay_seconds: 0.05, jitter: false }
prompt:
  template: |
${ledgerAgent(`sleep 0.15
if [ {{ sheet_num }} = 2 ] && [ ! -e "$MARIANNE_WORKSPACE/tried" ]; then touch "$MARIANNE_WORKSPACE/tried"; exit 1; fi
echo done > "$MARIANNE_WORKSPACE/out-{{ sheet_num }}.txt"`).replace(/^/gm, '    ')}
validations:
  - { type: file_exists, path: "{workspace}/out-{sheet_num}.txt", description: the file }
`;

/** One round: a conductor that dies at this write, then whatever brings the job to its end. Gives false when it never came to that write. */
async function round(write: number, how: string, wake: boolean, tally: { woken: number }): Promise<boolean> {
  const conductor = new TestConductor();
  const note = `killed at write ${write} (${how})`;
  try {
    const child = spawnDoomed(conductor, write, how);
    const died = ended(child).then(() => true);
    const submit = () => conductor.submit('chain', chain, { submit_key: 'key-of-chain', again: true });
    // Either it dies, or it puts the finished job away.
    const putAway = (async () => {
      while (child.exitCode === null && child.signalCode === null) {
        if (conductor.records().some(({ type }) => type === 'job.archived')) return false;
        await new Promise((done) => setTimeout(done, 50));
      }
      return true;
    })();
    await Promise.race([died, conductor.ready().then(submit)]).catch(() => undefined);
    if (!(await Promise.race([died, putAway]))) return false;
    if (wake && inFlight(conductor, 'chain').length > 0) {
      await conductor.ready();
      tally.woken += 1;
    } else await conductor.start();
    // Submitted again with the same key: the same job, whether the first submit was durable or not. A finished one is not made again.
    const jobs = await conductor.call('job.list', {});
    if (jobs.length === 0) await submit();
    assert.ok((await conductor.call('job.list', {})).length === 1, `${note}: one job`);
    const job = await conductor.until('chain', undefined, 20_000);
    assert.equal(job.status, 'completed', `${note}: ${JSON.stringify(job.sheets)}`);
    await assertSound(conductor, job, note);
    // Only the conductor was killed: every agent's work counts, none was repeated.
    assert.deepEqual(
      ledger(conductor)
        .filter(({ what }) => what === 'start')
        .map(({ sheet }) => sheet),
      [1, 2, 2, 3],
      note,
    );
    assert.deepEqual(
      Object.values(job.sheets).map(({ status }) => status),
      ['completed', 'completed', 'completed'],
      note,
    );
    return true;
  } finally {
    await conductor.dispose();
  }
}

describe('kill -9 of the conductor at every write of the journal', function () {
  this.timeout(90_000);

  // How many writes there are depends on what comes together in one; every attempt's start is one of its own.
  const cases = [
    { how: 'durable', writes: (n: number) => n },
    { how: 'torn', writes: (n: number) => 2 * n - 1 },
    { how: 'later', writes: (n: number) => n },
  ];
  for (const { how, writes } of cases) {
    it(`${how}: the job ends by itself, every agent runs once`, async () => {
      const tally = { woken: 0 };
      let count = 0;
      let last = Infinity;
      const worker = async () => {
        while (writes(count + 1) < last) {
          count += 1;
          const mine = writes(count);
          if (!(await round(mine, how, count % 2 === 0, tally))) last = Math.min(last, mine);
        }
      };
      await Promise.all([worker(), worker(), worker()]);
      assert.ok(last > 7, `only writes before ${last} were met`);
      if (how === 'later') assert.ok(tally.woken > 0, 'no shim had to start a conductor');
    });
  }
});
