import type { Uri } from 'vscode';
import type { Connection } from './connection/connection';
import type { Disposable } from './scope';

/** Documents that say only why they could not be read: VS Code opens them again with a window, before anybody is connected. Read again with the next connection. */
export class FailedDocuments implements Disposable {
  private readonly uris = new Map<string, Uri>();
  private readonly listening: Disposable;

  constructor(connection: Pick<Connection, 'onConnected'>, readAgain: (uri: Uri) => void) {
    this.listening = connection.onConnected(() => {
      const again = [...this.uris.values()];
      this.uris.clear();
      again.forEach(readAgain);
    });
  }

  add(uri: Uri): void {
    this.uris.set(uri.toString(), uri);
  }

  dispose(): void {
    this.listening.dispose();
  }
}
