import type { InstrumentCatalogue as LoadedInstruments } from '../instruments/catalogue';

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
  /** Flag with which the program is told of MCP servers; null = it has none. */
  readonly mcpConfigFlag: string | null;
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

/** The loaded instruments as the score room looks at them. */
export function scoreCatalogue(instruments: LoadedInstruments): InstrumentCatalogue {
  return {
    names: () => instruments.names(),
    get(name) {
      const profile = instruments.get(name);
      if (profile === null) return undefined;
      return {
        name: profile.name,
        kind: profile.kind,
        rawPrompt: profile.raw_prompt,
        defaultTimeoutSeconds: profile.default_timeout_seconds,
        defaultModel: profile.default_model,
        mcpConfigFlag: profile.cli?.command.mcp_config_flag ?? null,
      };
    },
  };
}
