/** A conductor of a few lines: owns, listens, answers. Run through a `conductor.js` that a test writes into a dist folder. */
import { RpcServer } from '../../src/conductor/server/rpc-server';
import { EventHub } from '../../src/conductor/server/event-hub';
import { acquireOwnership } from '../../src/conductor/ownership/ownership';
import { chooseSocket } from '../../src/conductor/ownership/socket-folder';
import { readBuildInfo } from '../../src/client/runtime-copy';
import { EXIT_SOMEONE_ELSE } from '../../src/protocol/paths';
import { identity } from './wire-identity';

export async function main(folder: string): Promise<void> {
  const info = await readBuildInfo(folder);
  const stateDir = process.env['MARIANNE_HOME'];
  if (info === null || stateDir === undefined) throw new Error('no build, or no state directory');
  const place = await chooseSocket(stateDir, process.env);
  const acquired = await acquireOwnership({
    stateDir,
    build: info.build,
    version: info.version,
    builtAt: info.built_at,
    socketPath: place.path,
    identity,
    clock: { now: () => Date.now() },
  });
  if (acquired.kind === 'lost') process.exit(EXIT_SOMEONE_ELSE);
  const { ownership } = acquired;
  // Numbers go on over restarts, as the journal's do.
  const hub: EventHub = new EventHub({
    seq: ownership.epoch * 100,
    snapshot: () => ({ seq: hub.seq, jobs: [] }),
  });
  const server = new RpcServer({
    hub,
    identity: () => ({
      ...info,
      epoch: ownership.epoch,
      seq: hub.seq,
      pid: process.pid,
      capabilities: [],
      socket: place.path,
      state_dir: stateDir,
    }),
    handlers: {
      'daemon.ready': () =>
        Promise.resolve({
          status: 'ready',
          running_jobs: 0,
          memory_mb: 1,
          child_processes: 0,
          accepting_work: true,
          shutting_down: false,
          failure_rate_elevated: false,
          notifications_degraded: false,
          uptime_seconds: 1,
        }),
      // The environment, for a look at what reached us.
      'daemon.config': () =>
        Promise.resolve({ ...process.env, NODE_OPTIONS_SEEN: process.env['NODE_OPTIONS'] ?? null }),
      'daemon.drain': () => {
        setImmediate(
          () =>
            void server
              .close(1_000)
              .then(() => ownership.release())
              .then(() => process.exit(0)),
        );
        return Promise.resolve({ draining: true, reason: null, running_sheets: 0 });
      },
      // Connections end first and ownership is given back last, after what a real conductor still has to write.
      'daemon.shutdown': () => {
        setImmediate(
          () =>
            void server
              .close(1_000)
              .then(() => new Promise((resolve) => setTimeout(resolve, 600)))
              .then(() => ownership.release())
              .then(() => process.exit(0)),
        );
        return Promise.resolve({ shutting_down: true });
      },
      'job.pause': (params) => {
        hub.publish({ type: 'job.paused', job_id: params.job_id, t: 0, data: {}, seq: hub.seq + 1 });
        return Promise.resolve({ paused: true });
      },
    },
  });
  await server.listen(place.path, { prepare: place.prepare });
  // A starter that came late becomes the owner after its test has ended; it goes with the folder.
  setInterval(
    () => void ownership.isInForce().then((inForce) => (inForce ? undefined : process.exit(0))),
    200,
  );
}
