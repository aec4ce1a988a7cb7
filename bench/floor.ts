/**
 * What running one empty sheet costs at least, and what our launch costs beside it, both in the same run on the same machine.
 * Floor: an `sh` shim that runs `bash -c true` with its output in files and appends the exit code, plus two synced appends of 400 bytes.
 * Ours: launchAttempt with claim, spools, marker and exit record, read back, files removed, plus the same two synced appends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readExit, removeAttemptFiles } from '../src/process/attempt';
import { launchAttempt } from '../src/process/launch';

/** Milliseconds per sheet. */
export interface FloorResult {
  readonly sheets: number;
  readonly floorMs: number;
  readonly ourMs: number;
  /** ours / floor */
  readonly ratio: number;
}

const bash = '/bin/bash';

/** Measures both, alternating in blocks so that a slow moment of the machine meets both; both as means, as a chain is measured. */
export async function measureFloor(sheets = 200): Promise<FloorResult> {
  const folder = mkdtempSync(join(tmpdir(), 'mzt-floor-'));
  const journal = openSync(join(folder, 'journal'), 'a', 0o600);
  const line = Buffer.alloc(400, 'x');
  const append = () => {
    writeSync(journal, line);
    fdatasyncSync(journal);
  };
  const floor: number[] = [];
  const ours: number[] = [];
  try {
    mkdirSync(join(folder, 'jobs'), { mode: 0o700 });
    for (let n = 0; n < sheets; n++) {
      floor.push(await timed(() => floorSheet(join(folder, `floor-${n}`), append)));
      ours.push(await timed(() => ourSheet(join(folder, 'jobs', `${n}.1`), append)));
    }
  } finally {
    closeSync(journal);
    rmSync(folder, { recursive: true, force: true });
  }
  const floorMs = mean(floor);
  const ourMs = mean(ours);
  return { sheets, floorMs, ourMs, ratio: ourMs / floorMs };
}

async function floorSheet(base: string, append: () => void): Promise<void> {
  append();
  const out = openSync(`${base}.out`, 'wx', 0o600);
  const err = openSync(`${base}.err`, 'wx', 0o600);
  const child = spawn('/bin/sh', ['-c', '"$@"; echo $? >>"$0"', `${base}.exit`, bash, '-c', 'true'], {
    detached: true,
    stdio: ['ignore', out, err],
  });
  closeSync(out);
  closeSync(err);
  await once(child, 'exit');
  if (readFileSync(`${base}.exit`, 'utf8') !== '0\n') throw new Error('the floor shim failed');
  append();
}

async function ourSheet(base: string, append: () => void): Promise<void> {
  append();
  const launched = await launchAttempt({
    base,
    marker: `00000000:bench:${base}`,
    argv: [bash, '-c', 'true'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    cwd: tmpdir(),
    stdinFile: null,
    wake: { ownerFolder: tmpdir(), argv: ['/bin/true'], env: { MARIANNE_HOME: tmpdir() } },
  });
  await keepAlive(launched.exited);
  const exit = readExit(base);
  if (exit?.kind !== 'ended' || exit.status !== 0) throw new Error('our shim failed');
  append();
  removeAttemptFiles(base);
}

/** The launched child does not keep a program alive that has nothing else to do. */
async function keepAlive(promise: Promise<void>): Promise<void> {
  const timer = setInterval(() => undefined, 1000);
  await promise;
  clearInterval(timer);
}

async function timed(task: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await task();
  return performance.now() - began;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

if (require.main === module) {
  void measureFloor(Number(process.argv[2] ?? 200)).then((result) => {
    console.log(JSON.stringify(result));
  });
}
