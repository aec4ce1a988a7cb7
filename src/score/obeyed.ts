/**
 * What the conductor does not obey yet. The format accepts every field of the older system; a field listed here is read and
 * checked, has no effect, and is warned of (V400) when a score writes it. Remove a line when the conductor obeys the field.
 */
import type { ScoreFields } from './schema/score';

/** Field path → what the author should know. `*` stands for any key or list position. */
export const notObeyed: Readonly<Record<string, string>> = {
  spec: 'Specification fragments are not put into prompts.',
  'sheet.spec_tags': 'Specification fragments are not put into prompts.',
  'circuit_breaker.cross_workspace_coordination': 'Rate limits are always shared between jobs.',
  'circuit_breaker.honor_other_jobs_rate_limits': 'Rate limits are always shared between jobs.',
  'stale_detection.check_interval_seconds': 'Silence is watched continuously.',
  'parallel.budget_partition': 'The budget is one for the whole job.',
  learning: 'Nothing is learned from outcomes.',
  grounding: 'No grounding checks are made.',
  checkpoints: 'Nobody is asked at checkpoints.',
  ai_review: 'No review is made.',
  logging: 'The conductor has one log of its own.',
  workspace_lifecycle: 'Nothing is archived.',
  isolation: 'No worktree is made: the job works in its workspace.',
  feedback: 'Feedback is not collected.',
  conductor: 'It has no effect.',
  bridge:
    'A score starts no servers: name them in conductor.yaml and choose them with `instrument_config.mcp_servers`.',
  techniques: 'Techniques are not put into prompts.',
  agent_card: 'It has no effect.',
  notifications: 'No messages are sent.',
  on_success: 'Nothing is started after the job.',
  concert: 'Jobs are not chained.',
  state_backend: 'State is kept by the conductor in its own store.',
  state_path: 'State is kept by the conductor in its own store.',
  'backend.ollama.dynamic_tools': 'All chosen tools are offered.',
  'backend.ollama.compression_level': 'Tool descriptions are offered whole.',
};

/** True when the conductor acts on the field at this path (a field inside a listed block is not obeyed either). */
export function isObeyed(path: readonly PropertyKey[]): boolean {
  return path.every((_, index) => noteFor(path.slice(0, index + 1)) === undefined);
}

function noteFor(path: readonly PropertyKey[]): string | undefined {
  const key = path.map(String).join('.');
  return Object.hasOwn(notObeyed, key) ? notObeyed[key] : undefined;
}

/** A block that is switched off, or an empty list or map, asks for nothing, so nothing of it is missed. */
export function asksForNothing(fields: ScoreFields, path: readonly string[]): boolean {
  let value: unknown = fields;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return true;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  if (value === null || value === undefined) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value !== 'object') return false;
  return Object.keys(value).length === 0 || ('enabled' in value && value.enabled === false);
}
