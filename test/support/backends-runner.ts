import { spawn } from 'node:child_process';
import { access, constants, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { constants as osConstants } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type {
  PreparedProcess,
  ProcessOutcome,
  ProcessRunner,
  ProcessRunOptions,
} from '../../src/backends/contract';
import type { ResolveExecutable } from '../../src/backends/program-backend';
import { profileFolder } from './profiles';
import { loadCatalogue, type InstrumentCatalogue } from '../../src/instruments/catalogue';
import { isCliProfile, type CliProfile } from '../../src/instruments/schema';
import { NO_TRUST } from '../../src/instruments/trust';

/**
 * Runs prepared processes for real, without the shim: files as stdio, own process group, timers. Enough to prove that what `prepare` makes can be run and
 * that `interpret` reads what came out.
 */
export class DirectRunner implements ProcessRunner {
  readonly calls: PreparedProcess[] = [];

  async run(prepared: PreparedProcess, options: ProcessRunOptions): Promise<ProcessOutcome> {
    this.calls.push(prepared);
    const folder = await mkdtemp(join(tmpdir(), 'mzt-runner-'));
    try {
      return await this.runIn(folder, prepared, options);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async runIn(
    folder: string,
    prepared: PreparedProcess,
    options: ProcessRunOptions,
  ): Promise<ProcessOutcome> {
    await writeFile(join(folder, 'in'), prepared.stdin ?? '');
    const stdin = await open(prepared.stdin === null ? '/dev/null' : join(folder, 'in'), 'r');
    const stdout = await open(join(folder, 'out'), 'wx');
    const stderr = await open(join(folder, 'err'), 'wx');
    const startedAt = new Date();
    let endedBy: ProcessOutcome['endedBy'] = 'exit';
    let signalSent: number | null = null;
    let rawStatus: number | null = null;
    let startError: ProcessOutcome['startError'];
    const [program, ...args] = prepared.argv;
    await new Promise<void>((resolve) => {
      const child = spawn(program, args, {
        cwd: prepared.cwd,
        env: prepared.env,
        detached: true,
        stdio: [stdin.fd, stdout.fd, stderr.fd],
      });
      const end = (reason: ProcessOutcome['endedBy']) => (): void => {
        endedBy = reason;
        signalSent = osConstants.signals.SIGTERM;
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
      };
      const timer = setTimeout(end('total_timeout'), prepared.timers.totalSeconds * 1000);
      options.signal?.addEventListener('abort', end('cancelled'), { once: true });
      child.once('error', (error: NodeJS.ErrnoException) => {
        endedBy = 'not_started';
        startError = { code: error.code ?? 'UNKNOWN', message: error.message };
        clearTimeout(timer);
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(timer);
        rawStatus = signal === null ? code : 128 + osConstants.signals[signal];
        resolve();
      });
      child.once('spawn', () =>
        options.onProgress?.({ phase: 'executing', bytesReceived: 0, linesReceived: 0, elapsedSeconds: 0 }),
      );
    });
    for (const handle of [stdin, stdout, stderr]) await handle.close();
    const captured = async (name: string): Promise<ProcessOutcome['stdout']> => {
      const bytes = await readFile(join(folder, name));
      return { text: bytes.toString('utf8'), bytes: bytes.length, truncated: false };
    };
    return {
      rawStatus,
      endedBy,
      signalSent,
      startedAt,
      endedAt: new Date(),
      stdout: await captured('out'),
      stderr: await captured('err'),
      ...(startError === undefined ? {} : { startError }),
    };
  }
}

/** Looks a program up as a shell does. */
export const resolveForReal: ResolveExecutable = async (name, { path, places, cwd }) => {
  const candidates = isAbsolute(name)
    ? [name]
    : name.includes('/')
      ? [join(cwd, name)]
      : [...path.split(':'), ...places].map((folder) => join(folder, name));
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Try the next one.
    }
  }
  return null;
};

let catalogue: Promise<InstrumentCatalogue> | null = null;

/** The built-in profile of that name. */
export async function builtIn(name: string): Promise<CliProfile> {
  catalogue ??= loadCatalogue({
    builtInFolder: profileFolder,
    userFolder: null,
    workspace: null,
    trust: NO_TRUST,
  });
  const profile = (await catalogue).get(name);
  if (profile === null || !isCliProfile(profile)) throw new Error(`no CLI profile ${name}`);
  return profile;
}

/** An outcome as an adopting conductor finds it: nothing is known but what the shim recorded. */
export function outcomeOf(
  facts: Partial<Omit<ProcessOutcome, 'stdout' | 'stderr'>> & { stdout?: string; stderr?: string },
): ProcessOutcome {
  const { stdout = '', stderr = '', ...rest } = facts;
  const text = (value: string): ProcessOutcome['stdout'] => ({
    text: value,
    bytes: Buffer.byteLength(value),
    truncated: false,
  });
  return {
    rawStatus: 0,
    endedBy: 'exit',
    signalSent: null,
    startedAt: new Date('2026-11-18T00:00:00Z'),
    endedAt: new Date('2026-11-18T00:00:10Z'),
    ...rest,
    stdout: text(stdout),
    stderr: text(stderr),
  };
}
