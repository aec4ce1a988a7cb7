import { basename } from 'node:path';
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import type { PlannedScore } from '../scores/score-room';
import type { Services } from '../services';
import { settings } from '../settings';
import { sheetCount } from '../trees/format';
import { scoreArgument } from './arguments';
import type { Command } from './command';
import { dryRun } from './dry-run-score';
import { readScore, submit, workspaceFor } from './submit';
import type { SubmitRequest } from './submit';

/** Marianne: Submit Score. */
export const submitScore: Command = {
  id: 'marianne.submitScore',
  async run(services, given) {
    const uri = await scoreArgument(services, given);
    if (uri === null) return;
    const score = await readScore(services, uri);
    if (score === null) return;
    const request = settings.askBeforeSubmit() ? await ask(services, { uri }, score) : { uri };
    if (request !== null) await submit(services, request, score);
  },
};

type Step = 'submit' | 'workspace' | 'dryRun' | 'start' | 'only' | 'autoContinue';

/** Says what will happen, with Enter to go on; everything else is one step away. Null: not now. */
async function ask(
  services: Services,
  first: SubmitRequest,
  score: PlannedScore,
): Promise<SubmitRequest | null> {
  let request = first;
  for (;;) {
    const chosen = workspaceFor(request.uri, score.writtenWorkspace);
    const workspace = request.workspace ?? chosen.path;
    const sheets = request.onlySheets?.length ?? score.sheets.length - (request.startSheet ?? 1) + 1;
    const why =
      request.workspace !== undefined
        ? l10n.t('chosen now')
        : {
            score: l10n.t('as the score says'),
            setting: l10n.t('setting marianne.jobWorkspace'),
            folder: l10n.t('the open folder'),
            'score-folder': l10n.t('the score’s folder'),
          }[chosen.source];
    const items: (vscode.QuickPickItem & { step: Step })[] = [
      {
        label: `$(play) ${l10n.t('Submit')}`,
        description: sheetCount(sheets),
        detail: l10n.t('Works in {0} ({1})', workspace, why),
        step: 'submit',
      },
      { label: `$(folder) ${l10n.t('Change Workspace…')}`, description: workspace, step: 'workspace' },
      {
        label: `$(beaker) ${l10n.t('Dry Run')}`,
        description: l10n.t('plan and prompts; nothing is started'),
        step: 'dryRun',
      },
      {
        label: `$(debug-continue) ${l10n.t('Start at Sheet…')}`,
        description: request.startSheet === undefined ? '' : String(request.startSheet),
        step: 'start',
      },
      {
        label: `$(list-selection) ${l10n.t('Only Some Sheets…')}`,
        description: request.onlySheets?.join(', ') ?? '',
        step: 'only',
      },
      {
        label: `$(${request.autoContinue === false ? 'circle-outline' : 'check'}) ${l10n.t('Wait Out Rate Limits')}`,
        description: request.autoContinue === false ? l10n.t('no: the job pauses') : l10n.t('yes'),
        step: 'autoContinue',
      },
    ];
    const picked = await vscode.window.showQuickPick(items, {
      title: l10n.t('Submit {0} ({1})', score.name, basename(request.uri.fsPath)),
      placeHolder: l10n.t('Enter submits it; it works in {0}', workspace),
    });
    switch (picked?.step) {
      case undefined:
        return null;
      case 'submit':
        return request;
      case 'dryRun':
        await dryRun(services, request, score);
        return null;
      case 'autoContinue':
        request = { ...request, autoContinue: request.autoContinue === false };
        break;
      case 'workspace': {
        const [folder] =
          (await vscode.window.showOpenDialog({
            canSelectFolders: true,
            canSelectFiles: false,
            defaultUri: vscode.Uri.file(workspace),
            openLabel: l10n.t('Work Here'),
          })) ?? [];
        if (folder !== undefined) request = { ...request, workspace: folder.fsPath };
        break;
      }
      case 'start': {
        const sheet = await pickSheets(score, false);
        if (sheet?.[0] !== undefined) request = { ...request, startSheet: sheet[0] };
        break;
      }
      case 'only': {
        const only = await pickSheets(score, true);
        if (only !== null && only.length > 0) request = { ...request, onlySheets: only };
        break;
      }
    }
  }
}

async function pickSheets(score: PlannedScore, many: boolean): Promise<number[] | null> {
  const items = score.sheets.map((sheet) => ({
    label: l10n.t('Sheet {0}', sheet.num),
    description: sheet.description ?? sheet.movementName ?? '',
    sheet: sheet.num,
  }));
  if (many) {
    const picked = await vscode.window.showQuickPick(items, {
      canPickMany: true,
      placeHolder: l10n.t('Which sheets?'),
    });
    return picked?.map(({ sheet }) => sheet) ?? null;
  }
  const picked = await vscode.window.showQuickPick(items, { placeHolder: l10n.t('Start at which sheet?') });
  return picked === undefined ? null : [picked.sheet];
}
