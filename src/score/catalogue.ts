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
