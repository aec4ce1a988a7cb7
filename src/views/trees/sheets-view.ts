/** The Sheets view: those of the selected job, or of the score in the active editor with their last results. */
import * as vscode from 'vscode';
import { l10n } from '../l10n';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import { isScore } from '../scores/score-document';
import type { LoadScoreRoom, PlannedScore } from '../scores/score-room';
import type { JobFeed } from '../store/job-feed';
import type { JobStore, StoreChange } from '../store/job-store';
import { hasEnded } from '../store/model';
import type { JobModel } from '../store/model';
import { plannedRow } from './planned-row';
import type { Row } from './row';
import { sheetRow, sheetTooltip } from './sheet-row';
import { Ticker } from './ticker';
import { TreeNews } from './tree-news';
import { treeItem } from './tree-item';

export type SheetsNode =
  | { readonly kind: 'sheet'; readonly job: string; readonly sheet: number }
  | { readonly kind: 'planned'; readonly uri: vscode.Uri; readonly sheet: number }
  | { readonly kind: 'sheetRange'; readonly first: number; readonly last: number };

type Source =
  | { readonly kind: 'none' }
  | { readonly kind: 'job'; readonly job: string }
  | { readonly kind: 'score'; readonly uri: vscode.Uri; score: PlannedScore | null };

const PAGE_ROWS = 200;
const TYPING_MS = 400;
/** While something runs, times are told anew so often, milliseconds. */
const TICK_MS = 1000;

export class SheetsView implements vscode.TreeDataProvider<SheetsNode>, Disposable {
  private readonly scope = new Scope();
  private readonly changed = this.scope.add(new vscode.EventEmitter<SheetsNode[] | undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private readonly news = this.scope.add(new TreeNews<SheetsNode>((nodes) => this.changed.fire(nodes)));
  readonly view: vscode.TreeView<SheetsNode>;
  private source: Source = { kind: 'none' };
  private readonly nodes = new Map<string, SheetsNode>();
  private typing: NodeJS.Timeout | null = null;
  /** Counts what the view was asked to show: an answer that comes late shows nothing. */
  private asked = 0;
  /** Descriptions as they were drawn, so that a tick redraws only what reads differently. */
  private readonly drawn = new Map<SheetsNode, string>();
  private readonly ticker = this.scope.add(new Ticker(() => this.tick(), TICK_MS));

  constructor(
    private readonly store: JobStore,
    private readonly feed: JobFeed,
    private readonly scoreRoom: LoadScoreRoom,
    private readonly onError: (error: unknown) => void,
  ) {
    this.view = this.scope.add(vscode.window.createTreeView('marianne.sheets', { treeDataProvider: this }));
    this.scope.add(store.onChange((change) => this.onStoreChange(change)));
    this.scope.add(vscode.window.onDidChangeActiveTextEditor((editor) => this.onEditor(editor)));
    this.scope.add(
      this.view.onDidChangeVisibility(({ visible }) => {
        if (visible) this.onEditor(vscode.window.activeTextEditor);
        this.keepTicking();
      }),
    );
    this.scope.add(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (this.source.kind !== 'score' || document.uri.toString() !== this.source.uri.toString()) return;
        if (this.typing !== null) clearTimeout(this.typing);
        this.typing = setTimeout(() => void this.readScore(document), TYPING_MS);
      }),
    );
  }

  dispose(): void {
    if (this.typing !== null) clearTimeout(this.typing);
    this.scope.dispose();
  }

  /** Shows the sheets of a job. */
  showJob(job: string): void {
    if (this.source.kind === 'job' && this.source.job === job) return;
    this.asked += 1;
    if (this.typing !== null) clearTimeout(this.typing);
    this.setSource({ kind: 'job', job });
    this.feed.openSheets(job).catch(this.onError);
  }

  getTreeItem(node: SheetsNode): vscode.TreeItem {
    const row = this.row(node);
    this.drawn.set(node, row.description);
    return treeItem(row);
  }

  getChildren(node?: SheetsNode): SheetsNode[] {
    if (node !== undefined) {
      if (node.kind !== 'sheetRange') return [];
      return this.all().slice(node.first - 1, node.last);
    }
    if (this.source.kind === 'none' && this.view.visible) this.onEditor(vscode.window.activeTextEditor);
    const all = this.all();
    if (all.length <= PAGE_ROWS) return all;
    return Array.from({ length: Math.ceil(all.length / PAGE_ROWS) }, (_, page): SheetsNode => {
      const first = page * PAGE_ROWS + 1;
      return this.same({ kind: 'sheetRange', first, last: Math.min(all.length, first + PAGE_ROWS - 1) });
    });
  }

  resolveTreeItem(item: vscode.TreeItem, node: SheetsNode): vscode.TreeItem {
    if (node.kind === 'sheetRange') return item;
    const job = node.kind === 'sheet' ? node.job : this.lastRun(node.uri)?.id;
    const sheet = job === undefined ? undefined : this.store.sheet(job, node.sheet);
    if (job !== undefined && sheet !== undefined) {
      item.tooltip = new vscode.MarkdownString(
        sheetTooltip(sheet, this.store.progress(job, node.sheet), Date.now()),
      );
    }
    return item;
  }

  /** The job in which a node's sheet last ran; null when it never did. */
  jobOf(node: SheetsNode): string | null {
    if (node.kind === 'sheet') return node.job;
    return node.kind === 'planned' ? (this.lastRun(node.uri)?.id ?? null) : null;
  }

  private all(): SheetsNode[] {
    const { source } = this;
    if (source.kind === 'job') {
      return (this.store.sheets(source.job) ?? []).map((sheet) =>
        this.same({ kind: 'sheet', job: source.job, sheet: sheet.num }),
      );
    }
    if (source.kind === 'score') {
      return (source.score?.sheets ?? []).map((sheet) =>
        this.same({ kind: 'planned', uri: source.uri, sheet: sheet.num }),
      );
    }
    return [];
  }

  private row(node: SheetsNode): Row {
    const now = Date.now();
    const empty = { description: '', icon: { id: 'list-ordered' }, context: [], spoken: '' };
    if (node.kind === 'sheetRange') {
      const label = l10n.t('Sheets {0} to {1}', node.first, node.last);
      return { ...empty, id: `range/${node.first}`, label, spoken: label, collapsible: 'collapsed' };
    }
    if (node.kind === 'sheet') {
      const job = this.store.job(node.job);
      const sheet = this.store.sheet(node.job, node.sheet);
      if (job !== undefined && sheet !== undefined) {
        return { ...sheetRow(job, sheet, now), collapsible: 'none' };
      }
    } else if (this.source.kind === 'score') {
      const planned = this.source.score?.sheets[node.sheet - 1];
      const job = this.lastRun(node.uri);
      const sheet = job === undefined ? undefined : this.store.sheet(job.id, node.sheet);
      if (planned !== undefined) {
        return plannedRow(
          node.uri.fsPath,
          planned,
          job === undefined || sheet === undefined ? null : { job, sheet },
          now,
        );
      }
    }
    return {
      ...empty,
      id: `gone/${node.sheet}`,
      label: l10n.t('Sheet {0}', node.sheet),
      collapsible: 'none',
    };
  }

  private lastRun(uri: vscode.Uri): JobModel | undefined {
    return this.store.latestOf(uri.fsPath);
  }

  private onEditor(editor: vscode.TextEditor | undefined): void {
    if (editor === undefined || editor.document.uri.scheme !== 'file') return;
    const { document } = editor;
    if (!isScore(document)) return;
    if (this.source.kind === 'score' && isEqual(this.source.uri, document.uri)) return;
    void this.readScore(document);
  }

  private async readScore(document: vscode.TextDocument): Promise<void> {
    this.asked += 1;
    const turn = this.asked;
    try {
      const room = await this.scoreRoom();
      if (turn !== this.asked) return;
      const { score } = room.summarise(document.getText(), document.uri.fsPath);
      const { source } = this;
      // A text that is broken while it is being written keeps the sheets that it had.
      const same = source.kind === 'score' && isEqual(source.uri, document.uri);
      this.setSource({ kind: 'score', uri: document.uri, score: score ?? (same ? source.score : null) });
      const last = this.lastRun(document.uri);
      if (last !== undefined) await this.feed.openSheets(last.id);
    } catch (error) {
      this.onError(error);
    }
  }

  private setSource(source: Source): void {
    const same =
      source.kind === 'score' && this.source.kind === 'score' && isEqual(source.uri, this.source.uri);
    if (!same) this.nodes.clear();
    this.source = source;
    this.view.description =
      source.kind === 'job'
        ? source.job
        : source.kind === 'score'
          ? (source.uri.path.split('/').at(-1) ?? '')
          : '';
    this.drawn.clear();
    this.keepTicking();
    this.news.fire(undefined);
  }

  /** The job whose sheets are shown, or the last run of the score that is. */
  private shownJob(): string | undefined {
    const { source } = this;
    if (source.kind === 'none') return undefined;
    return source.kind === 'job' ? source.job : this.lastRun(source.uri)?.id;
  }

  private keepTicking(): void {
    const id = this.shownJob();
    const job = id === undefined ? undefined : this.store.job(id);
    this.ticker.keep(this.view.visible && job !== undefined && !hasEnded(job));
  }

  private tick(): void {
    const changed = [...this.drawn].filter(
      ([node, description]) => this.row(node).description !== description,
    );
    if (changed.length > 0) this.news.fire(changed.map(([node]) => node));
  }

  private onStoreChange(change: StoreChange): void {
    const { source } = this;
    if (source.kind === 'none') return;
    this.keepTicking();
    const job = this.shownJob();
    if (source.kind === 'job' && this.store.job(source.job) === undefined) {
      this.setSource({ kind: 'none' });
      return;
    }
    if (change.list && source.kind === 'score') {
      // Perhaps there is a newer run of this score.
      this.news.fire(undefined);
      if (job !== undefined) this.feed.openSheets(job).catch(this.onError);
      return;
    }
    if (job === undefined) return;
    if (change.sheetLists.includes(job)) this.news.fire(undefined);
    const nodes: SheetsNode[] = [];
    for (const changed of change.sheets) {
      if (changed.job !== job) continue;
      const id =
        source.kind === 'job'
          ? `job/${job}/${changed.sheet}`
          : `score/${source.uri.toString()}/${changed.sheet}`;
      const node = this.nodes.get(id);
      if (node !== undefined) nodes.push(node);
    }
    if (nodes.length > 0) this.news.fire(nodes);
  }

  private same(node: SheetsNode): SheetsNode {
    const id =
      node.kind === 'sheet'
        ? `job/${node.job}/${node.sheet}`
        : node.kind === 'planned'
          ? `score/${node.uri.toString()}/${node.sheet}`
          : `range/${node.first}/${node.last}`;
    const known = this.nodes.get(id);
    if (known !== undefined) return known;
    this.nodes.set(id, node);
    return node;
  }
}

function isEqual(a: vscode.Uri, b: vscode.Uri): boolean {
  return a.toString() === b.toString();
}
