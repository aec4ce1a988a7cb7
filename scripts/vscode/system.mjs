// What the machine itself must have: build tools for three small native modules, and a browser.
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError, run, say, toolEnvironment } from './cache.mjs';

/** The first of these programs that is on PATH, as an absolute path. */
export function onPath(...names) {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const file = join(folder, name);
      try {
        if (!folder) continue;
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // not here
      }
    }
  }
  return undefined;
}

const mayUseApt = () =>
  process.platform === 'linux' && process.getuid?.() === 0 && onPath('apt-get') !== undefined;

/** Packages by package manager: what a person would install by hand. */
const installCommands = {
  browser: {
    'apt-get': 'sudo apt-get install -y chromium',
    dnf: 'sudo dnf install -y chromium',
    pacman: 'sudo pacman -S chromium',
    apk: 'sudo apk add chromium',
    brew: 'brew install --cask google-chrome',
  },
  tools: {
    'apt-get': 'sudo apt-get install -y g++ make python3',
    dnf: 'sudo dnf install -y gcc-c++ make python3',
    pacman: 'sudo pacman -S base-devel python',
    apk: 'sudo apk add g++ make python3',
    brew: 'xcode-select --install',
  },
};

function commandFor(kind) {
  const manager = Object.keys(installCommands[kind]).find((name) => onPath(name));
  return manager
    ? installCommands[kind][manager]
    : `install ${kind === 'browser' ? 'Chrome or Chromium' : 'g++, make and python3'}`;
}

async function aptInstall(packages) {
  say(`installing ${packages.join(', ')} with apt-get (you are root on a Debian-like system)`);
  const env = toolEnvironment({ DEBIAN_FRONTEND: 'noninteractive' });
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
}

const toolPackages = { 'g++': 'g++', make: 'make', python3: 'python3' };

/** Makes sure of a C++ compiler, make and Python, which node-gyp needs. Throws a SetupError that says how to get them. */
export async function ensureBuildTools() {
  const missing = () =>
    Object.keys(toolPackages).filter(
      (tool) => !(tool === 'g++' ? onPath('g++', 'c++', 'clang++') : onPath(tool)),
    );
  if (missing().length > 0 && mayUseApt()) await aptInstall(missing().map((tool) => toolPackages[tool]));
  if (missing().length === 0) return;
  throw new SetupError(
    `${missing().join(', ')} missing: needed once, to build the VS Code server's native modules.\n  ${commandFor('tools')}`,
  );
}

const browserNames = [
  'chromium',
  'chromium-browser',
  'google-chrome-stable',
  'google-chrome',
  'microsoft-edge',
  'chrome',
];
const macBrowsers = ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
  (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
);

/**
 * The browser that shows the window: `$MZT_CHROME`, or what is installed; on Debian and Ubuntu root gets Chromium by apt.
 * Throws a SetupError that names the one command that helps.
 */
export async function ensureBrowser() {
  const chosen = process.env.MZT_CHROME;
  if (chosen) {
    if (!existsSync(chosen)) throw new SetupError(`MZT_CHROME: there is no ${chosen}`);
    return chosen;
  }
  const find = () =>
    onPath(...browserNames) ?? macBrowsers.find((path) => process.platform === 'darwin' && existsSync(path));
  const found = find();
  if (found) return found;
  if (mayUseApt()) {
    await aptInstall(['chromium', 'fonts-liberation']);
    const installed = find();
    if (installed) return installed;
  }
  throw new SetupError(
    'no Chrome or Chromium found, in whose headless window VS Code is tested.\n' +
      `  ${commandFor('browser')}\n` +
      '  (or set MZT_CHROME to one; or, where a display is there, MZT_VSCODE=desktop for the suites)',
  );
}
