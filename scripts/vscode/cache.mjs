// The cache of everything that a test run fetches once: outside the checkout, keyed by version, and never half filled.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A failure whose message is meant for the person at the terminal: it names what to do; no stack is printed. */
export class SetupError extends Error {}

/** Progress goes to stderr, so that stdout stays free for results. */
export function say(line) {
  process.stderr.write(`[vscode] ${line}\n`);
}

/** `$MZT_CACHE`, else `$XDG_CACHE_HOME/marianne-dev`, else `~/.cache/marianne-dev`. */
export function cacheFolder() {
  const { MZT_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  if (own) return resolve(own);
  return join(xdg || join(homedir(), '.cache'), 'marianne-dev');
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/**
 * Takes the lock file or waits for its holder. A holder that is gone is no holder. Two processes can end up inside
 * when both take over from the same dead one; that costs work twice and harms nothing, for the result is renamed into place.
 */
async function locked(path, what, work) {
  let told = false;
  let blank = 0;
  for (;;) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(String(process.pid));
      await file.close();
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    // 0 = it has just gone, or it was created a moment ago and its number is not in it yet. Not there after 3 s: its maker died.
    if (holder === 0) blank += 1;
    else blank = 0;
    if (holder > 0 ? !alive(holder) : blank > 10) await rm(path, { force: true });
    else {
      if (!told && holder > 0) say(`${what}: process ${holder} is at it, waiting for it`);
      told ||= holder > 0;
      await delay(300);
    }
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * The folder `<cache>/<key>`, made by `fill(temp)` if it is not there. `fill` works in a temporary folder that gets its
 * name only when it is complete, so a folder with that name can be used without a look inside.
 */
export async function cached(key, fill) {
  const target = join(cacheFolder(), key);
  if (existsSync(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  return locked(`${target}.lock`, key, async () => {
    if (existsSync(target)) return target;
    await removeAbandoned(target);
    const temp = `${target}.tmp-${process.pid}`;
    try {
      await mkdir(temp);
      await fill(temp);
      await rename(temp, target);
    } catch (error) {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    } finally {
      await rm(temp, { recursive: true, force: true });
    }
    return target;
  });
}

/** Removes what installs of this key left behind that were killed. */
async function removeAbandoned(target) {
  const folder = dirname(target);
  const prefix = `${basename(target)}.tmp-`;
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || alive(Number(name.slice(prefix.length)))) continue;
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** npm's settings that must reach an npm that we start from inside `npm test`; the rest describes the outer run. */
const npmSettings = /^npm_config_(registry|nodedir|cache|userconfig|globalconfig|cafile|.*proxy|.*_auth.*)$/i;

/** The environment for tools: without what an outer npm or VS Code has put there for its own children. */
export function toolEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|VSCODE_|ELECTRON_|NODE_OPTIONS$|INIT_CWD$)/i.test(name) || npmSettings.test(name),
  );
  return { ...Object.fromEntries(kept), ...extra };
}

/**
 * Runs a tool, its output into `log`. Throws a SetupError with the end of that output when it fails.
 * @returns {Promise<string>} its stdout
 */
export async function run(command, args, { cwd, env = toolEnvironment(), log } = {}) {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks = [];
  const all = [];
  const file = log ? createWriteStream(log, { flags: 'a' }) : undefined;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      if (stream === child.stdout) chunks.push(chunk);
      all.push(chunk);
      file?.write(chunk);
    });
  }
  const [code, signal] = await new Promise((settle, reject) => {
    child.once('error', (error) =>
      reject(error.code === 'ENOENT' ? new SetupError(`${command} is not installed`) : error),
    );
    child.once('close', (...end) => settle(end));
  });
  file?.end();
  if (code !== 0) {
    const tail = Buffer.concat(all).toString().trimEnd().split('\n').slice(-15).join('\n  ');
    throw new SetupError(`${command} ${args.join(' ')} failed (${signal ?? code}):\n  ${tail}`);
  }
  return Buffer.concat(chunks).toString();
}
