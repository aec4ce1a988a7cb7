/** Which key and account a job's attempts have: those of the submit, or one of the user's keyring. */
import { withheldFrom } from '../instruments/agent-facts';
import type { CatalogueEntry, InstrumentCatalogue } from '../instruments/catalogue';
import { endpointIn, keyOf, type Endpoint } from '../instruments/endpoint';
import { environmentNames } from '../instruments/environment-names';
import { keyVariable, readKeyFile, type KeyringSettings } from '../instruments/keyring';
import type { PlannedInstrument } from '../score/plan';
import type { Accounts } from './accounts';
import type { CheckedKey, KeyOffer, OfferedKey } from './engine/key-choice';
import type { JobState } from './engine/state';

/** What is asked to find an account. */
export interface AccountSources {
  readonly accounts: Accounts;
  readonly keyring: KeyringSettings;
  /** For `~` and variables in the paths of key files. */
  readonly home: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly userUrls: Readonly<Record<string, string>>;
  catalogueOf(run: string): InstrumentCatalogue;
  /** What the submit gives to this instrument; with a key, that key in its place. */
  secretsFor(job: JobState, instrument: PlannedInstrument, key: OfferedKey | null): Record<string, string>;
  /** Secrets of the submit that are here, of these names. */
  secretsOf(run: string, names: readonly string[]): Readonly<Record<string, string>>;
}

export class JobAccounts {
  /** Every key that was ever read, to be redacted: one that has left its file may still be in a workspace. */
  private readonly known = new Set<string>();

  constructor(private readonly sources: AccountSources) {}

  /** Without a keyring. */
  accountOf(job: JobState, instrument: PlannedInstrument): string {
    const entry = this.entryOf(job, instrument);
    return entry
      ? this.account(job, instrument, entry, this.endpoint(job, instrument), null)
      : instrument.profile;
  }

  /** The keys that the user's keyring has for an attempt, read from their files now; null = the keyring says nothing about it. */
  offer(job: JobState, instrument: PlannedInstrument): KeyOffer | null {
    const ring = this.ring(instrument.profile);
    const entry = ring ? this.entryOf(job, instrument) : null;
    if (!ring || !entry) return null;
    const endpoint = this.endpoint(job, instrument);
    const variable = this.ringVariable(entry, instrument.profile, endpoint);
    if (variable === null) return null;
    const keys: OfferedKey[] = [];
    const problems: string[] = [];
    for (const { path, label } of ring.keys) {
      const file = readKeyFile(path, this.sources);
      if (file.ok) {
        this.known.add(file.value);
        const key = { label, variable, value: file.value };
        keys.push({
          ...key,
          account: this.account(job, instrument, entry, endpoint, { ...key, account: '' }),
        });
      } else {
        problems.push(`${label}: ${file.path} ${file.problem}. ${file.remedy}`);
      }
    }
    return { rotation: ring.rotation, keys, problems };
  }

  /** The name of a key that the job was submitted with, that its instrument needs, and that is not here; null = none is missing. */
  missingKey(job: JobState, instrument: PlannedInstrument): string | null {
    const entry = this.entryOf(job, instrument);
    if (!entry) return null;
    const endpoint = this.endpoint(job, instrument);
    const withheld = withheldFrom(entry.profile, job.stored_secret_names);
    const fromRing = this.ringVariable(entry, instrument.profile, endpoint);
    const listed = endpoint === null ? environmentNames(entry.profile).secret : keyOf(endpoint);
    const needed = listed.filter(
      (name) => job.secret_names.includes(name) && !withheld.includes(name) && name !== fromRing,
    );
    const have = this.sources.secretsOf(job.run, needed);
    return needed.find((name) => have[name] === undefined) ?? null;
  }

  /** The variable in which an instrument of this catalogue gets a key of the keyring; null = it gets none. */
  ringVariableIn(catalogue: InstrumentCatalogue, profile: string): string | null {
    const entry = catalogue.entry(profile);
    return entry ? this.ringVariable(entry, profile, null) : null;
  }

  /** What a check of the instrument is given: the keys whose files can be used. */
  keysForCheck(entry: CatalogueEntry): CheckedKey[] {
    const variable = this.ringVariable(entry, entry.profile.name, null);
    if (variable === null) return [];
    return (this.ring(entry.profile.name)?.keys ?? []).flatMap(({ path, label }) => {
      const file = readKeyFile(path, this.sources);
      return file.ok ? [{ label, variable, value: file.value }] : [];
    });
  }

  /** Keys of the keyring that any output must not show. */
  secretValues(): string[] {
    return [...this.known];
  }

  /** Reads every key file once, so that what an earlier conductor gave to an agent is redacted by this one too. */
  readAll(): void {
    for (const { path } of Object.values(this.sources.keyring.instruments).flatMap((ring) => ring.keys)) {
      const file = readKeyFile(path, this.sources);
      if (file.ok) this.known.add(file.value);
    }
  }

  private ring(profile: string) {
    const { instruments } = this.sources.keyring;
    return Object.hasOwn(instruments, profile) ? instruments[profile] : undefined;
  }

  /** A workspace's profile gets none, as it gets no other key; nor does an address, or a variable, of the score's own choice. */
  private ringVariable(entry: CatalogueEntry, profile: string, endpoint: Endpoint | null): string | null {
    if (entry.source === 'workspace' || !this.ring(profile)) return null;
    const variable = keyVariable(entry.profile);
    if (endpoint !== null && !(endpoint.ok && endpoint.keyName === variable)) return null;
    return variable;
  }

  private account(
    job: JobState,
    instrument: PlannedInstrument,
    { profile }: CatalogueEntry,
    endpoint: Endpoint | null,
    key: OfferedKey | null,
  ): string {
    const given = { secrets: this.sources.secretsFor(job, instrument, key), env: job.env };
    const place = endpoint?.ok ? { key: endpoint.keyName, baseUrl: endpoint.baseUrl } : null;
    return this.sources.accounts.of(profile, place, given);
  }

  private entryOf(job: JobState, instrument: PlannedInstrument): CatalogueEntry | null {
    return this.sources.catalogueOf(job.run).entry(instrument.profile);
  }

  private endpoint(job: JobState, instrument: PlannedInstrument): Endpoint | null {
    return endpointIn(this.sources.catalogueOf(job.run), instrument, this.sources.userUrls, job.env);
  }
}
