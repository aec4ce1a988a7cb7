/** What this machine can run, judged without running anything. */
import type { CatalogueEntry, InstrumentCatalogue } from '../instruments/catalogue';
import type { InstrumentRow } from '../protocol/daemon-methods';
import { locateExecutable } from './catalogue';
import type { CliContext } from './context';

export function instrumentRow(entry: CatalogueEntry, context: CliContext): InstrumentRow {
  const { profile } = entry;
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
    status: !entry.supported ? 'unknown' : place === null ? 'missing' : 'ready',
    detail: entry.note ?? place ?? missing,
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
