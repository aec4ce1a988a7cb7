/** What views ask of scores and instruments, answered on this machine without a conductor. Only `src/score-room.ts` brings it into a bundle. */
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { loadCatalogue } from '../../instruments/catalogue';
import { environmentNames, isBannedName, isSystemName } from '../../instruments/environment-names';
import { NO_TRUST, readTrustFile } from '../../instruments/trust';
import type { Environment } from '../../protocol/paths';
import { statePaths } from '../../protocol/paths';
import { parseScore } from '../../score/parse';
import type { InstrumentCatalogue as ScoreCatalogue } from '../../score/catalogue';
import { planScore } from '../../score/plan-score';
import type { ScoreRoom, ScoreSummary } from './score-room';

/** Reads a score's text as far as views show it. */
function summarise(text: string, path: string): ScoreSummary {
  const { score, diagnostics } = parseScore({ text, path });
  const problems = diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ code, message, range }) => ({ code, message, line: range?.line ?? null }));
  if (score === null) return { problems, score: null };
  const plan = planScore(score, { cwd: dirname(path) });
  return {
    problems,
    score: {
      name: plan.name,
      description: plan.description,
      writtenWorkspace: score.isWritten(['workspace']) ? plan.workspace : null,
      stages: plan.totalStages,
      sheets: plan.sheets.map((sheet) => ({
        num: sheet.num,
        stage: sheet.stage,
        movementName: sheet.movementName,
        description: sheet.description,
        instrument: sheet.instrument.profile,
        dependsOn: [...sheet.dependsOn],
      })),
    },
  };
}

async function catalogue(distDir: string, stateDir: string) {
  const paths = statePaths(stateDir);
  return loadCatalogue({
    builtInFolder: join(distDir, 'profiles'),
    userFolder: paths.instruments,
    workspace: null,
    trust: await readTrustFile(paths.trust).catch(() => NO_TRUST),
  });
}

/** The instruments as the score's rules look at them. */
async function scoreCatalogue(distDir: string, stateDir: string): Promise<ScoreCatalogue> {
  const found = await catalogue(distDir, stateDir);
  return {
    names: () => found.names(),
    get(name) {
      const profile = found.get(name);
      if (profile === null) return undefined;
      return {
        name: profile.name,
        kind: profile.kind,
        rawPrompt: profile.raw_prompt,
        defaultTimeoutSeconds: profile.default_timeout_seconds,
        defaultModel: profile.default_model,
        mcpConfigFlag: profile.cli?.command.mcp_config_flag ?? null,
      };
    },
  };
}

/** Names of the keys that some instrument takes. Sorted. */
async function secretNames(distDir: string, stateDir: string): Promise<string[]> {
  const found = await catalogue(distDir, stateDir);
  return [...new Set(found.list().flatMap(({ profile }) => environmentNames(profile).secret))].sort();
}

/** Names for which the wire has a place. */
const SENDABLE = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What travels with a submit: system variables and what profiles list; keys apart, for memory only. */
async function submitEnvironment(env: Environment, distDir: string, stateDir: string) {
  const found = await catalogue(distDir, stateDir);
  const plain = new Set(Object.keys(env).filter(isSystemName));
  const secret = new Set<string>();
  for (const { profile } of found.list()) {
    const names = environmentNames(profile);
    for (const name of names.plain) plain.add(name);
    for (const name of names.secret) secret.add(name);
  }
  const pick = (names: Iterable<string>) => {
    const values: Record<string, string> = {};
    for (const name of [...names].sort()) {
      const value = env[name];
      if (value !== undefined && !isBannedName(name) && SENDABLE.test(name)) values[name] = value;
    }
    return values;
  };
  // A name that any profile calls a secret is never sent as plain.
  return {
    env: pick([...plain].filter((name) => !secret.has(name))),
    secrets: pick(secret),
    secretNames: [...secret],
  };
}

export const scoreRoom: ScoreRoom = {
  summarise,
  scoreCatalogue,
  secretNames,
  submitEnvironment,
  submitKey: () => randomUUID(),
};
