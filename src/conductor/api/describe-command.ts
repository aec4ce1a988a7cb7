import type { PlannedSheet } from '../../score/plan';
import { PrepareError } from '../attempts/runner';
import type { Engine } from '../engine/engine';

/** The command line that a sheet would be started with, for `mzt diagnose` and the editor; null when it cannot be worked out now. */
export async function describeCommand(
  engine: Engine,
  sheet: PlannedSheet,
  workspace: string,
): Promise<string[] | null> {
  try {
    return await engine.describeCall(sheet.instrument, workspace);
  } catch (error) {
    if (error instanceof PrepareError) return null;
    throw error;
  }
}
