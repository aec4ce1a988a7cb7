/** The conductor's process: takes ownership, opens the journal, wires the rooms, serves, and ends in order. */
import { mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { HttpAccess } from '../backends/http-access';
import { readServers } from '../instruments/mcp-servers';
import { endpointIn } from '../instruments/endpoint';
import { bootId, isSameProcess, processStartTime } from '../process/identity';
import { Launcher } from '../process/launcher-client';
import { AdoptionWatcher } from '../process/watcher';
import {
  attemptBase,
  EXIT_NO_ROOM,
  EXIT_SOMEONE_ELSE,
  stateDirectory,
  stateDirectoryHash,
  statePaths,
} from '../protocol/paths';
import type { ProgressData, WireEvent } from '../protocol/events';
import { makeFolders } from '../protocol/make-folders';
import { daemonHandlers } from './api/daemon-handlers';
import { jobHandlers } from './api/job-handlers';
import { jobRow } from './api/checkpoint';
import { eventsOf } from './api/record-events';
import { Accounts, accountSalt } from './accounts';
import { JobAccounts } from './job-accounts';
import { attemptTools, openMcpProxy } from './attempts/attempt-tools';
import { LocalRunner } from './attempts/local-runner';
import { ChangeRecorder } from './changes/recorder';
import { systemClock } from './clock';
import { loadConfig } from './config';
import { Consents } from './consents';
import { DiskRoom, isNoRoom, LEAST_ROOM, roomIn } from './disk-room';
import type { StoredBundle } from './engine/bundles';
import { EngineCore } from './engine/core';
import { Engine } from './engine/engine';
import { HoldReasons } from './engine/holds';
import { Services } from './engine/services';
import { applyRecord, emptyState, terminalJob, type JobState } from './engine/state';
import type { IndexClient } from './index/index-client';
import { Journal } from './journal/journal';
import { systemClock as journalClock } from './journal/clock';
import { openLog } from './log';
import { acquireOwnership } from './ownership/ownership';
import { chooseSocket } from './ownership/socket-folder';
import { Installation } from './installation';
import { RunCatalogues } from './run-catalogues';
import { SecretStore } from './secrets';
import { instrumentWidth, openIndex, snapshotOf, wakeEnvironment } from './startup';
import { StateBackend } from './state-backend';
import { EventHub } from './server/event-hub';
import type { Handlers } from './server/handlers';
import { RpcServer } from './server/rpc-server';
import { DaemonError, ShuttingDownError } from '../protocol/errors';
import { UnsafeFolderError } from '../protocol/private-folder';

const buildSchema = z.object({ version: z.string(), build: z.string(), built_at: z.number().default(0) });

/** How often ownership, sockets and idleness are looked at, milliseconds. */
const watchEvery = 5000;
/** Longest wait for requests in work at the end, milliseconds. */
const closeDeadline = 3000;

async function main(): Promise<void> {
  process.title = 'marianne-conductor';
  const umask = process.umask(0o077);
  const startedAt = Date.now();
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

  const core = new EngineCore(emptyState(), emptyState(), new Map<string, StoredBundle>());
  const feed = { index: null as IndexClient | null };
  const { journal, report } = await Journal.open({
    dir: paths.journal,
    archiveDir: paths.archive,
    epoch: ownership.epoch,
    clock: journalClock,
    log,
    workerFile: join(root, 'journal-worker.js'),
    expectExisting: ownership.epoch > 1,
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
  const archives = new Set(await journal.store.listArchives());

  const builtInFolder = join(root, 'profiles');
  const catalogues = await RunCatalogues.open({
    builtIn: builtInFolder,
    user: paths.instruments,
    trustFile: paths.trust,
  });
  const freshCatalogue = (workspace: string | null) => catalogues.fresh(workspace);
  const catalogueOf = (run: string | null) => catalogues.of(run);

  const installation = new Installation(paths.installationId);
  const secrets = new SecretStore(
    () =>
      new Set(
        [...core.state.jobs.values()]
          .filter((job) => !terminalJob.has(job.status))
          .flatMap((job) => job.secret_names),
      ),
  );
  const secretsFor = (run: string) =>
    secrets.of(run, [...catalogues.secretNames(run), ...(core.state.jobs.get(run)?.secret_names ?? [])]);

  const hub = new EventHub({
    seq: core.durable.lastSeq,
    snapshot: (job) => ({
      seq: core.durable.lastSeq,
      jobs: [...core.durable.jobs.values()]
        .filter(({ run }) => job === null || run === job)
        .map((state) => jobRow(state, process.pid)),
    }),
  });
  core.onRecord((record, job) => {
    const events = eventsOf(record, job);
    if (events.length > 0) hub.publish(...events);
    else hub.advance(record.seq);
  });
  const tell = (
    event: Omit<WireEvent, 't' | 'job_id' | 'data'> & Partial<Pick<WireEvent, 'job_id' | 'data'>>,
  ) => hub.publish({ t: Date.now(), job_id: null, data: {}, ...event });

  const changes = new ChangeRecorder({
    folder: paths.changes,
    enabled: config.record_changes,
    report: (message, fields) => log.warn(fields, message),
  });
  core.onRecord((record) => {
    if (record.type === 'job.deleted' && record.run !== undefined) void changes.forget(record.run);
  });
  const accounts: JobAccounts = new JobAccounts({
    accounts: new Accounts(accountSalt(paths.accountSalt)),
    keyring: config.keyring,
    home: homedir(),
    env: process.env,
    userUrls: config.base_urls,
    catalogueOf,
    secretsFor: (job, instrument, key) => services.secretsFor(job, instrument, key),
    secretsOf: (run, names) => secrets.of(run, names),
  });
  accounts.readAll();
  const services: Services = new Services({
    keyringValues: () => accounts.secretValues(),
    changes,
    productVersion: build.version,
    catalogueOf: (job: JobState) => catalogueOf(job.run),
    secretsFor,
    attemptBase: (run, sheet, attempt) => attemptBase(stateDir, run, sheet, attempt),
    progress: (run, sheet, attempt, progress) =>
      tell({
        key: `progress/${run}/${sheet}`,
        type: 'attempt.progress',
        job_id: run,
        sheet,
        attempt,
        data: {
          phase: progress.phase,
          bytes: progress.bytesReceived,
          lines: progress.linesReceived,
          elapsed_seconds: progress.elapsedSeconds,
          last_line: progress.lastLine ?? null,
        } satisfies ProgressData,
      }),
    stateHash,
  });
  const room = new DiskRoom((waits) => {
    engine.dispatcher.setStorageFailed(storageFailed());
    if (waits) tell({ key: 'storage', type: 'storage.failed', data: { message: 'the disk is full' } });
    else if (!storageFailed()) tell({ key: 'storage', type: 'storage.recovered' });
  });
  const storageFailed = () => journal.failed || room.isShort;
  const launcher = new Launcher(join(root, 'launcher.js'));
  launcher.warm();
  const mcp = openMcpProxy({
    version: build.version,
    stateDir,
    stateHash,
    epoch: ownership.epoch,
    home: homedir(),
    executables: config.executables,
    servers: config.mcp_servers,
  });
  const runner = new LocalRunner({
    clock: systemClock,
    launcher,
    umask,
    watcher: new AdoptionWatcher(),
    wake: {
      ownerFolder: paths.owner,
      argv: [process.execPath, join(root, 'conductor.js')],
      env: wakeEnvironment(stateDir),
      conductor: { pid: process.pid, startTime: processStartTime(process.pid) ?? '' },
    },
    waitsForRoom: (base, waits) => room.note(base, waits),
    trouble: (base, trouble) => log.warn({ base, ...trouble }, 'an output log has trouble'),
    promptsDir: paths.prompts,
    stateHash,
    home: homedir(),
    executables: config.executables,
    http: new HttpAccess(),
    installationId: () => installation.id(),
    endpoint: (instrument, run, environment) =>
      endpointIn(catalogueOf(run), instrument, config.base_urls, environment) ?? {
        ok: false,
        message: `no HTTP instrument "${instrument.profile}" is known`,
      },
    tools: (request, profile) =>
      attemptTools(request, profile, { proxy: mcp, umask, catalogue: catalogueOf(request.run) }),
    profile: (instrument, run) => catalogueOf(run).get(instrument.profile),
  });
  const engine = new Engine({
    core,
    journal,
    archives,
    stateDir,
    stateHash,
    scoresDir: paths.scores,
    clock: systemClock,
    random: Math.random,
    runner,
    services,
    limits: {
      maxConcurrentJobs: config.max_concurrent_jobs,
      maxConcurrentSheets: config.max_concurrent_sheets,
      perInstrument: (instrument) =>
        instrumentWidth(catalogues.common, instrument, config.max_concurrent_sheets),
    },
    maxJobHistory: config.max_job_history,
    accountOf: (job, instrument) => accounts.accountOf(job, instrument),
    keysOf: (job, instrument) => accounts.offer(job, instrument),
    onKeyRefused: ({ account, instrument, label, message }) => {
      log.warn(
        { account, instrument, key_label: label, message },
        'a key of the keyring is refused: set aside',
      );
      tell({
        key: `key/${account}`,
        type: 'key.refused',
        data: { account, instrument, key_label: label, message },
      });
    },
    missingKey: ({ job, instrument }) => accounts.missingKey(job, instrument),
    catalogues: catalogues.byRun,
    storedIsKnown: report.state !== 'missing' && report.corruption.length === 0,
    submissions: {
      productVersion: build.version,
      loadCatalogue: freshCatalogue,
      keepSecrets: (run, values) => secrets.keep(run, values),
      consents: new Consents(paths.consents),
      now: () => systemClock.now(),
      userUrls: config.base_urls,
      executables: config.executables,
      keyringVariable: (catalogue, profile) => accounts.ringVariableIn(catalogue, profile),
    },
    log,
  });
  core.onRecord((record, job) => {
    if (job && record.type === 'job.archived') secrets.forget(job.run);
  });
  journal.on('failed', (fault) =>
    tell({ key: 'storage', type: 'storage.failed', data: { message: `${fault.code}: ${fault.message}` } }),
  );
  journal.on('recovered', () => tell({ key: 'storage', type: 'storage.recovered' }));

  feed.index = await openIndex(journal, { image: paths.index, worker: join(root, 'index-worker.js') }, log);
  const stateBackend = new StateBackend(engine, core, feed.index);
  let stopping = false;
  const holds = new HoldReasons(
    core,
    engine.dispatcher,
    engine.flights,
    engine.ledger,
    () => Date.now(),
    storageFailed,
  );
  const served = { listenersBeside: (_connectionId: number) => 0 };
  const handlers: Handlers = {
    ...jobHandlers({
      engine,
      core,
      stateBackend,
      holds,
      stateDir,
      changes,
      umask,
      scoresDir: paths.scores,
      pid: process.pid,
      keepSecrets: (run, values) => secrets.keep(run, values),
      assertAccepting: () => {
        if (stopping)
          throw new ShuttingDownError('the conductor is stopping', {
            remedy: 'Try again in a moment: the next call starts a new one.',
          });
      },
    }),
    ...daemonHandlers({
      engine,
      core,
      stateBackend,
      config,
      secrets,
      identity: {
        pid: process.pid,
        version: build.version,
        build: build.build,
        epoch: ownership.epoch,
        stateDir,
        socket: socket.path,
        stateHash,
        builtInProfiles: builtInFolder,
        trustFile: paths.trust,
        logFile: paths.conductorLog,
        home: homedir(),
        startedAt,
      },
      loadCatalogue: freshCatalogue,
      keysForCheck: (entry) => accounts.keysForCheck(entry),
      clientsBeside: (connectionId) => served.listenersBeside(connectionId),
      offerServers: (offered) => {
        const { servers, refused } = readServers(offered);
        mcp.offer(servers);
        return { accepted: Object.keys(servers), refused };
      },
      storageFailed,
      isStopping: () => stopping,
      shutdown: (options) => void shutdown(options.cancel ? 'cancel' : 'request', options.cancel),
    }),
  };
  const server = new RpcServer({
    handlers,
    hub,
    identity: () => ({
      build: build.build,
      version: build.version,
      built_at: build.built_at,
      epoch: ownership.epoch,
      seq: core.durable.lastSeq,
      pid: process.pid,
      capabilities: ['events', 'log.read', 'trust', 'secrets', 'mcp'],
      socket: socket.path,
      state_dir: stateDir,
    }),
    limits: {
      maxConnections: config.socket.max_connections,
      maxConcurrentRequests: config.socket.max_concurrent_requests,
    },
    log: (level, message, fields) => log[level]({ ...fields }, message),
  });
  served.listenersBeside = (connectionId) => server.listenersBeside(connectionId);

  if (report.state === 'missing')
    tell({
      key: 'journal',
      type: 'storage.failed',
      data: { message: 'the journal was lost: earlier jobs are gone' },
    });
  // Not waited for: with a full disk it would be for ever, and clients have to hear of that.
  void core.commit([{ type: 'conductor.started', body: { build: build.build, pid: process.pid } }]);
  await changes.keepOnly([...core.state.jobs.keys(), ...archives]);
  await engine.start();
  // Ours is the last: who is answered there finds all of it ready.
  if (config.socket.compat_path !== null) await listenForPython(config.socket.compat_path);
  await server.listen(socket.path, { permissions: config.socket.permissions, prepare: socket.prepare });
  log.info({ jobs: core.state.jobs.size, ms: Date.now() - startedAt }, 'conductor is ready');

  void mcp.endStrays().then(
    (count) => count > 0 && log.warn({ count }, 'ended MCP servers of an earlier conductor'),
    (error: unknown) =>
      log.warn({ error: String(error) }, 'MCP servers of an earlier conductor were not looked for'),
  );

  let idleSince = Date.now();
  const watch = setInterval(() => {
    look().catch((error: unknown) => {
      log.warn({ error: error instanceof Error ? error.message : String(error) }, 'looked after in vain');
    });
  }, watchEvery);
  async function look(): Promise<void> {
    // Agents and shims meet a full disk before we do, and have no way to say so.
    room.note(stateDir, (await roomIn(stateDir)) < LEAST_ROOM);
    await server.checkSockets();
    if (!(await ownership.isInForce())) {
      log.error({ epoch: ownership.epoch }, 'ownership has moved: this conductor ends');
      process.exit(75);
    }
    const busy = engine.activeJobs().length > 0 || server.connectionCount > 0;
    if (busy) idleSince = Date.now();
    else if (config.idle_exit_minutes > 0 && Date.now() - idleSince > config.idle_exit_minutes * 60_000)
      await shutdown('idle', false);
  }

  async function shutdown(why: string, cancel: boolean): Promise<void> {
    if (stopping) return;
    stopping = true;
    log.info({ why, cancel }, 'conductor stops');
    tell({ key: 'conductor', type: 'conductor.draining', data: { reason: why } });
    clearInterval(watch);
    if (cancel) await Promise.all(engine.activeJobs().map((job) => engine.commands.cancel(job.run)));
    await engine.stop();
    changes.stop();
    await mcp.close();
    await server.close(closeDeadline);
    await journal.close();
    await feed.index?.close();
    launcher.close();
    try {
      await ownership.release();
    } catch (error) {
      // No room for the record. The next start sees that this process has ended.
      log.warn(
        { error: error instanceof Error ? error.message : String(error) },
        'ownership could not be given back',
      );
    }
    log.info({}, 'conductor has stopped');
    process.exit(0);
  }
  process.on('SIGTERM', () => void shutdown('SIGTERM', false));
  process.on('SIGINT', () => void shutdown('SIGINT', false));

  async function listenForPython(path: string): Promise<void> {
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
