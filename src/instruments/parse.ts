import { LineCounter, isMap, isNode, isScalar, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { environmentNames, isBannedName, isSystemName, referencedNames } from './environment-names';
import { profileSchema, type InstrumentModel, type InstrumentProfile } from './schema';

/** Something wrong with a profile file. */
export interface ProfileProblem {
  readonly file: string;
  /** 1-based; null when the file could not be read at all. */
  readonly line: number | null;
  readonly severity: 'error' | 'warning';
  readonly message: string;
}

export interface ParsedProfile {
  /** Null when there is an error among the problems. */
  readonly profile: InstrumentProfile | null;
  readonly problems: readonly ProfileProblem[];
}

/** Named lists of models with prices, from the built-in price file. */
export type ModelLists = Readonly<Record<string, readonly InstrumentModel[]>>;

/** Larger than any sane profile; keeps a stray file from being parsed. */
export const MAX_PROFILE_BYTES = 256 * 1024;

/** A document that a schema was asked about, with the line of every issue. */
export function parseYaml<T>(
  text: string,
  file: string,
  schema: z.ZodType<T>,
): { value: T | null; problems: ProfileProblem[]; lineOf: (path: readonly PropertyKey[]) => number } {
  const lines = new LineCounter();
  // YAML 1.1, because PyYAML reads profiles so: `yes` is a boolean there.
  const document = parseDocument(text, {
    version: '1.1',
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
  });
  const lineOf = (path: readonly PropertyKey[]): number => lineOfPath(document, lines, path);
  const problem = (line: number, message: string): ProfileProblem => ({
    file,
    line,
    severity: 'error',
    message,
  });
  if (document.errors.length > 0) {
    return {
      value: null,
      lineOf,
      problems: document.errors.map((error) => problem(lines.linePos(error.pos[0]).line, error.message)),
    };
  }
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 50 });
  } catch (error) {
    return {
      value: null,
      lineOf,
      problems: [problem(1, error instanceof Error ? error.message : String(error))],
    };
  }
  const result = schema.safeParse(data);
  if (result.success) return { value: result.data, problems: [], lineOf };
  const problems = result.error.issues.flatMap((issue) => {
    const where = issue.path.map(String).join('.');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) =>
        problem(lineOf([...issue.path, key]), `unknown key "${where === '' ? key : `${where}.${key}`}"`),
      );
    }
    return [problem(lineOf(issue.path), where === '' ? issue.message : `${where}: ${issue.message}`)];
  });
  return { value: null, problems, lineOf };
}

function lineOfPath(document: Document, lines: LineCounter, path: readonly PropertyKey[]): number {
  // The deepest part of the path that exists: a missing key is told at its parent.
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const key = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair !== undefined && isNode(pair.key) && pair.key.range)
        return lines.linePos(pair.key.range[0]).line;
    }
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** Reads one profile. Never throws: what is wrong is among the problems. */
export function parseProfile(text: string, file: string, modelLists: ModelLists): ParsedProfile {
  if (Buffer.byteLength(text) > MAX_PROFILE_BYTES) {
    const message = `larger than ${MAX_PROFILE_BYTES} bytes`;
    return { profile: null, problems: [{ file, line: null, severity: 'error', message }] };
  }
  const { value, problems, lineOf } = parseYaml(text, file, profileSchema);
  if (value === null) return { profile: null, problems };

  const found: ProfileProblem[] = [];
  const say = (severity: ProfileProblem['severity'], path: readonly string[], message: string): void => {
    found.push({ file, line: lineOf(path), severity, message });
  };
  let models = value.models;
  if (value.model_list !== null) {
    const list = Object.hasOwn(modelLists, value.model_list) ? modelLists[value.model_list] : undefined;
    if (list === undefined) say('error', ['model_list'], `no model list "${value.model_list}"`);
    const own = new Set(models.map((model) => model.name));
    models = [...models, ...(list ?? []).filter((model) => !own.has(model.name))];
  }
  const profile: InstrumentProfile = { ...value, models };
  const command = profile.cli?.command;
  if (command) {
    const names = environmentNames(profile);
    const visible = new Set([...names.plain, ...names.secret]);
    for (const name of command.required_env ?? []) {
      if (isBannedName(name))
        say('warning', ['cli', 'command', 'required_env'], `${name} is never given to an agent`);
    }
    for (const [name, entry] of Object.entries(command.env)) {
      if (isBannedName(name))
        say('warning', ['cli', 'command', 'env', name], `${name} is never given to an agent`);
      for (const reference of referencedNames(entry)) {
        if (visible.has(reference) || isSystemName(reference) || command.inherit_env) continue;
        say(
          'warning',
          ['cli', 'command', 'env', name],
          `${name} refers to ${reference}, which the agent may not see; list it in required_env`,
        );
      }
    }
    if (command.required_env === null && command.secret_env.length === 0 && !command.inherit_env) {
      say(
        'warning',
        ['cli', 'command'],
        'no required_env: the agent gets system variables only; list the variables it needs, keys included',
      );
    }
    if (command.system_prompt_flag !== null && command.system_prompt_file_flag === null) {
      say(
        'warning',
        ['cli', 'command', 'system_prompt_flag'],
        'system_prompt_flag is not used; give system_prompt_file_flag, which takes a path',
      );
    }
  }
  const failed = found.some((problem) => problem.severity === 'error');
  return { profile: failed ? null : profile, problems: found };
}
