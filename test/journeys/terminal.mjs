import assert from 'node:assert/strict';
import { journey } from '../../scripts/vscode/journey.mjs';
import { waiting } from './scores.mjs';

journey(
  'a job submitted in the terminal',
  { files: { 'typed.yaml': waiting('typed').replace('while [ ! -e go-on ]; do sleep 0.2; done; ', '') } },
  async ({ window, screenshot }) => {
    await window.showContainer('Marianne');
    await window.command('Marianne: Open Terminal With mzt');
    const terminal = window.page.locator('.terminal-wrapper.active .xterm-rows');
    await terminal.filter({ hasText: 'Usage' }).waitFor({ timeout: 30_000 });
    await window.page.locator('.terminal-wrapper.active').click();
    await window.page.keyboard.type('mzt run typed.yaml --workspace .\n');
    const job = window.row(window.pane('Jobs'), 'typed').filter({ hasText: '1/1' });
    await job.waitFor({ timeout: 30_000 });
    await screenshot();
    assert.ok(await job.isVisible());
  },
);
