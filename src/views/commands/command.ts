import type { Services } from '../services';

/** One command. What it is given comes from menus, CodeLenses, links or keybindings: it is looked at, never trusted. */
export interface Command {
  readonly id: `marianne.${string}`;
  /** What it resolves with is for who called it by name. */
  run(services: Services, ...given: unknown[]): Promise<unknown> | void;
}
