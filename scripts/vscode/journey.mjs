// A journey: what a person does with mouse and keyboard in a real VS Code, told as one mocha test.
//   import { journey } from '../../scripts/vscode/journey.mjs';
//   journey('submit a score', { files: { 'a.yaml': '…' } }, async ({ window, session, folder, screenshot }) => { … });
// Each journey has a VS Code, a folder, a HOME and a conductor of its own; all is closed after it, and what is left running fails it.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { say } from './cache.mjs';
import { Session } from './session.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const slug = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** Versions to run in, and the package to install instead of this folder: from run-journeys.mjs. */
const versions = (process.env.MZT_JOURNEY_VERSIONS ?? '1.139').split(',');
const vsix = process.env.MZT_JOURNEY_VSIX;

/**
 * Defines one mocha test per version.
 * @param {string} name also the screenshots' name
 * @param {object} options what Session.start takes (settings, env, workspaceTrust, vsix, extension …), and:
 * @param {Record<string, string>} [options.files] files of the workspace folder: path → text
 * @param {string} [options.copy] a folder whose content is copied into the workspace folder first
 * @param {string} [options.openFile] a file of the folder to open at the start
 * @param {number} [options.timeoutSeconds] for what `play` does
 * @param {(fixture: {window: import('./window.mjs').Window, session: Session, folder: string, version: string,
 *   screenshot: (step?: string, themes?: string[]) => Promise<string[]>}) => Promise<void>} play
 */
export function journey(name, options, play) {
  for (const version of versions) {
    it(`${name} (VS Code ${version})`, async function () {
      const { files = {}, copy, openFile, timeoutSeconds = 90, ...sessionOptions } = options;
      // Our own limit comes first: mocha's would leave no time for evidence and for closing.
      this.timeout((timeoutSeconds + 60) * 1000);
      const id = `${slug(name)}${version === versions[0] ? '' : `-${version}`}`;
      let session;
      let closing;
      try {
        const source =
          vsix && !options.extension ? { vsix: [vsix] } : { extension: options.vsix ? undefined : root };
        session = await Session.start({ ...source, ...sessionOptions, version });
        const { folder } = session;
        await fill(folder, copy, files);
        const window = await session.openWindow(openFile ? { openFile: join(folder, openFile) } : {});
        const screenshot = (step, themes) =>
          window.screenshot(step ? `${id}-${slug(step)}` : id, {
            folder: join(root, 'out', 'screenshots'),
            ...(themes ? { themes } : {}),
          });
        await within(timeoutSeconds, play({ window, session, folder, version, screenshot }));
      } catch (error) {
        if (session) await keepEvidence(session, id);
        throw error;
      } finally {
        closing = session?.close();
        // Awaited below, where it may fail the journey; here it must not hide the journey's own failure, which says more.
        await closing?.catch(() => undefined);
      }
      await closing;
    });
  }
}

async function fill(folder, copy, files) {
  if (copy) await cp(resolve(root, copy), folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

async function within(seconds, work) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the journey took longer than ${seconds} s`)), seconds * 1000);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** A picture of every window and all logs, and a line that says where they are. */
async function keepEvidence(session, id) {
  const target = join(root, 'out', 'vscode-logs', id);
  await session.saveLogs(target).catch(() => undefined);
  for (const [index, window] of session.windows.entries())
    await window.page.screenshot({ path: join(target, `window-${index + 1}.png`) }).catch(() => undefined);
  say(`pictures and logs of the failure: ${target}`);
}
