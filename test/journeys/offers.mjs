import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { fanOut, waiting } from './scores.mjs';

/** What the palette offers of Marianne's commands, all of it: the list is scrolled to its end. */
async function offered(window) {
  const { page } = window;
  await page.keyboard.press('F1');
  const input = window.quickInput.locator('input.input');
  await input.waitFor();
  await input.fill('>Marianne: ');
  await window.quickInput.locator('.monaco-list-row', { hasText: 'Marianne: Doctor' }).waitFor();
  const seen = new Set();
  for (let round = 0; round < 10; round += 1) {
    const labels = await window.quickInput
      .locator('.quick-input-list .monaco-list-row .label-name')
      .allInnerTexts();
    for (const label of labels) seen.add(label.replaceAll('\u00a0', ' '));
    await page.keyboard.press('PageDown');
    await page.waitForTimeout(100);
  }
  await page.keyboard.press('Escape');
  return [...seen]
    .filter((label) => label.startsWith('Marianne: ') && !label.includes('Focus on'))
    .map((label) => label.slice('Marianne: '.length))
    .sort();
}

/** The palette shows what is true within a moment, and its list is drawn while it scrolls: it is looked at more than once. */
async function offersOnly(window, commands, when) {
  const wanted = [...commands].sort();
  let seen = await offered(window);
  for (let round = 0; round < 4 && String(seen) !== String(wanted); round += 1) seen = await offered(window);
  assert.deepEqual(seen, wanted, when);
}

const always = ['Conductor Actions…', 'Doctor', 'Report Issue…', 'Show Conductor Log', 'Show Extension Log'];
/** What works with scores, keys and instruments; it starts the conductor if need be. */
const trusted = [
  ...always,
  ...[
    'Dry Run Score',
    'New Score…',
    'Preview Prompt',
    'Run From This Sheet',
    'Run Sheet',
    'Run Sheet With What It Needs',
  ],
  ...['Submit Score', 'Validate Score', 'Select Instrument…', 'Set API Key…', 'Refresh Instruments'],
  ...['Install mzt Command…', 'Open Terminal With mzt'],
];
const ofJobs = [
  ...['Retry With a Hint…', 'Rerun Sheet'],
  ...['Filter Jobs…', 'Show Job', 'Open Workspace Folder', 'Show Sheet Output', 'Pin Sheet Output'],
  ...[
    'Open Attempt',
    'Show Changes',
    'Undo This Sheet…',
    'Open Report',
    'Open Score',
    'Continue in Claude Code',
  ],
];
const ofLiveJobs = ['Pause Job', 'Cancel Job'];
const ofEndedJobs = ['Delete Job', 'Clear Finished Jobs…'];
const inFolder = 'Trust This Folder’s Instruments…';
const running = ['Restart Conductor', 'Stop Conductor'];

journey(
  'commands are offered when they can work',
  { files: { 'patient.yaml': waiting('patient') }, timeoutSeconds: 150 },
  async ({ window, session, folder }) => {
    await window.showContainer('Marianne');
    await offersOnly(window, [...trusted, inFolder, 'Start Conductor'], 'no conductor');

    await window.command('Marianne: Start Conductor');
    await window.pane('Jobs').getByText('There are no jobs yet').waitFor({ timeout: 30_000 });
    await offersOnly(window, [...trusted, inFolder, ...running], 'no jobs');

    await window.openFile('patient.yaml');
    await window.command('Marianne: Submit Score');
    await window.pick(/Submit$/);
    const job = window.row(window.pane('Jobs'), 'patient');
    await job.waitFor({ timeout: 30_000 });
    const some = [...trusted, inFolder, ...running, ...ofJobs];
    await offersOnly(window, [...some, ...ofLiveJobs], 'a job that plays');
    writeFileSync(join(folder, 'go-on'), '');
    await job.filter({ hasText: '1/1' }).waitFor({ timeout: 20_000 });
    await offersOnly(window, [...some, ...ofEndedJobs], 'a job that is over');

    const empty = await session.openWindow({ empty: true });
    await offersOnly(empty, [...trusted, 'Start Conductor'], 'no folder');
    await empty.command('Marianne: Submit Score');
    const none = empty.toast('There is no score in this workspace');
    await none.waitFor();
    await none.getByRole('button', { name: 'New Score' }).click();
    const first = empty.toast('Open a folder first');
    await first.waitFor();
    await first.getByRole('button', { name: 'Open Folder' }).waitFor();
  },
);

journey(
  'commands in Restricted Mode',
  { files: { 'duet.yaml': fanOut }, openFile: 'duet.yaml', workspaceTrust: true },
  async ({ window, session, screenshot }) => {
    const no = window.page.getByRole('button', { name: /No, I don't trust/ });
    await no.click({ timeout: 5_000 }).catch(() => undefined);
    await window.showContainer('Marianne');
    await window.page.getByRole('button', { name: 'Manage Trust' }).first().waitFor();
    await offersOnly(window, [...always]);
    await window.command('Marianne: Conductor Actions…');
    await window.quickInput.locator('.monaco-list-row', { hasText: 'Manage Trust' }).waitFor();
    const rows = await window.quickInput.locator('.monaco-list-row .label-name').allInnerTexts();
    assert.equal(
      rows.some((row) => /Submit|Start|Stop/.test(row)),
      false,
      rows.join(', '),
    );
    await screenshot();
    await window.page.keyboard.press('Escape');
    await window.command('Marianne: Doctor');
    await window.page
      .locator('.editor-instance .view-lines', { hasText: 'The conductor is not running' })
      .waitFor();
    assert.throws(() => readdirSync(join(session.folders.state, 'owner')), 'nothing was started');
  },
);
