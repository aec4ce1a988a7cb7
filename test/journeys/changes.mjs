import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';

/** A sheet that changes a file, adds one and deletes one. */
const gardener = `name: gardener
description: Tidies a folder
instrument: cli
sheet: { size: 1, total_items: 1, descriptions: { 1: Tidy up } }
prompt:
  template: |
    sed -i s/weeds/roses/ garden.md; mkdir -p beds; echo "tulips" > beds/north.md; rm rubbish.md
validations: []
`;

journey(
  'show what a sheet changed, and undo it',
  {
    files: {
      'gardener.yaml': gardener,
      'garden.md': '# Garden\n\nFull of weeds.\n\nA pond.\n',
      'rubbish.md': 'old pots\n',
    },
    openFile: 'gardener.yaml',
  },
  async ({ window, folder, screenshot }) => {
    const { page } = window;
    execFileSync('git', ['init', '-q'], { cwd: folder });
    await window.showContainer('Marianne');
    await window.command('Marianne: Submit Score');
    await window.pick(/Submit$/);
    const jobs = window.pane('Jobs');
    const job = window.row(jobs, 'gardener').filter({ hasText: '1/1' });
    await job.waitFor({ timeout: 30_000 });
    await window.expand(job);
    const sheet = window.row(jobs, '1 Tidy up');
    await window.inlineAction(sheet, 'Show Changes');
    const diff = page.locator('.multiDiffEditor');
    await diff.getByText('beds/north.md').or(diff.getByText('north.md')).first().waitFor();
    await diff.locator('.view-lines', { hasText: 'Full of roses.' }).first().waitFor();
    await diff.locator('.view-lines', { hasText: 'Full of weeds.' }).first().waitFor();
    await screenshot('changes');

    // Somebody has touched a file meanwhile: nothing is undone, and the file is named.
    const mine = readFileSync(join(folder, 'garden.md'), 'utf8').replace('A pond.', 'A deep pond.');
    writeFileSync(join(folder, 'garden.md'), mine);
    await window.contextMenu(sheet, 'Undo This Sheet…');
    await (await window.notifications('changed since')).filter({ hasText: 'garden.md' }).waitFor();
    assert.equal(readFileSync(join(folder, 'garden.md'), 'utf8'), mine);
    await window.command('Notifications: Clear All Notifications');

    writeFileSync(join(folder, 'garden.md'), mine.replace('A deep pond.', 'A pond.'));
    await window.contextMenu(sheet, 'Undo This Sheet…');
    const dialog = page.locator('.monaco-dialog-box');
    await dialog.getByText('restore garden.md').waitFor();
    await screenshot('question');
    await dialog.getByRole('button', { name: 'Undo', exact: true }).click();
    await (await window.notifications('3 files are as they were')).waitFor();
    assert.match(readFileSync(join(folder, 'garden.md'), 'utf8'), /weeds/);
    assert.equal(readFileSync(join(folder, 'rubbish.md'), 'utf8'), 'old pots\n');
    assert.equal(existsSync(join(folder, 'beds')), false);
  },
);
