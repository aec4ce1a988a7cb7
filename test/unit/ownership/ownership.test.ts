import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOwner } from '../../../src/protocol/owner-record';
import { acquireOwnership } from '../../../src/conductor/ownership/ownership';
import type { Acquisition, Ownership, ProcessIdentity } from '../../../src/conductor/ownership/ownership';
import { UnsafeFolderError, ensurePrivateDir, ownUid } from '../../../src/protocol/private-folder';
import { chooseSocket } from '../../../src/conductor/ownership/socket-folder';
import { SocketPathError } from '../../../src/protocol/errors';
import { ownerRecordName } from '../../../src/protocol/paths';

/** Processes as a test wants them: pid → start time of the live ones. */
function world(alive: Record<number, string>, boot = 'boot-1'): ProcessIdentity {
  return {
    processStartTime: (pid) => alive[pid] ?? null,
    isSameProcess: (pid, startTime) => alive[pid] === startTime,
    bootId: () => boot,
  };
}

describe('ownership', () => {
  let dir: string;
  const notes: string[] = [];
  const acquire = (identity: ProcessIdentity): Promise<Acquisition> =>
    acquireOwnership({
      stateDir: dir,
      build: 'b1',
      version: '1.2.3',
      builtAt: 5,
      socketPath: '/s',
      identity,
      clock: { now: () => Date.now() },
      log: (note) => notes.push(note),
    });
  const own = async (identity: ProcessIdentity): Promise<Ownership> => {
    const result = await acquire(identity);
    assert.equal(result.kind, 'owner');
    return result.ownership;
  };
  const me = world({ [process.pid]: '100' });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'own-'));
    notes.length = 0;
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('is refused while the owner lives, and told who that is', async () => {
    const first = await own(me);
    assert.equal(first.epoch, 1);
    const second = await acquire(me);
    assert.equal(second.kind === 'lost' && second.lostTo.nonce, first.nonce);
    assert.equal(await first.isInForce(), true);
  });

  it('passes on after a release, which happens once', async () => {
    const first = await own(me);
    await first.release();
    await first.release();
    assert.equal(await first.isInForce(), false);
    assert.equal((await readOwner(dir))?.record.released, true);
    assert.equal((await own(me)).epoch, 3);
  });

  it('does not release what has moved', async () => {
    const first = await own(me);
    const second = await own(world({ [process.pid]: 'other start' }));
    await first.release();
    assert.equal(await second.isInForce(), true);
    assert.equal((await readOwner(dir))?.epoch, second.epoch);
  });

  it('takes over from a dead process, a pid used again, and another boot', async () => {
    await own(me);
    assert.equal((await own(world({ [process.pid]: '200' }))).epoch, 2);
    assert.equal((await own(world({ [process.pid]: '200' }, 'boot-2'))).epoch, 3);
    assert.equal((await acquire(world({ [process.pid]: '200' }, 'boot-2'))).kind, 'lost');
  });

  for (const garbage of ['', '{"pid":', '[]', '{"pid":-1}', '\0\0\0\0']) {
    it(`passes over a record of ${JSON.stringify(garbage)}, and says so`, async () => {
      await mkdir(join(dir, 'owner'), { mode: 0o700 });
      await writeFile(join(dir, 'owner', ownerRecordName(7)), garbage);
      assert.equal((await own(me)).epoch, 8);
      assert.equal(notes.length, 1);
    });
  }

  it('is not won with a number that others have passed while this starter stood still', async () => {
    const folder = join(dir, 'owner');
    const dead = await own(me);
    let passed = false;
    const late: ProcessIdentity = {
      ...world({ [process.pid]: '200' }),
      // Asked between the look at the records and the link: meanwhile owners come and go, and low numbers are removed.
      isSameProcess: async (_pid, startTime) => {
        if (!passed) {
          passed = true;
          const record = JSON.parse(await readFile(join(folder, ownerRecordName(1)), 'utf8')) as object;
          await writeFile(
            join(folder, ownerRecordName(10)),
            JSON.stringify({ ...record, start_time: 'winner', nonce: 'w' }),
          );
          await rm(join(folder, ownerRecordName(1)));
        }
        return startTime === 'winner';
      },
    };
    const result = await acquire(late);
    assert.equal(result.kind === 'lost' && result.lostTo.nonce, 'w');
    assert.equal(await dead.isInForce(), false);
    assert.deepEqual(await readdir(folder), [ownerRecordName(10)]);
  });

  it('removes what starters left that died before their link, and ignores strangers', async () => {
    await mkdir(join(dir, 'owner'), { mode: 0o700 });
    await writeFile(join(dir, 'owner', '.abc.1'), 'half');
    await utimes(join(dir, 'owner', '.abc.1'), 1, 1);
    await writeFile(join(dir, 'owner', '.fresh.1'), 'half');
    await writeFile(join(dir, 'owner', 'notes.txt'), 'x');
    await own(me);
    assert.deepEqual((await readdir(join(dir, 'owner'))).sort(), [
      '.fresh.1',
      ownerRecordName(1),
      'notes.txt',
    ]);
    assert.match(await readFile(join(dir, 'owner', ownerRecordName(1)), 'utf8'), /"version":"1.2.3"/);
  });

  it('is lost with the folder', async () => {
    const first = await own(me);
    await rm(join(dir, 'owner'), { recursive: true });
    assert.equal(await first.isInForce(), false);
    await first.release();
  });
});

describe('private folders', () => {
  let dir: string;
  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'priv-'))));
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('are made 0700, and repaired when they are ours', async () => {
    const path = join(dir, 'a');
    await ensurePrivateDir(path);
    assert.equal((await lstat(path)).mode & 0o777, 0o700);
    await chmod(path, 0o755);
    await ensurePrivateDir(path);
    assert.equal((await lstat(path)).mode & 0o777, 0o700);
  });

  it('are refused as links, files, of others, and where everybody may write', async () => {
    await mkdir(join(dir, 'real'));
    await symlink(join(dir, 'real'), join(dir, 'link'));
    await writeFile(join(dir, 'file'), '');
    await assert.rejects(ensurePrivateDir(join(dir, 'link')), UnsafeFolderError);
    await assert.rejects(ensurePrivateDir(join(dir, 'file')), UnsafeFolderError);
    await assert.rejects(ensurePrivateDir(join(dir, 'real'), ownUid() + 1), /belongs to user/);
    await chmod(dir, 0o777);
    await assert.rejects(ensurePrivateDir(join(dir, 'real')), /everybody may write/);
    await chmod(dir, 0o1777);
    await ensurePrivateDir(join(dir, 'real'));
  });

  it('hold the socket: state directory, then XDG_RUNTIME_DIR, then the temp folder', async () => {
    const short = join(dir, 'm');
    assert.equal((await chooseSocket(short, {}, dir)).path, join(short, 'run', 's'));
    const deep = join(dir, 'd'.repeat(100));
    const xdg = await chooseSocket(deep, { XDG_RUNTIME_DIR: dir }, dir);
    assert.match(xdg.path, /\/marianne\/[0-9a-f]{8}\/s$/);
    // Somebody planted a link where our folder would be: the next place is taken.
    await rm(join(dir, 'marianne'), { recursive: true });
    await symlink(dir, join(dir, 'marianne'));
    const temp = await chooseSocket(deep, { XDG_RUNTIME_DIR: dir }, dir);
    assert.equal(temp.path.startsWith(join(dir, `marianne-${ownUid()}`)), true);
    await rm(join(dir, `marianne-${ownUid()}`), { recursive: true });
    await symlink(dir, join(dir, `marianne-${ownUid()}`));
    await assert.rejects(chooseSocket(deep, {}, dir), UnsafeFolderError);
  });

  it('are not asked for when MARIANNE_SOCKET says where', async () => {
    assert.equal((await chooseSocket(dir, { MARIANNE_SOCKET: join(dir, 'x') })).path, join(dir, 'x'));
    await assert.rejects(chooseSocket(dir, { MARIANNE_SOCKET: `/${'x'.repeat(100)}` }), SocketPathError);
    await assert.rejects(chooseSocket(dir, { MARIANNE_SOCKET: 'relative' }), SocketPathError);
    await chmod(dir, 0o777);
    await assert.rejects(chooseSocket(dir, { MARIANNE_SOCKET: join(dir, 'x') }), UnsafeFolderError);
  });
});
