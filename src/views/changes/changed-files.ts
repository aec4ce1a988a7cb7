/** Files as they were before and after an attempt, read-only: `marianne-changes:<file's path>?job=…&sheet=…&attempt=…&side=…&file=…`. */
import * as vscode from 'vscode';
import { MAX_FILE_PAGE_BYTES } from '../../protocol/change-methods';
import type { Connection } from '../connection/connection';
import { Emitter } from '../emitter';
import { Scope } from '../scope';
import type { Disposable } from '../scope';
import { KeptFiles } from './kept-files';

export const CHANGES_SCHEME = 'marianne-changes';

export interface FileVersion {
  readonly job: string;
  readonly sheet: number;
  readonly attempt: number;
  readonly side: 'before' | 'after';
  /** In the workspace, with slashes. */
  readonly file: string;
}

export function versionUri(workspace: string, version: FileVersion): vscode.Uri {
  const { job, sheet, attempt, side, file } = version;
  const query = new URLSearchParams({ job, sheet: String(sheet), attempt: String(attempt), side, file });
  return vscode.Uri.joinPath(vscode.Uri.file(workspace), file).with({
    scheme: CHANGES_SCHEME,
    query: query.toString(),
  });
}

/** Null for what this extension did not make. */
export function versionOf(uri: vscode.Uri): FileVersion | null {
  const query = new URLSearchParams(uri.query);
  const job = query.get('job');
  const file = query.get('file');
  const sheet = Number(query.get('sheet'));
  const attempt = Number(query.get('attempt'));
  const side = query.get('side') === 'before' ? 'before' : 'after';
  if (job === null || file === null || !Number.isInteger(sheet) || !Number.isInteger(attempt)) return null;
  return { job, sheet, attempt, side, file };
}

/** What was recorded never changes: a file is asked for once while it is among the last that were looked at. */
const MOST_FILES = 200;
const MOST_BYTES = 64 * 1024 * 1024;
const refuse = (): never => {
  throw vscode.FileSystemError.NoPermissions();
};

export class ChangedFiles implements vscode.FileSystemProvider, Disposable {
  private readonly scope = new Scope();
  private readonly contents = new KeptFiles(MOST_FILES, MOST_BYTES);
  readonly onDidChangeFile = new Emitter<vscode.FileChangeEvent[]>().event;

  constructor(private readonly connection: Connection) {
    this.scope.add(
      vscode.workspace.registerFileSystemProvider(CHANGES_SCHEME, this, {
        isReadonly: true,
        isCaseSensitive: true,
      }),
    );
  }

  dispose(): void {
    this.scope.dispose();
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { length: size } = await this.readFile(uri);
    return { type: vscode.FileType.File, ctime: 0, mtime: 0, size };
  }

  readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return this.contents.get(uri.toString(), () => this.load(uri));
  }

  watch(): vscode.Disposable {
    return { dispose: () => undefined };
  }

  readonly readDirectory = refuse;
  readonly createDirectory = refuse;
  readonly writeFile = refuse;
  readonly delete = refuse;
  readonly rename = refuse;

  private async load(uri: vscode.Uri): Promise<Uint8Array> {
    const version = versionOf(uri);
    if (version === null) throw vscode.FileSystemError.FileNotFound(uri);
    const { job, sheet, attempt, side, file } = version;
    // An editor that VS Code opens again with its window must start no conductor.
    await this.connection.whenRunning();
    const parts: Buffer[] = [];
    for (let offset = 0; ;) {
      const page = await this.connection.ask('job.changed_file', {
        ...{ job_id: job, sheet, attempt, side, path: file },
        ...{ offset, max_bytes: MAX_FILE_PAGE_BYTES },
      });
      if (!page.exists) throw vscode.FileSystemError.FileNotFound(uri);
      parts.push(Buffer.from(page.data, 'base64'));
      if (page.eof || page.next_offset <= offset) return Buffer.concat(parts);
      offset = page.next_offset;
    }
  }
}
