import type { EngineRoom } from './engine-room';
import { LEAST_ROOM, roomIn } from './disk-room';
import type { IndexClient } from './index/index-client';
import type { Journal } from './journal/journal';
import type { Ownership } from './ownership/ownership';
import type { RpcServer } from './server/rpc-server';
import type { ConductorSetup } from './setup';

/** How often ownership, sockets and idleness are looked at, milliseconds. */
const watchEvery = 5000;
/** Longest wait for requests in work at the end, milliseconds. */
const closeDeadline = 3000;

/** What a conductor gives back at its end. */
interface Held {
  readonly ownership: Ownership;
  readonly journal: Journal;
  readonly house: EngineRoom;
  readonly index: IndexClient | null;
}

/** From "ready" to the end of the process: looks after what may go away below it, ends when nobody needs it, and ends in order. */
export class Lifetime {
  private isStopping = false;
  private watch: NodeJS.Timeout | null = null;
  private idleSince = Date.now();

  constructor(
    private readonly setup: ConductorSetup,
    private readonly held: Held,
    private readonly server: () => RpcServer,
  ) {}

  get stopping(): boolean {
    return this.isStopping;
  }

  /** From now on; the server listens. */
  begin(): void {
    this.idleSince = Date.now();
    this.watch = setInterval(() => {
      this.look().catch((error: unknown) => {
        this.setup.log.warn({ error: words(error) }, 'looked after in vain');
      });
    }, watchEvery);
    process.on('SIGTERM', () => this.shutdown('SIGTERM', false));
    process.on('SIGINT', () => this.shutdown('SIGINT', false));
  }

  /** Ends this process in order; agents run on unless the jobs are cancelled first. */
  shutdown(why: string, cancel: boolean): void {
    void this.end(why, cancel);
  }

  private async look(): Promise<void> {
    const { stateDir, config, epoch, log } = this.setup;
    const { house, ownership } = this.held;
    const server = this.server();
    // Agents and shims meet a full disk before we do, and have no way to say so.
    house.room.note(stateDir, (await roomIn(stateDir)) < LEAST_ROOM);
    await server.checkSockets();
    if (!(await ownership.isInForce())) {
      log.error({ epoch }, 'ownership has moved: this conductor ends');
      process.exit(75);
    }
    const busy = house.engine.activeJobs().length > 0 || server.connectionCount > 0;
    const { idle_exit_minutes: minutes } = config;
    if (busy) this.idleSince = Date.now();
    else if (minutes > 0 && Date.now() - this.idleSince > minutes * 60_000) await this.end('idle', false);
  }

  private async end(why: string, cancel: boolean): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    const { log } = this.setup;
    const { house, ownership, journal, index } = this.held;
    const { engine } = house;
    log.info({ why, cancel }, 'conductor stops');
    house.tell({ key: 'conductor', type: 'conductor.draining', data: { reason: why } });
    if (this.watch) clearInterval(this.watch);
    if (cancel) await Promise.all(engine.activeJobs().map((job) => engine.commands.cancel(job.run)));
    await engine.stop();
    house.changes.stop();
    await house.mcp.close();
    await this.server().close(closeDeadline);
    await journal.close();
    await index?.close();
    house.launcher.close();
    try {
      await ownership.release();
    } catch (error) {
      // No room for the record. The next start sees that this process has ended.
      log.warn({ error: words(error) }, 'ownership could not be given back');
    }
    log.info({}, 'conductor has stopped');
    process.exit(0);
  }
}

function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
