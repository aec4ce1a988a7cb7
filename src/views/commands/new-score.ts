import * as vscode from 'vscode';
import { PREFERRED_INSTRUMENTS } from '../../instruments/preferred';
import { CancelledError } from '../../protocol/errors';
import { l10n } from '../l10n';
import { longCall } from '../long-work';
import type { Services } from '../services';
import { scoreTemplates } from '../scores/templates';
import type { Command } from './command';

/** Marianne: New Score. */
export const newScore: Command = {
  id: 'marianne.newScore',
  async run(services) {
    const folders = vscode.workspace.workspaceFolders ?? [];
    if (folders.length === 0) {
      const open = l10n.t('Open Folder');
      const answer = await vscode.window.showInformationMessage(
        l10n.t('Open a folder first: a score is a file in it.'),
        open,
      );
      if (answer === open) await vscode.commands.executeCommand('workbench.action.files.openFolder');
      return;
    }
    const folder =
      folders.length === 1
        ? folders[0]
        : await vscode.window.showWorkspaceFolderPick({ placeHolder: l10n.t('In which folder?') });
    if (folder === undefined) return;
    const template = await vscode.window.showQuickPick(
      scoreTemplates().map((entry) => ({ label: entry.title, detail: entry.detail, entry })),
      { placeHolder: l10n.t('Begin with which score?') },
    );
    if (template === undefined) return;
    const name = await vscode.window.showInputBox({
      title: l10n.t('Name of the new score'),
      value: template.entry.name,
      validateInput: (text) =>
        /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)
          ? null
          : l10n.t('Letters, digits, “-”, “_” and “.” only.'),
    });
    if (name === undefined) return;
    const { instrument, told } = template.entry.script
      ? { instrument: 'cli', told: l10n.t('The new score is a shell script: it needs no agent and no key.') }
      : await readyInstrument(services);
    const uri = await freeName(folder.uri, name);
    const edit = new vscode.WorkspaceEdit();
    edit.createFile(uri, {
      contents: new TextEncoder().encode(template.entry.text(name, instrument)),
    });
    if (!(await vscode.workspace.applyEdit(edit)))
      throw new Error(l10n.t('{0} cannot be written.', uri.fsPath));
    await vscode.window.showTextDocument(uri);
    const submit = l10n.t('Submit Score');
    const answer = await vscode.window.showInformationMessage(told, submit);
    if (answer === submit) await vscode.commands.executeCommand('marianne.submitScore', uri);
  },
};

async function readyInstrument(services: Services): Promise<{ instrument: string; told: string }> {
  try {
    const title = l10n.t('Looking for instruments');
    const { instruments } = await longCall(services.connection, title, 'instruments.list', {});
    const ready = instruments
      .filter(({ status, name }) => status === 'ready' && name !== 'cli')
      .map(({ name }) => name);
    const instrument = PREFERRED_INSTRUMENTS.find((name) => ready.includes(name)) ?? ready[0];
    if (instrument !== undefined)
      return {
        instrument,
        told: l10n.t('The new score uses “{0}”, the first that is ready on this machine.', instrument),
      };
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    services.log.warn(`instruments could not be listed: ${String(error)}`);
  }
  return {
    instrument: 'cli',
    told: l10n.t(
      'No agent is ready on this machine, so the new score uses “cli” and is a shell script. The Instruments view says what the others lack.',
    ),
  };
}

async function freeName(folder: vscode.Uri, name: string): Promise<vscode.Uri> {
  for (let number = 1; ; number += 1) {
    const uri = vscode.Uri.joinPath(folder, `${number === 1 ? name : `${name}-${number}`}.score.yaml`);
    const taken = await vscode.workspace.fs.stat(uri).then(
      () => true,
      () => false,
    );
    if (!taken) return uri;
  }
}
