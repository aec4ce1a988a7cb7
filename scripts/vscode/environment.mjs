// What every tested VS Code is given, of either kind: folders of its own, an environment from a list, quiet settings.
import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Nothing that asks, fetches, greets or moves; and the colours follow the browser, see Window.theme. */
const quietSettings = {
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoUpdate': false,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'chat.commandCenter.enabled': false,
  'chat.agentHost.enabled': false,
  'git.enabled': false,
  'window.commandCenter': false,
  'workbench.reduceMotion': 'on',
  'editor.minimap.enabled': false,
  'files.simpleDialog.enable': true,
  'terminal.integrated.gpuAcceleration': 'off',
  'window.autoDetectColorScheme': true,
  'window.autoDetectHighContrast': true,
  'workbench.preferredLightColorTheme': 'Default Light Modern',
  'workbench.preferredDarkColorTheme': 'Default Dark Modern',
  'workbench.preferredHighContrastColorTheme': 'Default High Contrast',
};

/** What programs get from our own environment. No key, no token, no MARIANNE_* or VSCODE_* of the person who runs the tests. */
const inherited = [
  'PATH',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'SHELL',
  'USER',
  'LOGNAME',
  'NODE_V8_COVERAGE',
];

/** The inherited variables and these. */
export function cleanEnvironment(extra) {
  return {
    ...Object.fromEntries(
      inherited.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
    ),
    ...extra,
  };
}

/** Where sessions are: a short path, since Unix sockets live below it, and macOS takes 103 bytes at most. */
export function sessionsFolder() {
  return tmpdir().length <= 20 ? tmpdir() : '/tmp';
}

/** The folders of one session, all below `base`, which `processes.mjs` knows its processes by. */
export class Folders {
  constructor(base) {
    this.base = base;
    this.home = join(base, 'home');
    /** MARIANNE_HOME */
    this.state = join(base, 'm');
    this.temp = join(base, 'tmp');
    this.workspace = join(base, 'workspace');
    this.extensions = join(base, 'extensions');
    this.userData = join(base, 'user-data');
  }

  static async make(settings) {
    const folders = new Folders(await realpath(await mkdtemp(join(sessionsFolder(), 'mzt-vs-'))));
    const user = join(folders.userData, 'User');
    const { home, temp: ownTemp, workspace, extensions } = folders;
    for (const path of [user, home, ownTemp, workspace, extensions]) await mkdir(path, { recursive: true });
    await writeFile(join(user, 'settings.json'), JSON.stringify({ ...quietSettings, ...settings }, null, 2));
    return folders;
  }

  /** The environment of a VS Code, which its extension host and all that this starts inherit. */
  environment(extra) {
    return cleanEnvironment({
      HOME: this.home,
      MARIANNE_HOME: this.state,
      TMPDIR: this.temp,
      // Without it every run leaves VS Code's sockets in the machine's temporary folder.
      XDG_RUNTIME_DIR: this.base,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      XDG_CACHE_HOME: join(this.home, '.cache'),
      ...extra,
    });
  }
}
