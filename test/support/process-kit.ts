import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeAttempt, readExit, type AttemptProbe } from '../../src/process/attempt';
import type { LaunchSpec } from '../../src/process/launch';
import { findMarked } from '../../src/process/table';
import { endProcessTree } from '../../src/process/tree';
import { until } from './process-until';

export { until };

/** A folder with an agent script and everything a launch needs. */
export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly base: string;
  readonly marker: string;
  /** A launch of this bash script. */
  spec(script: string, more?: Partial<LaunchSpec>): LaunchSpec;
  /** Living processes that carry the marker. */
  strays(): Promise<number[]>;
}

let count = 0;

export function newStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'mzt-process-'));
  const base = join(folder, 'jobs', 'run', '1.1');
  const marker = `${randomBytes(4).toString('hex')}:run:1.${++count}`;
  mkdirSync(join(folder, 'work'));
  const strays = async () => (await findMarked(marker)).map((row) => row.pid);
  return {
    folder,
    base,
    marker,
    strays,
    spec: (script, more = {}) => {
      const agent = join(folder, 'agent');
      writeFileSync(agent, `#!${bash}\n${script}\n`, { mode: 0o755 });
      return {
        base,
        marker,
        argv: [agent],
        env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: folder },
        cwd: join(folder, 'work'),
        stdinFile: null,
        wake: null,
        ...more,
      };
    },
    [Symbol.asyncDispose]: async () => {
      if ((await strays()).length > 0) await endProcessTree({ shim: null, marker, graceMs: 0 });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const bash = execFileSync('/bin/sh', ['-c', 'command -v bash'], { encoding: 'utf8' }).trim();
const bashFolder = mkdtempSync(join(tmpdir(), 'mzt-sh-'));
process.on('exit', () => rmSync(bashFolder, { recursive: true, force: true }));
symlinkSync(bash, join(bashFolder, 'sh'));

/** Every shell that may be `/bin/sh` somewhere: the system's own, dash, bash, and bash called `sh`. */
export const shells = [...new Set(['/bin/sh', '/bin/dash', bash, join(bashFolder, 'sh')])].filter(
  (shell) => existsSync(shell) && !(shell === '/bin/dash' && sameProgram(shell, '/bin/sh')),
);

function sameProgram(a: string, b: string): boolean {
  return readFileSync(a).equals(readFileSync(b));
}

/** Waits for the attempt's exit record. */
export async function exitStatus(base: string): Promise<number> {
  const exit = await until('exit record', () => readExit(base));
  if (exit.kind !== 'ended') throw new Error(`corrupt exit record: ${exit.text}`);
  return exit.status;
}

/** Waits until the attempt is something else than running or unclaimed. */
export function settled(base: string, marker: string): Promise<AttemptProbe> {
  return until('end of the attempt', async () => {
    const probe = await probeAttempt(base, marker);
    return probe.state === 'running' || probe.state === 'unclaimed' ? null : probe;
  });
}

/** Runs the driver (test/support/process-driver.ts) to its end; resolves with the signal or status it ended by. */
export async function runDriver(spec: LaunchSpec, dieAt: string): Promise<NodeJS.Signals | number | null> {
  const child = spawn(process.execPath, [join(__dirname, 'process-driver.js'), dieAt, JSON.stringify(spec)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  return signal ?? code;
}
