import type { HttpRoom } from './http/http-room';

/** The way to the HTTP instruments: their libraries are loaded with the first of them that is used. */
export class HttpAccess {
  private room: Promise<HttpRoom> | null = null;

  open(): Promise<HttpRoom> {
    this.room ??= import('./http/http-room').then(({ openHttpRoom }) => openHttpRoom());
    return this.room;
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    await (await this.room)?.close();
  }
}
