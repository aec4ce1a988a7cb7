import assert from 'node:assert/strict';
import { TestConductor } from '../support/conductor';
import { assertSound, conductors, ended, inFlight, ledger, ledgerAgent } from '../support/kill-kit';
import { readClaim } from '../../src/process/attempt';
import { readProcess } from '../../src/process/identity';

const rounds = 20;
const atOnce = 3;

/** Six sheets, three at a time. The instruments' agents sleep a little, each a different time. */
const wide = `
name: wide
instrument: cli
pause_between_sheets_seconds: 0
sheet: { size: 1, total_items: 6, dependencies: { 6: [1] } }
parallel: { enabled: true, max_concurrent: 3 }
retry: { max_retries: 5, base_delay_seconds: 0.02, jitter: false }
prompt:
  template: |
${ledgerAgent(`sleep 0.{{ sheet_num }}
echo done > "$MARIANNE_WORKSPACE/out-{{ sheet_num }}.txt"`).replace(/^/gm, '    ')}
validations:
  - { type: file_exists, path: "{workspace}/out-{sheet_num}.txt", description: the file }
`;

/** A small generator with a seed (mulberry32), so that a round can be repeated. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended.
  }
}

async function round(seed: number): Promise<void> {
  const random = dice(seed);
  const conductor = new TestConductor();
  const told: string[] = [];
  const note = () => `seed ${seed} (${told.join(', ')})`;
  let killedAgents = 0;
  try {
    await conductor.start();
    await conductor.submit('wide', wide);
    for (let kills = 1 + Math.floor(random() * 3); kills > 0; kills -= 1) {
      await new Promise((done) => setTimeout(done, random() * 350));
      const target = ['conductor', 'shim', 'agent', 'all'][Math.floor(random() * 4)] ?? '';
      const bases = inFlight(conductor, 'wide');
      const base = bases[Math.floor(random() * bases.length)];
      told.push(`${target} at ${bases.length} in flight`);
      const shim = base === undefined ? null : readClaim(base);
      const marked = await conductor.strays();
      if (target === 'all') {
        // As many as may play at once: some may have started since we looked.
        killedAgents += 3;
        for (const pid of [...(conductors(conductor) ?? []), ...marked]) killQuietly(pid);
      }
      if (target === 'conductor') await conductor.kill();
      if (shim?.kind === 'shim' && target === 'shim') {
        killedAgents += 1;
        killQuietly(shim.pid);
      }
      if (shim?.kind === 'shim' && target === 'agent') {
        const child = marked.find((pid) => readProcess(pid)?.ppid === shim.pid);
        if (child !== undefined) {
          killedAgents += 1;
          killQuietly(child);
        }
      }
      if (target === 'conductor' || target === 'all') {
        if (conductor.child) await ended(conductor.child);
        // Nobody looks: a shim that still runs starts the next one. With none left, a client must.
        if (target === 'all' || inFlight(conductor, 'wide').length === 0) await conductor.start();
        else await conductor.ready();
      }
    }
    const job = await conductor.until('wide', undefined, 20_000);
    assert.equal(job.status, 'completed', `${note()}: ${JSON.stringify(job)}`);
    await assertSound(conductor, job, note());
    const starts = ledger(conductor).filter(({ what }) => what === 'start').length;
    assert.ok(starts >= 6 && starts <= 6 + killedAgents, `${note()}: ${starts} agents for 6 sheets`);
  } catch (error) {
    throw new Error(note(), { cause: error });
  } finally {
    await conductor.dispose();
  }
}

describe('kill -9 of the conductor, shims, agents, or all, at random moments', function () {
  this.timeout(90_000);

  it(`no attempt runs twice, the job ends, nobody is left (${rounds} rounds)`, async () => {
    const first = Number(process.env['KILL_SEED'] ?? Date.now() % 1_000_000);
    console.log(`      seeds ${first} to ${first + rounds - 1} (KILL_SEED=${first})`);
    const seeds = Array.from({ length: rounds }, (_, i) => first + i);
    const worker = async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) await round(seed);
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
  });
});
