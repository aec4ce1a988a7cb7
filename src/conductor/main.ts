/** The conductor's process: takes ownership, opens the journal, has the rooms wired, and serves. */
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { bootId, isSameProcess, processStartTime } from '../process/identity';
import { DaemonError } from '../protocol/errors';
import { makeFolders } from '../protocol/make-folders';
import {
  EXIT_NO_ROOM,
  EXIT_SOMEONE_ELSE,
  stateDirectory,
  stateDirectoryHash,
  statePaths,
} from '../protocol/paths';
import { UnsafeFolderError } from '../protocol/private-folder';
import { apiServer } from './api-server';
import { systemClock } from './clock';
import { loadConfig } from './config';
import { isNoRoom } from './disk-room';
import { openEngineRoom, type EngineRoom } from './engine-room';
import type { StoredBundle } from './engine/bundles';
import { EngineCore } from './engine/core';
import { applyRecord, emptyState } from './engine/state';
import type { IndexClient } from './index/index-client';
import { systemClock as journalClock } from './journal/clock';
import { Journal } from './journal/journal';
import { Lifetime } from './lifetime';
import { openLog } from './log';
import { acquireOwnership } from './ownership/ownership';
import { chooseSocket } from './ownership/socket-folder';
import type { RpcServer } from './server/rpc-server';
import type { ConductorSetup } from './setup';
import { startOptions } from './start-options';
import { openIndex, snapshotOf } from './startup';

const buildSchema = z.object({ version: z.string(), build: z.string(), built_at: z.number().default(0) });

async function main(): Promise<void> {
  process.title = 'marianne-conductor';
  const umask = process.umask(0o077);
  const startedAt = Date.now();
  const { politeEndMs } = startOptions(process.argv.slice(2));
  const stateDir = stateDirectory(process.env, homedir());
  const paths = statePaths(stateDir);
  const root = __dirname;
  const build = buildSchema.parse(JSON.parse(readFileSync(join(root, 'build.json'), 'utf8')));
  const { config, notices } = loadConfig(paths.config);
  const socket = await chooseSocket(stateDir, process.env);
  const stateHash = stateDirectoryHash(realpathSync(stateDir));

  const acquired = await acquireOwnership({
    stateDir,
    build: build.build,
    version: build.version,
    builtAt: build.built_at,
    socketPath: socket.path,
    identity: { processStartTime, isSameProcess, bootId },
    clock: systemClock,
  });
  if (acquired.kind === 'lost') {
    const { pid, version } = acquired.lostTo;
    process.stderr.write(`marianne-conductor: another one runs for ${stateDir}: pid ${pid}, ${version}\n`);
    process.exit(EXIT_SOMEONE_ELSE);
  }
  const { ownership } = acquired;
  mkdirSync(paths.log, { recursive: true, mode: 0o700 });
  const log = openLog(paths.conductorLog, config.log_level);
  log.info(
    { build: build.build, epoch: ownership.epoch, node: process.version, socket: socket.path },
    'conductor starts',
  );
  for (const notice of notices)
    log[notice.severity === 'error' ? 'error' : 'warn']({ ...notice, file: paths.config }, 'configuration');
  // Not `fatal`: that waits until the log is written, with a full disk for ever, and this process would hold its ownership all the while.
  process.on('uncaughtException', (error) => {
    log.error({ error: error.stack }, 'uncaught exception');
    process.exit(70);
  });
  process.on('unhandledRejection', (reason) => {
    log.error({ error: reason instanceof Error ? reason.stack : String(reason) }, 'unhandled rejection');
    process.exit(70);
  });
  const setup: ConductorSetup = {
    stateDir,
    paths,
    stateHash,
    root,
    builtInProfiles: join(root, 'profiles'),
    build,
    config,
    epoch: ownership.epoch,
    socketPath: socket.path,
    pid: process.pid,
    startedAt,
    home: homedir(),
    politeEndMs,
    umask,
    log,
  };
  // The index is opened after the journal that feeds it.
  const feed = { index: null as IndexClient | null };
  const { core, journal, report } = await openJournal(setup, feed);
  const archives = new Set(await journal.store.listArchives());
  const storedIsKnown = report.state !== 'missing' && report.corruption.length === 0;
  const house = await openEngineRoom(setup, { core, journal, archives, storedIsKnown });
  feed.index = await openIndex(journal, { image: paths.index, worker: join(root, 'index-worker.js') }, log);
  const { index } = feed;
  const lifetime: Lifetime = new Lifetime(setup, { ownership, journal, house, index }, () => server);
  const server: RpcServer = apiServer(setup, core, house, index, lifetime);

  if (report.state === 'missing')
    house.tell({
      key: 'journal',
      type: 'storage.failed',
      data: { message: 'the journal was lost: earlier jobs are gone' },
    });
  // Not waited for: with a full disk it would be for ever, and clients have to hear of that.
  void core.commit([{ type: 'conductor.started', body: { build: build.build, pid: process.pid } }]);
  await house.changes.keepOnly([...core.state.jobs.keys(), ...archives]);
  await house.engine.start();
  // Ours is the last: who is answered there finds all of it ready.
  if (config.socket.compat_path !== null) await listenForPython(server, config.socket.compat_path, setup);
  await server.listen(socket.path, { permissions: config.socket.permissions, prepare: socket.prepare });
  log.info({ jobs: core.state.jobs.size, ms: Date.now() - startedAt }, 'conductor is ready');
  endStrayServers(house, setup);
  lifetime.begin();
}

/** Opens the journal and folds what it holds. */
async function openJournal(
  { paths, epoch, root, log }: ConductorSetup,
  feed: { readonly index: IndexClient | null },
) {
  const core = new EngineCore(emptyState(), emptyState(), new Map<string, StoredBundle>());
  const { journal, report } = await Journal.open({
    dir: paths.journal,
    archiveDir: paths.archive,
    epoch: epoch,
    clock: journalClock,
    log,
    workerFile: join(root, 'journal-worker.js'),
    expectExisting: epoch > 1,
    onRecord: (record) => {
      applyRecord(core.state, record);
      applyRecord(core.durable, record);
    },
    onDurable: (records) => {
      core.onDurable(records);
      feed.index?.feed(records);
    },
    snapshot: () => snapshotOf(core),
  });
  core.useJournal(journal);
  return { core, journal, report };
}

/** In the background. */
function endStrayServers({ mcp }: EngineRoom, { log }: ConductorSetup): void {
  void mcp.endStrays().then(
    (count) => count > 0 && log.warn({ count }, 'ended MCP servers of an earlier conductor'),
    (error: unknown) =>
      log.warn({ error: String(error) }, 'MCP servers of an earlier conductor were not looked for'),
  );
}

/** Where the Python clients look; without it everybody else is served all the same. */
async function listenForPython(server: RpcServer, path: string, { log }: ConductorSetup): Promise<void> {
  try {
    await makeFolders(dirname(path));
    await server.listen(path, { permissions: 0o600, prepare: () => Promise.resolve() });
  } catch (error) {
    log.warn(
      { path, error: error instanceof Error ? error.message : String(error) },
      'socket.compat_path is not served',
    );
  }
}

/** What the system or the folder is to blame for needs no stack; a fault of ours does. */
function startFailure(error: unknown): string {
  if (error instanceof UnsafeFolderError) return `${error.message}. ${error.remedy}`;
  if (!(error instanceof Error)) return String(error);
  if (isNoRoom(error)) return `no room on the disk of the state directory (${error.message})`;
  const isSystems = error instanceof DaemonError || 'syscall' in error;
  return isSystems ? error.message : (error.stack ?? error.message);
}

main().catch((error: unknown) => {
  // Before the log is open: stderr is the log file, or a person's terminal.
  // It may be on the full disk itself; the exit code says it too.
  process.stderr.write(`marianne-conductor: ${startFailure(error)}\n`);
  process.exit(isNoRoom(error) ? EXIT_NO_ROOM : 1);
});
