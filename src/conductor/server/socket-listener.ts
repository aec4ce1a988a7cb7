/** One listening Unix socket: bound privately, put in place by rename, watched, and never removed when it is not ours any more. */
import { chmod, lstat, rename, unlink } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { AlreadyRunningError, SocketPathError } from '../../protocol/errors';
import { MAX_SOCKET_PATH_BYTES } from '../../protocol/paths';
import { errorCode } from '../../protocol/private-folder';

export interface ListenOptions {
  /** Makes and checks the folder; called before every (re-)listen. */
  readonly prepare: () => Promise<void>;
  /** File mode of the socket; default 0600. */
  readonly permissions?: number;
}

export type ListenerState = 'ours' | 'made-again' | 'taken';

export class SocketListener {
  private server: Server | null = null;
  private identity = '';

  private constructor(
    readonly path: string,
    private readonly options: ListenOptions,
    private readonly onConnection: (socket: Socket) => void,
    private readonly onError: (error: Error) => void,
  ) {}

  /**
   * Listens. A dead socket at the path is replaced; a live one is not.
   * @throws AlreadyRunningError when somebody listens there; SocketPathError when the path is too long or holds something else
   */
  static async open(
    path: string,
    options: ListenOptions,
    onConnection: (socket: Socket) => void,
    onError: (error: Error) => void,
  ): Promise<SocketListener> {
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
      throw new SocketPathError(`socket path has more than ${MAX_SOCKET_PATH_BYTES} bytes: ${path}`);
    }
    const listener = new SocketListener(path, options, onConnection, onError);
    await options.prepare();
    await listener.refuseToDisplace();
    await listener.bind();
    return listener;
  }

  /** Looks whether the socket is still there; makes it again when it vanished or is dead. Connections that exist are not touched. */
  async check(): Promise<ListenerState> {
    if (this.server === null) return 'taken';
    if ((await fileIdentity(this.path)) === this.identity) return 'ours';
    await this.options.prepare();
    try {
      await this.refuseToDisplace();
    } catch (error) {
      if (error instanceof AlreadyRunningError) return 'taken';
      throw error;
    }
    const old = this.server;
    await this.bind();
    old.close();
    return 'made-again';
  }

  /** Stops accepting, and removes the socket if it is still ours. */
  async close(): Promise<void> {
    const { server } = this;
    this.server = null;
    if (server === null) return;
    server.close();
    if ((await fileIdentity(this.path)) === this.identity) await unlink(this.path).catch(ignoreMissing);
  }

  private async refuseToDisplace(): Promise<void> {
    const facts = await lstat(this.path).catch(ignoreMissing);
    if (facts === undefined) return;
    if (!facts.isSocket()) {
      throw new SocketPathError(`there is something else in the place of the socket: ${this.path}`, {
        remedy: `Remove ${this.path}, or set MARIANNE_SOCKET to another path.`,
      });
    }
    if (await answers(this.path)) throw new AlreadyRunningError(`another process listens at ${this.path}`);
  }

  /**
   * Binds under a neighbouring name and renames: so the socket never exists with a wider mode, and libuv, which unlinks the name it bound when it
   * closes, can never remove the socket of a successor.
   */
  private async bind(): Promise<void> {
    const temp = `${this.path}~`;
    await unlink(temp).catch(ignoreMissing);
    const server = createServer({ allowHalfOpen: true }, this.onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const umask = process.umask(0o077);
      try {
        server.listen(temp, () => resolve());
      } finally {
        process.umask(umask);
      }
    });
    server.removeAllListeners('error');
    server.on('error', this.onError);
    await chmod(temp, this.options.permissions ?? 0o600);
    await rename(temp, this.path);
    this.identity = (await fileIdentity(this.path)) ?? '';
    this.server = server;
  }
}

/** Device, inode and birth: an inode number alone is used again. Null when there is nothing. */
async function fileIdentity(path: string): Promise<string | null> {
  const facts = await lstat(path, { bigint: true }).catch(ignoreMissing);
  return facts === undefined ? null : `${facts.dev}:${facts.ino}:${facts.birthtimeNs}`;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    const done = (alive: boolean) => {
      probe.destroy();
      resolve(alive);
    };
    probe.once('connect', () => done(true));
    // A full backlog (EAGAIN) is a live listener.
    probe.once('error', (error) => done(errorCode(error) === 'EAGAIN'));
  });
}

function ignoreMissing(error: unknown): undefined {
  if (errorCode(error) !== 'ENOENT') throw error;
  return undefined;
}
