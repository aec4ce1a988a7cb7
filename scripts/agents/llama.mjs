// Installs a real llama.cpp server into the cache (outside the checkout), without touching the system: Debian's packages, unpacked beside each other.
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cached, run, SetupError } from '../vscode/cache.mjs';

/** Debian has the server in unstable only; its name there is the same every day, its release is in `versions.txt` of the folder. */
const SUITE = 'sid';
const PACKAGE = 'llama.cpp-tools';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const LIBRARIES = 'usr/lib/x86_64-linux-gnu';

const target = `${process.platform}-${process.arch}`;

/** Why there can be no llama-server on this machine; null = there can. */
export function llamaObstacle() {
  if (process.env.MZT_AGENT_LLAMA || (target === 'linux-x64' && existsSync(KEYRING))) return null;
  return `Debian's llama-server runs on linux-x64 with apt and ${KEYRING} (this is ${target}); set MZT_AGENT_LLAMA to a llama-server of yours`;
}

/**
 * The absolute path of a program that behaves as `llama-server`. `MZT_AGENT_LLAMA` names one that is there already.
 * @throws SetupError where Debian's packages cannot be had.
 */
export async function installLlama() {
  const { MZT_AGENT_LLAMA: own, MZT_DEBIAN_MIRROR: mirror = 'http://deb.debian.org/debian' } = process.env;
  if (own) return own;
  const obstacle = llamaObstacle();
  if (obstacle !== null) throw new SetupError(obstacle);
  const folder = await cached(`agents/llama-${SUITE}-${target}`, async (temp) => {
    process.stderr.write(`[agents] downloading ${PACKAGE} of Debian ${SUITE}, once\n`);
    const apt = join(temp, 'apt');
    for (const name of ['lists/partial', 'archives/partial', 'cache'])
      await mkdir(join(apt, name), { recursive: true });
    // A system of its own in which nothing is installed: so its own C library is fetched too, and neither sources nor status of this machine are read.
    await writeFile(join(apt, 'status'), '');
    await writeFile(join(apt, 'sources.list'), `deb [signed-by=${KEYRING}] ${mirror} ${SUITE} main\n`);
    await writeFile(
      join(apt, 'apt.conf'),
      `Dir::Etc::sourcelist "${apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "${apt}";
Dir::State::lists "${apt}/lists";
Dir::State::status "${apt}/status";
Dir::Cache "${apt}/cache";
Dir::Cache::archives "${apt}/archives";
Dir::Log "${apt}";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
`,
    );
    const env = { ...process.env, APT_CONFIG: join(apt, 'apt.conf'), LC_ALL: 'C' };
    await run('apt-get', ['update', '-q'], { env });
    await run('apt-get', ['install', '-q', '-y', '--download-only', PACKAGE], { env });
    const debs = (await readdir(join(apt, 'archives'))).filter((name) => name.endsWith('.deb')).sort();
    for (const deb of debs) await run('dpkg-deb', ['-x', join(apt, 'archives', deb), join(temp, 'root')]);
    await writeFile(join(temp, 'versions.txt'), `${debs.join('\n')}\n`);
    await rm(apt, { recursive: true });
    await writeFile(join(temp, 'llama-server'), WRAPPER);
    await chmod(join(temp, 'llama-server'), 0o755);
    await run(join(temp, 'llama-server'), ['--version']);
  });
  return join(folder, 'llama-server');
}

/** Its libraries are newer than this machine's, so it is started by their own loader; which of the processor's variants is used is said, not guessed. */
const WRAPPER = `#!/bin/sh
root=$(dirname "$0")/root
lib=$root/${LIBRARIES}
GGML_BACKEND_PATH=$lib/ggml/backends0/libggml-cpu-x64.so
export GGML_BACKEND_PATH
exec "$lib/ld-linux-x86-64.so.2" --library-path "$lib:$lib/llama" "$root/usr/bin/llama-server" "$@"
`;
