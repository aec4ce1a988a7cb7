/** V405, V414, V415: settings for instruments that are not known, not allowed, or not heeded. */
import { nearestNames } from '../nearest';
import type { InstrumentConfig } from '../plan';
import { instrumentConfig } from '../schema/instruments';
import type { CheckContext } from './context';

export function checkInstrumentSettings(context: CheckContext): void {
  const written = writtenSettings(context);
  checkKnown(context, written);
  checkEndpoints(context, written);
  checkHeeded(context, written);
}

interface WrittenSetting {
  readonly key: string;
  readonly value: unknown;
  readonly path: readonly PropertyKey[];
}

const known = Object.keys(instrumentConfig.shape);

/** Every setting of every `instrument_config`. */
function writtenSettings({ score }: CheckContext): readonly WrittenSetting[] {
  const { fields } = score;
  const configs: [Readonly<Record<string, unknown>>, readonly PropertyKey[]][] = [
    [fields.instrument_config, ['instrument_config']],
  ];
  for (const [alias, { config }] of Object.entries(fields.instruments))
    configs.push([config, ['instruments', alias, 'config']]);
  for (const [stage, movement] of Object.entries(fields.movements))
    configs.push([movement.instrument_config, ['movements', stage, 'instrument_config']]);
  for (const [num, config] of Object.entries(fields.sheet.per_sheet_instrument_config))
    configs.push([config, ['sheet', 'per_sheet_instrument_config', num]]);
  return configs.flatMap(([config, path]) =>
    Object.entries(config).map(([key, value]) => ({ key, value, path: [...path, key] })),
  );
}

function checkKnown({ findings }: CheckContext, written: readonly WrittenSetting[]): void {
  for (const { key, path } of written) {
    if (known.includes(key)) continue;
    const near = nearestNames(key, known);
    findings.add({
      code: 'V405',
      severity: 'warning',
      path,
      at: 'key',
      message: `\`${key}\` is no setting that the conductor knows; only an instrument that knows it will use it.`,
      remedy: near.length > 0 ? `Did you mean ${near.map((name) => `\`${name}\``).join(' or ')}?` : null,
    });
  }
}

/** Addresses and keys that a score may not ask for. */
function checkEndpoints(
  { score, plan, catalogue, findings }: CheckContext,
  written: readonly WrittenSetting[],
): void {
  const told = new Set<string>();
  for (const sheet of plan.sheets) {
    for (const { profile, config } of [sheet.instrument, ...sheet.fallbacks]) {
      const problem = catalogue.get(profile)?.endpointProblem(config) ?? null;
      if (problem === null || told.has(problem)) continue;
      told.add(problem);
      findings.error(
        'V414',
        placeOf(config, written, score.isWritten(['backend', 'api_key_env'])),
        `${problem}.`,
      );
    }
  }
}

function placeOf(
  config: InstrumentConfig,
  written: readonly WrittenSetting[],
  inBackend: boolean,
): readonly PropertyKey[] {
  const { base_url: baseUrl } = config.other;
  const found =
    written.find(({ key, value }) => key === 'base_url' && value === baseUrl) ??
    written.find(({ key, value }) => key === 'api_key_env' && value === config.apiKeyEnv);
  return found?.path ?? (inBackend ? ['backend', 'api_key_env'] : ['instrument_config']);
}

/** Settings that none of the score's instruments heeds. One that only some heed is meant for those. */
function checkHeeded({ plan, catalogue, findings }: CheckContext, written: readonly WrittenSetting[]): void {
  const names = new Set<string>();
  for (const sheet of plan.sheets)
    for (const { profile } of [sheet.instrument, ...sheet.fallbacks]) names.add(profile);
  const heeded = new Set<string>();
  for (const name of names) {
    const keys = catalogue.get(name)?.configKeys ?? null;
    // Of an instrument that is not known nothing can be said.
    if (keys === null) return;
    for (const key of keys) heeded.add(key);
  }
  for (const { key, value, path } of written) {
    if (!known.includes(key) || heeded.has(key) || value === null || value === undefined) continue;
    findings.add({
      code: 'V415',
      severity: 'warning',
      path,
      at: 'key',
      message: `\`${key}\` has no effect: ${[...names].map((name) => `\`${name}\``).join(', ')} ${names.size === 1 ? 'does' : 'do'} not heed it.`,
      tags: ['unnecessary'],
    });
  }
}
