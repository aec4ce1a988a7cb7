import * as vscode from 'vscode';
import type { JobModel } from './store/model';
import { contains } from './submit/choose-workspace';

/** A job of this window: it works in, or its score lies in, one of the open folders. */
export function isHere(job: JobModel): boolean {
  return (vscode.workspace.workspaceFolders ?? []).some(
    ({ uri }) => contains(uri.fsPath, job.workspace) || contains(uri.fsPath, job.scorePath),
  );
}
