import type { Services } from '../services';

/** One command. What it is given comes from menus, CodeLenses, links or keybindings: it is looked at, never trusted. */
export interface Command {
  readonly id: `marianne.${string}`;
  run(services: Services, ...given: unknown[]): Promise<void> | void;
}

/** Ids of the commands that the manifest enables only in trusted workspaces. */
export function commandsThatNeedTrust(manifest: unknown): ReadonlySet<string> {
  const { commands = [] } =
    (manifest as { contributes?: { commands?: readonly { command: string; enablement?: string }[] } })
      .contributes ?? {};
  const needy = commands.filter(({ enablement }) => /(^|[^!])\bisWorkspaceTrusted\b/.test(enablement ?? ''));
  return new Set(needy.map(({ command }) => command));
}
