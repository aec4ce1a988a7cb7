/** What this machine can run, judged without running anything. */
import type { CatalogueEntry, InstrumentCatalogue } from '../instruments/catalogue';
import { environmentNames } from '../instruments/environment-names';
import type { InstrumentRow } from '../protocol/daemon-methods';
import { locateExecutable } from './catalogue';
import type { CliContext } from './context';

export function instrumentRow(entry: CatalogueEntry, context: CliContext): InstrumentRow {
  const { profile } = entry;
  const key = profile.kind === 'http' ? environmentNames(profile).secret[0] : undefined;
  const place = locateExecutable(profile, context);
  const missing =
    `${profile.cli?.command.executable ?? profile.name} was not found` +
    (profile.install_hint === null ? '' : `; ${profile.install_hint}`);
  return {
    name: profile.name,
    display_name: profile.display_name,
    description: profile.description,
    kind: profile.kind,
    source: entry.source === 'workspace' ? 'folder' : entry.source,
    path: entry.file,
    ...(!entry.supported
      ? { status: 'unknown', detail: entry.note }
      : profile.kind === 'http'
        ? key !== undefined && !context.env[key]
          ? { status: 'needs_key', detail: profile.login_hint ?? `Set ${key}.` }
          : { status: 'ready', detail: key === undefined ? 'needs no key' : `${key} is set` }
        : { status: place === null ? 'missing' : 'ready', detail: place ?? missing }),
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
