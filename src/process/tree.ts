import { isLivingShim, type ShimIdentity } from './attempt';
import { isSameProcess, readProcess, readProcesses, type ProcessRow } from './identity';
import { findMarked, listProcesses } from './table';

/** Time as the process room needs it; injected by tests. */
export interface Clock {
  /** Milliseconds; only differences count. */
  now(): number;
  delay(milliseconds: number): Promise<void>;
}

/** The machine's own time, which no change of the date moves. */
export const systemClock: Clock = {
  now: () => performance.now(),
  delay: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** What an agent gets to end by itself, milliseconds. */
export const POLITE_END_MS = 5000;

/** What is to be ended. */
export interface EndTreeOptions {
  /** The attempt's shim; null when it is not known (its claim was never completed): then the marker alone leads. */
  readonly shim: ShimIdentity | null;
  /** Value of `MARIANNE_MARKER` of the attempt. */
  readonly marker: string;
  /** Time between the polite and the last signal, milliseconds. Default `POLITE_END_MS`. */
  readonly graceMs?: number;
  readonly clock?: Clock;
}

/** What it took to end a tree. */
export interface EndedTree {
  /** Number of the last signal that was sent to the agent itself (15, 9), before its shim was gone; null = none was needed. */
  readonly lastSignal: number | null;
  /** How many processes had to be killed (SIGKILL). */
  readonly killed: number;
  /** Pids that still live after all rounds (they hang in the kernel, or fork faster than can be followed). */
  readonly survivors: readonly number[];
}

const signalNumbers = { SIGTERM: 15, SIGKILL: 9 } as const;
/** How often processes are looked at while they may end by themselves, milliseconds. */
const POLL_MS = 20;
/** How often, while waiting, all processes are searched for new ones of the attempt, milliseconds. */
const SEARCH_MS = 500;
/** How long a shim whose agent is gone may take to record the status, milliseconds. */
const SHIM_MS = 1000;
/** Rounds of search and kill. */
const MAX_ROUNDS = 50;

/**
 * Ends everything that belongs to an attempt: the shim's group, and all processes found by marker, by session, by group or by parent,
 * however often they forked. First politely; after the grace by force, the shim last, so that it still records the status.
 * Before each signal pid *and* start time are compared. Never signals this process, its ancestors, its group, or group 0 or 1.
 */
export async function endProcessTree(options: EndTreeOptions): Promise<EndedTree> {
  return new TreeEnder(options).end();
}

class TreeEnder {
  private readonly clock: Clock;
  private readonly graceMs: number;
  /** Every process known to be the attempt's, the shim included. */
  private readonly known = new Map<number, ProcessRow>();
  private readonly polite = new Set<string>();
  private readonly killed = new Set<string>();
  private readonly untouchable = new Set<number>();
  private lastSignal: number | null = null;

  constructor(private readonly options: EndTreeOptions) {
    this.clock = options.clock ?? systemClock;
    this.graceMs = options.graceMs ?? POLITE_END_MS;
    // This process and its ancestors: an agent may have been told to run us.
    for (let pid = process.pid; pid > 1 && !this.untouchable.has(pid); pid = readProcess(pid)?.ppid ?? 0) {
      this.untouchable.add(pid);
    }
  }

  async end(): Promise<EndedTree> {
    await this.search();
    const deadline = this.clock.now() + this.graceMs;
    this.terminate();
    let searched = this.clock.now();
    while (this.clock.now() < deadline) {
      if (this.living().length > 0) {
        await this.clock.delay(Math.min(POLL_MS, Math.max(1, deadline - this.clock.now())));
        if (this.clock.now() - searched < SEARCH_MS) continue;
      }
      if ((await this.search()).length === 0) break;
      this.terminate();
      searched = this.clock.now();
    }
    await this.kill();
    return {
      lastSignal: this.lastSignal,
      killed: this.killed.size,
      survivors: this.living().map((row) => row.pid),
    };
  }

  /** Adds what belongs to the attempt now; returns the living ones. */
  private async search(): Promise<ProcessRow[]> {
    const rows = await listProcesses();
    for (const row of await findMarked(this.options.marker, rows)) this.add(row);
    const shim = this.livingShim();
    if (shim) this.add(shim);
    // What was born of, or grouped with, a known one is the attempt's too, even with an emptied environment: until nothing is added.
    for (let before = -1; before !== this.known.size;) {
      before = this.known.size;
      const { sessions, groups } = this.ownedSessionsAndGroups(rows);
      for (const row of rows.values()) {
        const parent = this.known.get(row.ppid);
        const born = parent !== undefined && rows.get(row.ppid)?.startTime === parent.startTime;
        if (born || sessions.has(row.sid) || groups.has(row.pgid)) this.add(row);
      }
    }
    return this.living();
  }

  /**
   * Sessions and groups that are the attempt's as a whole: a known process lives in them, and not one that may not be touched. Each was
   * made below the shim, and exists without a break as long as somebody is in it, so its number was not given to another.
   */
  private ownedSessionsAndGroups(rows: ReadonlyMap<number, ProcessRow>): {
    sessions: Set<number>;
    groups: Set<number>;
  } {
    const sessions = new Set<number>();
    const groups = new Set<number>();
    for (const row of this.known.values()) {
      if (rows.get(row.pid)?.startTime !== row.startTime) continue;
      if (row.sid > 1) sessions.add(row.sid);
      if (row.pgid > 1) groups.add(row.pgid);
    }
    for (const pid of this.untouchable) {
      const row = rows.get(pid) ?? readProcess(pid);
      if (!row) continue;
      sessions.delete(row.sid);
      groups.delete(row.pgid);
    }
    return { sessions, groups };
  }

  private add(row: ProcessRow): void {
    if (row.pid > 1 && !this.untouchable.has(row.pid)) this.known.set(row.pid, row);
  }

  private livingShim(): ProcessRow | null {
    const { shim } = this.options;
    if (!shim || !isLivingShim(shim, this.options.marker)) return null;
    return readProcess(shim.pid);
  }

  private living(): ProcessRow[] {
    const now = readProcesses([...this.known.keys()]);
    return [...this.known.values()].filter((row) => {
      const found = now.get(row.pid);
      return found !== undefined && !found.zombie && found.startTime === row.startTime;
    });
  }

  /** Asks all that were not yet asked. Each once: for many agents a second request means "drop everything". */
  private terminate(): void {
    const fresh = this.living().filter((row) => !this.polite.has(identity(row)));
    if (fresh.length === 0) return;
    const shim = this.livingShim();
    // The group in one call, so that the agent's own children cannot be born in between.
    const groupAsked =
      shim !== null && fresh.some((row) => row.pid === shim.pid) && this.signalGroup(shim, 'SIGTERM');
    for (const row of fresh) {
      this.polite.add(identity(row));
      if (groupAsked && row.pgid === shim.pgid) continue;
      this.signal(row, 'SIGTERM');
    }
    // A stopped process takes the request only when it goes on.
    for (const row of fresh) this.signal(row, 'SIGCONT');
  }

  /** Everything but the shim, until two searches find nobody; then the shim, when it does not end by itself. */
  private async kill(): Promise<void> {
    let clean = 0;
    let shimDeadline: number | null = null;
    for (let round = 0; round < MAX_ROUNDS && clean < 2; round++) {
      const found = await this.search();
      const shim = this.livingShim();
      const others = found.filter((row) => row.pid !== shim?.pid);
      for (const row of others) this.killOne(row);
      if (others.length === 0 && shim) {
        shimDeadline ??= this.clock.now() + SHIM_MS;
        while (this.livingShim() && this.clock.now() < shimDeadline) await this.clock.delay(POLL_MS);
        const late = this.livingShim();
        if (late) {
          // With its group: whoever forks so fast that it was never met, ends here in one call.
          if (this.signalGroup(late, 'SIGKILL')) this.killed.add(identity(late));
          else this.killOne(late);
        }
      }
      clean = found.length === 0 ? clean + 1 : 0;
      if (clean < 2) await this.clock.delay(clean === 1 ? 5 : POLL_MS);
    }
  }

  private killOne(row: ProcessRow): void {
    if (this.signal(row, 'SIGKILL')) this.killed.add(identity(row));
  }

  /** Signals one process, if it still is that one. */
  private signal(row: ProcessRow, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): boolean {
    if (!isSameProcess(row.pid, row.startTime)) return false;
    try {
      process.kill(row.pid, signal);
    } catch {
      return false; // it ended in this instant
    }
    // The agent is the shim's child; signals to the shim or to strays say nothing about how the agent ended.
    if (signal !== 'SIGCONT' && row.ppid === this.options.shim?.pid) this.lastSignal = signalNumbers[signal];
    return true;
  }

  /** Signals the shim's group, if the shim still leads it. */
  private signalGroup(shim: ProcessRow, signal: 'SIGTERM' | 'SIGKILL'): boolean {
    if (shim.pgid !== shim.pid || shim.pgid <= 1 || this.untouchable.has(shim.pgid)) return false;
    if (!isSameProcess(shim.pid, shim.startTime)) return false;
    try {
      process.kill(-shim.pgid, signal);
    } catch {
      return false;
    }
    if (signal === 'SIGTERM') this.lastSignal = signalNumbers[signal];
    return true;
  }
}

function identity(row: ProcessRow): string {
  return `${row.pid} ${row.startTime}`;
}

/**
 * Does anybody live in this process group? One system call when nobody does; a zombie counts as nobody.
 * @param pgid the pid of a shim
 */
export async function isGroupAlive(pgid: number): Promise<boolean> {
  if (pgid <= 1) return false;
  try {
    process.kill(-pgid, 0);
  } catch {
    return false;
  }
  for (const row of (await listProcesses()).values()) if (row.pgid === pgid) return true;
  return false;
}
