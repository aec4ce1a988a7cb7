/** One item: the conductor, what runs, what failed or waits, today's cost. */
import * as vscode from 'vscode';
import type { Connection } from './connection/connection';
import { l10n } from './l10n';
import { Scope } from './scope';
import type { Disposable } from './scope';
import { settings } from './settings';
import type { JobStore } from './store/job-store';
import { summarise } from './store/summary';
import { cost, parts } from './trees/format';
import { escapeMarkdown } from './trees/job-row';

export class StatusBar implements Disposable {
  private readonly scope = new Scope();
  private readonly item = this.scope.add(
    vscode.window.createStatusBarItem('marianne.status', vscode.StatusBarAlignment.Left, 10),
  );
  private shown = '';

  constructor(
    private readonly connection: Connection,
    private readonly store: JobStore,
  ) {
    this.item.name = 'Marianne';
    this.item.command = 'marianne.showStatus';
    this.scope.add(connection.onState(() => this.update()));
    this.scope.add(store.onChange(() => this.update()));
    this.scope.add(vscode.workspace.onDidChangeConfiguration(() => this.update()));
    this.update();
  }

  dispose(): void {
    this.scope.dispose();
  }

  private update(): void {
    const { state } = this.connection;
    if (state === 'idle' || !settings.statusBar()) {
      this.item.hide();
      this.shown = '';
      return;
    }
    const { running, waiting, needing, failed, costToday, unpricedToday } = summarise(
      this.store.list(),
      Date.now(),
    );
    const text =
      state === 'stopped'
        ? '$(debug-disconnect) Marianne'
        : state === 'starting'
          ? '$(sync~spin) Marianne'
          : [
              running > 0 ? `$(sync~spin) ${running}` : '$(checklist) Marianne',
              needing > 0 ? `$(bell-dot) ${needing}` : '',
              waiting > needing ? `$(clock) ${waiting - needing}` : '',
              failed > 0 ? `$(error) ${failed}` : '',
              cost(costToday, unpricedToday),
            ]
              .filter((part) => part !== '')
              .join(' ');
    const words = parts(
      state === 'stopped'
        ? l10n.t('conductor stopped')
        : state === 'starting'
          ? l10n.t('conductor starting')
          : l10n.t('conductor runs'),
      l10n.t('{0} running', running),
      needing > 0 && l10n.t('{0} waiting for you', needing),
      waiting > needing && l10n.t('{0} waiting', waiting - needing),
      failed > 0 && l10n.t('{0} failed today', failed),
      this.store.notice ?? '',
      (costToday > 0 || unpricedToday) && l10n.t('{0} today', cost(costToday, unpricedToday)),
    );
    // Red only for what stops all work.
    this.item.backgroundColor =
      this.store.notice === null ? undefined : new vscode.ThemeColor('statusBarItem.errorBackground');
    if (this.shown === text + words) return;
    this.shown = text + words;
    this.item.text = text;
    this.item.accessibilityInformation = { label: `Marianne: ${words}` };
    const tooltip = new vscode.MarkdownString(
      `**Marianne** — ${escapeMarkdown(words)}\n\n[${l10n.t('Show Jobs')}](command:marianne.jobs.focus) · ` +
        `[${l10n.t('Conductor Log')}](command:marianne.showConductorLog) · [${l10n.t('Doctor')}](command:marianne.doctor)`,
    );
    tooltip.isTrusted = {
      enabledCommands: ['marianne.jobs.focus', 'marianne.showConductorLog', 'marianne.doctor'],
    };
    this.item.tooltip = tooltip;
    this.item.show();
  }
}
