import type { InstrumentCatalogue as Profiles } from '../instruments/catalogue';
import { honouredConfigKeys } from '../instruments/config-keys';
import { endpointIn } from '../instruments/endpoint';

/** What the score room needs to know of instruments; the instruments room supplies it. */
export interface InstrumentInfo {
  /** Profile name. */
  readonly name: string;
  readonly kind: 'cli' | 'http';
  /** Only the rendered template is sent, and a shell reads it. */
  readonly rawPrompt: boolean;
  /** Seconds. */
  readonly defaultTimeoutSeconds: number;
  readonly defaultModel: string | null;
  /** Those that its profile lists. */
  readonly models: readonly string[];
  /** Flag with which the program is told of MCP servers; null = it has none. */
  readonly mcpConfigFlag: string | null;
  /** The keys of `instrument_config` and `backend` that it heeds; null = not known. */
  readonly configKeys: readonly string[] | null;
  /** Why it may not be called as a score's settings say (address, key); null = it may. */
  endpointProblem(config: EndpointSettings): string | null;
}

/** Settings of a score that say where an HTTP instrument is, and with which key. */
export interface EndpointSettings {
  readonly apiKeyEnv: string | null;
  readonly other: Readonly<Record<string, unknown>>;
}

export interface InstrumentCatalogue {
  get(name: string): InstrumentInfo | undefined;
  names(): readonly string[];
}

/** A catalogue of given profiles. */
export function catalogueOf(infos: readonly InstrumentInfo[]): InstrumentCatalogue {
  const byName = new Map(infos.map((info) => [info.name, info]));
  return { get: (name) => byName.get(name), names: () => [...byName.keys()] };
}

/** The instruments of a job as the score room looks at them, with the addresses that the user has set. */
export function scoreCatalogue(
  catalogue: Profiles,
  addresses: {
    /** `base_urls` of conductor.yaml. */
    readonly userUrls: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string | undefined>>;
  },
): InstrumentCatalogue {
  return {
    names: () => catalogue.names(),
    get(name) {
      const profile = catalogue.get(name);
      if (!profile) return undefined;
      return {
        name: profile.name,
        kind: profile.kind,
        rawPrompt: profile.raw_prompt,
        defaultTimeoutSeconds: profile.default_timeout_seconds,
        defaultModel: profile.default_model,
        models: profile.models.map((model) => model.name),
        mcpConfigFlag: profile.cli?.command.mcp_config_flag ?? null,
        configKeys: honouredConfigKeys(profile),
        endpointProblem: (config) => {
          const instrument = { profile: name, config };
          const endpoint = endpointIn(catalogue, instrument, addresses.userUrls, addresses.environment);
          return endpoint?.ok === false ? endpoint.message : null;
        },
      };
    },
  };
}
