/** Facts for a person who looks for a fault: versions, places, the conductor, instruments, the terminal command. */
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { instrumentQuery } from '../instrument-list';
import type { Services } from '../services';
import type { LongWork } from './contract';
import { foundMzt, loginFolders } from '../terminal-command/install';

/** Lines of Markdown. Starts nothing; what cannot be asked is said. */
export async function diagnosis(services: Services): Promise<string[]> {
  return [
    ...windowFacts(services),
    `- ${l10n.t('Terminal command')}: ${await terminalCommand(services)}`,
    '',
    `## ${l10n.t('Conductor')}`,
    '',
    ...(await conductorFacts(services)),
  ];
}

function windowFacts({ connection, context, store }: Services): string[] {
  const { version } = context.extension.packageJSON as { version?: unknown };
  const kind = vscode.env.uiKind === vscode.UIKind.Web ? l10n.t('in a browser') : l10n.t('desktop');
  return [
    `- ${l10n.t('Extension')}: ${String(version)}`,
    `- VS Code: ${vscode.version} (${vscode.env.appName}, ${kind}), Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    `- ${l10n.t('Remote')}: ${vscode.env.remoteName ?? '-'}`,
    `- ${l10n.t('State directory')}: ${connection.stateDir}`,
    `- ${l10n.t('Workspace trusted')}: ${vscode.workspace.isTrusted ? l10n.t('yes') : l10n.t('no')}`,
    `- ${l10n.t('Jobs known')}: ${store.list().length}`,
  ];
}

/** A login shell does not read what VS Code adds to its terminals. */
async function terminalCommand({ connection }: Services): Promise<string> {
  const folders = await loginFolders(homedir());
  if (folders === null) return l10n.t('the login shell did not say where it looks for programs');
  const found = await foundMzt(connection.stateDir, folders);
  if (found === null)
    return l10n.t('the login shell finds no mzt; “Marianne: Install mzt Command” puts it there');
  return found.ours
    ? l10n.t('the login shell runs {0}', found.path)
    : l10n.t('the login shell runs {0}, which is not this extension’s', found.path);
}

async function conductorFacts({ connection, secrets }: Services): Promise<string[]> {
  const { info } = connection;
  if (info === null) return [l10n.t('The conductor is not running.')];
  const status = await connection.ask('daemon.status', {});
  const { instruments } = await connection.ask('instruments.list', instrumentQuery(secrets));
  return [
    `- ${l10n.t('Version')}: ${info.version} (${info.build}), protocol ${info.protocol}, epoch ${info.epoch}`,
    `- ${l10n.t('Process')}: ${info.pid}, ${Math.round(status.memory_usage_mb)} MB, ${Math.round(status.uptime_seconds)} s`,
    `- ${l10n.t('Socket')}: ${info.socket}`,
    `- ${l10n.t('Jobs running')}: ${status.running_jobs}`,
    ...(status.status_reason ? [`- ${status.status_reason.message}`] : []),
    '',
    `## ${l10n.t('Instruments')}`,
    '',
    ...instruments.map(
      ({ name, status: state, detail }) => `- ${name}: ${state}${detail === null ? '' : ` — ${detail}`}`,
    ),
  ];
}

/** Marianne: Doctor. A document to read or to send. */
export async function doctor(services: Services, longWork: LongWork): Promise<void> {
  if (vscode.workspace.isTrusted) await services.connection.ensure();
  const facts = await longWork(l10n.t('Looking at what is there'), () => diagnosis(services));
  const title = l10n.t('Marianne: doctor');
  const lines = [`# ${title}`, '', ...facts, ''];
  await services.pages.show(title, lines.join('\n'));
}
