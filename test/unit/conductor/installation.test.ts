import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Installation } from '../../../src/conductor/installation';

describe('the id of an installation', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mzt-id-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made once, whoever asks first, and kept', async () => {
    const file = join(folder, 'installation-id');
    const asked = await Promise.all([new Installation(file).id(), new Installation(file).id()]);
    assert.equal(asked[0], asked[1]);
    assert.equal(await new Installation(file).id(), asked[0]);
    assert.equal(await readFile(file, 'utf8'), `${asked[0]}\n`);
    assert.deepEqual(await readdir(folder), ['installation-id']);
  });

  it('replaces what is torn, and tells when it cannot be kept', async () => {
    const file = join(folder, 'installation-id');
    await writeFile(file, '0b9c4ab2-5a');
    assert.match(await new Installation(file).id(), /^[0-9a-f-]{36}$/);
    const nowhere = new Installation(join(folder, 'no', 'such', 'folder'));
    await assert.rejects(nowhere.id(), /ENOENT/);
  });
});
