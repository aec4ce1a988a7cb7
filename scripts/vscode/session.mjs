// One running VS Code: a server with folders of its own, and a headless browser for its windows.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, rmSync } from 'node:fs';
import { cp, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { SetupError, run, say } from './cache.mjs';
import { Folders, cleanEnvironment } from './environment.mjs';
import { endGroup, endSession, until } from './processes.mjs';
import { ensureServer } from './server.mjs';
import { ensureBrowser } from './system.mjs';
import { Window } from './window.mjs';

function freePort() {
  return new Promise((settle, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => settle(port));
    });
  });
}

/** Sessions that are running. */
const open = new Set();

/** A run that is broken off (Ctrl+C, SIGTERM, an exception) leaves nothing behind either. */
function endOpenSessions() {
  for (const session of open) session.abandon();
}
function onSignal(signal) {
  endOpenSessions();
  process.exit(128 + constants.signals[signal]);
}
function remember(session) {
  if (open.size === 0) {
    process.on('exit', endOpenSessions);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  }
  open.add(session);
}
function forget(session) {
  if (!open.delete(session) || open.size > 0) return;
  process.off('exit', endOpenSessions);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, onSignal);
}

export class Session {
  /** @type {Window[]} */
  windows = [];
  #server;
  #browser;
  #context;
  #log = '';
  #closed;

  /**
   * Starts a server and a browser; windows are opened with `openWindow`.
   * @param {object} options
   * @param {string} options.version an edition: '1.100' or '1.139'
   * @param {string} [options.extension] a folder to load as extension under development
   * @param {string[]} [options.vsix] packages to install instead. Then nothing of VS Code runs in a test mode.
   * @param {string} [options.tests] module (without .js) with `run()`, for windows that run suites
   * @param {string} [options.folder] the workspace folder of windows that name none. Default: an empty one in the session's folder
   * @param {Record<string, unknown>} [options.settings] user settings, over the quiet ones
   * @param {Record<string, string>} [options.env] variables for the server, hence the extension host and its children
   * @param {boolean} [options.workspaceTrust] leave workspace trust on (Restricted Mode for every folder)
   * @param {number} [options.graceSeconds] how long the extension host outlives a browser that crashed
   */
  static async start(options) {
    const [server, browserPath] = [await ensureServer(options.version), await ensureBrowser()];
    const session = new Session();
    session.options = options;
    session.server = server;
    session.folders = await Folders.make({
      'security.workspace.trust.enabled': options.workspaceTrust === true,
      ...options.settings,
    });
    remember(session);
    try {
      await session.#installPackages();
      await session.#startServer();
      await session.#startBrowser(browserPath);
    } catch (error) {
      await session.close().catch(() => undefined);
      throw error;
    }
    return session;
  }

  /** The workspace folder of windows that name none. */
  get folder() {
    return this.options.folder ?? this.folders.workspace;
  }
  get origin() {
    return `127.0.0.1:${this.port}`;
  }
  /** What the server printed so far. */
  get log() {
    return this.#log;
  }

  async #installPackages() {
    const env = this.folders.environment(this.options.env);
    for (const vsix of this.options.vsix ?? []) {
      const args = [this.server.entry, ...this.#serverFolders(), '--install-extension', resolve(vsix)];
      await run(this.server.node, args, { env });
    }
  }

  #serverFolders() {
    return [
      '--accept-server-license-terms',
      ...['--server-data-dir', this.folders.base, '--user-data-dir', this.folders.userData],
      ...['--extensions-dir', this.folders.extensions, '--telemetry-level', 'off'],
    ];
  }

  async #startServer() {
    this.port = await freePort();
    const { node, entry } = this.server;
    const args = [
      ...[entry, '--host', '127.0.0.1', '--port', String(this.port), '--without-connection-token'],
      ...[...this.#serverFolders(), '--disable-telemetry'],
      ...['--reconnection-grace-time', String(this.options.graceSeconds ?? 15)],
    ];
    if (!this.options.workspaceTrust) args.push('--disable-workspace-trust');
    // A built server takes extensions under development and tests only with this flag, and says nothing without it.
    if (this.options.extension || this.options.tests) args.push('--enable-smoke-test-driver');
    const child = spawn(node, args, {
      cwd: this.folders.base,
      env: this.folders.environment(this.options.env),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#server = child;
    const file = createWriteStream(join(this.folders.base, 'server.log'));
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        this.#log += chunk;
        file.write(chunk);
      });
    let failure;
    child.once('error', (error) => (failure = error));
    const answers = () =>
      fetch(`http://${this.origin}/version`).then(
        (response) => response.ok,
        () => failure !== undefined || child.exitCode !== null,
      );
    if (!(await until(answers, 30_000, 30)) || failure || child.exitCode !== null)
      throw new SetupError(
        `VS Code ${this.server.version} did not start:\n${failure?.message ?? this.#log.slice(-2000)}`,
      );
  }

  async #startBrowser(executablePath) {
    this.#browser = await chromium.launch({
      executablePath,
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
      // Signals are ours: see onSignal.
      ...{ handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false },
      // The folder in its environment makes the browser one of the session's processes.
      env: cleanEnvironment({ HOME: this.folders.home, MZT_SESSION: this.folders.base }),
    });
    this.#context = await this.#browser.newContext({
      viewport: { width: 1280, height: 800 },
      colorScheme: 'light',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    this.#context.setDefaultTimeout(15_000);
  }

  /**
   * Opens a window and waits until it is restored. All windows share one browser context, hence VS Code's global state.
   * @param {object} [target]
   * @param {string} [target.folder] @param {string} [target.workspace] a .code-workspace file @param {boolean} [target.empty]
   * @param {string} [target.openFile] a file to open at the start
   * @param {boolean} [target.tests] run the session's tests in it; does not wait for anything then
   * @returns {Promise<Window>}
   */
  async openWindow(target = {}) {
    const window = new Window(this, await this.#context.newPage());
    this.windows.push(window);
    await window.open(target);
    return window;
  }

  /** Kills the browser as a crash would: extension hosts live on for `graceSeconds`. */
  async crashBrowser() {
    await this.#browser.close();
    this.windows = [];
  }

  /** The pids of the running extension hosts. */
  extensionHosts() {
    const started = [...this.#log.matchAll(/<(\d+)> Launched Extension Host Process/g)].map((match) =>
      Number(match[1]),
    );
    const ended = new Set(
      [...this.#log.matchAll(/<(\d+)> Extension Host Process exited/g)].map((match) => Number(match[1])),
    );
    return started.filter((pid) => !ended.has(pid));
  }

  /** Every log file of every extension host (output channels among them), newest window last: [name, path]. */
  async #outputFiles() {
    const root = join(this.folders.userData, 'logs');
    const names = await readdir(root, { recursive: true }).catch(() => []);
    return names
      .filter((name) => name.endsWith('.log') && /(^|\/)exthost\d*\//.test(name))
      .sort()
      .map((name) => ({
        channel: name.split('/').at(-1).replace(/^\d+-/, '').slice(0, -'.log'.length),
        path: join(root, name),
      }));
  }

  /** Names of the output channels of which VS Code has written a file. */
  async outputChannels() {
    return [...new Set((await this.#outputFiles()).map(({ channel }) => channel))];
  }

  /** The exact text of an output channel, of the newest window that has one; '' when there is none yet. */
  async output(channel) {
    const file = (await this.#outputFiles()).filter((entry) => entry.channel === channel).at(-1);
    return file ? readFile(file.path, 'utf8') : '';
  }

  /** Copies what tells the story of a failure (server log, VS Code's logs, our state directory's log) to `target`. */
  async saveLogs(target) {
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    const lines = this.windows.flatMap((window) => window.console);
    await writeFile(join(target, 'window.log'), lines.join('\n') + '\n');
    const sources = { 'server.log': 'server.log', 'user-data/logs': 'vscode', 'm/log': 'conductor' };
    for (const [from, to] of Object.entries(sources))
      await cp(join(this.folders.base, from), join(target, to), { recursive: true }).catch(() => undefined);
  }

  /**
   * Ends windows, browser, server, conductor and agents, and looks whether anything is left.
   * @returns {Promise<{conductor: number | undefined, agents: string[]}>} what outlived the server, as it should
   * @throws when something else outlived it (it is killed first)
   */
  close() {
    return (this.#closed ??= this.#close());
  }

  async #close() {
    await this.#browser?.close();
    if (this.#server) await endGroup(this.#server, 5_000);
    const { conductor, agents, leftovers } = await endSession(this.folders.base, this.folders.state);
    forget(this);
    await rm(this.folders.base, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch(
      (error) => say(`could not remove ${this.folders.base}: ${error.message}`),
    );
    if (leftovers.length > 0)
      throw new Error(`left running after everything was closed:\n  ${leftovers.join('\n  ')}`);
    return { conductor, agents };
  }

  /** Ends and removes everything without waiting for anything: for a process that is about to exit. */
  abandon() {
    const { base, state } = this.folders;
    try {
      if (this.#server?.pid) process.kill(-this.#server.pid, 'SIGKILL');
    } catch {
      // already gone
    }
    const module = new URL('./processes.mjs', import.meta.url).href;
    const script = `import(${JSON.stringify(module)}).then((m) => m.endSession(${JSON.stringify(base)}, ${JSON.stringify(state)}))`;
    spawnSync(process.execPath, ['-e', script]);
    rmSync(base, { recursive: true, force: true });
    open.delete(this);
  }
}
