import type { Logger } from 'pino';
import type { StatePaths } from '../protocol/paths';
import type { ConductorConfig } from './config';

/** Who this conductor is and what it was started with; fixed for its life. */
export interface ConductorSetup {
  readonly stateDir: string;
  readonly paths: StatePaths;
  /** First part of every marker. */
  readonly stateHash: string;
  /** The folder of its bundles. */
  readonly root: string;
  readonly builtInProfiles: string;
  readonly build: { readonly version: string; readonly build: string; readonly built_at: number };
  readonly config: ConductorConfig;
  /** Its ownership number. */
  readonly epoch: number;
  readonly socketPath: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly home: string;
  /** Time between the polite and the last signal to an agent, milliseconds. */
  readonly politeEndMs: number;
  /** Of the user: what agents and tools start with. */
  readonly umask: number;
  readonly log: Logger;
}
