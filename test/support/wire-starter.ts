/** A process that tries to become the owner of whatever folder its parent names; or, given a folder as argument, once. */
import { acquireOwnership } from '../../src/conductor/ownership/ownership';
import type { Ownership } from '../../src/conductor/ownership/ownership';
import { identity } from './wire-identity';

export interface StarterAnswer {
  kind: 'owner' | 'lost';
  epoch: number;
  pid: number;
}

let held: Ownership | null = null;

async function race(stateDir: string): Promise<StarterAnswer> {
  const result = await acquireOwnership({
    stateDir,
    build: 'b',
    version: '1.0.0',
    builtAt: 1,
    socketPath: '/tmp/none',
    identity,
    clock: { now: () => Date.now() },
  });
  if (result.kind === 'owner') held = result.ownership;
  return {
    kind: result.kind,
    epoch: result.kind === 'owner' ? result.ownership.epoch : result.epoch,
    pid: result.kind === 'owner' ? process.pid : result.lostTo.pid,
  };
}

process.on('message', (message: { race?: string; release?: true }) => {
  if (message.race !== undefined) {
    void race(message.race).then((answer) => process.send?.(answer));
  } else {
    void held?.release().then(() => process.send?.('released'));
    held = null;
  }
});

const once = process.argv[2];
if (once !== undefined) void race(once).then((answer) => process.send?.(answer));
else process.send?.('ready');
