import type { CatalogueEntry, InstrumentCatalogue } from '../../instruments/catalogue';
import { environmentNames } from '../../instruments/environment-names';
import { isCliProfile, isHttpProfile } from '../../instruments/schema';
import type { InstrumentRow } from '../../protocol/daemon-methods';
import { DaemonError, ErrorCode } from '../../protocol/errors';
import type { ResultOf } from '../../protocol/methods';
import { resolveExecutable } from '../../process/resolve';
import type { CheckEnvironment } from '../attempts/runner';
import type { Engine } from '../engine/engine';
import type { EngineCore } from '../engine/core';
import type { DaemonApiOptions } from './daemon-handlers';

/** @throws DaemonError when there is none of this name. */
export function known(catalogue: InstrumentCatalogue, name: string): CatalogueEntry {
  const entry = catalogue.entry(name);
  if (entry) return entry;
  const near = catalogue.nearest(name);
  throw new DaemonError(ErrorCode.invalidParams, `no instrument "${name}"`, {
    remedy: near.length > 0 ? `Did you mean ${near.join(' or ')}?` : 'mzt instruments list shows all.',
  });
}

/** What is looked at one after the other; the first that is missing ends it. */
export async function checkInstrument(
  entry: CatalogueEntry,
  line: InstrumentRow,
  engine: Engine,
  environment: CheckEnvironment,
): Promise<ResultOf<'instruments.check'>> {
  const { profile } = entry;
  const { name } = profile;
  if (isHttpProfile(profile) && entry.supported) {
    const health = await engine.checkInstrument(profile, environment);
    const remedy = health.ok ? null : (profile.install_hint ?? profile.login_hint);
    const check = { name: 'server', ok: health.ok, message: health.message, remedy };
    return { name, ok: health.ok, version: null, checks: [check] };
  }
  const isReady = line.status === 'ready';
  const remedy = isReady ? null : profile.install_hint;
  const found = { name: 'program', ok: isReady, message: line.detail ?? '', remedy };
  if (!isReady) return { name, ok: false, version: null, checks: [found] };
  const health = await engine.checkInstrument(profile, environment);
  const version = {
    name: 'version',
    ok: health.ok,
    message: health.message,
    remedy: health.ok ? null : profile.install_hint,
  };
  return { name, ok: health.ok, version: health.ok ? health.message : null, checks: [found, version] };
}

/** An instrument as a list shows it. */
export async function instrumentRow(
  entry: CatalogueEntry,
  options: DaemonApiOptions,
): Promise<InstrumentRow> {
  const { profile } = entry;
  const base = {
    name: profile.name,
    display_name: profile.display_name,
    description: profile.description,
    kind: profile.kind,
    source: entry.source === 'workspace' ? ('folder' as const) : entry.source,
    path: entry.file,
    limited_until: limitedUntil(options.core, profile.name),
    default_model: profile.default_model,
    models: profile.models.map((model) => model.name),
    capabilities: [...profile.capabilities],
  };
  if (!isCliProfile(profile)) {
    if (entry.note !== null) return { ...base, status: 'unknown', detail: entry.note };
    const [key] = environmentNames(profile).secret;
    // Keys are held for jobs only; whether a client has one is known to the client.
    if (key !== undefined && options.secrets.of('', [key])[key] === undefined)
      return { ...base, status: 'needs_key', detail: `takes ${key} from whoever submits` };
    return { ...base, status: 'ready', detail: null };
  }
  const setting = options.config.executables[profile.cli.command.executable];
  const found = await resolveExecutable(profile.cli.command.executable, {
    path: process.env['PATH'] ?? '',
    home: options.identity.home,
    ...(setting === undefined ? {} : { setting }),
  });
  if (found.found)
    return { ...base, status: 'ready', detail: `${found.path} (${found.source.replace('_', ' ')})` };
  return {
    ...base,
    status: 'missing',
    detail: `"${profile.cli.command.executable}" was not found${profile.install_hint === null ? '' : `; ${profile.install_hint}`}`,
  };
}

/** When the last of an instrument's limits ends, ISO-8601; null = it has none now. */
function limitedUntil(core: EngineCore, instrument: string): string | null {
  const ends = [...core.durable.limits.values()]
    .filter((limit) => limit.instrument === instrument && limit.until > Date.now())
    .map((limit) => limit.until);
  return ends.length === 0 ? null : new Date(Math.max(...ends)).toISOString();
}
