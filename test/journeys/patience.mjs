import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { waiting } from './scores.mjs';

/** The process of the conductor in force. */
function conductorPid(session) {
  const folder = join(session.folders.state, 'owner');
  return JSON.parse(readFileSync(join(folder, readdirSync(folder).sort().at(-1)), 'utf8')).pid;
}

/** While `work` lasts, the conductor stands still: as on a machine that has too much to do. */
async function standingStill(session, work) {
  const pid = conductorPid(session);
  process.kill(pid, 'SIGSTOP');
  try {
    await work();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

journey(
  'work that takes long is said and can be cancelled',
  { files: { 'late.yaml': waiting('late') }, openFile: 'late.yaml' },
  async ({ window, session, screenshot }) => {
    await window.showContainer('Marianne');
    const jobs = window.pane('Jobs');
    await window.command('Marianne: Start Conductor');
    await jobs.getByText('There are no jobs yet').waitFor({ timeout: 30_000 });

    await standingStill(session, async () => {
      await window.command('Marianne: Submit Score');
      await window.pick(/Submit$/);
      const toast = window.toast('Submitting late');
      await toast.waitFor({ timeout: 10_000 });
      await screenshot('submitting');
      await toast.getByRole('button', { name: 'Cancel' }).click();
      await toast.waitFor({ state: 'detached' });
    });
    await window.page
      .locator('.statusbar-item', { hasText: 'late was not submitted' })
      .waitFor({ timeout: 20_000 });
    assert.equal(await window.row(jobs, 'late').count(), 0);

    await standingStill(session, async () => {
      await window.reload();
      await window.command('Marianne: Start Conductor');
      const toast = window.toast('Starting the conductor');
      await toast.waitFor({ timeout: 10_000 });
      await toast.getByRole('button', { name: 'Cancel' }).click();
      await toast.waitFor({ state: 'detached' });
    });
    await window.command('Marianne: Submit Score');
    await window.pick(/Submit$/);
    await window.row(jobs, 'late').waitFor({ timeout: 30_000 });
  },
);
