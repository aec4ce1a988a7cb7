/** The Instruments view: what can be used on this machine, and why not. */
import * as vscode from 'vscode';
import type { InstrumentRow } from '../../protocol/daemon-methods';
import type { Connection } from '../connection/connection';
import type { SecretKeys } from '../connection/secret-keys';
import { instrumentFolder, instrumentQuery } from '../instrument-list';
import { l10n } from '../l10n';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import type { JobStore } from '../store/job-store';
import { instrumentRow } from './instrument-row';
import { code, escapeMarkdown } from './job-row';
import { connectionMessage, limitMessage } from './messages';
import { Ticker } from './ticker';
import { TreeNews } from './tree-news';
import { treeItem } from './tree-item';

/** What is not there comes after what is. */
const order: Record<InstrumentRow['status'], number> = {
  ready: 0,
  needs_key: 1,
  untrusted: 2,
  unknown: 3,
  missing: 4,
};
const TICK_MS = 1_000;

export class InstrumentsView implements vscode.TreeDataProvider<InstrumentRow>, Disposable {
  private readonly scope = new Scope();
  private readonly changed = this.scope.add(new vscode.EventEmitter<InstrumentRow[] | undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private readonly news = this.scope.add(new TreeNews<InstrumentRow>((nodes) => this.changed.fire(nodes)));
  readonly view: vscode.TreeView<InstrumentRow>;
  private rows: readonly InstrumentRow[] = [];
  private loaded = false;
  /** That the rows are for. */
  private folder: string | null = null;
  private readonly ticker = this.scope.add(new Ticker(() => this.tick(), TICK_MS));

  constructor(
    private readonly connection: Connection,
    private readonly store: JobStore,
    private readonly secrets: SecretKeys,
    private readonly onError: (error: unknown) => void,
  ) {
    this.view = this.scope.add(
      vscode.window.createTreeView('marianne.instruments', { treeDataProvider: this }),
    );
    this.scope.add(
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) void this.refresh();
        this.tell();
      }),
    );
    this.scope.add(
      store.onLimits(() => {
        this.news.fire(undefined);
        this.tell();
      }),
    );
    this.scope.add(connection.onState(() => this.tell()));
    this.scope.add(
      connection.onConnected(() => {
        this.loaded = false;
        void this.refresh();
      }),
    );
    // Another folder may bring other instruments.
    this.scope.add(
      vscode.window.onDidChangeActiveTextEditor(() => {
        if (instrumentFolder() !== this.folder && this.loaded) void this.refresh(this.view.visible);
      }),
    );
    this.scope.add(vscode.workspace.onDidGrantWorkspaceTrust(() => void this.refresh(true)));
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** Rows of limited instruments count down; the last time, they say that they are free again. */
  private tick(): void {
    this.news.fire(this.rows.filter(({ name }) => this.store.limits().has(name)));
    this.tell();
  }

  /** What stands above the rows, and whether anything counts. */
  private tell(): void {
    const now = Date.now();
    const message =
      (this.rows.length > 0 ? connectionMessage(this.connection.state) : '') ||
      limitMessage(this.store.limits(), now);
    if ((this.view.message ?? '') !== message) this.view.message = message;
    this.ticker.keep(this.view.visible && this.store.isLimited(now));
  }

  /** Asks the conductor again, if one runs and somebody looks. */
  async refresh(force = false): Promise<void> {
    if (this.connection.state !== 'connected' || (this.loaded && !force) || (!this.view.visible && !force))
      return;
    try {
      const query = instrumentQuery(this.secrets);
      const { instruments } = await this.connection.ask('instruments.list', query);
      this.folder = query.workspace ?? null;
      this.loaded = true;
      this.rows = [...instruments].sort(
        (a, b) => order[a.status] - order[b.status] || (a.name < b.name ? -1 : 1),
      );
      this.news.fire(undefined);
    } catch (error) {
      this.onError(error);
    }
  }

  getTreeItem(instrument: InstrumentRow): vscode.TreeItem {
    return treeItem(instrumentRow(instrument, this.store.limits().get(instrument.name), Date.now()));
  }

  async getChildren(node?: InstrumentRow): Promise<InstrumentRow[]> {
    if (node !== undefined) return [];
    await this.refresh();
    return [...this.rows];
  }

  resolveTreeItem(item: vscode.TreeItem, row: InstrumentRow): vscode.TreeItem {
    // A profile may come from the folder that is open: its words are no Markdown.
    const lines = [
      `**${escapeMarkdown(row.display_name)}** (${row.kind})`,
      '',
      escapeMarkdown(row.description ?? ''),
    ];
    if (row.detail !== null) lines.push('', `- ${code(row.detail)}`);
    if (row.models.length > 0) lines.push(`- ${l10n.t('Models')}: ${code(row.models.join(', '))}`);
    if (row.path !== null) lines.push(`- ${l10n.t('Profile')}: ${code(row.path)}`);
    item.tooltip = new vscode.MarkdownString(lines.join('\n'));
    return item;
  }
}
