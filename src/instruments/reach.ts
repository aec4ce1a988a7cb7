import type { InstrumentProfile } from './schema';

/**
 * What an instrument can touch, and so what it can truthfully be asked for: `program` has files and a shell, `files` the file tools of the conductor,
 * `tools` only those of MCP servers, `answer` nothing but its words. `message` is a service that takes one message as its own protocol has it:
 * nothing of ours goes before that.
 */
export type InstrumentReach = 'program' | 'files' | 'tools' | 'answer' | 'message';

/** What of a score decides it. */
export interface ReachSettings {
  /** Null = not given: they are offered. */
  readonly fileTools: boolean | null;
  readonly mcpServers: readonly unknown[] | null;
}

/** How far an instrument reaches with these settings. */
export function reachOf(profile: InstrumentProfile, config: ReachSettings): InstrumentReach {
  if (profile.http === null || profile.kind === 'cli') return 'program';
  if (profile.http.schema_family === 'recursive_light') return 'message';
  if (config.fileTools !== false) return 'files';
  return config.mcpServers !== null && config.mcpServers.length > 0 ? 'tools' : 'answer';
}
