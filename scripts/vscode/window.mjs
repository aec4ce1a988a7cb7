// One window of a session, in the words of its user: commands, views, rows, editors. Selectors hold for 1.100 and 1.139.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { format } from 'node:util';

/** Theme → what the browser says about itself; VS Code follows at once (session settings autoDetect…). */
const media = {
  light: { colorScheme: 'light', forcedColors: 'none' },
  dark: { colorScheme: 'dark', forcedColors: 'none' },
  'high-contrast': { colorScheme: 'dark', forcedColors: 'active' },
};
const themeClass = { light: 'vs', dark: 'vs-dark', 'high-contrast': 'hc-black' };

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
/** A string means the whole text; a regular expression is taken as it is. */
const exact = (text) => (typeof text === 'string' ? new RegExp(`^\\s*${escaped(text)}\\s*$`) : text);

export class Window {
  /** Lines of the page's console and errors. @type {string[]} */
  console = [];
  /** Settles with the code of the exit call when the window runs tests. */
  exit = withResolvers();
  #target;

  constructor(session, page) {
    this.session = session;
    /** @type {import('playwright-core').Page} */
    this.page = page;
    page.on('console', (message) => this.console.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.console.push(`page error: ${error.message}`));
  }

  #address({ folder, workspace, empty, openFile, tests }) {
    const { origin, options } = this.session;
    const remote = (path) => `vscode-remote://${origin}${path}`;
    const payload = [['skipWelcome', 'true']];
    if (options.extension) payload.push(['extensionDevelopmentPath', remote(options.extension)]);
    if (tests) payload.push(['extensionTestsPath', remote(options.tests)], ['enableProposedApi', '']);
    if (openFile) payload.push(['openFile', remote(openFile)]);
    const query = new URLSearchParams();
    if (workspace) query.set('workspace', workspace);
    else if (empty) query.set('ew', 'true');
    else query.set('folder', folder ?? this.session.folder);
    query.set('payload', JSON.stringify(payload));
    return `http://${origin}/?${query.toString().replaceAll('+', '%20')}`;
  }

  /** Shows a folder, workspace or nothing (see Session.openWindow); the page is loaded anew. */
  async open(target) {
    this.#target = target;
    if (target.tests) {
      await this.page.exposeFunction('codeAutomationLog', (type, args) =>
        this.console.push(`${type}: ${format(...args)}`),
      );
      await this.page.exposeFunction('codeAutomationExit', (code) => this.exit.resolve(code));
    }
    await this.page.goto(this.#address(target));
    if (!target.tests) await this.#restored();
  }

  /** Opens another folder in this window, as "File: Open Folder" does. */
  async openFolder(folder) {
    await this.open({ folder });
  }

  /** What "Developer: Reload Window" does, awaited. */
  async reload() {
    await this.page.reload();
    if (!this.#target.tests) await this.#restored();
  }

  /** Closes the window as a person does: its extension host is told, deactivates, and ends. */
  async close() {
    // Leaving the page lets VS Code say goodbye; a page that is only closed may not find the time, and its host waits for it to return.
    await this.page.goto('about:blank');
    await this.page.close();
    this.session.windows = this.session.windows.filter((window) => window !== this);
  }

  async #restored() {
    await this.page
      .locator('.monaco-workbench .part.statusbar .statusbar-item')
      .first()
      .waitFor({ timeout: 40_000 });
    // Only there with the smoke-test flag; a packaged extension is tested without it.
    await this.page.evaluate(() => globalThis.driver?.whenWorkbenchRestored());
  }

  // Commands and quick input

  get quickInput() {
    return this.page.locator('.quick-input-widget');
  }

  #quickRow(label) {
    return this.quickInput
      .locator('.quick-input-list .monaco-list-row')
      .filter({ has: this.page.locator('.label-name', { hasText: exact(label) }) })
      .first();
  }

  /** Opens the palette with that text in it. */
  async #palette(text) {
    await this.page.keyboard.press('F1');
    const input = this.quickInput.locator('input.input');
    await input.waitFor();
    await input.fill(`>${text}`);
  }

  /**
   * Runs a command from the palette by its whole title ("Marianne: Submit Score"). The palette lists what was there when it
   * opened, and a window's extensions are registered a moment after it is restored: so it is opened again until the command is there.
   */
  async command(title) {
    const row = this.#quickRow(title);
    for (const end = Date.now() + 20_000; ;) {
      await this.#palette(title);
      const there = await row.waitFor({ timeout: 2_000 }).then(
        () => true,
        () => false,
      );
      if (there) return row.click();
      await this.page.keyboard.press('Escape');
      if (Date.now() > end) throw new Error(`the palette does not offer "${title}"`);
    }
  }

  /** Whether the palette offers a command with that title within a second. Meant for "not", when another command was run before. */
  async offersCommand(title) {
    await this.#palette(title);
    const there = await this.#quickRow(title)
      .waitFor({ timeout: 1_000 })
      .then(
        () => true,
        () => false,
      );
    await this.page.keyboard.press('Escape');
    return there;
  }

  /** Picks a row of the open quick pick by its label. */
  async pick(label) {
    await this.#quickRow(label).click();
  }

  /** Types into the open input box and accepts it. */
  async answer(text) {
    const input = this.quickInput.locator('input.input');
    await input.waitFor();
    await input.fill(text);
    await input.press('Enter');
  }

  // Views and trees

  /** Shows a view container by its title in the Activity Bar. */
  async showContainer(title) {
    const tab = this.page.getByRole('tab', { name: title, exact: true });
    await tab.waitFor();
    if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
  }

  /** The pane of a view by the beginning of its title. */
  pane(title) {
    return this.page.locator('.pane', { has: this.page.locator(`.pane-header[aria-label^="${title}"]`) });
  }

  /** The row of a tree by its label (whole text, or a regular expression). It may not be there: await it. */
  row(pane, label) {
    return pane
      .getByRole('treeitem')
      .filter({ has: this.page.locator('.label-name', { hasText: exact(label) }) })
      .first();
  }

  /** All visible rows of a tree: label, description, depth (from 1), and whether it is open (undefined = a leaf). */
  async rows(pane) {
    return pane.getByRole('treeitem').evaluateAll((elements) =>
      elements.map((element) => ({
        label: element.querySelector('.label-name')?.textContent ?? '',
        description: element.querySelector('.label-description')?.textContent ?? '',
        level: Number(element.getAttribute('aria-level')),
        expanded: element.hasAttribute('aria-expanded')
          ? element.getAttribute('aria-expanded') === 'true'
          : undefined,
        selected: element.getAttribute('aria-selected') === 'true',
      })),
    );
  }

  /** Opens a row, if it is closed. */
  async expand(row) {
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false')
      await row.locator('.monaco-tl-twistie').click();
  }

  /** Clicks an inline action of a row. */
  async inlineAction(row, name) {
    await row.hover();
    await row.getByRole('button', { name }).first().click();
  }

  /** Chooses from a row's context menu. */
  async contextMenu(row, name) {
    await row.click({ button: 'right' });
    const item = this.page.getByRole('menuitem', { name });
    await item.waitFor();
    // A menu swallows a click that comes at once.
    await delay(250);
    await item.click();
    // Its command runs once the menu is gone; a key pressed before that would take the focus from it.
    await item.waitFor({ state: 'detached' });
  }

  // Editors

  /** Opens a file of the folder by its name, as Ctrl+P does. */
  async openFile(name) {
    await this.page.keyboard.press('Control+P');
    const input = this.quickInput.locator('input.input');
    await input.waitFor();
    await input.fill(name);
    const row = this.quickInput
      .locator('.quick-input-list .monaco-list-row')
      .filter({ hasText: name })
      .first();
    await row.waitFor();
    await row.click();
    await this.page.locator('.tabs-container .tab.active', { hasText: name.split('/').at(-1) }).waitFor();
  }

  /** CodeLenses of the visible editor with that text. They are drawn anew at times: await, do not count at once. */
  codeLens(text) {
    return this.page.locator('.codelens-decoration a', { hasText: text });
  }

  /** The visible lines of the active editor. */
  async editorText() {
    return (await this.page.locator('.editor-instance .view-lines').first().innerText()).replaceAll(
      '\u00a0',
      ' ',
    );
  }

  // The rest of the workbench

  /** A status bar item by its whole id, `<publisher>.<extension>.<item>`. */
  statusItem(id) {
    return this.page.locator(`[id="${id}"]`);
  }

  /** Toasts. In 1.139 they are shown only where the extension was installed from a package; else use notifications(). */
  toast(text) {
    return this.page.locator('.notifications-toasts .notification-toast', { hasText: text });
  }

  /** The notification centre's items, opened for it. */
  async notifications(text) {
    await this.command('Notifications: Show Notifications');
    return this.page.locator('.notifications-center .notification-list-item', { hasText: text });
  }

  /** Shows an output channel in the panel by its label. */
  async showOutput(label) {
    const select = this.page.locator('.part.panel select.monaco-select-box').first();
    if (!(await select.isVisible())) await this.command('View: Toggle Output');
    await select.selectOption({ label });
  }

  // Screenshots

  /** Changes the colours: 'light', 'dark' or 'high-contrast'. Needs no command and no focus: VS Code follows the browser. */
  async theme(name) {
    await this.page.emulateMedia(media[name]);
    await this.page.locator(`.monaco-workbench.${themeClass[name]}`).waitFor();
    // The next frames draw the new colours.
    await this.page.evaluate(
      () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
    );
    await delay(150);
  }

  /**
   * Writes `<folder>/<name>-<theme>.png` for each theme; the window is light again afterwards.
   * @returns {Promise<string[]>} the files
   */
  async screenshot(name, { themes = ['light', 'dark'], folder = 'out/screenshots' } = {}) {
    await mkdir(folder, { recursive: true });
    const files = [];
    for (const theme of themes) {
      await this.theme(theme);
      const path = join(folder, `${name}-${theme}.png`);
      await this.page.screenshot({ path });
      files.push(path);
    }
    await this.theme('light');
    return files;
  }
}

/** Promise.withResolvers for Node 20. */
function withResolvers() {
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
}
