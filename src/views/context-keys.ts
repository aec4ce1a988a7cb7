/** Keys for `when` clauses: what can work now. */
import * as vscode from 'vscode';
import type { Connection } from './connection/connection';
import { Scope } from './scope';
import type { Disposable } from './scope';
import { isScore } from './scores/score-document';
import type { JobStore } from './store/job-store';
import { jobContext } from './trees/job-row';

/** What some job can have done to it: the palette offers no command that fits none. */
const jobWords = ['pausable', 'resumable', 'retryable', 'cancelable', 'deletable'] as const;

export function keepContextKeys(connection: Connection, store: JobStore): Disposable {
  const scope = new Scope();
  const last = new Map<string, unknown>();
  const set = (key: string, value: unknown) => {
    if (last.get(key) === value) return;
    last.set(key, value);
    void vscode.commands.executeCommand('setContext', `marianne.${key}`, value);
  };
  const editor = () => {
    const document = vscode.window.activeTextEditor?.document;
    set('activeScore', document?.uri.scheme === 'file' && isScore(document));
  };
  const jobs = () => {
    const list = store.list();
    const can = new Set(list.flatMap(jobContext));
    set('hasJobs', list.length > 0);
    set(
      'hasDoneJob',
      list.some(({ status }) => status === 'completed'),
    );
    for (const word of jobWords) set(`can.${word}`, can.has(word));
  };
  const state = () => set('conductor', connection.state);
  scope.add(connection.onState(state));
  scope.add(store.onChange(jobs));
  scope.add(vscode.window.onDidChangeActiveTextEditor(editor));
  scope.add(
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration('marianne.scoreFiles')) editor();
    }),
  );
  scope.add(
    vscode.workspace.onDidSaveTextDocument((document) => {
      if (document === vscode.window.activeTextEditor?.document) editor();
    }),
  );
  state();
  jobs();
  editor();
  return scope;
}
