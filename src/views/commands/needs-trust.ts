/** Which commands Restricted Mode has not: the manifest is the one place that says so. */
import { z } from 'zod';

const manifestSchema = z.object({
  contributes: z.object({
    commands: z.array(z.object({ command: z.string(), enablement: z.string().optional() })),
  }),
});

/** Ids of the commands whose enablement asks for a trusted workspace. */
export function needsTrust(manifest: unknown): ReadonlySet<string> {
  const { contributes } = manifestSchema.parse(manifest);
  return new Set(
    contributes.commands
      .filter(({ enablement }) => enablement?.includes('isWorkspaceTrusted') === true)
      .map(({ command }) => command),
  );
}
