import { expandKnownPlaces, type CatalogueEntry } from '../../instruments/catalogue';
import { endpointIn } from '../../instruments/endpoint';
import { environmentNames } from '../../instruments/environment-names';
import { isCliProfile } from '../../instruments/schema';
import { resolveExecutable } from '../../process/resolve';
import type { InstrumentRow } from '../../protocol/daemon-methods';
import type { ParamsOf, ResultOf } from '../../protocol/methods';
import { SILENT_CONFIG } from '../../score/plan';
import type { EngineCore } from '../engine/core';
import type { CheckedKey } from '../engine/key-choice';
import type { DaemonApiOptions } from './daemon-handlers';

type Check = ResultOf<'instruments.check'>['checks'][number];

/** Can it be used, and why not? `have`: names of variables that the asker has; null = not told. Runs nothing and asks nobody. */
export async function instrumentRow(
  entry: CatalogueEntry,
  options: DaemonApiOptions,
  have: readonly string[] | null,
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
  if (!entry.supported) return { ...base, status: 'unknown', detail: entry.note };
  if (!isCliProfile(profile)) {
    const name = profile.http?.auth_env_var ?? null;
    const ring = options.keysForCheck(entry).filter((key) => key.variable === name);
    if (ring.length > 0) return { ...base, status: 'ready', detail: ringDetail(entry, options, ring) };
    return { ...base, ...keyState(name, have, profile.login_hint) };
  }
  const { executable, known_places: places } = profile.cli.command;
  const setting = options.config.executables[executable];
  const { home } = options.identity;
  const found = await resolveExecutable(executable, {
    path: [process.env['PATH'] ?? '', ...expandKnownPlaces(places, home)].join(':'),
    home,
    ...(setting === undefined ? {} : { setting }),
  });
  if (found.found)
    return { ...base, status: 'ready', detail: `${found.path} (${found.source.replace('_', ' ')})` };
  const hint = profile.install_hint === null ? '' : `; ${profile.install_hint}`;
  return { ...base, status: 'missing', detail: `"${executable}" was not found${hint}` };
}

function keyState(
  name: string | null,
  have: readonly string[] | null,
  hint: string | null,
): Pick<InstrumentRow, 'status' | 'detail'> {
  // Whether a server runs shows only when it is asked.
  if (name === null) return { status: 'unknown', detail: 'needs no key; its server was not asked' };
  if (have === null) return { status: 'unknown', detail: `needs the key ${name}` };
  if (have.includes(name)) return { status: 'ready', detail: `${name} is set` };
  return { status: 'needs_key', detail: hint ?? `Set ${name}.` };
}

/** When the last of an instrument's limits ends, ISO-8601; null = it has none now. */
function limitedUntil(core: EngineCore, instrument: string): string | null {
  const ends = [...core.durable.limits.values()]
    .filter((limit) => limit.instrument === instrument && limit.until > Date.now())
    .map((limit) => limit.until);
  return ends.length === 0 ? null : new Date(Math.max(...ends)).toISOString();
}

/** Which keys there are, and which of them are set aside. */
function ringDetail(
  { profile: { name } }: CatalogueEntry,
  { engine }: DaemonApiOptions,
  ring: readonly CheckedKey[],
): string {
  const refused = engine.ledger.refusedKeys(name, Date.now()).map(({ label }) => `"${label}"`);
  const aside = refused.length === 0 ? '' : `; refused: ${refused.join(', ')}`;
  return `${ring[0]?.variable ?? 'its key'} comes from the keyring${aside}`;
}

const ringRemedy = 'Put a good key into its file, or take it out of keyring in conductor.yaml.';

type Told = Awaited<ReturnType<DaemonApiOptions['engine']['checkInstrument']>>;

function isGood({ health, answer }: Told): boolean {
  return health.ok && answer?.ok !== false;
}

function said({ health, answer }: Told): string {
  return (answer ?? health).message;
}

/**
 * Asks with every key, and tells which ones do not work. A program says its version whatever key it has, so it is asked only until it answers well.
 * @param ask `more`: nothing that uses quota has gone well yet
 */
async function askWithKeys(
  ring: readonly CheckedKey[],
  isProgram: boolean,
  ask: (key: CheckedKey | null, more: boolean) => Promise<Told>,
): Promise<{ readonly best: Told; readonly others: readonly { label: string; told: Told }[] }> {
  const asked: { label: string; told: Told }[] = [];
  let good = false;
  for (const key of ring) {
    if (good && isProgram) break;
    const told = await ask(key, !good);
    good ||= isGood(told);
    asked.push({ label: key.label, told });
  }
  const best = asked.find(({ told }) => isGood(told)) ?? asked[0];
  if (!best) return { best: await ask(null, true), others: [] };
  return { best: best.told, others: asked.filter((one) => one !== best && !isGood(one.told)) };
}

/** Looks at an instrument closely, with what the asker's jobs would bring: program or server, version, key; with `quota`, an answer. */
export async function checkInstrument(
  entry: CatalogueEntry,
  options: DaemonApiOptions,
  params: ParamsOf<'instruments.check'>,
): Promise<ResultOf<'instruments.check'>> {
  const { profile } = entry;
  const { env = {}, quota = false } = params;
  const ring = options.keysForCheck(entry);
  // As in a job: the keyring beats what the asker has.
  const own = params.secrets ?? {};
  const have = [...Object.keys(own), ...ring.map((key) => key.variable)];
  const row = await instrumentRow(entry, options, have);
  const isProgram = isCliProfile(profile);
  const checks: Check[] = [];
  const say = (name: string, ok: boolean | null, message: string, remedy: string | null): void => {
    checks.push({ name, ok, message, remedy });
  };
  const end = (version: string | null) => ({
    name: params.name,
    ok: checks.every((check) => check.ok !== false),
    version,
    checks,
  });
  if (isProgram) say('program', row.status === 'ready', row.detail ?? '', profile.install_hint);
  else if (!entry.supported) say('server', false, entry.note ?? '', null);
  else {
    const asked = { profile: profile.name, config: SILENT_CONFIG };
    const catalogue = await options.loadCatalogue(params.workspace ?? null);
    const endpoint = endpointIn(catalogue, asked, options.config.base_urls, env);
    if (endpoint?.ok === true) say('address', true, endpoint.baseUrl, null);
    else say('address', false, endpoint?.message ?? 'no address', null);
    const key = profile.http?.auth_env_var ?? 'its key';
    if (row.status === 'needs_key') say('key', false, `${key} is not set`, profile.login_hint);
  }
  if (checks.some((check) => check.ok === false)) return end(null);

  if (isProgram) {
    const keys = environmentNames(profile).secret;
    const set = keys.filter((name) => have.includes(name));
    if (set.length > 0) say('key', true, `${set.join(', ')} ${set.length === 1 ? 'is' : 'are'} set`, null);
    else if (keys.length > 0)
      say(
        'login',
        null,
        'no key is set; whether it is logged in shows only when it is asked (--quota)',
        profile.login_hint,
      );
  }
  const { best, others } = await askWithKeys(ring, isProgram, (key, more) =>
    options.engine.checkInstrument(
      profile,
      { env, secrets: key === null ? own : { ...own, [key.variable]: key.value } },
      quota === true && more,
    ),
  );
  const { health, answer } = best;
  say(
    isProgram ? 'version' : 'server',
    health.ok,
    health.message,
    isProgram ? profile.install_hint : profile.login_hint,
  );
  if (answer !== null) say('answer', answer.ok, answer.message, profile.login_hint);
  // The instrument can be used as long as one key can.
  for (const { label, told } of others)
    say(`key "${label}"`, isGood(best) ? null : false, said(told), ringRemedy);
  for (const { label, at, message } of options.engine.ledger.refusedKeys(profile.name, Date.now())) {
    const text = `set aside, refused at ${new Date(at).toISOString()}: ${message}`;
    say(`key "${label}"`, null, text, `mzt clear-rate-limits -i ${profile.name} tries it again`);
  }
  if (row.limited_until)
    say('limit', null, `limited until ${row.limited_until}`, 'mzt clear-rate-limits ends the wait');
  return end(isProgram && health.ok ? health.message : null);
}
