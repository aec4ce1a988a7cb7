import { join, parse } from 'node:path';
import type { InstrumentCatalogue as Profiles } from '../instruments/catalogue';
import { honouredConfigKeys } from '../instruments/config-keys';
import { endpointIn } from '../instruments/endpoint';
import { workspaceProfileFolder } from '../instruments/trust';
import { locateProgram } from '../instruments/locate';
import type { ProgramPlaces } from '../instruments/locate';
import { reachOf, type InstrumentReach, type ReachSettings } from '../instruments/reach';

/** What the score room needs to know of instruments; the instruments room supplies it. */
export interface InstrumentInfo {
  /** Profile name. */
  readonly name: string;
  readonly kind: 'cli' | 'http';
  /** Only the rendered template is sent, and a shell reads it. */
  readonly rawPrompt: boolean;
  /** What it can touch with these settings. */
  reach(config: ReachSettings): InstrumentReach;
  /** Seconds. */
  readonly defaultTimeoutSeconds: number;
  readonly defaultModel: string | null;
  /** Those that its profile lists. */
  readonly models: readonly string[];
  /** Flag with which the program is told of MCP servers; null = it has none. */
  readonly mcpConfigFlag: string | null;
  /** The keys of `instrument_config` and `backend` that it heeds; null = not known. */
  readonly configKeys: readonly string[] | null;
  /** Its program, when that was looked for and is not on this machine; null = it is there, is no program, or nobody looked. */
  readonly missingProgram: { readonly executable: string; readonly installHint: string | null } | null;
  /** Why it may not be called as a score's settings say (address, key); null = it may. */
  endpointProblem(config: EndpointSettings): string | null;
}

/** Settings of a score that say where an HTTP instrument is, and with which key. */
export interface EndpointSettings {
  readonly apiKeyEnv: string | null;
  readonly other: Readonly<Record<string, unknown>>;
}

export interface InstrumentCatalogue {
  get(name: string): InstrumentInfo | undefined;
  names(): readonly string[];
  /** The file that brings an instrument which `get` does not give, and why it does not count; null when no file has it. */
  outcast(name: string): OutcastProfile | null;
}

/** A profile that is there and cannot be used. */
export interface OutcastProfile {
  /** Absolute. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly reason: string;
  readonly remedy: string;
}

/** What a prompt is made for; a profile that nobody knows counts as a program. */
export function promptInstrument(
  catalogue: InstrumentCatalogue,
  { profile, config }: { readonly profile: string; readonly config: ReachSettings },
): { readonly profile: string; readonly rawPrompt: boolean; readonly reach: InstrumentReach } {
  const info = catalogue.get(profile);
  return { profile, rawPrompt: info?.rawPrompt ?? false, reach: info?.reach(config) ?? 'program' };
}

/** A catalogue of given profiles. */
export function catalogueOf(infos: readonly InstrumentInfo[]): InstrumentCatalogue {
  const byName = new Map(infos.map((info) => [info.name, info]));
  return { get: (name) => byName.get(name), names: () => [...byName.keys()], outcast: () => null };
}

/** What this machine and its user add to the profiles. */
export interface MachineFacts {
  /** `base_urls` of conductor.yaml. */
  readonly userUrls: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where programs are looked for. */
  readonly programs: ProgramPlaces;
}

/** The instruments of a job as the score room looks at them, on this machine. */
export function scoreCatalogue(catalogue: Profiles, machine: MachineFacts): InstrumentCatalogue {
  return {
    names: () => catalogue.names(),
    outcast: (name) => outcastOf(catalogue, name),
    get(name) {
      const profile = catalogue.get(name);
      if (!profile) return undefined;
      return {
        name: profile.name,
        kind: profile.kind,
        rawPrompt: profile.raw_prompt,
        reach: (config) => reachOf(profile, config),
        defaultTimeoutSeconds: profile.default_timeout_seconds,
        defaultModel: profile.default_model,
        models: profile.models.map((model) => model.name),
        mcpConfigFlag: profile.cli?.command.mcp_config_flag ?? null,
        configKeys: honouredConfigKeys(profile),
        missingProgram:
          profile.cli === undefined ||
          profile.cli === null ||
          locateProgram(profile, machine.programs) !== null
            ? null
            : { executable: profile.cli.command.executable, installHint: profile.install_hint },
        endpointProblem: (config) => {
          const instrument = { profile: name, config };
          const endpoint = endpointIn(catalogue, instrument, machine.userUrls, machine.environment);
          return endpoint?.ok === false ? endpoint.message : null;
        },
      };
    },
  };
}

function outcastOf({ unapproved, problems }: Profiles, name: string): OutcastProfile | null {
  const item = unapproved?.items.find((each) => each.kind === 'instrument' && each.name === name);
  if (unapproved && item) {
    return {
      file: join(workspaceProfileFolder(unapproved.path), item.file),
      line: 1,
      reason: `\`${name}\` comes with the workspace, whose instruments are not approved.`,
      remedy: `Look at what it runs, and approve it: mzt trust ${unapproved.path}`,
    };
  }
  const broken = [...problems, ...(unapproved?.problems ?? [])].find(
    ({ severity, file }) => severity === 'error' && parse(file).name === name,
  );
  if (broken === undefined) return null;
  return {
    file: broken.file,
    line: broken.line ?? 1,
    reason: `Its profile cannot be used: ${broken.message}`,
    remedy: 'Mend its profile.',
  };
}
