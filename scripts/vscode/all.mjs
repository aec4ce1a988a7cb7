// The VS Code layer of `npm test`: the suites in both versions, then the journeys on the packaged extension. Their numbers go to MZT_TEST_COUNTS.
import { appendFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { pack } from '../pack.mjs';

let failed = false;

/** Runs a script with its output shown, and gives what it printed. */
function run(script, args) {
  const { status, stdout } = spawnSync(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  process.stdout.write(stdout);
  if (status !== 0) failed = true;
  return stdout;
}

function count(passes, failures, pending) {
  if (process.env.MZT_TEST_COUNTS) {
    appendFileSync(process.env.MZT_TEST_COUNTS, JSON.stringify({ passes, failures, pending }) + '\n');
  }
}

const suites = run('scripts/vscode/run-suites.mjs', ['--version', 'all']);
for (const line of suites.split('\n')) {
  if (!line.startsWith('{"version"')) continue;
  const { passes, failures, pending, passed } = JSON.parse(line);
  // A run that is refused for another reason (a crashed host, a hang) counts as one failure.
  count(passes, passed ? 0 : Math.max(1, failures), pending);
}

// The journeys are a user's: they play on the package.
const vsix = pack('out/marianne.vsix');
const journeys = run('scripts/vscode/run-journeys.mjs', ['--vsix', vsix]);
const number = (word) => Number(new RegExp(`^\\s*(\\d+) ${word}`, 'm').exec(journeys)?.[1] ?? 0);
count(number('passing'), number('failing'), number('pending'));

process.exit(failed ? 1 : 0);
