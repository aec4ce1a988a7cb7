// `npm run bench`: what timings have to hold, as ratios within one run. Not part of `npm test`: a busy machine must not fail it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDependencies, must } from './ensure.mjs';

ensureDependencies();
must(process.execPath, ['esbuild.mjs', '--bench']);

const chain = measured('out/bench/chain.js', '200', '5');
report('a chain of 200 empty sheets, ms a sheet', chain.chainMs, chain.floorMs, 1.7, chain.ratio);
const size = measured('out/bench/size.js', '100', '10000');
report('a sheet of a job of 10,000 beside one of 100, ms', size.largeMs, size.smallMs, 1.5);

const limits = measured('out/bench/limits.js');
report('12 sheets at once against bursts of 429, s', limits.takenSeconds, limits.idealSeconds, 1.3);
report('most probes a window', Math.max(...limits.probes), 1, 1);

const home = mkdtempSync(join(tmpdir(), 'marianne-bench-'));
const env = { ...process.env, MARIANNE_HOME: home };
try {
  must(process.execPath, ['dist/cli.js', 'start', '--quiet'], { env });
  const ours = [];
  const node = [];
  for (let round = 0; round < 15; round += 1) {
    ours.push(timed(['dist/cli.js', 'status'], env));
    node.push(timed(['-e', '0'], env));
  }
  report('mzt status, ms', median(ours), median(node), 3);
} finally {
  spawnSync(process.execPath, ['dist/cli.js', 'stop'], { env });
  rmSync(home, { recursive: true, force: true });
}

function timed(args, env) {
  const began = performance.now();
  spawnSync(process.execPath, args, { env, stdio: 'ignore' });
  return performance.now() - began;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** What a bench prints last, in a process of its own. */
function measured(...args) {
  const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

function report(what, ours, floor, bar, ratio = ours / floor) {
  console.log(
    `${what}: ${ours.toFixed(2)}, beside ${floor.toFixed(2)} → ${ratio.toFixed(2)} (bar ${bar}) ${ratio <= bar ? 'ok' : 'OVER THE BAR'}`,
  );
}
