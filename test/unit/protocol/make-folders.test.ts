import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolders } from '../../../src/protocol/make-folders';

describe('makeFolders', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'make-folders-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('makes what is missing, with the mode, and accepts what is there', async () => {
    const deep = join(folder, 'a/b/c');
    await makeFolders(deep, 0o700);
    await makeFolders(deep, 0o755);
    assert.equal((await stat(deep)).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
    await symlink(deep, join(folder, 'link'));
    await makeFolders(join(folder, 'link/d'));
    assert.ok(existsSync(join(deep, 'd')));
  });

  it('says what is no folder', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    await symlink('round', join(folder, 'round'));
    await assert.rejects(makeFolders(file), { code: 'ENOTDIR' });
    await assert.rejects(makeFolders(join(file, 'x/y')), { code: 'ENOTDIR' });
    await assert.rejects(makeFolders(join(folder, 'round/x')), { code: 'ELOOP' });
  });

  it('ends where the system makes no folders in a folder that is there', async () => {
    // Linux: Node 20's recursive mkdir never comes back from this, and its thread spins.
    const barren = process.platform === 'linux' ? '/proc' : '/dev/fd';
    await assert.rejects(makeFolders(`${barren}/no-such/x/y`), { syscall: 'mkdir' });
  });
});
