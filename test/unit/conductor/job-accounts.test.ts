import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Accounts } from '../../../src/conductor/accounts';
import { JobAccounts } from '../../../src/conductor/job-accounts';
import { loadCatalogue, type InstrumentCatalogue } from '../../../src/instruments/catalogue';
import { keyringSchema } from '../../../src/instruments/keyring';
import { approve, inspectFolder, NO_TRUST } from '../../../src/instruments/trust';
import { SILENT_CONFIG } from '../../../src/score/plan';
import { profileFolder } from '../../support/profiles';
import { planOf, Story } from '../../support/fold-story';

describe('accounts of a keyring', () => {
  let folder: string;
  let catalogue: InstrumentCatalogue;
  const { job } = new Story(planOf([[]]));
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mzt-ring-'));
    for (const name of ['one', 'two']) writeFileSync(join(folder, name), `key-${name}`, { mode: 0o600 });
    catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace: null,
      trust: NO_TRUST,
    });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function accountsOf(instruments: readonly string[]) {
    const keys = [
      { path: join(folder, 'one') },
      { path: join(folder, 'none') },
      { path: join(folder, 'two') },
    ];
    return new JobAccounts({
      accounts: new Accounts(Buffer.alloc(16, 7)),
      keyring: keyringSchema.parse({
        instruments: Object.fromEntries(instruments.map((name) => [name, { keys }])),
      }),
      home: folder,
      env: {},
      userUrls: {},
      catalogueOf: () => catalogue,
      secretsFor: (_job, _instrument, key) =>
        key ? { [key.variable]: key.value } : { ANTHROPIC_API_KEY: 'mine' },
      secretsOf: () => ({}),
    });
  }
  const instrument = (profile: string, config: Partial<typeof SILENT_CONFIG> = {}) => ({
    profile,
    label: profile,
    config: { ...SILENT_CONFIG, ...config },
  });

  it('are one for each key that can be used, none of them the submit’s', () => {
    const accounts = accountsOf(['anthropic_api']);
    const offer = accounts.offer(job, instrument('anthropic_api'));
    assert.deepEqual(
      offer?.keys.map(({ label, variable, value }) => [label, variable, value]),
      [
        ['one', 'ANTHROPIC_API_KEY', 'key-one'],
        ['two', 'ANTHROPIC_API_KEY', 'key-two'],
      ],
    );
    assert.equal(offer.problems.length, 1);
    assert.match(offer.problems[0] ?? '', /^none: .*\/none does not exist\. /);
    const all = [
      ...offer.keys.map(({ account }) => account),
      accounts.accountOf(job, instrument('anthropic_api')),
    ];
    assert.equal(new Set(all).size, 3);
    for (const account of all) assert.match(account, /^anthropic_api#[0-9a-f]{8}$/);
    assert.deepEqual(accounts.secretValues(), ['key-one', 'key-two'], 'they are redacted from now on');
  });

  it('are no matter of instruments without a ring, of addresses of a score, and of keys that it names', () => {
    const accounts = accountsOf(['anthropic_api', 'ollama', 'toString']);
    assert.equal(accounts.offer(job, instrument('openrouter')), null);
    assert.equal(accounts.offer(job, instrument('ollama')), null, 'it takes no key');
    assert.equal(accounts.offer(job, instrument('constructor')), null);
    const elsewhere = instrument('anthropic_api', { other: { base_url: 'http://127.0.0.1:9' } });
    assert.equal(accounts.offer(job, elsewhere), null);
    assert.equal(accounts.offer(job, instrument('anthropic_api', { apiKeyEnv: 'OPENROUTER_API_KEY' })), null);
  });

  it('make the submit’s own key needless', () => {
    const submitted = { ...job, secret_names: ['ANTHROPIC_API_KEY'] };
    assert.equal(accountsOf([]).missingKey(submitted, instrument('anthropic_api')), 'ANTHROPIC_API_KEY');
    assert.equal(accountsOf(['anthropic_api']).missingKey(submitted, instrument('anthropic_api')), null);
  });

  it('are not for the profile of a workspace, approved or not', async () => {
    const workspace = mkdtempSync(join(folder, 'ws-'));
    const profiles = join(workspace, '.marianne', 'instruments');
    mkdirSync(profiles, { recursive: true });
    writeFileSync(
      join(profiles, 'theirs.yaml'),
      'name: theirs\ndisplay_name: T\nkind: cli\ncli: { command: { executable: bash, secret_env: [ANTHROPIC_API_KEY] } }\n',
    );
    const seen = await inspectFolder(workspace, NO_TRUST, {});
    assert.ok(seen);
    const own = catalogue;
    catalogue = await loadCatalogue({
      builtInFolder: profileFolder,
      userFolder: null,
      workspace,
      trust: approve(NO_TRUST, seen.path, seen.sha256, 1),
    });
    assert.ok(catalogue.get('theirs'), 'it is approved');
    assert.equal(accountsOf(['theirs']).offer(job, instrument('theirs')), null);
    assert.equal(accountsOf(['theirs']).ringVariableIn(catalogue, 'theirs'), null);
    catalogue = own;
  });
});
