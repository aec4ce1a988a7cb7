/** Commands that few people run, in a bundle of their own (`src/command-room.ts`) that is loaded when one is run. */
import type { Services } from '../services';

export interface CommandRoom {
  doctor(services: Services): Promise<void>;
  reportIssue(services: Services): Promise<void>;
  installMzt(services: Services): Promise<void>;
  uninstallMzt(services: Services): Promise<void>;
  /** Nobody asked for it: fails in silence, into the log. */
  refreshMzt(services: Services): Promise<void>;
}

/** Loads it once. */
export type LoadCommandRoom = () => Promise<CommandRoom>;
