import { agentFacts, withheldFrom } from '../../instruments/agent-facts';
import type { InstrumentCatalogue } from '../../instruments/catalogue';
import { endpointIn, keyOf } from '../../instruments/endpoint';
import type { Plan } from '../../score/plan';
import type { AgentState } from '../records';

/** What of the user's settings decides on keys. */
export interface KeySettings {
  /** `base_urls` of conductor.yaml. */
  readonly userUrls: Readonly<Record<string, string>>;
  /** The variable in which the keyring of conductor.yaml gives a key to an instrument; null = it gives none. */
  keyringVariable(catalogue: InstrumentCatalogue, profile: string): string | null;
}

/** What a submit brings, as far as names tell. */
export interface GivenEnvironment {
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, unknown>>;
  /** Names of `secrets` that the client had stored. */
  readonly storedSecrets: readonly string[];
}

/** Whom a plan would let act, and which keys it waits for. */
export class PlanNeeds {
  constructor(
    private readonly plan: Plan,
    private readonly catalogue: InstrumentCatalogue,
    private readonly settings: KeySettings,
  ) {}

  /** The agents that a plan may use, fallbacks included, each once. */
  agents(given: GivenEnvironment): AgentState[] {
    const { catalogue, settings } = this;
    const agents = new Map<string, AgentState>();
    for (const { profile: name, config } of this.plan.sheets.flatMap((sheet) => [
      sheet.instrument,
      ...sheet.fallbacks,
    ])) {
      const profile = catalogue.get(name);
      if (!profile) continue;
      const withheld = withheldFrom(profile, given.storedSecrets);
      const names = [...Object.keys(given.env), ...Object.keys(given.secrets)];
      const own = names.filter((env) => !withheld.includes(env));
      const ring = settings.keyringVariable(catalogue, name);
      const facts = agentFacts(profile, config, new Set(ring === null ? own : [...own, ring]));
      const known = agents.get(name);
      agents.set(name, {
        instrument: name,
        acts_unasked: facts.actsUnasked || (known?.acts_unasked ?? false),
        mcp_off: facts.mcpOff && (known?.mcp_off ?? true),
        paid_by: facts.paidBy,
      });
    }
    return [...agents.values()];
  }

  /** Names of the keys that came, and of those that a sheet cannot do without: it will wait for them. One with a fall-back goes on to that instead. */
  secretNames(given: readonly string[], env: Readonly<Record<string, string>>): string[] {
    const { catalogue, settings } = this;
    const names = new Set(given);
    for (const { instrument, fallbacks } of this.plan.sheets) {
      if (fallbacks.length > 0) continue;
      const endpoint = endpointIn(catalogue, instrument, settings.userUrls, env);
      const ring = settings.keyringVariable(catalogue, instrument.profile);
      for (const name of endpoint ? keyOf(endpoint) : []) if (name !== ring) names.add(name);
    }
    return [...names];
  }
}
