import { environmentNames, type EnvironmentNames } from './environment-names';
import type { InstrumentCatalogue, ProfileSource } from './catalogue';
import type { InstrumentProfile } from './schema';

/** Where an HTTP instrument is called, and which key goes there. */
export type Endpoint =
  | {
      readonly ok: true;
      /** Without a slash at its end. */
      readonly baseUrl: string;
      /** Name of the variable with the key; null = no key is sent. */
      readonly keyName: string | null;
    }
  | { readonly ok: false; readonly message: string };

/** What decides it. */
export interface EndpointSources {
  readonly profile: InstrumentProfile;
  readonly source: ProfileSource;
  /** `base_url` and `api_key_env` as a score has them; null = not given. */
  readonly score: { readonly baseUrl: string | null; readonly keyName: string | null };
  /** `base_urls` of conductor.yaml, by profile name. */
  readonly userUrls: Readonly<Record<string, string>>;
  /** The attempt's plain environment: a profile may name a variable with the address. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Origins that the user approved for scores (`trust.json`). */
  readonly approvedOrigins: ReadonlySet<string>;
  /** Key variables that built-in and user profiles list. */
  readonly knownKeys: ReadonlySet<string>;
}

/**
 * Addresses of the user (conductor.yaml, environment, profile) are used as they are. One of a score is used if it is this machine's or approved, and
 * then no key goes with it unless its origin is the user's own. Pure.
 */
export function resolveEndpoint(sources: EndpointSources): Endpoint {
  const { profile, score } = sources;
  if (profile.http === null) return refused(`${profile.display_name} is not called over HTTP`);
  const fromEnvironment =
    profile.http.base_url_env_var === null ? undefined : sources.environment[profile.http.base_url_env_var];
  const own = sources.userUrls[profile.name] ?? (fromEnvironment || profile.http.base_url);
  const ownUrl = httpUrl(own);
  if (ownUrl === null) return refused(`the base URL of ${profile.display_name} is not an http(s) address`);
  const { keyName } = score;
  if (keyName !== null && !sources.knownKeys.has(keyName)) {
    return refused(
      `api_key_env names ${keyName}, which no built-in or user profile lists: a score may not ask for other variables`,
    );
  }
  const ownKey = sources.source === 'workspace' ? null : (keyName ?? profile.http.auth_env_var);
  if (score.baseUrl === null) return { ok: true, baseUrl: trimmed(own), keyName: ownKey };
  const url = httpUrl(score.baseUrl);
  if (url === null) return refused('base_url of the score is not an http(s) address');
  if (url.username !== '' || url.password !== '')
    return refused('base_url of the score carries a user name or password');
  if (url.origin === ownUrl.origin) return { ok: true, baseUrl: trimmed(score.baseUrl), keyName: ownKey };
  if (!isLoopback(url) && !sources.approvedOrigins.has(url.origin)) {
    return refused(
      `base_url of the score (${url.origin}) is neither on this machine nor approved; to approve it: mzt trust --url ${url.origin} --approve`,
    );
  }
  if (keyName !== null) {
    return refused(
      `the score sends ${keyName} to an address of its own (${url.origin}): a key goes only to addresses of profiles and conductor.yaml`,
    );
  }
  return { ok: true, baseUrl: trimmed(score.baseUrl), keyName: null };
}

/** The key that an endpoint needs, as a list. */
export function keyOf(endpoint: Endpoint): readonly string[] {
  return endpoint.ok && endpoint.keyName !== null ? [endpoint.keyName] : [];
}

/** Variables that a score's `api_key_env` may name. */
export function keyNames(
  entries: Iterable<{ readonly profile: InstrumentProfile; readonly source: ProfileSource }>,
): Set<string> {
  const names = new Set<string>();
  for (const { profile, source } of entries) {
    if (source === 'workspace') continue;
    const listed: EnvironmentNames = environmentNames(profile);
    for (const name of listed.secret) names.add(name);
  }
  return names;
}

/** Is it this very machine? Names in /etc/hosts and other networks of the machine do not count. */
export function isLoopback(url: URL): boolean {
  return /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(url.hostname);
}

function httpUrl(text: string): URL | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : null;
}

function trimmed(url: string): string {
  return url.replace(/\/+$/, '');
}

function refused(message: string): Endpoint {
  return { ok: false, message };
}

/** What a score says of an instrument, as far as it concerns its address. */
export interface ScoreEndpoint {
  readonly profile: string;
  readonly config: { readonly apiKeyEnv: string | null; readonly other: Readonly<Record<string, unknown>> };
}

const keysOf = new WeakMap<InstrumentCatalogue, ReadonlySet<string>>();

/** The endpoint of a planned instrument; null when its profile is not known, or runs a program. */
export function endpointIn(
  catalogue: InstrumentCatalogue,
  instrument: ScoreEndpoint,
  userUrls: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
): Endpoint | null {
  const entry = catalogue.entry(instrument.profile);
  if (!entry || entry.profile.kind !== 'http') return null;
  let knownKeys = keysOf.get(catalogue);
  if (!knownKeys) {
    knownKeys = keyNames(catalogue.list());
    keysOf.set(catalogue, knownKeys);
  }
  const { base_url: baseUrl } = instrument.config.other;
  return resolveEndpoint({
    profile: entry.profile,
    source: entry.source,
    score: {
      baseUrl: typeof baseUrl === 'string' ? baseUrl : null,
      keyName: instrument.config.apiKeyEnv,
    },
    userUrls,
    environment,
    approvedOrigins: catalogue.approvedOrigins,
    knownKeys,
  });
}
