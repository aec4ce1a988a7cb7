// What demo, test and bench need of a fresh clone: dependencies and a build. Installs only what is missing or out of date.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// Wherever the script was called from: `npm ci` in a stranger's folder would replace his dependencies.
process.chdir(fileURLToPath(new URL('..', import.meta.url)));

function fail(message) {
  console.error(message);
  process.exit(1);
}

/** Runs a command with its output shown; ends this process when it fails. */
export function must(command, args, options = {}) {
  const run = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (run.error) fail(`${command} cannot be run: ${run.error.message}`);
  if (run.status !== 0) fail(`"${command} ${args.join(' ')}" failed (exit ${run.status ?? run.signal})`);
}

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

/** Node 20.19 is the oldest that everything here runs on. */
export function ensureNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`Node ${process.versions.node} is too old: 20.19 or newer is needed.`);
}

export function ensureDependencies() {
  ensureNode();
  const marker = 'node_modules/.package-lock.json';
  if (existsSync(marker) && statSync(marker).mtimeMs >= statSync('package-lock.json').mtimeMs) return;
  console.log('Installing dependencies (npm ci) …');
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

export function ensureBuild() {
  ensureDependencies();
  const stamp = 'dist/build.json';
  const sources = ['src', 'esbuild.mjs', 'package-lock.json'];
  if (
    existsSync(stamp) &&
    existsSync('dist/cli.js') &&
    sources.every((path) => newest(path) <= statSync(stamp).mtimeMs)
  )
    return;
  console.log('Building (node esbuild.mjs) …');
  must(process.execPath, ['esbuild.mjs']);
}
