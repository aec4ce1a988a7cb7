import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { failing, waiting } from './scores.mjs';

const doneRow = (window, name) => window.row(window.pane('Jobs'), name).filter({ hasText: '1/1' });

/** Submits the open score with Enter. */
async function submit(window) {
  await window.command('Marianne: Submit Score');
  await window.pick(/Submit$/);
}

/** The process of the conductor in force. */
function conductorPid(session) {
  const folder = join(session.folders.state, 'owner');
  return JSON.parse(readFileSync(join(folder, readdirSync(folder).sort().at(-1)), 'utf8')).pid;
}

journey(
  'reload in the middle of a job',
  { files: { 'patient.yaml': waiting('patient') }, openFile: 'patient.yaml' },
  async ({ window, session, folder, screenshot }) => {
    await window.showContainer('Marianne');
    await submit(window);
    await window.row(window.pane('Jobs'), 'patient').waitFor({ timeout: 30_000 });
    await window.reload();
    const job = window.row(window.pane('Jobs'), 'patient');
    await job.waitFor({ timeout: 30_000 });
    await window.expand(job);
    const sheet = window.row(window.pane('Jobs'), 'Sheet 1');
    await window.inlineAction(sheet, 'Show Sheet Output');
    const shown = window.page.locator('.part.panel .view-lines', { hasText: 'it waits' });
    await shown.waitFor();
    await screenshot('after the reload');
    writeFileSync(join(folder, 'go-on'), '');
    await doneRow(window, 'patient').waitFor({ timeout: 20_000 });
    await window.page.locator('.part.panel .view-lines', { hasText: 'it ends' }).waitFor();
    const text = await session.output('Marianne Sheet Output');
    assert.equal(text.match(/it waits/g)?.length, 1);
    assert.equal(text.match(/it ends/g)?.length, 1);
  },
);

journey(
  'the conductor is killed in the middle of a job',
  { files: { 'tough.yaml': waiting('tough') }, openFile: 'tough.yaml' },
  async ({ window, session, folder }) => {
    await window.showContainer('Marianne');
    await submit(window);
    await window.row(window.pane('Jobs'), 'tough').waitFor({ timeout: 30_000 });
    const second = await session.openWindow();
    await second.showContainer('Marianne');
    await second.row(second.pane('Jobs'), 'tough').waitFor({ timeout: 30_000 });
    process.kill(conductorPid(session), 'SIGKILL');
    writeFileSync(join(folder, 'go-on'), '');
    await doneRow(window, 'tough').waitFor({ timeout: 40_000 });
    await doneRow(second, 'tough').waitFor({ timeout: 40_000 });
  },
);

journey(
  'a job that fails',
  { files: { 'sour.yaml': failing }, openFile: 'sour.yaml' },
  async ({ window, screenshot }) => {
    await window.showContainer('Marianne');
    await submit(window);
    const job = window.row(window.pane('Jobs'), 'sour').filter({ hasText: 'failed' });
    await job.waitFor({ timeout: 40_000 });
    await window.expand(job);
    const sheet = window.row(window.pane('Jobs'), '2 Sing off key');
    await window.expand(sheet);
    const attempt = window.row(window.pane('Jobs'), 'Attempt 1');
    await attempt.waitFor();
    await window.contextMenu(attempt, 'Open Attempt');
    await window.page
      .locator('.editor-instance .view-lines', { hasText: 'the wrong note' })
      .first()
      .waitFor();
    await screenshot('attempts', ['light', 'dark', 'high-contrast']);
  },
);

journey(
  'look in Restricted Mode',
  { files: { 'patient.yaml': waiting('patient') }, openFile: 'patient.yaml', workspaceTrust: true },
  async ({ window, session, screenshot }) => {
    const no = window.page.getByRole('button', { name: /No, I don't trust/ });
    if (
      await no.waitFor({ timeout: 5_000 }).then(
        () => true,
        () => false,
      )
    )
      await no.click();
    await window.showContainer('Marianne');
    await window.page.getByRole('button', { name: 'Manage Trust' }).first().waitFor();
    assert.equal(await window.offersCommand('Marianne: Submit Score'), false);
    assert.throws(() => readdirSync(join(session.folders.state, 'owner')));
    await screenshot();
  },
);
