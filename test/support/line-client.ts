import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

export interface RawAnswer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** One JSON object a line over a bare socket, as the Python clients speak: knows nothing of our protocol code. */
export class LineClient {
  private readonly waiting = new Map<number, (answer: RawAnswer) => void>();
  private readonly listeners = new Set<() => void>();
  /** Everything that came without being asked for. */
  readonly notifications: RawAnswer[] = [];
  private rest = '';
  private id = 0;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (this.rest + text).split('\n');
      this.rest = lines.pop() ?? '';
      for (const line of lines) this.take(JSON.parse(line) as RawAnswer);
    });
  }

  static async connect(path: string): Promise<LineClient> {
    const socket = createConnection(path);
    await once(socket, 'connect');
    return new LineClient(socket);
  }

  /** Sends a request; the answer is given as it came. */
  request(method: string, params?: unknown): Promise<RawAnswer> {
    this.id += 1;
    const { id } = this;
    const answer = new Promise<RawAnswer>((resolve) => this.waiting.set(id, resolve));
    this.socket.write(
      `${JSON.stringify({ jsonrpc: '2.0', id, method, ...(params === undefined ? {} : { params }) })}\n`,
    );
    return answer;
  }

  /** The result of a request as an object. @throws Error when it was refused */
  async result(method: string, params?: unknown): Promise<Record<string, unknown>> {
    const answer = await this.request(method, params);
    if (answer.error) throw new Error(`${method}: ${answer.error.code} ${answer.error.message}`);
    return answer.result as Record<string, unknown>;
  }

  /** Resolves with the first notification, had or to come, that fits. */
  async notified(fits: (notification: RawAnswer) => boolean): Promise<RawAnswer> {
    for (;;) {
      const found = this.notifications.find(fits);
      if (found) return found;
      await new Promise<void>((resolve) => this.listeners.add(resolve));
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private take(answer: RawAnswer): void {
    if (answer.id !== undefined && answer.method === undefined) {
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
      return;
    }
    this.notifications.push(answer);
    for (const wake of this.listeners) wake();
    this.listeners.clear();
  }
}
