import { homedir } from 'node:os';
import { join } from 'node:path';
import { looksSecret } from './environment-names';
import type { McpServerDefinitions } from './mcp-servers';
import { parseProfile, type ProfileProblem } from './parse';
import { loadPrices, remembered, type PriceBook } from './prices';
import type { InstrumentModel, InstrumentProfile } from './schema';
import {
  inspectFolder,
  readProfileFiles,
  workspaceProfileFolder,
  type FolderInspection,
  type TrustRecords,
} from './trust';

export type ProfileSource = 'built-in' | 'user' | 'workspace';

export interface CatalogueEntry {
  readonly profile: InstrumentProfile;
  readonly source: ProfileSource;
  /** Path of the file it was read from. */
  readonly file: string;
  /** False for what this version knows and cannot run yet; `note` says so. */
  readonly supported: boolean;
  readonly note: string | null;
}

/** What HTTP instruments may speak; the others are known and cannot be used yet. */
const availableFamilies: ReadonlySet<string> = new Set(['anthropic', 'openai', 'ollama', 'recursive_light']);

/** Why a profile cannot be used in this version; null = it can. */
export function unavailableNote(profile: InstrumentProfile): string | null {
  if (profile.http === null || profile.kind === 'cli') return null;
  const family = profile.http.schema_family;
  return availableFamilies.has(family)
    ? null
    : `HTTP instruments of the kind "${family}" are not available yet`;
}

/** The instruments of one job or one listing: a snapshot that never changes. */
export class InstrumentCatalogue {
  private readonly entries: ReadonlyMap<string, CatalogueEntry>;

  constructor(
    entries: Iterable<CatalogueEntry>,
    /** What was wrong with profile files; those with an error are not in the catalogue. */
    readonly problems: readonly ProfileProblem[] = [],
    /** A workspace folder that brings profiles and was not approved; they are not in the catalogue. */
    readonly unapproved: FolderInspection | null = null,
    /** Origins that scores may name as `base_url`. */
    readonly approvedOrigins: ReadonlySet<string> = new Set(),
    private readonly prices: PriceBook | null = null,
    /** MCP servers of an approved workspace, with its real path; null = it brings none. */
    readonly workspaceServers: {
      readonly workspace: string;
      readonly servers: McpServerDefinitions;
    } | null = null,
  ) {
    this.entries = new Map([...entries].map((entry) => [entry.profile.name, entry]));
  }

  get(name: string): InstrumentProfile | null {
    return this.entries.get(name)?.profile ?? null;
  }

  entry(name: string): CatalogueEntry | null {
    return this.entries.get(name) ?? null;
  }

  /** Where an entry's model and its price come from, for a person: the profile, the user's price file, or the built-in list with its date. */
  priceSource(entry: CatalogueEntry, model: InstrumentModel): string {
    const list = entry.profile.model_list;
    if (this.prices?.fromUser.has(model)) return this.prices.userFile ?? entry.file;
    if (list !== null && this.prices?.lists[list]?.includes(model))
      return `built-in list "${list}", as of ${this.prices.asOf}`;
    return entry.file;
  }

  /** Sorted. */
  names(): string[] {
    return [...this.entries.keys()].sort();
  }

  /** Sorted by name. */
  list(): CatalogueEntry[] {
    return [...this.entries.values()].sort((a, b) => (a.profile.name < b.profile.name ? -1 : 1));
  }

  /** Names that someone who wrote `name` may have meant, best first, at most three. */
  nearest(name: string): string[] {
    const wanted = normalised(name);
    return this.names()
      .map((candidate) => {
        const other = normalised(candidate);
        const within =
          wanted.length >= 3 && (other.includes(wanted) || wanted.includes(other)) ? 1 : Infinity;
        return { candidate, distance: Math.min(within, editDistance(wanted, other)) };
      })
      .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 3)
      .map(({ candidate }) => candidate);
  }
}

function normalised(name: string): string {
  return name.toLowerCase().replaceAll(/[-_. ]/g, '');
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

export interface CatalogueSources {
  /** Folder of the built-in profiles: `profiles/` beside the bundle. */
  readonly builtInFolder: string;
  /** Normally `<state>/instruments`. Null = none. */
  readonly userFolder: string | null;
  /** The job's workspace; null = none. */
  readonly workspace: string | null;
  readonly trust: TrustRecords;
}

/**
 * Loads all profiles: built-in, then the user's (which may replace a built-in one by name, whole), then the workspace's if approved (which may
 * replace none). A broken file never hides the others. @throws Error when the built-in folder is broken.
 */
export async function loadCatalogue(sources: CatalogueSources): Promise<InstrumentCatalogue> {
  const prices = await loadPrices(sources.builtInFolder, sources.userFolder);
  const modelLists = prices.lists;
  const entries = new Map<string, CatalogueEntry>();
  const problems: ProfileProblem[] = [...prices.problems];
  const add = (profile: InstrumentProfile, source: ProfileSource, file: string): void => {
    entries.set(profile.name, {
      profile,
      source,
      file,
      supported: unavailableNote(profile) === null,
      note: unavailableNote(profile),
    });
  };

  for (const [source, folder] of [
    ['built-in', sources.builtInFolder],
    ['user', sources.userFolder],
  ] as const) {
    if (folder === null) continue;
    const read = await readProfileFiles(folder, { followLinks: true });
    problems.push(...read.problems);
    const seen = new Map<string, string>();
    for (const { name, text } of read.files) {
      const file = join(folder, name);
      const parsed = remembered(file, text, modelLists, () => parseProfile(text, file, modelLists));
      problems.push(...parsed.problems);
      if (parsed.profile === null) continue;
      const first = seen.get(parsed.profile.name);
      if (first !== undefined) {
        problems.push({
          file,
          line: null,
          severity: 'warning',
          message: `replaces the profile "${parsed.profile.name}" of ${first}`,
        });
      }
      seen.set(parsed.profile.name, name);
      add(parsed.profile, source, file);
    }
  }

  const approvedOrigins = new Set(sources.trust.origins.map(({ origin }) => origin));
  const inspection =
    sources.workspace === null ? null : await inspectFolder(sources.workspace, sources.trust, modelLists);
  if (inspection === null || !inspection.approved)
    return new InstrumentCatalogue(entries.values(), problems, inspection, approvedOrigins, prices);

  problems.push(...inspection.problems);
  const folder = workspaceProfileFolder(inspection.path);
  for (const { name, text } of inspection.files) {
    const profile = parseProfile(text, join(folder, name), modelLists).profile;
    if (profile === null) continue;
    const file = join(folder, name);
    const taken = entries.get(profile.name);
    if (taken !== undefined) {
      const message = `"${profile.name}" is the name of a ${taken.source} profile; give it another`;
      problems.push({ file, line: null, severity: 'error', message });
      continue;
    }
    add(withoutSecrets(profile), 'workspace', file);
  }
  const { servers, path: realWorkspace } = inspection;
  const brought = Object.keys(servers).length === 0 ? null : { workspace: realWorkspace, servers };
  return new InstrumentCatalogue(entries.values(), problems, null, approvedOrigins, prices, brought);
}

/** The same profile with no right to any key: what a folder brings may run once approved, but a key never follows it. */
function withoutSecrets(profile: InstrumentProfile): InstrumentProfile {
  return {
    ...profile,
    cli: profile.cli && {
      ...profile.cli,
      command: {
        ...profile.cli.command,
        secret_env: [],
        required_env:
          profile.cli.command.required_env?.filter(
            (name) => !looksSecret(name) && !profile.cli?.command.secret_env.includes(name),
          ) ?? null,
      },
    },
    http: profile.http && { ...profile.http, auth_env_var: null },
  };
}

/** A profile's `known_places` as absolute folders. */
export function expandKnownPlaces(places: readonly string[], home: string = homedir()): string[] {
  return places.map((place) => (place === '~' || place.startsWith('~/') ? home + place.slice(1) : place));
}
