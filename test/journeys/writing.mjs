import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { until } from '../../scripts/vscode/processes.mjs';
import { fanOut } from './scores.mjs';

journey(
  'run a sheet from its lens',
  { files: { 'duet.yaml': fanOut }, openFile: 'duet.yaml' },
  async ({ window, folder, screenshot }) => {
    await window.showContainer('Marianne');
    // The branch that only the chorus takes, between the lines of the template.
    const lens = window.codeLens('Run sheet 4').last();
    await lens.waitFor({ timeout: 30_000 });
    await screenshot('lenses');
    await lens.click();
    const jobs = window.pane('Jobs');
    const job = window.row(jobs, 'duet').filter({ hasText: 'completed' }).or(window.row(jobs, 'duet'));
    await job.first().waitFor({ timeout: 30_000 });
    await window.page
      .locator('.codelens-decoration', { hasText: 'completed' })
      .first()
      .waitFor({ timeout: 30_000 });
    await window.expand(window.row(jobs, 'duet'));
    const chorus = window.row(jobs, '4 Chorus');
    await window.expand(window.row(jobs, 'Movement 2'));
    await window.inlineAction(chorus, 'Show Sheet Output');
    await window.page.locator('.part.panel .view-lines', { hasText: 'all together' }).waitFor();
    await screenshot('after');
    const rows = await window.rows(jobs);
    assert.ok(
      rows.some(({ label }) => label === '4 Chorus'),
      JSON.stringify(rows),
    );
    assert.equal(readFileSync(join(folder, 'duet.yaml'), 'utf8'), fanOut);
  },
);

journey(
  'mend a mistake by its quick fix',
  {
    files: { 'typo.yaml': fanOut.replace('instrument: cli', 'instrumet: cli') },
    openFile: 'typo.yaml',
  },
  async ({ window, folder, screenshot }) => {
    const { page } = window;
    await page.locator('.squiggly-error').first().waitFor({ timeout: 30_000 });
    await page.locator('.view-line', { hasText: 'instrumet' }).getByText('instrumet').click();
    // Fixes are there a moment after the mark.
    await page.locator('.lightbulb-glyph-gutter, [class*="gutter-lightbulb"]').first().waitFor();
    const mended = page.locator('.view-line', { hasText: 'instrument: cli' });
    const fix = page.locator('.action-widget .monaco-list-row', { hasText: 'instrument' }).first();
    for (let tries = 1; ; tries += 1) {
      await page.keyboard.press('Control+.');
      await fix.waitFor();
      if (tries === 1) await screenshot('offered');
      await page.keyboard.press('Enter');
      // The menu closes by itself when diagnostics come while it is open: a person opens it again.
      const done = await mended.waitFor({ timeout: 4_000 }).then(
        () => true,
        () => false,
      );
      if (done) break;
      assert.ok(tries < 4, 'the quick fix mends nothing');
    }
    await page.locator('.squiggly-error').waitFor({ state: 'detached' });
    // Here VS Code also saves by itself: its mark of what is not saved may never show.
    await page.keyboard.press('Control+S');
    const saved = () => readFileSync(join(folder, 'typo.yaml'), 'utf8');
    await until(() => saved() === fanOut, 10_000);
    assert.equal(saved(), fanOut);
    await screenshot('mended');
  },
);

journey(
  'without a mouse',
  { files: { 'duet.yaml': fanOut }, openFile: 'duet.yaml', timeoutSeconds: 150 },
  async ({ window, screenshot }) => {
    const { page } = window;
    const { keyboard } = page;
    // An editor that is still being opened takes the focus out of the palette.
    await window.codeLens('Run Score').waitFor({ timeout: 40_000 });
    /** From the palette with Enter. */
    const command = async (title) => {
      const row = window.quickInput.locator('.monaco-list-row.focused', { hasText: title });
      for (let tries = 0; ; tries += 1) {
        await keyboard.press('F1');
        await window.quickInput.locator('input.input').waitFor();
        await keyboard.type(title);
        const there = await row.waitFor({ timeout: 3_000 }).then(
          () => true,
          () => false,
        );
        if (there) break;
        assert.ok(tries < 6, `the palette does not offer ${title}`);
        await keyboard.press('Escape');
      }
      await keyboard.press('Enter');
    };
    await command('Marianne: Submit Score');
    await window.quickInput
      .locator('.monaco-list-row.focused', { hasText: 'Works in' })
      .waitFor({ timeout: 30_000 });
    await keyboard.press('Enter');
    // A view that is still empty has nothing to focus: first the job is there.
    await page.locator('.codelens-decoration', { hasText: 'completed · 4/4' }).waitFor({ timeout: 40_000 });
    await command('Marianne: Focus on Jobs View');
    const jobs = window.pane('Jobs');
    await window.row(jobs, 'duet').filter({ hasText: '4/4' }).waitFor({ timeout: 40_000 });
    const focused = jobs.locator('.monaco-list-row.focused');
    const label = () =>
      focused
        .locator('.label-name')
        .first()
        .innerText({ timeout: 1_000 })
        .catch(() => '');
    /** Presses a key until the focused row is the one that is meant; each press is waited for. */
    const until = async (key, wanted) => {
      for (let presses = 0; presses < 12; presses += 1) {
        const before = await label();
        if (before === wanted) return;
        await keyboard.press(key);
        for (let looks = 0; looks < 20 && (await label()) === before; looks += 1)
          await page.waitForTimeout(50);
      }
      assert.fail(`${key} did not lead to ${wanted}: ${JSON.stringify(await window.rows(jobs))}`);
    };
    await until('ArrowDown', 'duet');
    // Spoken by a screen reader: state and numbers in words.
    assert.match((await focused.getAttribute('aria-label')) ?? '', /duet.*completed.*4\/4|duet.*4.*4/);
    await keyboard.press('ArrowRight');
    await until('ArrowDown', 'Movement 1');
    await keyboard.press('ArrowRight');
    await window.row(jobs, '2 Second voice').waitFor();
    await until('ArrowDown', '2 Second voice');
    await screenshot('row');
    await keyboard.press('Shift+F10');
    const menu = page.locator('.monaco-menu');
    await menu.waitFor();
    const item = menu.getByRole('menuitem', { name: 'Open Attempt' });
    for (let presses = 0; presses < 20; presses += 1) {
      if ((await menu.locator('.action-item.focused', { hasText: 'Open Attempt' }).count()) > 0) break;
      await keyboard.press('ArrowDown');
    }
    await item.waitFor();
    await screenshot('menu');
    await keyboard.press('Enter');
    await page.locator('.editor-instance .view-lines', { hasText: 'voice 2 sings' }).first().waitFor();
    await screenshot('attempt');
  },
);
