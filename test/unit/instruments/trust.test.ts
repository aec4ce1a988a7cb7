import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue, type InstrumentCatalogue } from '../../../src/instruments/catalogue';
import { environmentNames } from '../../../src/instruments/environment-names';
import {
  approve,
  folderDigest,
  inspectFolder,
  isApproved,
  NO_TRUST,
  parseTrust,
  readTrustFile,
  revoke,
  writeTrustFile,
  type TrustRecords,
} from '../../../src/instruments/trust';
import { profileFolder } from '../../support/profiles';

let root = '';
let profiles = '';
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'mzt-trust-')));
  profiles = join(root, '.marianne', 'instruments');
  await mkdir(profiles, { recursive: true });
});
afterEach(() => rm(root, { recursive: true, force: true }));

const profile = (name: string): string =>
  `name: ${name}\ndisplay_name: W\nkind: cli\ncli:\n  command:\n    executable: ./tool\n    required_env: [REGION, MY_TOKEN]\n    secret_env: [ODD]\n`;
const load = (trust: TrustRecords): Promise<InstrumentCatalogue> =>
  loadCatalogue({ builtInFolder: profileFolder, userFolder: null, workspace: root, trust });

describe('what a workspace brings', () => {
  it('is shown, and counts only after this content was approved at this place', async () => {
    await writeFile(join(profiles, 'w.yaml'), profile('ws-agent'));
    const before = await load(NO_TRUST);
    assert.equal(before.get('ws-agent'), null);
    const found = before.unapproved;
    assert(found);
    assert.deepEqual([found.path, found.approved], [root, false]);
    assert.deepEqual(found.items, [
      { kind: 'instrument', file: 'w.yaml', name: 'ws-agent', runs: './tool', environment: ['REGION'] },
    ]);

    const trust = approve(NO_TRUST, found.path, found.sha256, 5);
    const after = await load(trust);
    assert.deepEqual([after.entry('ws-agent')?.source, after.unapproved], ['workspace', null]);

    await writeFile(join(profiles, 'w.yaml'), profile('ws-agent') + '# changed\n');
    assert.equal((await load(trust)).get('ws-agent'), null);
    await writeFile(join(profiles, 'w.yaml'), profile('ws-agent'));
    assert.notEqual((await load(trust)).get('ws-agent'), null);
    assert.equal((await load(revoke(trust, root))).get('ws-agent'), null);
    await writeFile(join(profiles, 'second.yaml'), profile('other'));
    assert.equal((await load(trust)).get('ws-agent'), null);
  });

  it('is found through a link at its real place only', async () => {
    await writeFile(join(profiles, 'w.yaml'), profile('ws-agent'));
    const link = `${root}-link`;
    await symlink(root, link);
    try {
      assert.equal((await inspectFolder(link, NO_TRUST, {}))?.path, root);
    } finally {
      await rm(link);
    }
  });

  it('never replaces a built-in profile, and never gets a key', async () => {
    await writeFile(join(profiles, 'a.yaml'), profile('claude-code'));
    await writeFile(join(profiles, 'b.yaml'), profile('mine'));
    const found = await inspectFolder(root, NO_TRUST, {});
    assert(found);
    const catalogue = await load(approve(NO_TRUST, root, found.sha256, 1));
    assert.equal(catalogue.entry('claude-code')?.source, 'built-in');
    assert(
      catalogue.problems.some((problem) =>
        /"claude-code" is the name of a built-in profile/.test(problem.message),
      ),
    );
    const mine = catalogue.get('mine');
    assert(mine);
    assert.deepEqual(environmentNames(mine), { plain: ['REGION'], secret: [] });
  });

  it('refuses links, and brings nothing when there is nothing', async () => {
    await writeFile(join(root, 'outside.yaml'), profile('x'));
    await symlink(join(root, 'outside.yaml'), join(profiles, 'link.yaml'));
    const found = await inspectFolder(root, NO_TRUST, {});
    assert.deepEqual(found?.items, []);
    assert.match(found?.problems[0]?.message ?? '', /a link/);
    await rm(profiles, { recursive: true });
    assert.equal(await inspectFolder(root, NO_TRUST, {}), null);
    assert.equal(await inspectFolder(join(root, 'missing'), NO_TRUST, {}), null);
  });
});

describe('folderDigest', () => {
  it('does not depend on order, and tells shifted bytes apart', () => {
    const a = { name: 'a', text: '12' };
    const b = { name: 'b', text: '3' };
    assert.equal(folderDigest([a, b]), folderDigest([b, a]));
    assert.notEqual(
      folderDigest([a, b]),
      folderDigest([
        { name: 'a', text: '1' },
        { name: 'b', text: '23' },
      ]),
    );
    assert.notEqual(folderDigest([{ name: 'ab', text: '' }]), folderDigest([{ name: 'a', text: 'b' }]));
  });
});

describe('trust.json', () => {
  const digest = 'a'.repeat(64);

  it('is written whole and private, and read back', async () => {
    const file = join(root, 'state', 'trust.json');
    assert.deepEqual(await readTrustFile(file), NO_TRUST);
    const records = approve(approve(NO_TRUST, '/one', digest, 1), '/one', 'b'.repeat(64), 2);
    await writeTrustFile(file, records);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(root, 'state')), ['trust.json']);
    const back = await readTrustFile(file);
    assert.deepEqual(
      back.folders.map((folder) => folder.sha256),
      ['b'.repeat(64)],
    );
    assert(isApproved(back, '/one', 'b'.repeat(64)));
    assert(!isApproved(back, '/one', digest));
    assert(!isApproved(back, '/two', 'b'.repeat(64)));
  });

  it('leaves the old file and no rest behind when it cannot be written', async () => {
    const file = join(root, 'trust.json');
    await mkdir(file);
    await assert.rejects(writeTrustFile(file, NO_TRUST));
    assert.deepEqual((await readdir(root)).sort(), ['.marianne', 'trust.json']);
  });

  it('approves nothing when it is broken, and says so', async () => {
    for (const text of [
      '',
      '{',
      '[]',
      '{"version":2,"folders":[]}',
      '{"version":1,"folders":[{"path":"/x","sha256":"short","approved_at":1}]}',
    ]) {
      assert.throws(() => parseTrust(text), /trust.json/);
    }
    await writeFile(join(root, 'trust.json'), '{"torn');
    await assert.rejects(readTrustFile(join(root, 'trust.json')), /not JSON/);
    assert.equal(await readFile(join(root, 'trust.json'), 'utf8'), '{"torn');
  });
});
