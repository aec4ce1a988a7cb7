import { basename } from 'node:path';
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { longCall } from '../long-work';
import { instrumentQuery } from '../instrument-list';
import { isScore } from '../scores/score-document';
import type { Services } from '../services';
import { instrumentRow } from '../trees/instrument-row';
import type { Command } from './command';

/** Marianne: Trust This Folder's Instruments. Shows what a folder brings before it counts. Takes the folder's path; gives true once it is trusted. */
export const trustFolder: Command = {
  id: 'marianne.trustFolder',
  async run(services, given) {
    const dir = typeof given === 'string' ? given : (await pickFolder())?.uri.fsPath;
    if (dir === undefined) return false;
    const name = basename(dir);
    const title = l10n.t('Reading what {0} brings', name);
    const { entries } = await longCall(services.connection, title, 'trust.list', { dir });
    const open = entries.filter((entry) => !entry.approved);
    if (entries.length === 0) {
      void vscode.window.showInformationMessage(l10n.t('{0} brings no instruments of its own.', name));
      return false;
    }
    if (open.length === 0) {
      const revoke = l10n.t('Revoke');
      const answer = await vscode.window.showInformationMessage(
        l10n.t('The instruments of {0} are trusted already.', name),
        revoke,
      );
      if (answer !== revoke) return true;
      await services.connection.call('trust.revoke', { dir });
      return false;
    }
    const yes = l10n.t('Trust');
    const answer = await vscode.window.showWarningMessage(
      l10n.t('Trust the instruments of {0}?', name),
      { modal: true, detail: open.map((entry) => `${entry.summary}\n${entry.path}`).join('\n\n') },
      yes,
    );
    if (answer !== yes) return false;
    await services.connection.call('trust.approve', { dir, digests: open.map(({ digest }) => digest) });
    await services.instrumentsView.refresh(true);
    return true;
  },
};

async function pickFolder(): Promise<vscode.WorkspaceFolder | null> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length === 1) return folders[0] ?? null;
  return (await vscode.window.showWorkspaceFolderPick()) ?? null;
}

/** Marianne: Select Instrument. Writes the name into the score of the active editor, or copies it. */
export const selectInstrument: Command = {
  id: 'marianne.selectInstrument',
  async run(services, given) {
    const name = instrumentNamed(given) ?? (await pickInstrument(services));
    if (name === null) return;
    const editor = vscode.window.activeTextEditor;
    const line = editor === undefined ? -1 : topLevelKey(editor.document, 'instrument');
    // Other YAML is not ours to write into.
    if (editor === undefined || !isScore(editor.document)) {
      await vscode.env.clipboard.writeText(name);
      void vscode.window.showInformationMessage(
        l10n.t('Copied “{0}”: no score is open to write it into.', name),
      );
      return;
    }
    await editor.edit((edit) => {
      if (line >= 0) {
        const { range } = editor.document.lineAt(line);
        const comment = /\s+#.*$/.exec(editor.document.lineAt(line).text)?.[0] ?? '';
        edit.replace(range, `instrument: ${name}${comment}`);
        return;
      }
      const after = topLevelKey(editor.document, 'name');
      edit.insert(new vscode.Position(after + 1, 0), `instrument: ${name}\n`);
    });
  },
};

function topLevelKey(document: vscode.TextDocument, key: string): number {
  for (let line = 0; line < document.lineCount; line += 1) {
    if (document.lineAt(line).text.startsWith(`${key}:`)) return line;
  }
  return -1;
}

async function pickInstrument(services: Services): Promise<string | null> {
  const { instruments } = await longCall(
    services.connection,
    l10n.t('Looking for instruments'),
    'instruments.list',
    instrumentQuery(services.secrets),
  );
  const now = Date.now();
  const picked = await vscode.window.showQuickPick(
    // What can be used comes first.
    instruments
      .toSorted((a, b) => Number(b.status === 'ready') - Number(a.status === 'ready'))
      .map((instrument) => ({
        label: instrument.name,
        description: instrumentRow(instrument, services.store.limits().get(instrument.name), now).description,
        detail: instrument.description ?? '',
      })),
    { placeHolder: l10n.t('Which instrument?'), matchOnDescription: true },
  );
  return picked?.label ?? null;
}

function instrumentNamed(given: unknown): string | null {
  return typeof given === 'object' && given !== null && 'name' in given && typeof given.name === 'string'
    ? given.name
    : null;
}

/** The one key of an instrument, or one that is picked: of that instrument's, or of all. */
async function pickKey(services: Services, instrument: string | null): Promise<string | null> {
  const { connection, secrets } = services;
  const room = await services.scoreRoom();
  const stored = new Set(secrets.names());
  const own =
    instrument === null ? [] : await room.keysOf(instrument, connection.distDir, connection.stateDir);
  if (own.length === 1) return own[0] ?? null;
  const { secretNames: known } = await room.submitEnvironment({}, connection.distDir, connection.stateDir);
  const names = own.length > 0 ? own : [...new Set([...known, ...stored])].sort();
  const picked = await vscode.window.showQuickPick(
    names.map((name) => ({
      label: name,
      description:
        process.env[name] !== undefined
          ? l10n.t('set in the environment, which wins')
          : stored.has(name)
            ? l10n.t('stored')
            : '',
    })),
    {
      placeHolder: l10n.t(
        'Which key? It is kept in VS Code’s secret storage, and in the conductor’s memory.',
      ),
    },
  );
  return picked?.label ?? null;
}

/** Marianne: Set API Key. On the row of an instrument, that instrument's. */
export const setApiKey: Command = {
  id: 'marianne.setApiKey',
  async run(services, given) {
    const { connection, secrets } = services;
    const name = await pickKey(services, instrumentNamed(given));
    if (name === null) return;
    const value = await vscode.window.showInputBox({
      title: name,
      prompt: l10n.t('Paste the key. Leave it empty to forget the stored one.'),
      password: true,
      ignoreFocusOut: true,
    });
    if (value === undefined) return;
    try {
      await secrets.set(name, value === '' ? null : value);
    } catch (error) {
      services.log.warn(`secret storage: ${String(error)}`);
      const text = l10n.t(
        '{0} could not be stored: VS Code’s secret storage cannot be used here. Jobs that wait for it have it now. For others, set {0} in the environment that VS Code is started from.',
        name,
      );
      void vscode.window.showWarningMessage(text);
      if (value !== '' && connection.state === 'connected')
        await connection.ask('secrets.offer', { values: { [name]: value } });
      return;
    }
    if (value !== '' && connection.state === 'connected')
      await connection.ask('secrets.offer', { values: { [name]: value } });
    await services.instrumentsView.refresh(true);
    void vscode.window.setStatusBarMessage(
      value === '' ? l10n.t('{0} forgotten; jobs under way keep it', name) : l10n.t('{0} stored', name),
      4_000,
    );
  },
};

/** Marianne: Open Terminal, in which `mzt` is on PATH. */
export const openTerminal: Command = {
  id: 'marianne.openTerminal',
  run() {
    const terminal = vscode.window.createTerminal({
      name: 'Marianne',
      iconPath: new vscode.ThemeIcon('checklist'),
    });
    terminal.show();
    terminal.sendText('mzt --help');
  },
};
