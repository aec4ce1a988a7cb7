/** Marianne: Report Issue. What a report says is shown before anything leaves this machine. */
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { statePaths } from '../../protocol/paths';
import { l10n } from '../l10n';
import type { Services } from '../services';
import type { LongWork } from './contract';
import { diagnosis } from './diagnosis';
import { conductorLine, redacted, withoutScores } from './redaction';

const LOG_LINES = 40;
const TAIL_BYTES = 64 * 1024;
const REPORTER = 'vscode.openIssueReporter';

export async function reportIssue(services: Services, longWork: LongWork): Promise<void> {
  const document = await vscode.workspace.openTextDocument({
    language: 'markdown',
    content: await longWork(l10n.t('Looking at what is there'), () => reportText(services)),
  });
  await vscode.window.showTextDocument(document, { preview: false });
  const go = l10n.t('Open Issue Reporter');
  const copy = l10n.t('Copy');
  const page = issuePage(services.context.extension.packageJSON);
  const hasReporter = page !== null && (await vscode.commands.getCommands(true)).includes(REPORTER);
  const answer = await vscode.window.showInformationMessage(
    l10n.t(
      'This is all that a report says; nothing was sent. Say above what happened, and delete what you do not want to tell.',
    ),
    ...(hasReporter ? [go] : []),
    copy,
  );
  if (answer === undefined) return;
  // As the person left it, also if they closed it meanwhile.
  const body = document.getText();
  if (answer === go) {
    try {
      await vscode.commands.executeCommand(REPORTER, {
        extensionId: services.context.extension.id,
        issueBody: body,
      });
      return;
    } catch (error) {
      services.log.warn(`the issue reporter could not be opened: ${String(error)}`);
    }
  }
  await vscode.env.clipboard.writeText(body);
  const visit = l10n.t('Open Page');
  const told = l10n.t('The report is in the clipboard.');
  const next = await vscode.window.showInformationMessage(told, ...(page === null ? [] : [visit]));
  if (next === visit && page !== null) await vscode.env.openExternal(vscode.Uri.parse(page));
}

/** Where the manifest says that issues go; null when it does not, and then VS Code's reporter can send none either. */
export function issuePage(manifest: unknown): string | null {
  if (typeof manifest !== 'object' || manifest === null || !('bugs' in manifest)) return null;
  const { bugs } = manifest;
  const url = typeof bugs === 'object' && bugs !== null && 'url' in bugs ? bugs.url : bugs;
  return typeof url === 'string' && /^https?:\/\//.test(url) ? url : null;
}

async function reportText(services: Services): Promise<string> {
  const { connection, context, secrets, log } = services;
  const facts = await diagnosis(services).catch((error: unknown) => {
    log.warn(String(error));
    return [String(error)];
  });
  const conductor = await lastLines(statePaths(connection.stateDir).conductorLog);
  const own = await lastLines(join(context.logUri.fsPath, 'Marianne.log'));
  const text = [
    `# ${l10n.t('What happened?')}`,
    '',
    l10n.t('Say here what you did, what you expected, and what came instead.'),
    '',
    `# ${l10n.t('Facts')}`,
    '',
    ...facts,
    '',
    `## ${l10n.t('Last lines of the conductor’s log')}`,
    '',
    ...fenced(conductor.map(conductorLine).filter((line) => line !== null)),
    '',
    `## ${l10n.t('Last lines of the extension’s log')}`,
    '',
    ...fenced(own.filter((line) => line.trim() !== '')),
    '',
  ].join('\n');
  const room = await services.scoreRoom();
  const { secretNames } = await room.submitEnvironment({}, connection.distDir, connection.stateDir);
  const values = await secrets.values([...secretNames, ...secrets.names()], process.env);
  return redacted(text, { home: homedir(), values: Object.values(values) });
}

function fenced(lines: readonly string[]): string[] {
  return [
    '```text',
    ...lines.slice(-LOG_LINES).map((line) => withoutScores(line).replaceAll('```', "'''")),
    '```',
  ];
}

/** The end of a file; nothing when it cannot be read. */
async function lastLines(path: string): Promise<string[]> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const from = Math.max(0, size - TAIL_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
      return from === 0 ? lines : lines.slice(1);
    } finally {
      await file.close();
    }
  } catch {
    return [];
  }
}
