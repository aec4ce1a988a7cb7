/** What this machine can run, judged without running anything. */
import type { CatalogueEntry, InstrumentCatalogue } from '../instruments/catalogue';
import { environmentNames } from '../instruments/environment-names';
import type { InstrumentRow } from '../protocol/daemon-methods';
import { locateExecutable } from './catalogue';
import type { CliContext } from './context';

export function instrumentRow(entry: CatalogueEntry, context: CliContext): InstrumentRow {
  const { profile } = entry;
  const key = profile.kind === 'http' ? (environmentNames(profile).secret[0] ?? null) : null;
  const place = locateExecutable(profile, context);
  const missing =
    `${profile.cli?.command.executable ?? profile.name} was not found` +
    (profile.install_hint === null ? '' : `; ${profile.install_hint}`);
  const state = (): Pick<InstrumentRow, 'status' | 'detail'> => {
    if (!entry.supported) return { status: 'unknown', detail: entry.note };
    if (profile.kind === 'cli')
      return place === null ? { status: 'missing', detail: missing } : { status: 'ready', detail: place };
    // Whether a server runs shows only when it is asked.
    if (key === null)
      return { status: 'unknown', detail: `is its server there? mzt instruments check ${profile.name}` };
    return context.env[key]
      ? { status: 'ready', detail: `${key} is set` }
      : { status: 'needs_key', detail: profile.login_hint ?? `Set ${key}.` };
  };
  return {
    name: profile.name,
    display_name: profile.display_name,
    description: profile.description,
    kind: profile.kind,
    source: entry.source === 'workspace' ? 'folder' : entry.source,
    path: entry.file,
    ...state(),
    default_model: profile.default_model,
    models: profile.models.map(({ name }) => name),
    capabilities: [...profile.capabilities],
  };
}

/** Sorted: ready ones first. */
export function instrumentRows(catalogue: InstrumentCatalogue, context: CliContext): InstrumentRow[] {
  const order = (row: InstrumentRow) => (row.status === 'ready' ? 0 : 1);
  return catalogue
    .list()
    .map((entry) => instrumentRow(entry, context))
    .sort((a, b) => order(a) - order(b));
}
