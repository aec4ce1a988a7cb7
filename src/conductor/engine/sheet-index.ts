import type { Plan } from '../../score/plan';
import { BitSet } from './bit-set';
import { skippedOnPurpose, terminalSheet, type JobState, type SheetState } from './state';

/** What of a sheet's status others depend on. */
const enum Trait {
  /** Not at its end. */
  Open = 1,
  Dispatched = 2,
  /** Pending, or waiting for an instant. */
  Startable = 4,
  Timed = 8,
  /** Its dependants may start. */
  Satisfies = 16,
  /** Its dependants never can. */
  Blocks = 32,
  Failed = 64,
}

/**
 * Which sheets of a job could start, kept up with every record instead of looked for among all sheets: what a sheet costs must not grow with the job.
 * Derived from job and plan alone; `readySheets`, `nextDue` and `settle` say in full what it says in short.
 */
export class SheetIndex {
  /** Numbers of the sheets that may start as far as status and prerequisites go; some may have to wait for their instant. */
  readonly ready: BitSet;
  /** Numbers of the sheets that wait for an instant. */
  readonly timed: BitSet;
  /** Sheets that are not at their end. */
  open = 0;
  dispatched = 0;
  failed = 0;
  /** Sheets that can never start, and have not been told yet. */
  stuck = 0;
  private readonly traits: Uint8Array;
  /** By sheet number: prerequisites that are not satisfied; of those, the ones that never will be. */
  private readonly missing: Uint32Array;
  private readonly blockers: Uint32Array;
  private readonly dependants: number[][];

  constructor(
    readonly job: JobState,
    readonly plan: Plan,
  ) {
    const limit = Math.max(job.sheets.length, plan.sheets.length) + 1;
    this.ready = new BitSet(limit);
    this.timed = new BitSet(limit);
    this.traits = new Uint8Array(limit);
    this.missing = new Uint32Array(limit);
    this.blockers = new Uint32Array(limit);
    this.dependants = Array.from({ length: limit }, () => []);
    for (const { num, dependsOn } of plan.sheets) {
      for (const upstream of dependsOn) {
        // One that does not exist hinders nobody.
        if (!job.sheets[upstream - 1]) continue;
        this.dependants[upstream]?.push(num);
        this.missing[num] = (this.missing[num] ?? 0) + 1;
      }
    }
    for (const { num } of job.sheets) this.touch(num);
  }

  /** The sheet's state may have changed. */
  touch(num: number): void {
    const sheet = this.job.sheets[num - 1];
    if (!sheet) return;
    const before = this.traits[num] ?? 0;
    const now = traitsOf(sheet);
    if (before === now) return;
    const was = this.isStuck(num);
    this.traits[num] = now;
    const change = (trait: Trait) => ((now & trait) === 0 ? 0 : 1) - ((before & trait) === 0 ? 0 : 1);
    this.open += change(Trait.Open);
    this.dispatched += change(Trait.Dispatched);
    this.failed += change(Trait.Failed);
    this.timed.set(num, (now & Trait.Timed) !== 0);
    this.place(num, was);
    const satisfied = change(Trait.Satisfies);
    const blocked = change(Trait.Blocks);
    if (satisfied === 0 && blocked === 0) return;
    for (const dependant of this.dependants[num] ?? []) {
      const stuck = this.isStuck(dependant);
      this.missing[dependant] = (this.missing[dependant] ?? 0) - satisfied;
      this.blockers[dependant] = (this.blockers[dependant] ?? 0) + blocked;
      this.place(dependant, stuck);
    }
  }

  private place(num: number, wasStuck: boolean): void {
    const startable = ((this.traits[num] ?? 0) & Trait.Startable) !== 0;
    this.ready.set(num, startable && this.missing[num] === 0);
    this.stuck += (this.isStuck(num) ? 1 : 0) - (wasStuck ? 1 : 0);
  }

  private isStuck(num: number): boolean {
    const traits = this.traits[num] ?? 0;
    return (traits & Trait.Open) !== 0 && (traits & Trait.Dispatched) === 0 && (this.blockers[num] ?? 0) > 0;
  }
}

function traitsOf(sheet: SheetState): number {
  const { status } = sheet;
  if (terminalSheet.has(status)) {
    const satisfies = status === 'completed' || skippedOnPurpose(sheet);
    return (satisfies ? Trait.Satisfies : Trait.Blocks) | (status === 'failed' ? Trait.Failed : 0);
  }
  if (status === 'dispatched') return Trait.Open | Trait.Dispatched;
  const timed = status === 'retry_scheduled' || status === 'waiting';
  return Trait.Open | (timed || status === 'pending' ? Trait.Startable : 0) | (timed ? Trait.Timed : 0);
}
