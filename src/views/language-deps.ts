/** What the score language asks of the rest of the extension. */
import { join } from 'node:path';
import * as vscode from 'vscode';
import { CachedAnswers } from './cached-answers';
import { CodePage } from './code-pages';
import { workspaceFor } from './commands/submit';
import type { ScoreLanguageDeps } from './language/contract';
import type { Scope } from './scope';
import type { Services } from './services';
import type { JobModel } from './store/model';
import { isRunning } from './trees/sheet-row';

/** Lenses are drawn anew at most so often, milliseconds. */
const PAUSE_MS = 200;
/** How long a list of models counts, milliseconds: a person who types asks many times. */
const MODELS_KEPT_MS = 5_000;
/** A server that does not answer by then must not hold up typing, milliseconds. */
const MODELS_WAIT_MS = 1_500;
/** Once more after the last change, milliseconds: VS Code at times loses a change that comes while it draws. */
const AGAIN_MS = 2000;

export function languageDeps(scope: Scope, services: Services): ScoreLanguageDeps {
  const { connection, context, feed, log, scoreRoom, store } = services;
  const liveChanges = scope.add(new vscode.EventEmitter<undefined>());
  const catalogueChanges = scope.add(new vscode.EventEmitter<undefined>());
  let timer: NodeJS.Timeout | null = null;
  let again: NodeJS.Timeout | null = null;
  scope.add(
    store.onChange(() => {
      timer ??= setTimeout(() => {
        timer = null;
        liveChanges.fire(undefined);
        if (again !== null) clearTimeout(again);
        again = setTimeout(() => liveChanges.fire(undefined), AGAIN_MS);
      }, PAUSE_MS);
    }),
  );
  scope.add({
    dispose: () => {
      if (timer !== null) clearTimeout(timer);
      if (again !== null) clearTimeout(again);
    },
  });
  scope.add(connection.onConnected(() => catalogueChanges.fire(undefined)));
  let watched: vscode.Disposable | null = null;
  /** What the user's own files say of instruments may change at any time: `mzt trust`, `mzt config`, a new profile. */
  const watchInstruments = (): void => {
    if (watched !== null) return;
    const { stateDir } = connection;
    const watchers = [
      [stateDir, '{trust.json,conductor.yaml}'],
      [join(stateDir, 'instruments'), '*.{yaml,yml}'],
    ].map(([folder = '', files = '']) =>
      vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(folder), files)),
    );
    const change = (): void => catalogueChanges.fire(undefined);
    watched = scope.add(
      vscode.Disposable.from(
        ...watchers,
        ...watchers.flatMap((each) => [
          each.onDidCreate(change),
          each.onDidChange(change),
          each.onDidDelete(change),
        ]),
      ),
    );
  };
  const lastRun = (uri: vscode.Uri): JobModel | undefined => store.latestOf(uri.fsPath);
  const codes = new CodePage(context.extensionPath);
  const manifest = context.extension.packageJSON as { version?: unknown };
  return {
    catalogue: async (workspace) => {
      watchInstruments();
      return (await scoreRoom()).scoreCatalogue(connection.distDir, connection.stateDir, workspace);
    },
    onCatalogueChanged: catalogueChanges.event,
    liveModels: cachedModels(services),
    liveState(uri, num) {
      const job = lastRun(uri);
      if (job === undefined) return undefined;
      if (store.sheets(job.id) === undefined) {
        feed.openSheets(job.id).catch((error: unknown) => log.debug(String(error)));
        return undefined;
      }
      const sheet = store.sheet(job.id, num);
      const attempt = sheet?.attempts.at(-1);
      if (sheet === undefined || attempt === undefined) return undefined;
      const running = isRunning(sheet.status);
      return {
        status: running ? 'running' : sheet.status,
        ...(running ? { startedAt: attempt.startedAt } : {}),
        ...(attempt.durationSeconds === null ? {} : { durationSeconds: attempt.durationSeconds }),
      };
    },
    lastResult(uri) {
      const job = lastRun(uri);
      return job === undefined ? undefined : { status: job.status, detail: `${job.completed}/${job.total}` };
    },
    onLiveStateChanged: liveChanges.event,
    isTrusted: () => vscode.workspace.isTrusted,
    setting: (key, scopeUri) => vscode.workspace.getConfiguration('marianne', scopeUri ?? null).get(key),
    jobFolder: (uri) => workspaceFor(uri, null).path,
    codeLink: (code) => {
      const line = codes.lineOf(code);
      return line === null ? undefined : vscode.Uri.file(codes.path).with({ fragment: `L${line}` });
    },
    productVersion: String(manifest.version),
    log: (message, error) =>
      log.warn(`${message}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  };
}

/** The models of an instrument as the conductor hears them from it; null while no conductor is connected: none is started for this. */
function cachedModels({ connection, log }: Services): NonNullable<ScoreLanguageDeps['liveModels']> {
  const answers = new CachedAnswers<readonly string[] | null>(MODELS_KEPT_MS, Date.now);
  return (name) => {
    if (connection.state !== 'connected') return Promise.resolve(null);
    return answers.get(name, async () => {
      try {
        const options = { timeoutMs: MODELS_WAIT_MS };
        const { models, error } = await connection.ask('instruments.models', { name }, options);
        return error === null ? models : null;
      } catch (error) {
        log.debug(`the models of ${name}: ${String(error)}`);
        return null;
      }
    });
  };
}
