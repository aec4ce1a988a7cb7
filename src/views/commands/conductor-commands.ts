import * as vscode from 'vscode';
import { l10n } from '../l10n';
import type { Connection } from '../connection/connection';
import { longWork, showWhileSlow } from '../long-work';
import type { Services } from '../services';
import type { Command } from './command';

/** Marianne: Start Conductor. */
export const startConductor: Command = {
  id: 'marianne.startConductor',
  async run(services) {
    await services.connection.ensure();
  },
};

/** Marianne: Stop Conductor. */
export const stopConductor: Command = {
  id: 'marianne.stopConductor',
  async run(services) {
    await stop(services);
  },
};

/** Marianne: Restart Conductor. Agents run on meanwhile. */
export const restartConductor: Command = {
  id: 'marianne.restartConductor',
  async run(services) {
    const { connection } = services;
    await stopShown(connection, false);
    await connection.ensure();
  },
};

async function stop(services: Services): Promise<void> {
  const { running_jobs: running } = await services.connection.ask('daemon.ready', {});
  if (running === 0) {
    await stopShown(services.connection, false);
    return;
  }
  const leave = l10n.t('Stop, Agents Run On');
  const cancel = l10n.t('Cancel Jobs and Stop');
  const answer = await vscode.window.showWarningMessage(
    running === 1
      ? l10n.t('A job is running. Stop the conductor?')
      : l10n.t('{0} jobs are running. Stop the conductor?', running),
    {
      modal: true,
      detail: l10n.t(
        'Agents that run now go on, and the next conductor takes them over. Or end them with their jobs.',
      ),
    },
    leave,
    cancel,
  );
  if (answer !== undefined) await stopShown(services.connection, answer === cancel);
}

/** Said while it lasts, without Cancel: what ends cannot be called back. */
async function stopShown(connection: Connection, cancel: boolean): Promise<void> {
  const stopping = connection.stop(cancel);
  showWhileSlow(l10n.t('Stopping the conductor'), stopping);
  await stopping;
}

/** Marianne: Show Conductor Log. */
export const showConductorLog: Command = {
  id: 'marianne.showConductorLog',
  run: ({ conductorLog }) => conductorLog.show(),
};

/** Marianne: Show Log, of the extension. */
export const showLog: Command = {
  id: 'marianne.showLog',
  run: ({ log }) => log.show(true),
};

/** The status bar item's click: what can be done with the conductor now. */
export const showStatus: Command = {
  id: 'marianne.showStatus',
  async run(services) {
    const connected = services.connection.state === 'connected';
    const submit = { label: `$(play) ${l10n.t('Submit Score')}`, command: 'marianne.submitScore' };
    const start = {
      label: `$(debug-start) ${l10n.t('Start Conductor')}`,
      command: 'marianne.startConductor',
    };
    const restart = {
      label: `$(debug-restart) ${l10n.t('Restart Conductor')}`,
      command: 'marianne.restartConductor',
    };
    const stop = { label: `$(debug-stop) ${l10n.t('Stop Conductor')}`, command: 'marianne.stopConductor' };
    const items = [
      { label: `$(list-tree) ${l10n.t('Show Jobs')}`, command: 'marianne.jobs.focus' },
      ...(!vscode.workspace.isTrusted
        ? [{ label: `$(shield) ${l10n.t('Manage Trust')}`, command: 'workbench.trust.manage' }]
        : connected
          ? [submit, restart, stop]
          : [submit, start]),
      { label: `$(output) ${l10n.t('Show Conductor Log')}`, command: 'marianne.showConductorLog' },
      { label: `$(pulse) ${l10n.t('Doctor')}`, command: 'marianne.doctor' },
    ];
    const { info } = services.connection;
    const picked = await vscode.window.showQuickPick(items, {
      title: connected
        ? l10n.t('Conductor {0}, process {1}', info?.version ?? '', info?.pid ?? 0)
        : l10n.t('The conductor is not running'),
    });
    if (picked !== undefined) await vscode.commands.executeCommand(picked.command);
  },
};

/** Marianne: Refresh Instruments. */
export const refreshInstruments: Command = {
  id: 'marianne.refreshInstruments',
  async run(services) {
    await services.connection.ensure();
    await longWork(l10n.t('Looking for instruments'), () => services.instrumentsView.refresh(true));
  },
};
