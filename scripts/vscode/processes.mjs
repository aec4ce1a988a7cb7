// Finds and ends the processes of one session. All of them carry the session's folder in their environment or
// arguments (it is their HOME, their MARIANNE_HOME, their --server-data-dir), so nothing else is ever touched.
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/**
 * Living processes that mention `folder`, ourselves excepted.
 * @returns {Promise<{pid: number, command: string, agent: boolean}[]>} `agent`: it carries MARIANNE_MARKER
 */
export async function processesOf(folder) {
  return process.platform === 'linux' ? fromProc(folder) : fromPs(folder);
}

async function fromProc(folder) {
  const found = [];
  for (const name of await readdir('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    // Gone in between, or someone else's: not ours.
    const [environment, line] = await Promise.all(
      ['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')),
    );
    if (!environment.includes(folder) && !line.includes(folder)) continue;
    const command = line.replaceAll('\0', ' ').trim();
    found.push({ pid, command, agent: environment.includes('MARIANNE_MARKER=') });
  }
  return found;
}

async function fromPs(folder) {
  const { stdout } = await exec('ps', ['-axEww', '-o', 'pid=,stat=,command='], { maxBuffer: 64 << 20 });
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .filter(
      (match) =>
        match && match[3].includes(folder) && !match[2].startsWith('Z') && Number(match[1]) !== process.pid,
    )
    .map((match) => ({
      pid: Number(match[1]),
      command: match[3].slice(0, 200),
      agent: match[3].includes('MARIANNE_MARKER='),
    }));
}

/**
 * The conductor that owns a state directory: the highest `owner/epoch-<n>` record, unless it says that it was released
 * or its process is not (or no longer) one of `running`.
 */
export async function conductorOf(stateFolder, running) {
  const owner = join(stateFolder, 'owner');
  const newest = (await readdir(owner).catch(() => []))
    .filter((name) => name.startsWith('epoch-'))
    .sort()
    .at(-1);
  if (newest === undefined) return undefined;
  const record = JSON.parse(await readFile(join(owner, newest), 'utf8'));
  if (record.released === true || typeof record.pid !== 'number') return undefined;
  return running.some(({ pid }) => pid === record.pid) ? record.pid : undefined;
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // already gone
  }
}

/** Waits until `check()` is true; false after `limit` ms. */
export async function until(check, limit, step = 50) {
  const end = Date.now() + limit;
  for (;;) {
    if (await check()) return true;
    if (Date.now() >= end) return false;
    await delay(step);
  }
}

/** Ends a child that was spawned detached together with its process group: SIGTERM, and SIGKILL for what is left. */
export async function endGroup(child, limit) {
  if (child.pid === undefined) return;
  const gone = () => child.exitCode !== null || child.signalCode !== null;
  signal(-child.pid, 'SIGTERM');
  await until(gone, limit);
  signal(-child.pid, 'SIGKILL');
  await until(gone, 2_000);
}

/**
 * Ends everything that a session started and that outlives it: the conductor first (by design it does), then agents (by
 * design they do), then whatever else there is, which by design should not be.
 * @param {string} folder the session's folder
 * @param {string} stateFolder its MARIANNE_HOME
 * @returns {Promise<{conductor: number | undefined, agents: string[], leftovers: string[]}>} what was found running; leftovers are faults
 */
export async function endSession(folder, stateFolder) {
  const describe = ({ pid, command }) => `${pid} ${command}`;
  let running = await processesOf(folder);
  const leftovers = [];
  const conductor = await conductorOf(stateFolder, running);
  if (conductor !== undefined) {
    signal(conductor, 'SIGTERM');
    const gone = await until(
      async () => !(await processesOf(folder)).some(({ pid }) => pid === conductor),
      5_000,
    );
    if (!gone) leftovers.push(`${conductor} the conductor, 5 s after SIGTERM`);
  }
  // Language servers and watchers need a moment to notice that their host has gone.
  await until(async () => {
    running = (await processesOf(folder)).filter(({ pid }) => pid !== conductor);
    return running.every(({ agent }) => agent);
  }, 3_000);
  const agents = running.filter(({ agent }) => agent).map(describe);
  leftovers.push(...running.filter(({ agent }) => !agent).map(describe));
  // Killed, not asked: an agent's shim that ends by itself and finds no conductor starts one.
  await until(async () => {
    const rest = await processesOf(folder);
    for (const { pid } of rest) signal(pid, 'SIGKILL');
    return rest.length === 0;
  }, 5_000);
  return { conductor, agents, leftovers };
}
