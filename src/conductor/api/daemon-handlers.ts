import { freemem, loadavg, totalmem } from 'node:os';
import type { CatalogueEntry, InstrumentCatalogue } from '../../instruments/catalogue';
import {
  approve,
  approveOrigin,
  inspectFolder,
  originOf,
  readTrustFile,
  revoke,
  revokeOrigin,
  writeTrustFile,
} from '../../instruments/trust';
import { loadPrices } from '../../instruments/prices';
import { statePaths } from '../../protocol/paths';
import { DaemonError, ErrorCode, UntrustedError } from '../../protocol/errors';
import { readProcess } from '../../process/identity';
import { findMarked } from '../../process/table';
import type { ConductorConfig } from '../config';
import type { Engine } from '../engine/engine';
import type { EngineCore } from '../engine/core';
import type { CheckedKey } from '../engine/key-choice';
import { readLog } from '../output/read-log';
import type { Handlers } from '../server/handlers';
import type { SecretStore } from '../secrets';
import type { StateBackend } from '../state-backend';
import { checkInstrument, instrumentRow } from './instrument-rows';

export interface DaemonApiOptions {
  readonly engine: Engine;
  readonly core: EngineCore;
  readonly stateBackend: StateBackend;
  readonly config: ConductorConfig;
  readonly secrets: SecretStore;
  readonly identity: {
    readonly pid: number;
    readonly version: string;
    readonly build: string;
    readonly epoch: number;
    readonly stateDir: string;
    readonly socket: string;
    readonly stateHash: string;
    readonly builtInProfiles: string;
    readonly trustFile: string;
    readonly logFile: string;
    readonly home: string;
    readonly startedAt: number;
  };
  loadCatalogue(workspace: string | null): Promise<InstrumentCatalogue>;
  /** The keys of the user's keyring for a check of this instrument. */
  keysForCheck(entry: CatalogueEntry): readonly CheckedKey[];
  /** Clients that listen to events, apart from this one. */
  clientsBeside(connectionId: number): number;
  storageFailed(): boolean;
  isStopping(): boolean;
  /** Takes MCP servers of a client's user settings. */
  offerServers(servers: Readonly<Record<string, unknown>>): {
    accepted: string[];
    refused: { name: string; message: string }[];
  };
  /** Ends this process in order; agents run on unless the jobs are cancelled first. */
  shutdown(options: { readonly cancel: boolean }): void;
}

const megabyte = 1024 * 1024;

/** `daemon.*`, `secrets.*`, `instruments.*`, `trust.*`. */
export function daemonHandlers(options: DaemonApiOptions): Handlers {
  const { engine, core, identity, config } = options;
  const uptime = () => (Date.now() - identity.startedAt) / 1000;
  const running = () => [...core.durable.jobs.values()].filter((job) => job.status === 'running');
  const memory = () => process.memoryUsage.rss() / megabyte;
  const statusReason = () =>
    options.storageFailed()
      ? { code: 'storage_failed', message: 'the state directory cannot be written: nothing new is started' }
      : null;

  return {
    'daemon.health': () =>
      Promise.resolve({
        status: 'ok',
        pid: identity.pid,
        uptime_seconds: uptime(),
        shutting_down: options.isStopping(),
      }),
    'daemon.ready': () =>
      Promise.resolve({
        status: options.isStopping() || options.storageFailed() ? 'not_ready' : 'ready',
        running_jobs: running().length,
        memory_mb: memory(),
        child_processes: engine.flights.total,
        accepting_work: !options.isStopping() && !options.storageFailed(),
        shutting_down: options.isStopping(),
        failure_rate_elevated: false,
        notifications_degraded: false,
        uptime_seconds: uptime(),
        status_reason: statusReason(),
      }),
    'daemon.status': async (_params, { connectionId }) => ({
      cost_today_usd: await options.stateBackend.costSince(new Date().setHours(0, 0, 0, 0)),
      pid: identity.pid,
      uptime_seconds: uptime(),
      running_jobs: running().length,
      total_jobs_active: engine.activeJobs().length,
      memory_usage_mb: memory(),
      version: identity.version,
      build: identity.build,
      epoch: identity.epoch,
      seq: core.durable.lastSeq,
      running_sheets: engine.flights.total,
      clients: options.clientsBeside(connectionId),
      state_dir: identity.stateDir,
      socket: identity.socket,
      status_reason: statusReason(),
    }),
    'daemon.config': () => Promise.resolve({ ...config }),
    'daemon.shutdown': (params) => {
      options.shutdown({ cancel: params.cancel });
      return Promise.resolve({ shutting_down: true as const });
    },
    'daemon.drain': () => {
      // Running agents outlive us, so an idle engine is not waited for: the next conductor adopts them.
      options.shutdown({ cancel: false });
      return Promise.resolve({ draining: true, reason: null, running_sheets: engine.flights.total });
    },
    'daemon.rate_limits': () => {
      const now = Date.now();
      const known = [...core.durable.limits.values()].sort((a, b) => a.until - b.until);
      const active = known.filter((limit) => limit.until > now);
      return Promise.resolve({
        // Of several accounts of an instrument the one that is limited longest: it comes last.
        backends: Object.fromEntries(
          active.map((limit) => [limit.instrument, { seconds_remaining: (limit.until - now) / 1000 }]),
        ),
        active_limits: active.length,
        recent_events_count: active.reduce((sum, limit) => sum + limit.hits, 0),
        accounts: known.map(({ account, instrument, key_label, until, stated, message, hits }) => ({
          account,
          instrument,
          key_label,
          until: new Date(until).toISOString(),
          seconds_remaining: Math.max(0, (until - now) / 1000),
          stated,
          message,
          hits,
        })),
      });
    },
    'daemon.clear_rate_limits': async (params) => {
      const accounts = await engine.commands.clearLimits(params.instrument);
      return { cleared: accounts.length, instrument: params.instrument };
    },
    'daemon.learning.patterns': () => Promise.resolve({ patterns: [] }),
    'daemon.top': async () => {
      const marked = await findMarked(`${identity.stateHash}:`, undefined, 'prefix');
      const [one = 0, five = 0, fifteen = 0] = loadavg();
      return {
        timestamp: Date.now() / 1000,
        daemon_pid: identity.pid,
        system_memory_total_mb: totalmem() / megabyte,
        system_memory_available_mb: freemem() / megabyte,
        system_memory_used_mb: (totalmem() - freemem()) / megabyte,
        daemon_rss_mb: memory(),
        load_avg_1: one,
        load_avg_5: five,
        load_avg_15: fifteen,
        processes: marked.flatMap(({ pid }) => {
          const row = readProcess(pid);
          if (!row) return [];
          return [
            {
              pid,
              ppid: row.ppid,
              command: '',
              state: row.zombie ? 'Z' : 'S',
              cpu_percent: 0,
              rss_mb: 0,
              vms_mb: 0,
              threads: 0,
              open_fds: 0,
              age_seconds: 0,
              job_id: null,
              sheet_num: null,
              syscall_counts: {},
              syscall_time_pct: {},
            },
          ];
        }),
        gpus: [],
        pressure_level: 'none' as const,
        running_jobs: running().length,
        active_sheets: engine.flights.total,
        zombie_count: 0,
        zombie_pids: [],
        job_progress: running().map((job) => ({
          job_id: job.run,
          total_sheets: job.sheets.length,
          last_completed_sheet: job.sheets.filter((sheet) => sheet.status === 'completed').length,
          current_sheet: job.sheets.find((sheet) => sheet.status === 'dispatched')?.num ?? null,
          status: job.status,
        })),
        conductor_uptime_seconds: uptime(),
      };
    },
    'daemon.top.stream': () =>
      Promise.resolve({ error: 'not available: subscribe to events instead (events.subscribe)' }),
    'daemon.events': () =>
      Promise.resolve({
        events: [],
        error: 'process events are not recorded: events.subscribe tells what happens',
      }),
    'daemon.observer_events': () => Promise.resolve({ events: [] }),
    'daemon.log': async (params) => {
      const page = await readLog(identity.logFile, {
        offset: params.offset ?? undefined,
        maxBytes: params.max_bytes,
        tailBytes: params.tail_bytes ?? undefined,
      });
      const { text, ...rest } = page;
      return {
        path: identity.logFile,
        ...rest,
        data: text,
        eof: text === '' || page.next_offset >= page.size,
        running: true,
      };
    },
    'secrets.offer': (params) => {
      const accepted = options.secrets.offer(params.values);
      if (accepted.length > 0) engine.dispatcher.dispatch();
      return Promise.resolve({ accepted });
    },
    'secrets.wanted': () => Promise.resolve({ names: options.secrets.wanted() }),
    'instruments.list': async (params) => {
      const catalogue = await options.loadCatalogue(params.workspace);
      return {
        instruments: await Promise.all(
          catalogue.list().map((entry) => instrumentRow(entry, options, params.have)),
        ),
      };
    },
    'instruments.show': async (params) => {
      const entry = known(await options.loadCatalogue(params.workspace), params.name);
      return { instrument: await instrumentRow(entry, options, null), profile: { ...entry.profile } };
    },
    'instruments.check': async (params) => {
      const entry = known(await options.loadCatalogue(params.workspace), params.name);
      return checkInstrument(entry, options, params);
    },
    'instruments.models': async (params) => {
      const { profile } = known(await options.loadCatalogue(null), params.name);
      try {
        return { models: [...(await engine.modelsOf(profile))], error: null };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        return { models: profile.models.map(({ name }) => name), error: message };
      }
    },
    'mcp.offer': (params) => Promise.resolve(options.offerServers(params.servers)),
    'trust.list': async (params) => ({ dir: params.dir, entries: await trustEntries(params.dir, identity) }),
    'trust.approve': async (params) => {
      const entries = await trustEntries(params.dir, identity);
      const digests = new Set(entries.map((entry) => entry.digest));
      const stale = params.digests.find((digest) => !digests.has(digest));
      if (stale !== undefined) {
        throw new UntrustedError('the folder has changed since it was listed', {
          remedy: `Look again: mzt trust ${params.dir}`,
        });
      }
      let records = await readTrustFile(identity.trustFile);
      const inspection = await inspectFolder(params.dir, records, await modelLists(identity));
      for (const digest of params.digests)
        if (inspection) records = approve(records, inspection.path, digest, Date.now());
      await writeTrustFile(identity.trustFile, records);
      return { approved: [...params.digests] };
    },
    'trust.revoke': async (params) => {
      const records = await readTrustFile(identity.trustFile);
      const inspection = await inspectFolder(params.dir, records, await modelLists(identity));
      const next = revoke(records, inspection?.path ?? params.dir);
      await writeTrustFile(identity.trustFile, next);
      return { revoked: records.folders.length - next.folders.length };
    },
    'trust.origins': async ({ url, approve: wanted }) => {
      let records = await readTrustFile(identity.trustFile);
      let origin: string | null = null;
      if (url) {
        try {
          origin = originOf(url);
        } catch (error) {
          throw new DaemonError(ErrorCode.invalidParams, (error as Error).message);
        }
        const now = Date.now();
        records = wanted ? approveOrigin(records, origin, now) : revokeOrigin(records, origin);
        await writeTrustFile(identity.trustFile, records);
      }
      const origins = records.origins.map((entry) => ({
        origin: entry.origin,
        approved_at: new Date(entry.approved_at).toISOString(),
      }));
      return { origins, origin };
    },
  };
}

function known(catalogue: InstrumentCatalogue, name: string): CatalogueEntry {
  const entry = catalogue.entry(name);
  if (entry) return entry;
  const near = catalogue.nearest(name);
  throw new DaemonError(ErrorCode.invalidParams, `no instrument "${name}"`, {
    remedy: near.length > 0 ? `Did you mean ${near.join(' or ')}?` : 'mzt instruments list shows all.',
  });
}

async function modelLists({ builtInProfiles, stateDir }: DaemonApiOptions['identity']) {
  return (await loadPrices(builtInProfiles, statePaths(stateDir).instruments)).lists;
}

async function trustEntries(dir: string, identity: DaemonApiOptions['identity']) {
  const records = await readTrustFile(identity.trustFile);
  const inspection = await inspectFolder(dir, records, await modelLists(identity));
  if (!inspection) return [];
  const folder = records.folders.find((entry) => entry.path === inspection.path);
  return [
    {
      kind: 'profiles',
      name: inspection.items.map((item) => item.name).join(', '),
      path: inspection.path,
      digest: inspection.sha256,
      summary: inspection.items
        .map(({ name, runs, kind }) =>
          kind === 'mcp_server' ? `MCP server ${name}: ${runs}` : `${name} runs ${runs}`,
        )
        .join('; '),
      approved: inspection.approved,
      approved_at: inspection.approved && folder ? new Date(folder.approved_at).toISOString() : null,
    },
  ];
}
