/** Which instrument plays a sheet, and with which settings. */
import { resolve } from 'node:path';
import type { InstrumentConfig, PlannedInstrument } from './plan';
import type { Score } from './parse';
import type { ConfigFields } from './schema/score';
import { instrumentConfig } from './schema/instruments';

type Layer = Readonly<Record<string, unknown>>;

/** Where the name of a sheet's instrument comes from. */
export interface InstrumentChoice {
  readonly label: string;
  readonly from: 'per_sheet' | 'map' | 'movement' | 'score' | 'backend';
}

/** The first that says something: sheet, map, movement, score, `backend.type`. */
export function chooseInstrument(score: Score, sheet: { num: number; stage: number }): InstrumentChoice {
  const { fields } = score;
  const ofSheet = fields.sheet.per_sheet_instruments[String(sheet.num)];
  if (ofSheet !== undefined) return { label: ofSheet, from: 'per_sheet' };
  for (const [label, sheets] of Object.entries(fields.sheet.instrument_map)) {
    if (sheets.includes(sheet.num)) return { label, from: 'map' };
  }
  const ofMovement = fields.movements[String(sheet.stage)]?.instrument ?? null;
  if (ofMovement !== null) return { label: ofMovement, from: 'movement' };
  if (fields.instrument !== null) return { label: fields.instrument, from: 'score' };
  return { label: fields.backend.type, from: 'backend' };
}

/** Names of the fall-backs of a sheet, in order. A sheet's own list replaces the others even when empty. */
export function chooseFallbacks(score: Score, sheet: { num: number; stage: number }): readonly string[] {
  const { fields } = score;
  const ofSheet = fields.sheet.per_sheet_fallbacks[String(sheet.num)];
  if (ofSheet !== undefined) return ofSheet;
  const ofMovement = fields.movements[String(sheet.stage)]?.instrument_fallbacks ?? [];
  return ofMovement.length > 0 ? ofMovement : fields.instrument_fallbacks;
}

/** The profile that a name stands for: that of the alias, else the name itself. */
export function profileOf(score: Score, label: string): string {
  const { instruments } = score.fields;
  return Object.hasOwn(instruments, label) ? (instruments[label]?.profile ?? label) : label;
}

/** The instrument of a sheet with merged settings, and its fall-backs. */
export function planInstruments(
  score: Score,
  sheet: { num: number; stage: number },
  scoreDir: string,
): { instrument: PlannedInstrument; fallbacks: readonly PlannedInstrument[] } {
  const choice = chooseInstrument(score, sheet);
  const shared = sharedLayers(score, sheet, choice.from !== 'per_sheet' && choice.from !== 'map');
  const ofSheet = score.fields.sheet.per_sheet_instrument_config[String(sheet.num)];
  const planned = (label: string, layers: readonly Layer[], own: Layer | undefined): PlannedInstrument => ({
    profile: profileOf(score, label),
    label,
    config: typed([...layers, aliasConfig(score, label), own ?? {}], sheet.num, scoreDir),
  });
  const portable = shared.map(withoutBound);
  return {
    instrument: planned(choice.label, shared, ofSheet),
    fallbacks: chooseFallbacks(score, sheet).map((label) =>
      planned(label, portable, ofSheet === undefined ? undefined : withoutBound(ofSheet)),
    ),
  };
}

function aliasConfig(score: Score, label: string): Layer {
  const { instruments } = score.fields;
  return Object.hasOwn(instruments, label) ? (instruments[label]?.config ?? {}) : {};
}

/** Settings below the alias', weakest first. */
function sharedLayers(
  score: Score,
  sheet: { num: number; stage: number },
  withMovement: boolean,
): readonly Layer[] {
  const { fields } = score;
  return [
    backendLayer(score, sheet.num),
    fields.instrument_config,
    withMovement ? (fields.movements[String(sheet.stage)]?.instrument_config ?? {}) : {},
  ];
}

const backendKeys = [
  'skip_permissions',
  'disable_mcp',
  'output_format',
  'allowed_tools',
  'system_prompt_file',
  'cli_extra_args',
  'working_directory',
  'max_output_capture_bytes',
  'timeout_seconds',
] as const;
/** Of the block `ollama`, which speaks of nobody else. */
const ollamaKeys = [
  'base_url',
  'model',
  'num_ctx',
  'timeout_seconds',
  'keep_alive',
  'max_tool_iterations',
  'health_check_timeout',
] as const;
const httpKeys = ['model', 'api_key_env', 'max_tokens', 'temperature'] as const;

/** What `backend` says. Its defaults say nothing: the instrument's profile knows better. */
function backendLayer(score: Score, num: number): Layer {
  const { backend } = score.fields;
  const written = (key: string): boolean => score.isWritten(['backend', key]);
  const layer: Record<string, unknown> = {};
  for (const key of backendKeys) if (written(key)) layer[key] = backend[key];
  if (backend.type === 'claude_cli') layer['model'] = backend.cli_model;
  else for (const key of httpKeys) if (written(key)) layer[key] = backend[key];
  if (backend.type === 'ollama') {
    for (const key of ollamaKeys)
      if (score.isWritten(['backend', 'ollama', key])) layer[key] = backend.ollama[key];
  }
  if (backend.type === 'recursive_light') {
    const { endpoint, user_id: userId, timeout } = backend.recursive_light;
    const own = (key: string): boolean => score.isWritten(['backend', 'recursive_light', key]);
    if (own('endpoint')) layer['base_url'] = endpoint;
    if (userId !== null) layer['user_id'] = userId;
    // `timeout_seconds` is the general one, and the same thing.
    if (own('timeout') && !written('timeout_seconds')) layer['timeout_seconds'] = timeout;
  }
  const timeout = backend.timeout_overrides[String(num)];
  if (timeout !== undefined) layer['timeout_seconds'] = timeout;
  const override = backend.sheet_overrides[String(num)];
  if (override === undefined) return layer;
  const model = backend.type === 'claude_cli' ? override.cli_model : override.model;
  if (model !== null) layer['model'] = model;
  if (override.timeout_seconds !== null) layer['timeout_seconds'] = override.timeout_seconds;
  if (backend.type !== 'claude_cli') {
    if (override.temperature !== null) layer['temperature'] = override.temperature;
    if (override.max_tokens !== null) layer['max_tokens'] = override.max_tokens;
  }
  return layer;
}

/** Settings that mean something only to the instrument they were written for; a fall-back does not inherit them. */
const boundToInstrument = new Set([
  'model',
  'cli_model',
  'cli_extra_args',
  'api_key_env',
  'output_format',
  'base_url',
  'thinking',
  'user_id',
]);
/** Known keys without a field of their own in the plan: the vendors' classes read them. */
const vendorKeys = new Set([
  'base_url',
  'max_tool_iterations',
  'thinking',
  'num_ctx',
  'keep_alive',
  'parallel_requests',
  'user_id',
]);
const knownKeys: ReadonlySet<string> = new Set(Object.keys(instrumentConfig.shape));

function withoutBound(layer: Layer): Layer {
  return Object.fromEntries(
    Object.entries(layer).filter(([key]) => knownKeys.has(key) && !boundToInstrument.has(key)),
  );
}

/** Merges the layers, later ones over earlier ones. `cli_model` is `model`; a sheet's time limit in a layer beats that layer's general one. */
function typed(layers: readonly Layer[], num: number, scoreDir: string): InstrumentConfig {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    const { cli_model: cliModel, timeout_overrides: overrides, ...rest } = layer as ConfigFields;
    for (const [key, value] of Object.entries(rest)) if (value !== undefined) merged[key] = value;
    if (cliModel !== undefined && (rest.model ?? null) === null) merged['model'] = cliModel;
    const timeout = overrides?.[String(num)];
    if (timeout !== undefined) merged['timeout_seconds'] = timeout;
  }
  const config = merged as ConfigFields;
  const path = (value: string | null | undefined): string | null =>
    value === null || value === undefined ? null : resolve(scoreDir, value);
  return {
    model: config.model ?? null,
    timeoutSeconds: config.timeout_seconds ?? null,
    firstOutputTimeoutSeconds: config.first_output_timeout_seconds ?? null,
    idleTimeoutSeconds: config.idle_timeout_seconds ?? null,
    skipPermissions: config.skip_permissions ?? null,
    disableMcp: config.disable_mcp ?? null,
    outputFormat: config.output_format ?? null,
    allowedTools: config.allowed_tools ?? null,
    systemPromptFile: path(config.system_prompt_file),
    workingDirectory: path(config.working_directory),
    maxOutputCaptureBytes: config.max_output_capture_bytes ?? null,
    extraArgs: config.cli_extra_args ?? null,
    apiKeyEnv: config.api_key_env ?? null,
    maxTokens: config.max_tokens ?? null,
    temperature: config.temperature ?? null,
    fileTools: config.file_tools ?? null,
    mcpServers:
      config.mcp_servers?.map((chosen) =>
        typeof chosen === 'string'
          ? { name: chosen, allow: null, deny: [] }
          : { name: chosen.name, allow: chosen.allow ?? null, deny: chosen.deny ?? [] },
      ) ?? null,
    resumeSession: config.resume_session ?? false,
    other: jsonData(
      Object.fromEntries(
        Object.entries(merged).filter(([key]) => !knownKeys.has(key) || vendorKeys.has(key)),
      ),
    ),
  };
}

/** Settings that we do not know go into the plan too, which is JSON: a date becomes text, an infinity null. */
function jsonData(values: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(values)) as Record<string, unknown>;
}
