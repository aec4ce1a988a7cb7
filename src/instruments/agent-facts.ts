/** What a person should know of an agent before and while it works: what it may do without asking, and who pays for it. */
import { isCliProfile, type InstrumentProfile } from './schema';

/** A subscription is paid anyway; a key and a cloud account are paid by use. */
export type PaidBy = 'subscription' | 'key' | 'cloud';

export interface AgentFacts {
  readonly instrument: string;
  /** It uses its tools without asking anybody (`skip_permissions`). */
  readonly actsUnasked: boolean;
  /** Its own MCP servers are switched off (`disable_mcp`). */
  readonly mcpOff: boolean;
  /** Null = not known. */
  readonly paidBy: PaidBy | null;
}

export function agentFacts(
  profile: InstrumentProfile,
  config: { readonly skipPermissions: boolean | null; readonly disableMcp: boolean | null },
  names: ReadonlySet<string>,
): AgentFacts {
  const claude = isClaude(profile);
  const asks = !claude && (!isCliProfile(profile) || profile.cli.command.auto_approve_flag === null);
  const hasMcp = claude || (isCliProfile(profile) && profile.cli.command.mcp_disable_args.length > 0);
  return {
    instrument: profile.name,
    actsUnasked: !asks && config.skipPermissions !== false,
    mcpOff: hasMcp && config.disableMcp !== false,
    paidBy: paidBy(profile, names),
  };
}

/**
 * Who pays, by the variables that the agent gets. Claude Code takes a cloud's credentials before a key, and a key before its login
 * (https://code.claude.com/docs/en/authentication, "Authentication precedence").
 */
export function paidBy(profile: InstrumentProfile, names: ReadonlySet<string>): PaidBy | null {
  if (isClaude(profile)) {
    if (names.has('CLAUDE_CODE_USE_BEDROCK') || names.has('CLAUDE_CODE_USE_VERTEX')) return 'cloud';
    return names.has('ANTHROPIC_AUTH_TOKEN') || names.has('ANTHROPIC_API_KEY') ? 'key' : 'subscription';
  }
  const key = profile.http?.auth_env_var ?? null;
  return key !== null && names.has(key) ? 'key' : null;
}

/**
 * Keys that are stored in the editor for instruments of HTTP are not meant for Claude Code, which would stop using the subscription: it gets them
 * only when the user says so.
 */
export function withheldFrom(profile: InstrumentProfile, storedNames: readonly string[]): readonly string[] {
  return isClaude(profile) ? storedNames.filter((name) => name === 'ANTHROPIC_API_KEY') : [];
}

/** Secrets that the agent would take before this one: whoever chooses a key for it leaves them out. */
export function stronger(profile: InstrumentProfile, name: string): readonly string[] {
  return isClaude(profile) && name === 'ANTHROPIC_API_KEY' ? ['ANTHROPIC_AUTH_TOKEN'] : [];
}

function isClaude(profile: InstrumentProfile): boolean {
  return profile.cli?.driver === 'claude-code';
}
