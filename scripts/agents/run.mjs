// Plays real agents against loopback vendors: run.mjs claude | codex | gemini | opencode | cline … (none named: all but claude, which `npm test` plays).
import { spawnSync } from 'node:child_process';
import { agents, installAgent } from './install.mjs';

const names =
  process.argv.length > 2 ? process.argv.slice(2) : Object.keys(agents).filter((name) => name !== 'claude');
const env = { ...process.env };
for (const name of names) env[`MZT_AGENT_${name.toUpperCase()}`] = await installAgent(name);
if (env.MZT_TEST_NO_BUILD !== '1') {
  const build = spawnSync(process.execPath, ['esbuild.mjs', '--tests'], { stdio: 'inherit' });
  if (build.status !== 0) process.exit(build.status ?? 1);
}
const { status } = spawnSync(
  process.execPath,
  [
    '--enable-source-maps',
    'node_modules/mocha/bin/mocha.js',
    '--reporter',
    'scripts/counting-reporter.cjs',
    '--timeout',
    '90000',
    '--retries',
    '1',
    '--forbid-only',
    '--forbid-pending',
    '--exit',
    ...names.map((name) => `out/test/agents/${name}.test.js`),
  ],
  { stdio: 'inherit', env },
);
process.exit(status ?? 1);
