/** Marianne: Install mzt Command, and the way back. */
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { statePaths } from '../../protocol/paths';
import { l10n } from '../l10n';
import type { Services } from '../services';
import type { LongWork } from './contract';
import { rememberMzt } from '../terminal-command/memory';
import {
  installMzt as install,
  loginFolders,
  refreshMzt as refresh,
  uninstallMzt as uninstall,
} from '../terminal-command/install';

function places({ connection }: Services) {
  return {
    stateDir: connection.stateDir,
    distDir: connection.distDir,
    node: process.execPath,
    home: homedir(),
  };
}

/** A login shell may read long start files. */
function foldersOf(home: string, longWork: LongWork): Promise<readonly string[] | null> {
  return longWork(l10n.t('Asking the login shell where it looks for programs'), () => loginFolders(home));
}

export async function installMzt(services: Services, longWork: LongWork): Promise<void> {
  const home = homedir();
  const shim = statePaths(services.connection.stateDir).mzt;
  const folders = await foldersOf(home, longWork);
  const done = await install({ ...places(services), folders });
  services.log.info(`install mzt: ${JSON.stringify(done)}`);
  await rememberMzt(services.context, true);
  switch (done.kind) {
    case 'found': {
      const text = l10n.t(
        'mzt was installed as {0}. Shells that start from now on find it, and it goes on working when the extension is updated.',
        tilde(done.link, home),
      );
      await vscode.window.showInformationMessage(text);
      return;
    }
    case 'unseen': {
      const { line, file } = pathLine(dirname(done.link), home);
      const text = done.known
        ? l10n.t(
            'mzt was installed as {0}, but your login shell does not look there. Add this line to {1}: {2}',
            tilde(done.link, home),
            tilde(file, home),
            line,
          )
        : l10n.t(
            'mzt was installed as {0}. Your login shell did not say where it looks for programs; if it does not find mzt, add this line to {1}: {2}',
            tilde(done.link, home),
            tilde(file, home),
            line,
          );
      const copy = l10n.t('Copy Line');
      if ((await vscode.window.showWarningMessage(text, copy)) === copy)
        await vscode.env.clipboard.writeText(line);
      return;
    }
    case 'in_the_way':
    case 'no_place': {
      const text =
        done.kind === 'in_the_way'
          ? l10n.t(
              '{0} is another program called mzt; it was left alone. Marianne’s can be run as {1}.',
              tilde(done.other, home),
              tilde(shim, home),
            )
          : l10n.t(
              'No folder for programs can be written ({0}). mzt can be run as {1}.',
              done.reason,
              tilde(shim, home),
            );
      const copy = l10n.t('Copy Path');
      if ((await vscode.window.showWarningMessage(text, copy)) === copy)
        await vscode.env.clipboard.writeText(shim);
    }
  }
}

export async function uninstallMzt(services: Services, longWork: LongWork): Promise<void> {
  const home = homedir();
  const { stateDir } = services.connection;
  const removed = await uninstall({ stateDir, home, folders: await foldersOf(home, longWork) });
  await rememberMzt(services.context, false);
  await vscode.window.showInformationMessage(
    removed.length === 0
      ? l10n.t('mzt was not installed.')
      : l10n.t(
          'Removed: {0}. Terminals in VS Code still have mzt.',
          removed.map((path) => tilde(path, home)).join(', '),
        ),
  );
}

export async function refreshMzt(services: Services): Promise<void> {
  await rememberMzt(services.context, await refresh(places(services)));
}

function tilde(path: string, home: string): string {
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

/** What makes the login shell look into a folder, and the file in which it belongs. */
function pathLine(folder: string, home: string): { readonly line: string; readonly file: string } {
  const named = folder.startsWith(`${home}/`) ? `$HOME${folder.slice(home.length)}` : folder;
  switch (basename(process.env['SHELL'] ?? '')) {
    case 'fish':
      return { line: `fish_add_path ${JSON.stringify(named)}`, file: join(home, '.config/fish/config.fish') };
    case 'zsh':
      return { line: `export PATH="${named}:$PATH"`, file: join(home, '.zprofile') };
    default:
      return { line: `export PATH="${named}:$PATH"`, file: join(home, '.profile') };
  }
}
