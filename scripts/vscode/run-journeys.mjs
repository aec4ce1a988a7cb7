// Runs the journeys: mocha in plain Node, a real VS Code in a headless browser.
//   node scripts/vscode/run-journeys.mjs [--version 1.139|1.100|all] [--vsix file] [--grep text] [file …]
// Files default to test/journeys/*.mjs (build first: node esbuild.mjs). Screenshots: out/screenshots/<journey>[-<step>]-<theme>.png
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';
import { SetupError, say } from './cache.mjs';
import { editionNames, ensureServer } from './server.mjs';
import { ensureBrowser } from './system.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    version: { type: 'string', default: '1.139' },
    vsix: { type: 'string' },
    grep: { type: 'string' },
  },
});

try {
  const versions = editionNames(values.version);
  const files = positionals.length > 0 ? positionals : globSync('test/journeys/*.mjs').sort();
  if (files.length === 0) throw new SetupError('no journeys found in test/journeys');
  // Before mocha's clocks run.
  await ensureBrowser();
  for (const version of versions) await ensureServer(version);
  say(`journeys in VS Code ${versions.join(' and ')}`);
  const args = [
    'node_modules/mocha/bin/mocha.js',
    '--forbid-only',
    '--forbid-pending',
    '--retries',
    '1',
    '--exit',
  ];
  if (values.grep) args.push('--grep', values.grep);
  const env = { ...process.env, MZT_JOURNEY_VERSIONS: versions.join(',') };
  if (values.vsix) env.MZT_JOURNEY_VSIX = resolve(values.vsix);
  const mocha = spawn(process.execPath, [...args, ...files], { stdio: 'inherit', env });
  // mocha's process has the sessions and ends them.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => mocha.kill(signal));
  process.exitCode = await new Promise((settle) => mocha.once('exit', (code) => settle(code ?? 1)));
} catch (error) {
  console.error(error instanceof SetupError ? `[vscode] ${error.message}` : error);
  process.exitCode = 1;
}
