import assert from 'node:assert/strict';
import { journey } from '../../scripts/vscode/journey.mjs';
import { fanOut } from './scores.mjs';

journey(
  'submit a score',
  { files: { 'duet.yaml': fanOut }, openFile: 'duet.yaml' },
  async ({ window, screenshot }) => {
    await window.showContainer('Marianne');
    await window.command('Marianne: Submit Score');
    await screenshot('before it starts');
    await window.pick(/Submit$/);
    const jobs = window.pane('Jobs');
    const job = window.row(jobs, 'duet');
    await job.waitFor({ timeout: 30_000 });
    await window.expand(job);
    await window.row(jobs, 'Movement 2').waitFor();
    await screenshot('running');
    await job.filter({ hasText: '4/4' }).waitFor({ timeout: 30_000 });
    await window.expand(window.row(jobs, 'Movement 1'));
    const sheet = window.row(jobs, '2 Second voice');
    await sheet.waitFor();
    await window.inlineAction(sheet, 'Show Sheet Output');
    await window.page.locator('.part.panel .view-lines', { hasText: 'voice 2 sings' }).waitFor();
    // VS Code takes its time with lenses; a state is no link.
    await window.page.locator('.codelens-decoration', { hasText: 'completed · 4/4' }).waitFor();
    await screenshot('done');
    const text = await window.page.locator('.part.panel .view-lines').innerText();
    assert.equal(text.match(/voice.2.sings/g)?.length, 1);
  },
);
