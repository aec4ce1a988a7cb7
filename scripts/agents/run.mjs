// Plays real agents: run.mjs claude | codex | gemini | opencode | cline … against loopback vendors, `llama` a real llama.cpp server against our backends
// and three of them. None named: all but claude, which `npm test` plays.
import { spawnSync } from 'node:child_process';
import { agents, installAgent } from './install.mjs';
import { installLlama, llamaObstacle } from './llama.mjs';

const obstacle = llamaObstacle();
const all = [
  ...Object.keys(agents).filter((name) => name !== 'claude'),
  ...(obstacle === null ? ['llama'] : []),
];
const names = process.argv.length > 2 ? process.argv.slice(2) : all;
if (names === all && obstacle !== null) console.error(`[agents] LEFT OUT: llama.cpp. ${obstacle}`);
const env = { ...process.env };
const needed = names.flatMap((name) => (name === 'llama' ? ['claude', 'codex', 'opencode'] : [name]));
for (const name of new Set(needed)) env[`MZT_AGENT_${name.toUpperCase()}`] = await installAgent(name);
if (names.includes('llama')) env.MZT_AGENT_LLAMA = await installLlama();
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
