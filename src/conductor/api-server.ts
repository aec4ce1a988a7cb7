/** The socket server over everything that clients can ask for. */
import { readServers } from '../instruments/mcp-servers';
import { ShuttingDownError } from '../protocol/errors';
import { daemonHandlers } from './api/daemon-handlers';
import { jobHandlers } from './api/job-handlers';
import type { EngineRoom } from './engine-room';
import type { EngineCore } from './engine/core';
import { HoldReasons } from './engine/holds';
import type { IndexClient } from './index/index-client';
import type { Lifetime } from './lifetime';
import type { Handlers } from './server/handlers';
import { RpcServer } from './server/rpc-server';
import type { ConductorSetup } from './setup';
import { StateBackend } from './state-backend';

/** Wires the handlers. Listens nowhere yet. */
export function apiServer(
  setup: ConductorSetup,
  core: EngineCore,
  house: EngineRoom,
  index: IndexClient | null,
  lifetime: Lifetime,
): RpcServer {
  const { config, paths, stateDir, stateHash, build, epoch, socketPath, pid, umask, log } = setup;
  const { engine, hub, secrets, accounts, changes, mcp } = house;
  const storageFailed = () => house.storageFailed();
  const stateBackend = new StateBackend(engine, core, index);
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
      pid,
      keepSecrets: (run, values) => secrets.keep(run, values),
      assertAccepting: () => {
        if (lifetime.stopping)
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
        pid,
        version: build.version,
        build: build.build,
        epoch,
        stateDir,
        socket: socketPath,
        stateHash,
        builtInProfiles: setup.builtInProfiles,
        trustFile: paths.trust,
        logFile: paths.conductorLog,
        home: setup.home,
        startedAt: setup.startedAt,
      },
      loadCatalogue: (workspace) => house.catalogues.fresh(workspace),
      keysForCheck: (entry) => accounts.keysForCheck(entry),
      clientsBeside: (connectionId) => served.listenersBeside(connectionId),
      offerServers: (offered) => {
        const { servers, refused } = readServers(offered);
        mcp.offer(servers);
        return { accepted: Object.keys(servers), refused };
      },
      storageFailed,
      isStopping: () => lifetime.stopping,
      shutdown: ({ cancel }) => lifetime.shutdown(cancel ? 'cancel' : 'request', cancel),
    }),
  };
  const server = new RpcServer({
    handlers,
    hub,
    identity: () => ({
      build: build.build,
      version: build.version,
      built_at: build.built_at,
      epoch,
      seq: core.durable.lastSeq,
      pid,
      capabilities: ['events', 'log.read', 'trust', 'secrets', 'mcp'],
      socket: socketPath,
      state_dir: stateDir,
    }),
    limits: {
      maxConnections: config.socket.max_connections,
      maxConcurrentRequests: config.socket.max_concurrent_requests,
    },
    log: (level, message, fields) => log[level]({ ...fields }, message),
  });
  served.listenersBeside = (connectionId) => server.listenersBeside(connectionId);
  return server;
}
