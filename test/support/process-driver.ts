/**
 * A conductor in the small: launches one attempt and kills itself (SIGKILL) after the step that its first argument names.
 * `node process-driver.js <step> <launch spec as JSON>`
 */
import { writeFileSync } from 'node:fs';
import { readClaim, readExit } from '../../src/process/attempt';
import { processStartTime } from '../../src/process/identity';
import { checkLaunch, closeSpools, openSpools, spawnShim, type LaunchSpec } from '../../src/process/launch';
import { until } from './process-until';

const [, , dieAt = '', specText = ''] = process.argv;

function step(name: string): void {
  if (name === dieAt) process.kill(process.pid, 'SIGKILL');
}

async function main(spec: LaunchSpec): Promise<void> {
  if (spec.wake) {
    const record = {
      pid: process.pid,
      start_time: processStartTime(process.pid),
      boot_id: 'x',
      socket: '/nowhere',
    };
    writeFileSync(`${spec.wake.ownerFolder}/epoch-000000000007`, `${JSON.stringify(record)}\n`);
  }
  step('before-spool');
  checkLaunch(spec);
  const spools = openSpools(spec.base);
  step('after-spool');
  const launched = await spawnShim(spec, spools);
  closeSpools(spools);
  step('after-spawn');
  await until('claim', () => readClaim(spec.base).kind === 'shim');
  step('after-claim');
  const { size } = await import('node:fs').then((fs) => fs.promises.stat(`${spec.base}.out.spool`));
  await until('output', async () => {
    const now = await import('node:fs').then((fs) => fs.promises.stat(`${spec.base}.out.spool`));
    return now.size > size || readExit(spec.base) !== null;
  });
  step('running');
  await launched.exited;
  step('after-exit');
}

// The launched child is unref'd: something else has to keep the driver alive.
setInterval(() => undefined, 1000);
void main(JSON.parse(specText) as LaunchSpec).then(() => process.exit(0));
