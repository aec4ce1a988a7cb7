import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { until } from '../../scripts/vscode/processes.mjs';

const root = resolve(import.meta.dirname, '../..');

const score = (name, sheets, script) => `name: ${name}
instrument: cli
sheet: { size: 1, total_items: ${sheets} }
pause_between_sheets_seconds: 0
prompt: { template: '${script}' }
validations: []
`;

/** Submits as a terminal does. */
function submit(session, name, text) {
  writeFileSync(join(session.folder, `${name}.yaml`), text);
  execFileSync(
    process.execPath,
    [join(root, 'dist/cli.js'), 'run', `${name}.yaml`, '--workspace', session.folder],
    { cwd: session.folder, env: session.folders.environment(), stdio: 'pipe' },
  );
}

/** Where a person is in the tree: what is selected and open, and how far it is scrolled. */
async function place(window, pane) {
  const rows = await window.rows(pane);
  return {
    selected: rows.filter((row) => row.selected).map(({ label }) => label),
    open: rows.filter((row) => row.expanded).map(({ label }) => label),
    top: await pane
      .locator('.monaco-list-rows')
      .first()
      .evaluate((rowsElement) => rowsElement.style.top),
  };
}

/** Presses a key until the row with that label has the focus: rows come a moment after they are asked for. */
async function walk(window, pane, key, label) {
  const focused = pane.locator('.monaco-list-row.focused .label-name', { hasText: label });
  const come = await until(
    async () => {
      await window.page.keyboard.press(key);
      return (await focused.count()) > 0;
    },
    20_000,
    100,
  );
  assert.ok(come, `${key} comes to ${label}`);
}

journey(
  'look through very many jobs',
  { settings: { 'marianne.notifications': 'off' }, timeoutSeconds: 180 },
  async ({ window, session, folder, screenshot }) => {
    const { page } = window;
    // Needs the build with tests: node esbuild.mjs --tests
    const crowd = [join(root, 'out/test/support/crowd.js'), session.folders.state, folder, '450'];
    execFileSync(process.execPath, crowd, { cwd: root, stdio: 'pipe' });
    submit(session, 'huge', score('huge', 2_000, 'sleep 0.5; echo {{ sheet_num }}'));
    await window.showContainer('Marianne');
    const jobs = window.pane('Jobs');
    for (const name of ['Sheets', 'Instruments']) await window.pane(name).locator('.pane-header').click();

    // Older jobs, by keyboard and by mouse.
    await window.row(jobs, 'night-0450').click();
    await walk(window, jobs, 'End', 'Jobs 401 to 451');
    await page.keyboard.press('ArrowRight');
    await walk(window, jobs, 'End', 'night-0001');
    await walk(window, jobs, 'ArrowLeft', 'Jobs 401 to 451');
    await page.keyboard.press('ArrowLeft');
    const middle = window.row(jobs, 'Jobs 201 to 400');
    await middle.click();
    await window.row(jobs, 'night-0251').waitFor();
    await screenshot('older jobs', ['light']);
    await page.keyboard.press('Home');

    // A large job that goes on while one looks.
    await window.expand(window.row(jobs, 'huge'));
    await window.expand(window.row(jobs, 'Sheets 1 to 200'));
    await window.row(jobs, 'Sheet 7').click();
    for (const name of ['one', 'two', 'three'])
      submit(session, `busy-${name}`, score(`busy-${name}`, 500, 'sleep 0.2'));
    await window.row(jobs, 'busy-three').waitFor();
    await page.mouse.wheel(0, 30);
    const before = await place(window, jobs);
    assert.deepEqual(before.selected, ['Sheet 7']);
    assert.deepEqual(before.open, ['huge', 'Sheets 1 to 200']);
    const done = async () => Number(/(\d+)\/2000/.exec(await window.row(jobs, 'huge').innerText())?.[1]);
    const began = await done();
    assert.ok(await until(async () => (await done()) >= began + 4, 30_000, 200), 'its row counts on');
    assert.deepEqual(await place(window, jobs), before, 'nothing moved while rows changed');
    await screenshot('at work', ['dark']);

    // It is as quick after a reload, and knows all of them again.
    await window.reload();
    await window.row(jobs, 'huge').waitFor();
    await window.row(jobs, 'night-0450').click();
    await walk(window, jobs, 'End', 'Jobs 401 to 454');
  },
);
