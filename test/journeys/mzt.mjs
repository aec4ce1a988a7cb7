import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../../scripts/vscode/journey.mjs';
import { waiting } from './scores.mjs';

journey(
  'mzt in a login shell',
  {
    files: { 'typed.yaml': waiting('typed').replace('while [ ! -e go-on ]; do sleep 0.2; done; ', '') },
    env: { SHELL: '/bin/bash' },
  },
  async ({ window, session, folder, screenshot }) => {
    const { home, base } = session.folders;
    writeFileSync(join(home, '.bash_profile'), 'PATH="$HOME/.local/bin:/usr/bin:/bin"\n');
    await window.showContainer('Marianne');
    await window.command('Marianne: Install mzt Command…');
    await window.toast('mzt was installed as ~/.local/bin/mzt').waitFor({ timeout: 30_000 });
    await screenshot();

    // What an update does.
    const packaged = readdirSync(base, { recursive: true }).filter((name) =>
      /extensions\/marianne\.marianne-[^/]*$/.test(name),
    );
    for (const name of packaged) rmSync(join(base, name), { recursive: true });
    const login = (command) =>
      execFileSync('/bin/bash', ['-lc', command], {
        cwd: folder,
        encoding: 'utf8',
        env: { HOME: home, MZT_SESSION: base },
      });
    assert.match(login('mzt run typed.yaml --workspace . --wait'), /typed/);
    await window.row(window.pane('Jobs'), 'typed').filter({ hasText: '1/1' }).waitFor({ timeout: 30_000 });
    assert.ok(
      packaged.length > 0 || !process.env.MZT_JOURNEY_VSIX,
      'the packaged extension was there to be deleted',
    );
  },
);
