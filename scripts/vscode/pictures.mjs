// The marketplace's pictures, taken in a real VS Code: node scripts/vscode/run-journeys.mjs scripts/vscode/pictures.mjs [--vsix file]
// They go to media/screenshots/; look at them before they are committed.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { journey } from './journey.mjs';

const target = resolve(import.meta.dirname, '../../media/screenshots');
mkdirSync(target, { recursive: true });

const release = `name: release-notes
description: Notes for the next release, from three sides
instrument: cli
sheet:
  size: 1
  total_items: 3
  fan_out: { 2: 3 }
  dependencies: { 2: [1], 3: [2] }
  descriptions: { 1: Read the history, 2: For users, 3: For operators, 4: For developers, 5: Put together }
parallel: { enabled: true, max_concurrent: 3 }
pause_between_sheets_seconds: 0
prompt:
  template: |
    {% if stage == 1 %}
    git log --oneline | tee history.txt
    {% elif stage == 2 %}
    echo "Looking for what matters …"; sleep {{ [4, 45, 60][instance - 1] }}
    echo "## Part {{ instance }}" > part-{{ instance }}.md; echo "- $(head -1 history.txt)" >> part-{{ instance }}.md
    {% else %}
    cat part-*.md > NOTES.md
    {% endif %}
validations:
  - { type: file_exists, path: "{workspace}/part-{instance}.md", condition: stage == 2 }
  - { type: file_exists, path: "{workspace}/NOTES.md", condition: stage == 3 }
`;

const reform = `name: tidy-docs
description: One voice for all guides
instrument: cli
sheet: { size: 1, total_items: 1, descriptions: { 1: Rewrite the guides } }
prompt:
  template: |
    sed -i -e 's/utilise/use/' -e 's/in order to/to/' guides/*.md
    printf '# Style\\n\\nShort words. One idea a sentence.\\n' > guides/style.md
    rm guides/old.md
validations:
  - { type: file_exists, path: "{workspace}/guides/style.md" }
`;

const guides = {
  'guides/install.md':
    '# Install\n\nIn order to begin, utilise the package manager.\n\nThen in order to check it, run it once.\n'.replace(
      'In order',
      'in order',
    ),
  'guides/first-steps.md': '# First steps\n\nOpen a folder.\n\nYou can utilise any template.\n',
  'guides/old.md': '# Old\n\nNobody reads this.\n',
};

async function submit(window) {
  await window.command('Marianne: Submit Score');
  await window.pick(/Submit$/);
}

/** Only what the picture is about. */
async function collapse(window, name) {
  const header = window.pane(name).locator('.pane-header');
  if ((await header.getAttribute('aria-expanded')) === 'true') await header.click();
}

async function picture(window, name, theme) {
  await window.page.mouse.move(900, 400);
  await window.theme(theme);
  await window.page.screenshot({ path: join(target, `${name}.png`) });
}

const git = (folder, ...args) =>
  execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: folder });

journey(
  'pictures: watch',
  { files: { 'release-notes.yaml': release }, openFile: 'release-notes.yaml', timeoutSeconds: 120 },
  async ({ window, folder }) => {
    git(folder, 'init', '-q');
    git(folder, 'add', '-A');
    for (const subject of ['Sign in with a passkey', 'Export as CSV', 'Start twice as fast'])
      git(folder, 'commit', '-q', '--allow-empty', '-m', subject);
    await window.showContainer('Marianne');
    await collapse(window, 'Instruments');
    await submit(window);
    const jobs = window.pane('Jobs');
    await window.expand(window.row(jobs, 'release-notes'));
    await window.expand(window.row(jobs, 'Movement 2'));
    await window.inlineAction(window.row(jobs, '3 For operators'), 'Show Sheet Output');
    await window.page.locator('.part.panel .view-lines', { hasText: 'what matters' }).waitFor();
    await window.row(jobs, 'Movement 2').filter({ hasText: '1/3' }).waitFor();
    await window.page.locator('.codelens-decoration', { hasText: '2 completed' }).first().waitFor();
    await picture(window, 'watch', 'dark');
    await window.command('Marianne: Cancel Job');
    await window.pick('release-notes').catch(() => undefined);
    await window.page.locator('.monaco-dialog-box').getByRole('button', { name: 'Cancel Job' }).click();
    await window.row(jobs, 'release-notes').filter({ hasText: 'cancelled' }).waitFor();
  },
);

journey(
  'pictures: changes',
  { files: { ...guides, 'tidy-docs.yaml': reform }, openFile: 'tidy-docs.yaml' },
  async ({ window, folder }) => {
    git(folder, 'init', '-q');
    await window.showContainer('Marianne');
    await collapse(window, 'Instruments');
    await submit(window);
    const jobs = window.pane('Jobs');
    const job = window.row(jobs, 'tidy-docs').filter({ hasText: '1/1' });
    await job.waitFor({ timeout: 30_000 });
    await window.expand(job);
    await window.inlineAction(window.row(jobs, '1 Rewrite the guides'), 'Show Changes');
    await window.page.locator('.multiDiffEditor .view-lines', { hasText: 'any template' }).first().waitFor();
    await window.page.waitForTimeout(1_000);
    await picture(window, 'changes', 'light');
  },
);

journey(
  'pictures: write',
  {
    files: { 'release-notes.yaml': release.replace('max_concurrent', 'max_concurent') },
    openFile: 'release-notes.yaml',
  },
  async ({ window }) => {
    const { page } = window;
    await window.showContainer('Marianne');
    await page.locator('.squiggly-error').first().waitFor({ timeout: 30_000 });
    await page.locator('.view-line', { hasText: 'max_concurent' }).getByText('max_concurent').click();
    await page.waitForTimeout(1_500);
    await page.keyboard.press('Control+.');
    await page.locator('.action-widget .monaco-list-row').first().waitFor();
    await picture(window, 'write', 'light');
  },
);
