import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readClaim, readExit } from '../../src/process/attempt';
import { isSameProcess } from '../../src/process/identity';
import { attemptFiles } from '../../src/protocol/paths';
import type { Checkpoint } from '../../src/protocol/checkpoint';
import type { TestConductor } from './conductor';

const script = resolve('dist/conductor.js');

/** Starts a conductor as a child of the test without waiting for it. */
export function spawnConductor(
  conductor: TestConductor,
  env: Readonly<Record<string, string>> = {},
  nodeArguments: readonly string[] = [],
): ChildProcess {
  const { PATH = '/usr/bin:/bin' } = process.env;
  conductor.child = spawn(process.execPath, [...nodeArguments, script], {
    env: { PATH, HOME: conductor.root, MARIANNE_HOME: conductor.home, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return conductor.child;
}

/** Starts a conductor that dies at a journal write; see kill-preload. */
export function spawnDoomed(conductor: TestConductor, write: number, how: string): ChildProcess {
  return spawnConductor(conductor, { KILL_AT: `${write}:${how}` }, [
    '--require',
    resolve('out/test/support/kill-preload.js'),
  ]);
}

/** How a child ended: its exit code, or the name of the signal. */
export function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child.exitCode ?? child.signalCode);
  return new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
}

/** Waits for what no event tells, by looking every 20 ms. */
export async function eventually<T>(
  what: string,
  look: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`not within ${timeoutMs} ms: ${what}`);
}

/**
 * What a sheet's agent runs in these tests: tells the ledger that it starts and ends, and says a known text on both streams.
 * @param work bash, in between
 */
export function ledgerAgent(work: string): string {
  return [
    'at=$MARIANNE_SHEET_NUM.$MARIANNE_ATTEMPT',
    'echo "start $MARIANNE_JOB/$at $$" >> "$MARIANNE_WORKSPACE/ledger"',
    'echo "out $at begins"; echo "err $at" >&2',
    work,
    'echo "out $at ends"',
    'echo "end $MARIANNE_JOB/$at $$" >> "$MARIANNE_WORKSPACE/ledger"',
  ].join('\n');
}

export interface LedgerLine {
  readonly what: 'start' | 'end';
  readonly run: string;
  readonly sheet: number;
  readonly attempt: number;
  readonly pid: number;
}

/** What agents wrote into the ledger, in order. */
export function ledger(conductor: TestConductor): LedgerLine[] {
  const path = join(conductor.workspace, 'ledger');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const match = /^(start|end) (\S+)\/(\d+)\.(\d+) (\d+)$/.exec(line);
      assert.ok(match, `a torn ledger line: ${line}`);
      const [, what, run = '', sheet, attempt, pid] = match;
      return {
        what: what === 'start' ? 'start' : 'end',
        run,
        sheet: Number(sheet),
        attempt: Number(attempt),
        pid: Number(pid),
      };
    });
}

/** Attempts whose shim holds the claim, lives, and has not recorded an end: it will look for its conductor. Base paths. */
export function inFlight(conductor: TestConductor, run: string): string[] {
  const folder = join(conductor.home, 'jobs', run);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => (name.endsWith('.claim') ? [join(folder, name.slice(0, -'.claim'.length))] : []))
    .filter((base) => {
      const claim = readClaim(base);
      return claim.kind === 'shim' && readExit(base) === null && isSameProcess(claim.pid, claim.startTime);
    });
}

/** Living conductors of this state directory, by pid; only where there is `/proc`. */
export function conductors(conductor: TestConductor): number[] | null {
  if (process.platform !== 'linux') return null;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const env = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        // The shim and its agents carry a marker; the conductor does not.
        return (
          env.includes(`MARIANNE_HOME=${conductor.home}`) &&
          !env.some((entry) => entry.startsWith('MARIANNE_MARKER=')) &&
          !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
        );
      } catch {
        return false;
      }
    });
}

/**
 * What must hold of a finished run, whatever was killed: no attempt ran twice, nothing ran after its sheet was completed, the logs hold all that
 * an agent which came to its end said, nobody is left, one conductor lives.
 */
export async function assertSound(conductor: TestConductor, job: Checkpoint, note: string): Promise<void> {
  const lines = ledger(conductor).filter(({ run }) => run === job.job_id);
  const starts = lines.filter(({ what }) => what === 'start');
  const names = starts.map(({ sheet, attempt }) => `${sheet}.${attempt}`);
  assert.equal(new Set(names).size, names.length, `${note}: an attempt ran twice: ${names.join(' ')}`);
  const records = conductor.records().filter(({ run }) => run === job.job_id);
  const seqs = new Set<number>();
  const completed = new Map<number, number>();
  const begun = new Set<string>();
  for (const { seq, type, body } of records.sort((a, b) => a.seq - b.seq)) {
    if (type.startsWith('snapshot.') || seqs.has(seq)) continue;
    seqs.add(seq);
    const sheet = Number(body['sheet']);
    if (type === 'attempt.started') {
      assert.ok(!completed.has(sheet), `${note}: sheet ${sheet} ran again after it was completed`);
      begun.add(`${sheet}.${Number(body['attempt'])}`);
    }
    if (type === 'attempt.finished' && body['sheet_status'] === 'completed') completed.set(sheet, seq);
  }
  for (const name of names) assert.ok(begun.has(name), `${note}: ${name} ran without a record`);
  for (const sheet of Object.values(job.sheets)) {
    if (sheet.status !== 'completed') continue;
    const last = Math.max(
      ...starts.filter((line) => line.sheet === sheet.sheet_num).map((line) => line.attempt),
    );
    assert.equal(sheet.attempt_count, last, `${note}: sheet ${sheet.sheet_num} is told as another attempt's`);
  }
  for (const { sheet, attempt } of lines.filter(({ what }) => what === 'end')) {
    const at = `${sheet}.${attempt}`;
    const files = attemptFiles(join(conductor.home, 'jobs', job.job_id, at));
    assert.equal(
      readFileSync(files.stdoutLog, 'utf8'),
      `out ${at} begins\nout ${at} ends\n`,
      `${note}: log of ${at}`,
    );
    assert.equal(readFileSync(files.stderrLog, 'utf8'), `err ${at}\n`, `${note}: error log of ${at}`);
  }
  await eventually(`${note}: nobody is left`, async () => (await conductor.strays()).length === 0);
  // One that came second says so, and needs a moment to end.
  await eventually(`${note}: one conductor`, () => (conductors(conductor)?.length ?? 1) === 1);
}
