import { existsSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { longCall } from '../long-work';
import { jobArgument, sheetArgument } from './arguments';
import type { Command } from './command';

/** Marianne: Show Sheet Output. Live, in the one channel that follows. */
export const showSheetOutput: Command = {
  id: 'marianne.showSheetOutput',
  async run(services, given) {
    const onJob = typeof given === 'object' && given !== null && 'job' in given && !('sheet' in given);
    if (onJob || typeof given === 'string') {
      const job = await jobArgument(services, given, 'job');
      if (job === null) return;
      await services.feed.openSheets(job.id);
      services.output.followJob(job.id);
      services.output.show();
      return;
    }
    const target = await sheetArgument(services, given, 'hasLog');
    if (target === null) return;
    await services.feed.openSheets(target.job);
    const sheet = services.store.sheet(target.job, target.sheet);
    const last = sheet?.attempts.at(-1)?.attempt;
    if (target.attempt !== null && target.attempt !== last) {
      await services.attempts.open(target.job, target.sheet, target.attempt);
      return;
    }
    if (last === undefined) {
      void vscode.window.showInformationMessage(
        l10n.t('Sheet {0} of {1} has not run yet.', target.sheet, target.job),
      );
      return;
    }
    services.output.followSheet(target);
    services.output.show();
  },
};

/** Marianne: Pin Sheet Output. A channel of its own. */
export const pinSheetOutput: Command = {
  id: 'marianne.pinSheetOutput',
  async run(services, given) {
    const target = await sheetArgument(services, given, 'hasLog');
    if (target === null) return;
    await services.feed.openSheets(target.job);
    if ((services.store.sheet(target.job, target.sheet)?.attempts.length ?? 0) === 0) {
      void vscode.window.showInformationMessage(
        l10n.t('Sheet {0} of {1} has not run yet.', target.sheet, target.job),
      );
      return;
    }
    services.output.pin(target);
  },
};

/** Marianne: Open Attempt: prompt, output, validation and error of one attempt. */
export const openAttempt: Command = {
  id: 'marianne.openAttempt',
  async run(services, given) {
    const target = await sheetArgument(services, given, 'hasLog');
    if (target === null) return;
    await services.connection.ensure();
    await services.feed.openSheets(target.job);
    const attempts = services.store.sheet(target.job, target.sheet)?.attempts ?? [];
    const attempt = target.attempt ?? attempts.at(-1)?.attempt;
    if (attempt === undefined) {
      void vscode.window.showInformationMessage(
        l10n.t('Sheet {0} of {1} has not run yet.', target.sheet, target.job),
      );
      return;
    }
    await services.attempts.open(target.job, target.sheet, attempt);
  },
};

/** Marianne: Open Report. One page without scripts; nothing is loaded from anywhere. */
export const openReport: Command = {
  id: 'marianne.openReport',
  async run(services, given) {
    const job = await jobArgument(services, given, 'job');
    if (job === null) return;
    const title = l10n.t('Making the report of {0}', job.id);
    const report = await longCall(services.connection, title, 'job.report', { job_id: job.id });
    if ('path' in report) {
      await vscode.env.openExternal(vscode.Uri.file(report.path));
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      'marianne.report',
      l10n.t('Report: {0}', job.id),
      vscode.ViewColumn.Active,
      {
        enableScripts: false,
        localResourceRoots: [],
        enableFindWidget: true,
      },
    );
    panel.webview.html = report.html;
  },
};

/** Marianne: Continue in Claude Code. A terminal in the attempt's folder with its session. */
export const continueInClaudeCode: Command = {
  id: 'marianne.continueInClaudeCode',
  async run(services, given) {
    const target = await sheetArgument(services, given, 'resumableSession');
    if (target === null) return;
    const { attempts } = await services.connection.call('job.attempts', {
      job_id: target.job,
      sheet: target.sheet,
    });
    const attempt = attempts.findLast(
      (candidate) =>
        candidate.session_id !== null && (target.attempt === null || candidate.attempt === target.attempt),
    );
    const session = attempt?.session_id ?? null;
    // The id comes from an agent's output: it must not be anything but an id in a command line.
    if (session === null || !/^[A-Za-z0-9][A-Za-z0-9_-]{7,127}$/.test(session)) {
      void vscode.window.showInformationMessage(l10n.t('This sheet has no Claude Code session to continue.'));
      return;
    }
    // The conductor found the program, perhaps where a terminal's PATH does not lead.
    const program = attempt?.command[0] ?? '';
    if (!isAbsolute(program) || !existsSync(program)) {
      void vscode.window.showWarningMessage(
        l10n.t(
          'Claude Code is not there any more: {0}. The Instruments view says how to install it.',
          program,
        ),
      );
      return;
    }
    const cwd = attempt?.cwd ?? services.store.job(target.job)?.workspace;
    const terminal = vscode.window.createTerminal({
      name: l10n.t('Claude: {0} {1}', target.job, target.sheet),
      ...(cwd === undefined ? {} : { cwd }),
    });
    terminal.show();
    terminal.sendText(`${shellWord(program)} --resume ${session}`);
  },
};

function shellWord(text: string): string {
  return /^[A-Za-z0-9_./+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
