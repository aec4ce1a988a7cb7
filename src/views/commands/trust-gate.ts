/** Commands that the manifest offers in trusted workspaces only. */
import { z } from 'zod';

const manifestSchema = z.object({
  contributes: z.object({
    commands: z.array(z.object({ command: z.string(), enablement: z.string().default('') })),
  }),
});

/** Their ids. VS Code asks `enablement` for menus and keys; a link, a message's action or another extension runs a command without it. */
export function trustedOnly(packageJson: unknown): ReadonlySet<string> {
  const { commands } = manifestSchema.parse(packageJson).contributes;
  return new Set(
    commands
      .filter(({ enablement }) => /\bisWorkspaceTrusted\b/.test(enablement))
      .map(({ command }) => command),
  );
}
