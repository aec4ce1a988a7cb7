/** Commands whose work is in a bundle that is loaded when one is run. */
import { longWork } from '../long-work';
import type { Command } from './command';

function rare(id: Command['id'], name: 'doctor' | 'reportIssue' | 'installMzt' | 'uninstallMzt'): Command {
  return {
    id,
    async run(services) {
      const room = await services.commandRoom();
      await room[name](services, longWork);
    },
  };
}

/** Marianne: Doctor. Facts for a person who looks for a fault, as a document to read or to send. */
export const doctor = rare('marianne.doctor', 'doctor');

/** Marianne: Report Issue. */
export const reportIssue = rare('marianne.reportIssue', 'reportIssue');

/** Marianne: Install mzt Command, for login shells. */
export const installMzt = rare('marianne.installMzt', 'installMzt');

/** Marianne: Uninstall mzt Command. */
export const uninstallMzt = rare('marianne.uninstallMzt', 'uninstallMzt');
