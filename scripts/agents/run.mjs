// Plays real agents: run.mjs claude | codex | gemini | opencode | cline … against loopback vendors, `llama` a real llama.cpp server against our backends
// and three of them. None named: all but claude, which `npm test` plays.
import { buildTests, playTests } from '../mocha.mjs';
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
buildTests();
const files = names.map((name) => `out/test/agents/${name}.test.js`);
playTests(files, { timeoutMs: 90_000, retries: 1, env });
