/** Builds the pieces and ties them together. Nothing here waits: what takes time begins when somebody looks or asks. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as vscode from 'vscode';
import type { ResultOf } from '../protocol/methods';
import { ChangedFiles } from './changes/changed-files';
import { commands } from './commands/table';
import { tellFailure, tellUntrusted } from './commands/failure';
import { needsTrust } from './commands/needs-trust';
import { workspaceFor } from './commands/submit';
import { Connection } from './connection/connection';
import { SecretKeys } from './connection/secret-keys';
import { keepContextKeys } from './context-keys';
import { isHere } from './here';
import { useTranslator } from './l10n';
import { showStart } from './long-work';
import { Notifications } from './notifications';
import { AttemptDocuments } from './output/attempt-documents';
import { ConductorLog } from './output/conductor-log';
import { SheetOutput } from './output/sheet-output';
import { PromptPreview } from './preview/prompt-preview';
import { Scope } from './scope';
import type { Disposable } from './scope';
import type { LoadCommandRoom } from './rare/contract';
import type { LoadScoreRoom } from './scores/score-room';
import type { Services } from './services';
import { settings } from './settings';
import { windowStateDirectory } from './state-directory';
import { StatusBar } from './status-bar';
import { readConductorState } from './store/conductor-state';
import { JobFeed } from './store/job-feed';
import { JobStore } from './store/job-store';
import { hasEnded } from './store/model';
import { SubmittedJobs } from './submit/submitted-jobs';
import { registerScoreLanguage } from './language';
import { languageDeps } from './language-deps';
import { registerScoreTasks } from './tasks/score-tasks';
import { contributeTerminal } from './terminal';
import { isMztStale, tellMenus } from './terminal-command/memory';
import { TextPages } from './text-pages';
import { alarmDecorations } from './trees/alarm-decorations';
import { InstrumentsView } from './trees/instruments-view';
import { JobsView } from './trees/jobs-view';
import { SheetsView } from './trees/sheets-view';
import { Watched } from './watched';

export interface Started {
  /** Undoes all of it. */
  readonly scope: Disposable;
  readonly store: JobStore;
}

export function start(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
  { scoreRoom, commandRoom }: { scoreRoom: LoadScoreRoom; commandRoom: LoadCommandRoom },
): Started {
  const { t: translate } = vscode.l10n;
  useTranslator(translate);
  const scope = new Scope();
  const onError = (error: unknown) =>
    log.warn(error instanceof Error ? (error.stack ?? error.message) : String(error));

  const store = new JobStore();
  const connection: Connection = scope.add(connect(context, log, store, () => ({ feed, notifications })));
  const feed: JobFeed = new JobFeed({
    store,
    call: (method, params) => connection.ask(method, params),
    later: (work, milliseconds) => void setTimeout(work, milliseconds),
    onError,
  });
  const conductorLog = scope.add(new ConductorLog(connection.stateDir));
  const output = scope.add(new SheetOutput(connection, store));
  const secrets = scope.add(new SecretKeys(context.secrets, context.globalState));
  const submitted = new SubmittedJobs(context.workspaceState);
  const jobsView = scope.add(
    new JobsView({ connection, store, feed, isHere, seen: seenFailures(context.workspaceState), onError }),
  );
  const sheetsView = scope.add(new SheetsView(store, feed, scoreRoom, onError));
  const instrumentsView = scope.add(new InstrumentsView(connection, store, secrets, onError));
  const watched = new Watched(context.workspaceState);
  const notifications = new Notifications({
    store,
    submitted,
    output,
    watched,
    memory: context.workspaceState,
    isHere,
    jobsVisible: () => jobsView.view.visible,
  });
  const services: Services = {
    ...{
      context,
      log,
      conductorLog,
      connection,
      store,
      feed,
      output,
      secrets,
      scoreRoom,
      commandRoom,
      submitted,
    },
    ...{ jobsView, sheetsView, instrumentsView },
    attempts: scope.add(new AttemptDocuments(connection)),
    pages: scope.add(new TextPages()),
    preview: scope.add(
      new PromptPreview(connection, (score, text) => previewWorkspace(scoreRoom, score, text)),
    ),
  };
  scope.add(store.onChange(() => notifications.onChange()));
  scope.add(new ChangedFiles(connection));
  scope.add(new StatusBar(connection, store));
  scope.add(keepContextKeys(connection, store));
  scope.add(registerScoreLanguage(languageDeps(scope, services)));
  registerCommands(scope, services);
  watch(scope, services, onError);
  scope.add(registerScoreTasks(services));
  contributeTerminal(context, connection.stateDir);
  lookIfWorthwhile(services);
  keepMzt(services, onError);
  scope.add({ dispose: () => connection.state === 'connected' && watched.now() });
  return { scope, store };
}

function connect(
  context: vscode.ExtensionContext,
  log: vscode.LogOutputChannel,
  store: JobStore,
  later: () => { feed: JobFeed; notifications: Notifications },
): Connection {
  const packageJson = context.extension.packageJSON as { version?: unknown };
  const warn = (error: unknown) => log.warn(String(error));
  let first = true;
  const connection = new Connection({
    stateDir: windowStateDirectory(settings.stateDirectory(), process.env, homedir()),
    distDir: join(context.extensionPath, 'dist'),
    client: { name: 'marianne-vscode', version: String(packageJson.version), kind: 'vscode' },
    env: process.env,
    node: process.execPath,
    mayStart: () => vscode.workspace.isTrusted,
    hasWork: () => store.list().some((job) => !hasEnded(job)),
    onSnapshot: (jobs) => {
      const { feed, notifications } = later();
      // Events were lost, the connection was not: `onConnected` does not come.
      if (connection.state === 'connected')
        readConductorState(store, (method, params) => connection.ask(method, params)).catch(warn);
      // The link is there for questions once this call is over.
      setImmediate(() => {
        void feed.onSnapshot(jobs).then(async () => {
          if (!first) return;
          first = false;
          // A row does not say what a job waits for.
          const open = store.list().filter((job) => !hasEnded(job) && isHere(job));
          await feed.ask(open.map(({ id }) => id));
          notifications.onFirstSnapshot();
        });
      });
    },
    onEvent: (event) => {
      const { feed, notifications } = later();
      feed.onEvent(event);
      notifications.onEvent(event);
    },
    onStarting: showStart,
    log,
  });
  return connection;
}

function registerCommands(scope: Scope, services: Services): void {
  const trusting = needsTrust(services.context.extension.packageJSON);
  for (const command of commands) {
    scope.add(
      vscode.commands.registerCommand(command.id, async (...given: unknown[]) => {
        try {
          // VS Code keeps this rule in menus and palette; a link, a lens or a message gets past it.
          if (!trusting.has(command.id) || vscode.workspace.isTrusted)
            return await command.run(services, ...given);
          await tellUntrusted();
        } catch (error) {
          await tellFailure(services, error);
        }
        return undefined;
      }),
    );
  }
}

/** What happens in VS Code, and what follows from it. */
function watch(scope: Scope, services: Services, onError: (error: unknown) => void): void {
  const { connection, feed, store, jobsView, sheetsView, instrumentsView, output, secrets } = services;
  for (const { view } of [jobsView, sheetsView, instrumentsView]) {
    if (view.visible) connection.look();
    scope.add(view.onDidChangeVisibility(({ visible }) => visible && connection.look()));
  }
  scope.add(
    jobsView.view.onDidChangeSelection(({ selection }) => {
      const [node] = selection;
      if (node === undefined || !('job' in node)) return;
      sheetsView.showJob(node.job);
      if (node.kind === 'sheet' || node.kind === 'attempt') output.followSheet(node);
    }),
  );
  scope.add(
    connection.onConnected((link) => {
      if (vscode.workspace.isTrusted) secrets.offer(link, process.env).catch(onError);
      // A window without servers takes none away from another.
      if (Object.keys(settings.mcpServers()).length > 0)
        offerServers((servers) => link.call('mcp.offer', { servers })).catch(onError);
      readConductorState(store, (method, params) => link.call(method, params)).catch(onError);
      feed.resume();
    }),
  );
  scope.add(secrets.onChange(() => void instrumentsView.refresh(true)));
  scope.add(vscode.window.registerFileDecorationProvider(alarmDecorations));
  scope.add(vscode.workspace.onDidChangeWorkspaceFolders(() => jobsView.refresh()));
  scope.add(
    vscode.workspace.onDidGrantWorkspaceTrust(() => {
      contributeTerminal(services.context, connection.stateDir);
      if (connection.state === 'connected') secrets.offer(connection, process.env).catch(onError);
    }),
  );
  scope.add(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('marianne.mcpServers') && connection.state === 'connected')
        offerServers((servers) => connection.ask('mcp.offer', { servers })).catch(onError);
      if (change.affectsConfiguration('marianne.terminal')) {
        contributeTerminal(services.context, connection.stateDir);
      }
    }),
  );
}

/** Hands the user's MCP servers over; says which of them cannot be used. */
async function offerServers(
  offer: (servers: Record<string, unknown>) => Promise<ResultOf<'mcp.offer'>>,
): Promise<void> {
  const { refused } = await offer({ ...settings.mcpServers() });
  for (const { name, message } of refused) {
    void vscode.window.showWarningMessage(
      vscode.l10n.t('The MCP server “{0}” in marianne.mcpServers cannot be used: {1}', name, message),
    );
  }
}

/** A folder that had jobs is watched from the start; any other only when somebody looks. Never starts a conductor. */
function lookIfWorthwhile({ connection, context }: Services): void {
  if (context.workspaceState.get('marianne.submitted') !== undefined) setImmediate(() => connection.look());
}

/** What was installed for login shells follows VS Code and the extension; the files are looked at only after one of them changed. */
function keepMzt(services: Services, onError: (error: unknown) => void): void {
  tellMenus(services.context);
  if (!isMztStale(services.context)) return;
  setImmediate(
    () =>
      void services
        .commandRoom()
        .then((room) => room.refreshMzt(services))
        .catch(onError),
  );
}

/** The workspace that a submit of this text would send; null when the score names its own. */
async function previewWorkspace(
  scoreRoom: LoadScoreRoom,
  uri: vscode.Uri,
  text: string,
): Promise<string | null> {
  const { score } = (await scoreRoom()).summarise(text, uri.fsPath);
  const chosen = workspaceFor(uri, score?.writtenWorkspace ?? null);
  return chosen.source === 'score' ? null : chosen.path;
}

const SEEN_KEY = 'marianne.seenFailures';
const MOST_SEEN = 500;

function seenFailures(memory: vscode.Memento) {
  const seen = new Set(memory.get<string[]>(SEEN_KEY, []));
  return {
    has: (job: string) => seen.has(job),
    add: (job: string) => {
      seen.add(job);
      void memory.update(SEEN_KEY, [...seen].slice(-MOST_SEEN));
    },
  };
}
