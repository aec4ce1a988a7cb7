/**
 * All that HTTP instruments need, in a bundle of its own: the vendors' libraries are large, and a conductor of command-line agents never needs them.
 * Loaded by `import()` only, from backends/http-access.ts.
 */
import type { HttpProfile } from '../../instruments/schema';
import { UnavailableBackend } from '../unavailable-backend';
import { AnthropicApiBackend } from './anthropic/anthropic-backend';
import { HttpConnection } from './connection';
import type { HttpBackend, HttpBackendOptions } from './http-backend';
import { OllamaBackend } from './ollama-backend';
import { OpenAiBackend } from './openai-backend';
import { RecursiveLightBackend } from './recursive-light-backend';

type Family = HttpProfile['http']['schema_family'];

/** The vendors, by what they speak. */
const vendors: Partial<Record<Family, new (options: HttpBackendOptions) => HttpBackend>> = {
  anthropic: AnthropicApiBackend,
  ollama: OllamaBackend,
  openai: OpenAiBackend,
  recursive_light: RecursiveLightBackend,
};

/** What the conductor holds while HTTP instruments are in use: their connections, and the way to make a backend. */
export interface HttpRoom {
  readonly connection: HttpConnection;
  /** The backend for one attempt; one that says why when the vendor is not there. */
  create(options: Omit<HttpBackendOptions, 'connection'>): HttpBackend | UnavailableBackend;
  close(): Promise<void>;
}

export function openHttpRoom(): HttpRoom {
  const connection = new HttpConnection();
  return {
    connection,
    create(options) {
      const { profile } = options;
      const Vendor = vendors[profile.http.schema_family];
      if (Vendor) return new Vendor({ ...options, connection });
      const reason = `${profile.display_name}: instruments of the kind "${profile.http.schema_family}" are not available in this version`;
      return new UnavailableBackend(profile.display_name, reason);
    },
    close: () => connection.close(),
  };
}
