/** Everything that plays jobs: made once, over an open journal. */
import { join } from 'node:path';
import { HttpAccess } from '../backends/http-access';
import type { McpProxy } from '../backends/mcp/proxy';
import { endpointIn } from '../instruments/endpoint';
import { processStartTime } from '../process/identity';
import { Launcher } from '../process/launcher-client';
import { AdoptionWatcher } from '../process/watcher';
import type { ProgressData, WireEvent } from '../protocol/events';
import { attemptBase } from '../protocol/paths';
import { Accounts, accountSalt } from './accounts';
import { jobRow } from './api/checkpoint';
import { eventsOf } from './api/record-events';
import { attemptTools, openMcpProxy } from './attempts/attempt-tools';
import { LocalRunner } from './attempts/local-runner';
import { ChangeRecorder } from './changes/recorder';
import { systemClock } from './clock';
import { Consents } from './consents';
import { DiskRoom } from './disk-room';
import type { EngineCore } from './engine/core';
import { Engine } from './engine/engine';
import { Services } from './engine/services';
import { terminalJob, type JobState } from './engine/state';
import { Installation } from './installation';
import { JobAccounts } from './job-accounts';
import type { Journal } from './journal/journal';
import { RunCatalogues } from './run-catalogues';
import { SecretStore } from './secrets';
import { EventHub } from './server/event-hub';
import type { ConductorSetup } from './setup';
import { instrumentWidth, wakeEnvironment } from './startup';

/** What the journal gave at the start. */
export interface OpenedState {
  readonly core: EngineCore;
  readonly journal: Journal;
  /** Runs that are archived. */
  readonly archives: Set<string>;
  /** The journal was read whole. */
  readonly storedIsKnown: boolean;
}

/** An event of the conductor's own, filled up where it says nothing. */
export type Tell = (
  event: Omit<WireEvent, 't' | 'job_id' | 'data'> & Partial<Pick<WireEvent, 'job_id' | 'data'>>,
) => void;

export interface EngineRoom {
  readonly engine: Engine;
  readonly hub: EventHub;
  readonly tell: Tell;
  readonly secrets: SecretStore;
  readonly accounts: JobAccounts;
  readonly catalogues: RunCatalogues;
  readonly changes: ChangeRecorder;
  readonly mcp: McpProxy;
  readonly launcher: Launcher;
  readonly room: DiskRoom;
  storageFailed(): boolean;
}

/** Wires the engine and what it works with. Starts no attempt. */
export async function openEngineRoom(
  setup: ConductorSetup,
  { core, journal, archives, storedIsKnown }: OpenedState,
): Promise<EngineRoom> {
  const { config, paths, root, stateDir, stateHash, build, umask, log } = setup;
  const catalogues = await RunCatalogues.open({
    builtIn: setup.builtInProfiles,
    user: paths.instruments,
    trustFile: paths.trust,
  });
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
        .map((state) => jobRow(state, setup.pid)),
    }),
  });
  core.onRecord((record, job) => {
    const events = eventsOf(record, job);
    if (events.length > 0) hub.publish(...events);
    else hub.advance(record.seq);
  });
  const tell: Tell = (event) => hub.publish({ t: Date.now(), job_id: null, data: {}, ...event });

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
    home: setup.home,
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
    epoch: setup.epoch,
    home: setup.home,
    executables: config.executables,
    servers: config.mcp_servers,
  });
  const runner = new LocalRunner({
    clock: systemClock,
    launcher,
    umask,
    watcher: new AdoptionWatcher(),
    politeEndMs: setup.politeEndMs,
    wake: {
      ownerFolder: paths.owner,
      argv: [process.execPath, join(root, 'conductor.js')],
      env: wakeEnvironment(stateDir),
      conductor: { pid: setup.pid, startTime: processStartTime(setup.pid) ?? '' },
    },
    waitsForRoom: (base, waits) => room.note(base, waits),
    trouble: (base, trouble) => log.warn({ base, ...trouble }, 'an output log has trouble'),
    promptsDir: paths.prompts,
    stateHash,
    home: setup.home,
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
    politeEndMs: setup.politeEndMs,
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
    storedIsKnown,
    submissions: {
      productVersion: build.version,
      loadCatalogue: (workspace) => catalogues.fresh(workspace),
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

  return {
    engine,
    hub,
    tell,
    secrets,
    accounts,
    catalogues,
    changes,
    mcp,
    launcher,
    room,
    storageFailed,
  };
}
