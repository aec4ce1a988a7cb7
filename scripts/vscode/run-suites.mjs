// Runs the mocha suites that live inside the extension host, in a real VS Code.
//   node scripts/vscode/run-suites.mjs [--version 1.100|1.139|all] [--grep text] [--limit seconds] [--folder path] [file …]
// Files default to out/test/vscode/**/*.test.js (build first: node esbuild.mjs --tests). MZT_VSCODE=desktop uses a desktop VS Code.
// mocha's output goes to stdout as it comes, then one line of JSON per version. Exit code 0 only if every version passed.
import { open, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';
import { SetupError, say } from './cache.mjs';
import { runDesktop } from './desktop.mjs';
import { until } from './processes.mjs';
import { editionNames } from './server.mjs';
import { Session } from './session.mjs';
import { faults } from './verdict.mjs';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const index = join(root, 'scripts', 'vscode', 'suite-index.cjs');

/** Copies what is appended to a file to `sink`, until stopped. The file may not be there yet. */
function tail(path, sink) {
  let offset = 0;
  let stopped = false;
  const copy = async () => {
    const file = await open(path).catch(() => undefined);
    if (!file) return;
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    await file.close();
    offset += bytesRead;
    sink(buffer.subarray(0, bytesRead));
  };
  const loop = until(() => copy().then(() => stopped), Infinity, 200);
  return async () => {
    stopped = true;
    await loop;
  };
}

/**
 * Runs suites once, in one version.
 * @param {object} options
 * @param {string} options.version '1.100' or '1.139'
 * @param {string[]} options.files test files (absolute)
 * @param {string} [options.extension] the extension's folder; default: this repository
 * @param {string} [options.folder] the workspace folder; default: an empty one
 * @param {string} [options.grep] @param {number} [options.limitSeconds] for the whole run @param {number} [options.testTimeout] ms
 * @param {Record<string, unknown>} [options.settings] @param {Record<string, string>} [options.env]
 * @param {(chunk: Buffer) => void} [options.output] gets mocha's output
 */
export async function runSuites(options) {
  const {
    version,
    files,
    extension = root,
    limitSeconds = 180,
    output = (chunk) => process.stdout.write(chunk),
  } = options;
  if (files.length === 0) throw new SetupError('no suites found: build them with "node esbuild.mjs --tests"');
  const started = Date.now();
  const exchange = await mkdtemp(join(tmpdir(), 'mzt-suites-'));
  const report = join(exchange, 'report.json');
  const env = {
    ...options.env,
    MZT_SUITES_FILES: JSON.stringify(files),
    MZT_SUITES_REPORT: report,
    MZT_SUITES_OUTPUT: join(exchange, 'output'),
    MZT_SUITES_TIMEOUT: String(options.testTimeout ?? 10_000),
    ...(options.grep ? { MZT_SUITES_GREP: options.grep } : {}),
  };
  const stopTail = tail(env.MZT_SUITES_OUTPUT, output);
  const launch = process.env.MZT_VSCODE === 'desktop' ? runDesktop : runServer;
  try {
    const end = await launch({ ...options, extension, limitSeconds, env, index });
    const json = JSON.parse(await readFile(report, 'utf8').catch(() => 'null'));
    const lastTest = await readFile(`${report}.running`, 'utf8').catch(() => undefined);
    const reasons = [...faults({ ...end, limitSeconds, report: json, lastTest }), ...(end.faults ?? [])];
    const { tests = 0, passes = 0, failures = 0, pending = 0 } = json?.stats ?? {};
    const numbers = { tests, passes, failures, pending, seconds: (Date.now() - started) / 1000 };
    return {
      version,
      passed: reasons.length === 0,
      reasons,
      ...numbers,
      ...json?.about,
      logs: end.logs,
      results: json?.results ?? [],
    };
  } finally {
    await stopTail();
    await rm(exchange, { recursive: true, force: true });
  }
}

/** One run in the server build: its exit code (undefined = cut), the server's log, and what was left running. */
async function runServer({ version, extension, folder, settings, env, index, limitSeconds }) {
  const session = await Session.start({ version, extension, tests: index, folder, settings, env });
  const logs = join(root, 'out', 'vscode-logs', `suites-${version}`);
  const problems = [];
  let exitCode;
  try {
    const window = await session.openWindow({ tests: true });
    let timer;
    const limit = new Promise((settle) => (timer = setTimeout(settle, limitSeconds * 1000)));
    exitCode = await Promise.race([window.exit.promise, limit]);
    clearTimeout(timer);
    // deactivate() runs after the exit call; the host's end is in the log.
    const ended = await until(
      () => session.extensionHosts().length === 0,
      exitCode === undefined ? 0 : 8_000,
    );
    if (exitCode !== undefined && !ended)
      problems.push('the extension host did not end within 8 s: does deactivate() hang?');
    await session.saveLogs(logs);
  } finally {
    await session.close().catch((error) => problems.push(error.message));
  }
  return { exitCode, serverLog: session.log, logs, faults: problems };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      version: { type: 'string', default: 'all' },
      grep: { type: 'string' },
      limit: { type: 'string', default: '180' },
      folder: { type: 'string' },
    },
  });
  const files = positionals.length > 0 ? positionals.map((file) => resolve(file)) : suiteFiles();
  let passed = true;
  for (const version of editionNames(values.version)) {
    say(`suites in VS Code ${version}`);
    const folder = values.folder === undefined ? {} : { folder: resolve(values.folder) };
    const grep = values.grep === undefined ? {} : { grep: values.grep };
    const { results: _, ...summary } = await runSuites({
      version,
      files,
      ...folder,
      ...grep,
      limitSeconds: Number(values.limit),
    });
    console.log(JSON.stringify(summary));
    if (summary.passed) continue;
    passed = false;
    console.error(
      `[vscode] ${version} failed: ${summary.reasons.join('; ')}\n[vscode] logs: ${summary.logs}`,
    );
  }
  return passed;
}

function suiteFiles() {
  return globSync('out/test/vscode/**/*.test.js', { cwd: root, absolute: true }).sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = (await main()) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof SetupError ? `[vscode] ${error.message}` : error);
    process.exitCode = 1;
  }
}
