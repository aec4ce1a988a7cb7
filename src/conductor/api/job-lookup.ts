import { UnknownSheetError } from '../../protocol/errors';
import type { ChangeRecorder } from '../changes/recorder';
import type { Engine } from '../engine/engine';
import type { EngineCore } from '../engine/core';
import { loadBundle } from '../engine/bundles';
import type { HoldReasons } from '../engine/holds';
import type { JobState, SheetState } from '../engine/state';
import type { StateBackend } from '../state-backend';
import { checkpoint } from './checkpoint';

export interface JobApiOptions {
  readonly engine: Engine;
  readonly core: EngineCore;
  readonly stateBackend: StateBackend;
  readonly holds: HoldReasons;
  readonly stateDir: string;
  readonly changes: ChangeRecorder;
  /** Of the person who started the conductor: files that are put back are theirs. */
  readonly umask: number;
  readonly scoresDir: string;
  readonly pid: number;
  keepSecrets(run: string, values: Readonly<Record<string, string>>): void;
  /** Refuses new work while the conductor ends. @throws ShuttingDownError */
  assertAccepting(): void;
}

/** What a call means by a job or a sheet, and how it is shown. */
export function jobLookup(options: JobApiOptions) {
  const { engine, core, holds } = options;
  const { jobs } = engine;

  const named = async (name: string): Promise<string> => jobs.find(name);

  /** A job as everybody may see it: live ones as of the last durable record. */
  const shown = async (name: string): Promise<JobState> => {
    const run = await named(name);
    return core.durable.jobs.get(run) ?? (await jobs.get(run));
  };

  const planOf = async (job: JobState) => {
    const loaded = core.bundles.get(job.bundle);
    if (loaded) return loaded.plan;
    return loadBundle(options.scoresDir, job.bundle).then(
      ({ plan }) => plan,
      () => null,
    );
  };

  const status = async (name: string, withSheets = true) => {
    const job = await shown(name);
    const context = {
      plan: await planOf(job),
      diagnostics: [],
      seq: core.durable.lastSeq,
      pid: options.pid,
      holdOf: (sheet: SheetState) => holds.of(job, sheet),
    };
    return checkpoint(job, context, withSheets);
  };

  const sheetIn = (job: JobState, num: number): SheetState => {
    const sheet = job.sheets[num - 1];
    if (!sheet)
      throw new UnknownSheetError(`${job.run} has no sheet ${num}`, {
        remedy: `It has sheets 1 to ${job.sheets.length}.`,
      });
    return sheet;
  };

  return { named, shown, planOf, status, sheetIn };
}

export type JobLookup = ReturnType<typeof jobLookup>;
