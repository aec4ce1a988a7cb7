import type { BackendProgress, PreparedProcess, ProcessOutcome } from '../../backends/contract';
import { attemptFiles } from '../../protocol/paths';
import { giveUp, probeAttempt, readClaim, readExit, type ShimIdentity } from '../../process/attempt';
import { LaunchError } from '../../process/launch';
import { LauncherLostError, type Launcher } from '../../process/launcher-client';
import type { WakeCommand } from '../../process/shim';
import { captureText, readSmallSpool, SpoolReader } from '../../process/spool';
import { endProcessTree, isGroupAlive } from '../../process/tree';
import type { AdoptedEnd, AdoptionWatcher } from '../../process/watcher';
import type { Clock } from '../clock';
import { AttemptLogs, type LogTrouble } from '../output/logs';
import { ProgressMeter } from '../output/progress';
import type { Redaction } from '../output/redact';
import { makeEmptyLogs, writeWholeLogs } from '../output/whole-logs';
import { AttemptTimers } from './attempt-timers';
import { diskFullMs, isDiskFull, isLittleRoom } from './room';

/** The outcome of a session that was detached: its logs were let go half way, so the next conductor has to tell it from the spool. */
function nextConductors(): Promise<never> {
  return new Promise(() => undefined);
}

/** What the attempts of one conductor share. */
export interface SessionServices {
  readonly clock: Clock;
  readonly launcher: Launcher;
  readonly watcher: AdoptionWatcher;
  /** Time between the polite and the last signal, milliseconds. */
  readonly politeEndMs: number;
  readonly wake: WakeCommand | null;
  /** The user's own file mode mask: the conductor's is private, an agent's files are not. */
  readonly umask: number;
  trouble(base: string, trouble: LogTrouble): void;
  /** Does the end of this attempt wait for room for its logs? Told again while it does. */
  waitsForRoom(base: string, waits: boolean): void;
}

export interface SessionOptions {
  readonly base: string;
  readonly marker: string;
  /** When the attempt began, milliseconds. */
  readonly startedAt: number;
  readonly timers: PreparedProcess['timers'];
  readonly redaction: Redaction;
  readonly onProgress: (progress: BackendProgress) => void;
  /** A line of output in words; null = lines are shown as they are. */
  readonly describeLine: ((line: string) => string | null) | null;
}

type EndedBy = ProcessOutcome['endedBy'];

/** A program that ends within this time is read once, at its end; following its output would cost more than it shows. Milliseconds. */
const quickEndMs = 30;
/** Output up to this size is handled at once, bytes. */
const smallOutput = 64 * 1024;
/** How long strays that still hold a spool may add a last word, milliseconds. */
const lastWordMs = 100;

/**
 * One program of an attempt, from its launch or its adoption to its outcome: follows the spools into the logs, watches the three timers, ends the
 * whole tree when it must. Both ways give the same outcome from the same files.
 */
export class ProcessSession {
  private readonly meter: ProgressMeter;
  private opening: Promise<AttemptLogs> | null = null;
  private emptyLogs = false;
  private diskFull = false;
  private readers: SpoolReader[] = [];
  private endedBy: EndedBy = 'exit';
  private signalSent: number | null = null;
  private ending: Promise<void> | null = null;
  private launched = false;
  private cancelRequested = false;
  private finished = false;
  /** Set while it waits for room. */
  private waitNoLonger: (() => void) | null = null;
  private detached = false;
  private readonly timers: AttemptTimers;

  constructor(
    private readonly options: SessionOptions,
    private readonly services: SessionServices,
  ) {
    const { timers, startedAt } = options;
    this.timers = new AttemptTimers(timers, startedAt, services.clock, (limit) => this.end(limit));
    this.meter = new ProgressMeter((seen) => {
      options.onProgress({
        phase: 'executing',
        bytesReceived: seen.bytes,
        linesReceived: seen.lines,
        elapsedSeconds: this.timers.elapsedSeconds,
        ...(seen.lastLine === '' ? {} : { lastLine: seen.lastLine }),
      });
    }, options.describeLine);
  }

  /** Starts the program. The stored prompt is its stdin. */
  async launch(prepared: PreparedProcess, stdinFile: string | null): Promise<ProcessOutcome> {
    const { base, marker } = this.options;
    if (this.cancelRequested) return this.notStarted('cancelled');
    let launched;
    try {
      launched = await this.services.launcher.launch({
        base,
        marker,
        argv: prepared.argv,
        env: prepared.env,
        cwd: prepared.cwd,
        stdinFile,
        wake: this.services.wake,
        umask: this.services.umask,
      });
    } catch (error) {
      // Launched or not: as if an earlier conductor had started it.
      if (error instanceof LauncherLostError) return (await this.attach()) ?? this.notStarted('lost');
      if (!(error instanceof LaunchError)) throw error;
      if (isDiskFull(error.errno)) {
        // Nothing ran, nothing is left behind: the same attempt starts when there is room.
        await this.roomAgain();
        return this.detached ? nextConductors() : this.launch(prepared, stdinFile);
      }
      const code = error.code === 'executable_missing' ? 'ENOENT' : (error.errno ?? error.code);
      return this.notStarted('not_started', { code, message: error.message });
    }
    this.launched = true;
    this.services.waitsForRoom(base, false);
    if (this.cancelRequested) this.end('cancelled');
    const exited = launched.exited;
    const quick = this.services.clock.schedule(quickEndMs, () => void this.follow());
    this.emptyLogs = makeEmptyLogs(base);
    this.timers.start();
    await exited;
    quick();
    // The launcher may have ended before the shim: then the files tell when it is done.
    if (readExit(base) === null && (await probeAttempt(base, marker)).state === 'running') {
      return (await this.attach()) ?? this.notStarted('lost');
    }
    await this.ending;
    // The shim could not claim the attempt, so the agent never ran.
    if (readClaim(base).kind === 'none' && giveUp(base) === 'given_up') return this.notStarted('lost');
    return this.outcome(await isGroupAlive(launched.pid));
  }

  /** Takes up a program that an earlier conductor started; null = there is nothing to take up, and there never will be. */
  async attach(): Promise<ProcessOutcome | null> {
    const { base, marker } = this.options;
    if (giveUp(base) === 'given_up') return null;
    let probe = await probeAttempt(base, marker);
    if (probe.state === 'given_up' || probe.state === 'unclaimed') return null;
    if (probe.state === 'running') {
      this.launched = true;
      void this.follow();
      this.timers.start();
      if (this.cancelRequested) this.end('cancelled');
      probe = await new Promise<AdoptedEnd>((resolve) => {
        this.services.watcher.add({
          base,
          marker,
          onEnd: resolve,
          onError: (error) =>
            this.services.trouble(base, { stream: 'stdout', code: 'EIO', message: error.message }),
        });
      });
      await this.ending;
    }
    if (probe.state === 'shim_lost' && probe.strays) await this.endTree();
    return this.outcome(false);
  }

  /** Ends the program and everything it started; the outcome then says so. */
  cancel(): void {
    this.cancelRequested = true;
    this.waitNoLonger?.();
    if (this.launched) this.end('cancelled');
  }

  /** Stops watching; the program runs on. */
  detach(): void {
    this.detached = true;
    this.timers.stop();
    this.services.watcher.remove(this.options.base);
    for (const reader of this.readers) void reader.close();
    void this.opening?.then((logs) => logs.detach());
  }

  /** A shim that has not claimed yet is met by its marker. */
  private end(by: EndedBy): void {
    if (this.ending || this.finished || this.detached) return;
    this.endedBy = by;
    this.timers.stop();
    this.ending = this.endTree();
  }

  private async endTree(): Promise<void> {
    const { politeEndMs: graceMs } = this.services;
    const ended = await endProcessTree({ shim: this.shim(), marker: this.options.marker, graceMs });
    this.signalSent = ended.lastSignal;
  }

  private shim(): ShimIdentity | null {
    const claim = readClaim(this.options.base);
    return claim.kind === 'shim' ? { pid: claim.pid, startTime: claim.startTime } : null;
  }

  /** Opened once, whoever asks first. */
  private openLogs(): Promise<AttemptLogs> {
    const { base, redaction } = this.options;
    this.opening ??= AttemptLogs.open({
      base,
      redaction,
      meter: this.meter,
      onTrouble: (trouble) => {
        this.diskFull ||= isDiskFull(trouble.code);
        this.services.trouble(base, trouble);
      },
    });
    return this.opening;
  }

  /** Follows both spools, once. */
  private async follow(): Promise<void> {
    if (this.finished || this.detached || this.readers.length > 0) return;
    const readers = this.makeReaders(await this.openLogs());
    if (this.finished || this.detached) return;
    for (const reader of readers) reader.start();
  }

  private makeReaders(logs: AttemptLogs): SpoolReader[] {
    if (this.readers.length > 0) return this.readers;
    const files = attemptFiles(this.options.base);
    const reader = (stream: 'stdout' | 'stderr', path: string) =>
      new SpoolReader({
        path,
        onData: (chunk) => {
          this.timers.output();
          return logs.write(stream, chunk);
        },
      });
    this.readers = [reader('stdout', files.stdoutSpool), reader('stderr', files.stderrSpool)];
    return this.readers;
  }

  private async outcome(strays: boolean): Promise<ProcessOutcome> {
    const { base } = this.options;
    if (this.detached) return nextConductors();
    this.finished = true;
    this.timers.stop();
    // Now: reading the output waits for room.
    const little = isLittleRoom(base);
    // Whoever is left of its group has no business any more: the agent is done.
    if (strays) await this.endTree();
    const output = this.small(strays) ?? (await this.drained(strays));
    if (this.detached) return nextConductors();
    this.meter.close();
    const exit = readExit(base);
    const ended = exit?.kind === 'ended' ? exit : null;
    return {
      rawStatus: ended?.status ?? null,
      endedBy: ended === null && this.endedBy === 'exit' ? 'lost' : this.endedBy,
      signalSent: this.signalSent,
      startedAt: new Date(this.options.startedAt),
      endedAt: ended?.endedAt ?? new Date(this.services.clock.now()),
      ...output,
      ...(little || ended?.late === true ? { diskWasFull: true } : {}),
    };
  }

  /** Logs and output of a program that ended quickly and said little; null for all others. */
  private small(strays: boolean): Pick<ProcessOutcome, 'stdout' | 'stderr'> | null {
    if (strays || this.opening || !this.emptyLogs) return null;
    const { base, redaction } = this.options;
    const files = attemptFiles(base);
    const stdout = readSmallSpool(files.stdoutSpool, smallOutput);
    const stderr = stdout && readSmallSpool(files.stderrSpool, smallOutput);
    if (!stdout || !stderr || !writeWholeLogs(base, redaction, { stdout, stderr })) return null;
    const captured = (bytes: Buffer) => ({
      text: bytes.toString('utf8'),
      bytes: bytes.length,
      truncated: false,
    });
    return { stdout: captured(stdout), stderr: captured(stderr) };
  }

  /** Follows both spools to their end. While the disk takes no more of the logs, the spools are kept, and read again. */
  private async drained(strays: boolean): Promise<Pick<ProcessOutcome, 'stdout' | 'stderr'>> {
    const files = attemptFiles(this.options.base);
    for (;;) {
      const logs = await this.openLogs();
      for (const reader of this.makeReaders(logs)) await reader.drain(strays ? lastWordMs : 0);
      const { stdout, stderr } = await logs.finish();
      if (stdout.lostBytes + stderr.lostBytes === 0 || !this.diskFull || this.detached) break;
      await this.roomAgain();
      this.diskFull = false;
      this.opening = null;
      this.readers = [];
    }
    this.services.waitsForRoom(this.options.base, false);
    return { stdout: await captureText(files.stdoutSpool), stderr: await captureText(files.stderrSpool) };
  }

  /** Tells that it waits, for a while; whoever asked then tries again, and tells when it succeeded. */
  private async roomAgain(): Promise<void> {
    this.services.waitsForRoom(this.options.base, true);
    await new Promise<void>((resolve) => {
      const callOff = this.services.clock.schedule(diskFullMs, resolve);
      this.waitNoLonger = () => {
        callOff();
        resolve();
      };
    });
    this.waitNoLonger = null;
  }

  private notStarted(
    endedBy: 'not_started' | 'cancelled' | 'lost',
    startError?: { code: string; message: string },
  ): ProcessOutcome {
    this.finished = true;
    this.services.waitsForRoom(this.options.base, false);
    const now = new Date(this.services.clock.now());
    const nothing = { text: '', bytes: 0, truncated: false };
    return {
      rawStatus: null,
      endedBy,
      signalSent: null,
      startedAt: new Date(this.options.startedAt),
      endedAt: now,
      stdout: nothing,
      stderr: nothing,
      ...(startError ? { startError } : {}),
    };
  }
}
