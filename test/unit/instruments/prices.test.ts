import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadCatalogue } from '../../../src/instruments/catalogue';
import { loadPrices, priceFile } from '../../../src/instruments/prices';
import { NO_TRUST } from '../../../src/instruments/trust';
import { profileFolder } from '../../support/profiles';

describe('prices of the user', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mzt-prices-'));
    await mkdir(join(folder, 'prices'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  const load = () =>
    loadCatalogue({ builtInFolder: profileFolder, userFolder: folder, workspace: null, trust: NO_TRUST });
  const model = async (name: string) => {
    const catalogue = await load();
    const entry = catalogue.entry('claude-code');
    const found = entry?.profile.models.find((candidate) => candidate.name === name);
    return { catalogue, found, source: entry && found ? catalogue.priceSource(entry, found) : null };
  };

  it('beat the built-in ones, price by price, and say where they come from', async () => {
    const before = await model('claude-opus-5-5');
    assert.equal(before.found?.cost_per_1k_input, null);
    assert.match(before.source ?? '', /^built-in list "anthropic", as of \d{4}-\d\d$/);

    await writeFile(
      priceFile(folder),
      'lists:\n  anthropic:\n' +
        '    - { name: claude-opus-5-5, cost_per_1k_input: 0.005, cost_per_1k_output: 0.025 }\n' +
        '    - { name: claude-sonnet-4-6, cost_per_1k_input: null }\n' +
        '    - { name: my-own }\n',
    );
    const after = await model('claude-opus-5-5');
    assert.equal(after.found?.cost_per_1k_input, 0.005);
    assert.equal(after.found.context_window, before.found?.context_window, 'what is left out stays');
    assert.equal(after.source, priceFile(folder));
    const withdrawn = (await model('claude-sonnet-4-6')).found;
    assert.deepEqual([withdrawn?.cost_per_1k_input, withdrawn?.cost_per_1k_output], [null, 0.015]);
    assert.equal((await model('my-own')).found?.cost_per_1k_output, null, 'unpriced, not free');
    assert.match((await model('claude-haiku-4-5-20251001')).source ?? '', /^built-in/);
    assert.deepEqual(after.catalogue.problems, []);
  });

  it('are told with their line when wrong, and then the built-in ones hold', async () => {
    await writeFile(
      priceFile(folder),
      'lists:\n  anthropic:\n    - name: claude-opus-4-6\n      cost_per_1k_input: -1\n      colour: red\n',
    );
    const { catalogue, found } = await model('claude-opus-4-6');
    assert.equal(found?.cost_per_1k_input, 0.005);
    assert.deepEqual(
      catalogue.problems.map(({ file, line, severity }) => [file, line, severity]),
      [
        [priceFile(folder), 4, 'error'],
        [priceFile(folder), 5, 'error'],
      ],
    );
  });

  it('are told when they cannot be read or are too large, and then the built-in ones hold', async () => {
    const told = async () => {
      const { catalogue, found } = await model('claude-opus-4-6');
      assert.equal(found?.cost_per_1k_input, 0.005);
      return catalogue.problems.map(({ file, severity, message }) => `${file} ${severity} ${message}`).join();
    };
    const path = priceFile(folder);
    await mkdir(path);
    assert.match(await told(), /models\.yaml error .*EISDIR/);
    await rm(path, { recursive: true });
    await writeFile(
      path,
      `lists: {anthropic: [{name: claude-opus-4-6, cost_per_1k_input: 9}]}\n#${'x'.repeat(262_144)}`,
    );
    assert.match(await told(), /models\.yaml error larger than 262144 bytes/);
  });

  it('may bring a list of their own, which a profile of the user names', async () => {
    await writeFile(
      priceFile(folder),
      'lists:\n  mine: [{ name: m, cost_per_1k_input: 1, cost_per_1k_output: 2 }]\n',
    );
    const text =
      'name: a\ndisplay_name: A\nkind: cli\nmodel_list: mine\ncli: {command: {executable: a, required_env: []}}\n';
    await writeFile(join(folder, 'a.yaml'), text);
    const catalogue = await load();
    assert.deepEqual(catalogue.problems, []);
    assert.equal(catalogue.get('a')?.models[0]?.cost_per_1k_output, 2);
  });

  it('take effect when the file changes, and go when it goes', async () => {
    assert.equal((await loadPrices(profileFolder, folder)).userFile, null);
    await writeFile(priceFile(folder), 'lists: {anthropic: [{name: x}]}\n');
    assert.equal((await loadPrices(profileFolder, folder)).lists['anthropic']?.[0]?.name, 'x');
    await rm(priceFile(folder));
    assert.notEqual((await loadPrices(profileFolder, folder)).lists['anthropic']?.[0]?.name, 'x');
  });
});
