/** What views ask of scores and instruments, answered on this machine without a conductor. Only `src/score-room.ts` brings it into a bundle. */
import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadCatalogue } from '../../instruments/catalogue';
import { environmentNames } from '../../instruments/environment-names';
import { submitEnvironment } from '../../instruments/submit-environment';
import { readUserSettings } from '../../instruments/user-settings';
import { NO_TRUST, readTrustFile } from '../../instruments/trust';
import { statePaths } from '../../protocol/paths';
import { parseScore } from '../../score/parse';
import { scoreCatalogue } from '../../score/catalogue';
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

async function catalogue(distDir: string, stateDir: string, workspace: string | null = null) {
  const paths = statePaths(stateDir);
  return loadCatalogue({
    builtInFolder: join(distDir, 'profiles'),
    userFolder: paths.instruments,
    workspace,
    trust: await readTrustFile(paths.trust).catch(() => NO_TRUST),
  });
}

export const scoreRoom: ScoreRoom = {
  summarise,
  scoreCatalogue: async (distDir, stateDir, workspace) => {
    const { baseUrls, executables } = await readUserSettings(statePaths(stateDir).config);
    return scoreCatalogue(await catalogue(distDir, stateDir, workspace), {
      userUrls: baseUrls,
      environment: process.env,
      programs: { path: process.env['PATH'] ?? '', home: homedir(), executables },
    });
  },
  submitEnvironment: async (env, distDir, stateDir) =>
    submitEnvironment(env, await catalogue(distDir, stateDir)),
  keysOf: async (instrument, distDir, stateDir) => {
    const profile = (await catalogue(distDir, stateDir)).get(instrument);
    return profile === null ? [] : environmentNames(profile).secret;
  },
  submitKey: () => randomUUID(),
};
