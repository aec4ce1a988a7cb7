// `npm test`: everything that has to hold, on a fresh clone too. Ends with true numbers over all suites.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDependencies } from './ensure.mjs';

ensureDependencies();
const scratch = mkdtempSync(join(tmpdir(), 'marianne-test-'));
const counts = join(scratch, 'counts.jsonl');
const env = { ...process.env, MZT_TEST_COUNTS: counts, MZT_TEST_NO_BUILD: '1' };
// A test must never meet the user's own conductor.
delete env.MARIANNE_SOCKET;
env.MARIANNE_HOME = join(scratch, 'home');

/** Steps whose failure counts as one failed test, beside the tests that mocha counts itself. */
const steps = [
  ['build', ['esbuild.mjs', '--tests'], false],
  ['types', ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'], false],
  ['lint', ['node_modules/eslint/bin/eslint.js', '.'], false],
  ['format', ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'], false],
  ['unit tests', ['scripts/run-tests.mjs', 'unit'], true],
  ['integration tests', ['scripts/run-tests.mjs', 'integration'], true],
  ['Claude Code itself', ['scripts/agents/run.mjs', 'claude'], true],
  ...(existsSync('scripts/vscode/all.mjs') ? [['VS Code', ['scripts/vscode/all.mjs'], true]] : []),
];

let passed = 0;
let failed = 0;
for (const [name, args, counted] of steps) {
  console.log(`\n── ${name} ──`);
  const began = Date.now();
  const before = read();
  const status = spawnSync(process.execPath, args, { stdio: 'inherit', env }).status;
  const after = read();
  const fresh = after.slice(before.length);
  passed += fresh.reduce((sum, run) => sum + run.passes, 0);
  const failures = fresh.reduce((sum, run) => sum + run.failures + run.pending, 0);
  failed += failures;
  if (!counted) {
    if (status === 0) passed += 1;
    else failed += 1;
  } else if (status !== 0 && failures === 0) {
    // Ended without saying so: a crash, a time limit, no tests.
    failed += 1;
  }
  console.log(
    `── ${name}: ${status === 0 ? 'ok' : `failed (exit ${status})`}, ${((Date.now() - began) / 1000).toFixed(1)} s`,
  );
  if (name === 'build' && status !== 0) break;
}
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

function read() {
  if (!existsSync(counts)) return [];
  return readFileSync(counts, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
