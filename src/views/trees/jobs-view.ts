/** The Jobs tree in VS Code. */
import * as vscode from 'vscode';
import { pause } from '../../client/pause';
import { l10n } from '../l10n';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import type { JobFeed } from '../store/job-feed';
import type { JobStore, StoreChange } from '../store/job-store';
import { hasEnded, needsPerson } from '../store/model';
import type { ConnectionState } from '../connection/connection';
import type { Listen } from '../emitter';
import type { JobModel } from '../store/model';
import { attemptRow } from './attempt-row';
import { clock } from './format';
import { groupRow } from './group-row';
import { jobRow, jobTooltip } from './job-row';
import { filterLabel, passes } from './job-filter';
import type { JobFilter } from './job-filter';
import {
  childNodes,
  isSameNode,
  nodeId,
  pageOfJobs,
  parentNode,
  rootNodes,
  sheetsOfMovement,
  sheetsOfRange,
  shownJobs,
} from './jobs-nodes';
import type { JobsNode, JobsShape } from './jobs-nodes';
import { connectionMessage, limitMessage } from './messages';
import { stateIcons } from './row';
import type { Row } from './row';
import { isRunning, sheetRow, sheetTooltip } from './sheet-row';
import { Ticker } from './ticker';
import { TreeNews } from './tree-news';
import { treeItem } from './tree-item';

export interface JobsViewOptions {
  readonly connection: { readonly state: ConnectionState; readonly onState: Listen<ConnectionState> };
  readonly store: JobStore;
  readonly feed: JobFeed;
  readonly isHere: (job: JobModel) => boolean;
  readonly seen: SeenFailures;
  readonly onError: (error: unknown) => void;
}

/** Failed jobs that a person has looked at: they do not count in the badge any more. */
export interface SeenFailures {
  has(job: string): boolean;
  add(job: string): void;
}

const TICK_MS = 1_000;
/** Most jobs have told their sheets by then, milliseconds. */
const QUICK_MS = 120;

export class JobsView implements vscode.TreeDataProvider<JobsNode>, Disposable {
  private readonly scope = new Scope();
  private readonly changed = this.scope.add(new vscode.EventEmitter<JobsNode[] | undefined>());
  readonly onDidChangeTreeData = this.changed.event;
  private readonly news = this.scope.add(new TreeNews<JobsNode>((nodes) => this.changed.fire(nodes)));
  readonly view: vscode.TreeView<JobsNode>;
  private readonly shape: JobsShape;
  /** VS Code knows nodes by identity: the same node is always the same object. */
  private readonly nodes = new Map<string, JobsNode>();
  /** Description of the rows that were drawn, so that a tick redraws only what reads differently. */
  private readonly drawn = new Map<string, string>();
  /** Time goes on in rows of running jobs and of limits only, and only while someone can see them. */
  private readonly ticker = this.scope.add(new Ticker(() => this.tick(), TICK_MS));
  private filter: JobFilter = 'all';

  constructor(private readonly options: JobsViewOptions) {
    this.shape = {
      store: options.store,
      isHere: options.isHere,
      shows: (job) => passes(this.filter, job),
    };
    this.view = this.scope.add(
      vscode.window.createTreeView('marianne.jobs', {
        treeDataProvider: this,
        showCollapseAll: true,
        canSelectMany: true,
      }),
    );
    this.scope.add(options.store.onChange((change) => this.onStoreChange(change)));
    const onOther = () => {
      this.tell();
      this.keepTicking();
    };
    this.scope.add(options.store.onLimits(onOther));
    this.scope.add(options.connection.onState(onOther));
    this.scope.add(this.view.onDidChangeVisibility(onOther));
    this.scope.add(
      this.view.onDidChangeSelection(({ selection }) => {
        const jobs = selection.flatMap((node) => ('job' in node ? [options.store.job(node.job)] : []));
        const failed = jobs.filter((job) => job?.status === 'failed');
        for (const job of failed) if (job !== undefined) options.seen.add(job.id);
        if (failed.length > 0) this.updateBadge();
      }),
    );
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** Everything anew: folders of this window changed. */
  refresh(): void {
    this.news.fire(undefined);
    this.updateBadge();
  }

  /** Shows only some jobs, and says so. Kept while the window lives. */
  show(filter: JobFilter): void {
    this.filter = filter;
    this.view.description = filter === 'all' ? '' : filterLabel(filter);
    this.tell();
    this.news.fire(undefined);
  }

  /** Selects a job and opens it, if need be without the filter. Does nothing while the view was never shown. */
  async reveal(job: string, options: { readonly focus: boolean }): Promise<void> {
    await this.options.feed.openSheets(job);
    const model = this.options.store.job(job);
    if (model !== undefined && !passes(this.filter, model)) this.show('all');
    const node = this.same({ kind: 'job', job });
    await this.view.reveal(node, { select: true, focus: options.focus, expand: 1 });
  }

  getTreeItem(node: JobsNode): vscode.TreeItem {
    const row = this.row(node, Date.now());
    this.drawn.set(row.id, row.description);
    return treeItem(row);
  }

  async getChildren(node?: JobsNode): Promise<JobsNode[]> {
    if (node === undefined) {
      this.keepTicking();
      return rootNodes(this.shape).map((child) => this.same(child));
    }
    let children = childNodes(node, this.shape);
    if (children === null && node.kind === 'job') {
      const isOver = await this.loadSheets(node);
      children = childNodes(node, this.shape) ?? (isOver ? [] : [{ kind: 'loading', job: node.job }]);
    }
    return (children ?? []).map((child) => this.same(child));
  }

  /**
   * True when it ended, well or badly; false when it takes its time: what comes then is news of the store. VS Code forgets children that are still
   * being looked for whenever any row changes, so they are never waited for long.
   */
  private async loadSheets(node: Extract<JobsNode, { kind: 'job' }>): Promise<boolean> {
    const quick = new AbortController();
    let isLate = false;
    const loading = this.options.feed.openSheets(node.job).then(
      () => true,
      (error: unknown) => {
        this.options.onError(error);
        // The row that says "loading" goes.
        if (isLate) this.fire([node]);
        return true;
      },
    );
    const isOver = await Promise.race([loading, pause(QUICK_MS, quick.signal).then(() => false)]);
    quick.abort();
    isLate = !isOver;
    return isOver;
  }

  getParent(node: JobsNode): JobsNode | undefined {
    const parent = parentNode(node, this.shape);
    return parent === undefined ? undefined : this.same(parent);
  }

  resolveTreeItem(item: vscode.TreeItem, node: JobsNode): vscode.TreeItem {
    const text = this.tooltip(node);
    if (text !== null) item.tooltip = new vscode.MarkdownString(text);
    return item;
  }

  private row(node: JobsNode, now: number): Row {
    const { store } = this.options;
    const id = nodeId(node);
    switch (node.kind) {
      case 'elsewhere': {
        const count = shownJobs(this.shape).filter((job) => !this.options.isHere(job)).length;
        return plainRow(id, l10n.t('Other folders'), String(count), 'folder', 'elsewhere');
      }
      case 'more': {
        const { first, last, newest, oldest } = pageOfJobs(node, this.shape);
        const times = `${clock(oldest, now)} – ${clock(newest, now)}`;
        return plainRow(id, l10n.t('Jobs {0} to {1}', first, last), times, 'history', 'more');
      }
      case 'job': {
        const job = store.job(node.job);
        return job === undefined ? gone(id) : jobRow(job, now);
      }
      case 'loading': {
        const label = l10n.t('Loading its sheets…');
        return { ...gone(id), label, spoken: label, icon: { id: 'loading~spin' } };
      }
      case 'movement':
        return groupRow(
          id,
          l10n.t('Movement {0}', node.movement),
          sheetsOfMovement(store, node.job, node.movement),
          'movement',
        );
      case 'range':
        return groupRow(
          id,
          l10n.t('Sheets {0} to {1}', node.first, node.last),
          sheetsOfRange(store, node),
          'range',
        );
      case 'sheet': {
        const job = store.job(node.job);
        const sheet = store.sheet(node.job, node.sheet);
        return job === undefined || sheet === undefined ? gone(id) : sheetRow(job, sheet, now);
      }
      case 'attempt': {
        const attempt = store
          .sheet(node.job, node.sheet)
          ?.attempts.find((candidate) => candidate.attempt === node.attempt);
        return attempt === undefined ? gone(id) : attemptRow(node.job, node.sheet, attempt, now);
      }
    }
  }

  private tooltip(node: JobsNode): string | null {
    const { store } = this.options;
    const now = Date.now();
    if (node.kind === 'job') {
      const job = store.job(node.job);
      return job === undefined ? null : jobTooltip(job, now);
    }
    if (node.kind === 'sheet') {
      const sheet = store.sheet(node.job, node.sheet);
      return sheet === undefined ? null : sheetTooltip(sheet, store.progress(node.job, node.sheet), now);
    }
    return null;
  }

  private onStoreChange(change: StoreChange): void {
    this.updateBadge();
    this.keepTicking();
    this.tell();
    // A job that changed may come through the filter now, or no more.
    if (change.list || (this.filter !== 'all' && change.jobs.length > 0)) {
      this.forgetGone();
      this.news.fire(undefined);
      return;
    }
    const nodes = new Map<string, JobsNode>();
    for (const job of [...change.sheetLists, ...change.jobs])
      nodes.set(nodeId({ kind: 'job', job }), { kind: 'job', job });
    for (const { job, sheet } of change.sheets) {
      let node: JobsNode | undefined = { kind: 'sheet', job, sheet };
      // What stands above it counts it. The job's own row comes with its own change.
      while (node !== undefined && node.kind !== 'job' && !nodes.has(nodeId(node))) {
        nodes.set(nodeId(node), node);
        node = parentNode(node, this.shape);
      }
    }
    this.fire([...nodes.values()]);
  }

  /** What stands above the rows: the worst first. */
  private tell(): void {
    const { store, connection } = this.options;
    const hides = this.filter !== 'all' && shownJobs(this.shape).length === 0;
    const message =
      (store.list().length > 0 ? connectionMessage(connection.state) : '') ||
      store.notice ||
      limitMessage(store.limits(), Date.now()) ||
      (hides ? l10n.t('No job is shown: {0}.', filterLabel(this.filter)) : '');
    if ((this.view.message ?? '') !== message) this.view.message = message;
  }

  /** Redraws nodes, as far as they were ever shown. */
  private fire(nodes: readonly JobsNode[]): void {
    const known = nodes.flatMap((node) => this.nodes.get(nodeId(node)) ?? []);
    if (known.length > 0) this.news.fire(known);
  }

  /** Rows of jobs that went are not drawn again. */
  private forgetGone(): void {
    for (const [id, node] of this.nodes) {
      if (!('job' in node) || this.options.store.job(node.job) !== undefined) continue;
      this.nodes.delete(id);
      this.drawn.delete(id);
    }
  }

  private same(node: JobsNode): JobsNode {
    const id = nodeId(node);
    const known = this.nodes.get(id);
    if (known !== undefined && isSameNode(known, node)) return known;
    this.nodes.set(id, node);
    return node;
  }

  private updateBadge(): void {
    const { store, isHere, seen } = this.options;
    const jobs = store
      .list()
      .filter((job) => (needsPerson(job) || (job.status === 'failed' && !seen.has(job.id))) && isHere(job));
    const tooltip =
      jobs.length === 1
        ? l10n.t('Marianne: {0} needs you', jobs[0]?.id ?? '')
        : l10n.t('Marianne: {0} jobs failed or wait for you', jobs.length);
    this.view.badge = jobs.length === 0 ? undefined : { value: jobs.length, tooltip };
  }

  private keepTicking(): void {
    const { store } = this.options;
    this.ticker.keep(
      this.view.visible && (store.list().some((job) => !hasEnded(job)) || store.isLimited(Date.now())),
    );
  }

  private tick(): void {
    const now = Date.now();
    const { store } = this.options;
    const changed: JobsNode[] = [];
    const look = (node: JobsNode) => {
      const before = this.drawn.get(nodeId(node));
      if (before !== undefined && before !== this.row(node, now).description) changed.push(node);
    };
    for (const job of store.list()) {
      if (hasEnded(job)) continue;
      look({ kind: 'job', job: job.id });
      for (const sheet of store.sheets(job.id) ?? []) {
        if (!isRunning(sheet.status) && sheet.dueAt === null) continue;
        look({ kind: 'sheet', job: job.id, sheet: sheet.num });
        const last = sheet.attempts.at(-1);
        if (sheet.attempts.length < 2 || last === undefined) continue;
        look({ kind: 'attempt', job: job.id, sheet: sheet.num, attempt: last.attempt });
      }
    }
    this.fire(changed);
    this.tell();
    this.keepTicking();
  }
}

function plainRow(id: string, label: string, description: string, icon: string, word: string): Row {
  return {
    id,
    label,
    description,
    icon: { id: icon },
    context: [word],
    collapsible: 'collapsed',
    spoken: `${label} ${description}`,
  };
}

/** Drawn only for a moment: the tree is being told that the node went. */
function gone(id: string): Row {
  return {
    id,
    label: '…',
    description: '',
    icon: stateIcons.pending,
    context: [],
    collapsible: 'none',
    spoken: '',
  };
}
