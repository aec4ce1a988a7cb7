import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkScore } from '../../../src/score/check';
import { scoreCatalogue } from '../../../src/score/catalogue';
import { diskFiles } from '../../../src/score/disk-files';
import { planScore } from '../../../src/score/plan-score';
import { loadCatalogue } from '../../../src/instruments/catalogue';
import type { ProgramPlaces } from '../../../src/instruments/locate';
import { approveOrigin, NO_TRUST, originOf, revokeOrigin } from '../../../src/instruments/trust';
import { profileFolder } from '../../support/profiles';
import { parsed } from './kit';

/** Codes, places and messages about instrument settings, with the built-in profiles. */
async function findings(
  more: string,
  trust = NO_TRUST,
  programs: ProgramPlaces = { path: '', home: '/nonexistent', executables: {} },
  codes = ['V405', 'V414', 'V415'],
): Promise<string[]> {
  const score = parsed(
    `name: t\nworkspace: /tmp\nsheet: {size: 1, total_items: 1}\nprompt: {template: x}\n${more}\n`,
  );
  const profiles = await loadCatalogue({
    builtInFolder: profileFolder,
    userFolder: null,
    workspace: null,
    trust,
  });
  const catalogue = scoreCatalogue(profiles, { userUrls: {}, environment: {}, programs });
  const plan = planScore(score, { cwd: '/tmp' });
  return checkScore(score, { plan, files: diskFiles, catalogue })
    .filter(({ code }) => codes.includes(code))
    .map(({ code, severity, range, message }) => `${code} ${severity} ${range?.line ?? '-'}: ${message}`);
}

describe('score: settings of HTTP instruments', () => {
  it('refuses an address or key that a score may not choose, where it stands', async () => {
    const [far, ...rest] = await findings(
      'instrument: anthropic_api\ninstrument_config:\n  max_tokens: 5\n  base_url: https://llm.test/v1',
    );
    assert.deepEqual(rest, []);
    assert.match(far ?? '', /^V414 error 8: .*https:\/\/llm\.test\) is neither on this machine nor approved/);
    const [key] = await findings('backend: {type: anthropic_api, api_key_env: GITHUB_TOKEN_X}');
    assert.match(key ?? '', /^V414 error 5: api_key_env names GITHUB_TOKEN_X/);
  });

  it('says nothing of this machine, an approved address and a key that a profile lists', async () => {
    const score = (config: string) => `instrument: anthropic_api\ninstrument_config: {${config}}`;
    assert.deepEqual(await findings(score('base_url: "http://127.0.0.1:1"')), []);
    assert.deepEqual(await findings(score('api_key_env: OPENROUTER_API_KEY')), []);
    const trust = approveOrigin(NO_TRUST, 'https://llm.test/v1', 1);
    assert.deepEqual(await findings(score('base_url: "https://llm.test/other"'), trust), []);
    const taken = revokeOrigin(trust, 'https://llm.test');
    assert.equal((await findings(score('base_url: "https://llm.test/other"'), taken)).length, 1);
  });

  it('warns of a setting that none of the instruments heeds, and not of one that a fall-back does', async () => {
    const config = 'instrument_config: {temperature: 0.5, skip_permissions: true}';
    const [alone, ...rest] = await findings(`instrument: anthropic_api\n${config}`);
    assert.deepEqual(rest, []);
    assert.match(alone ?? '', /^V415 warning 6: `skip_permissions` has no effect: `anthropic_api` does not/);
    assert.deepEqual(
      await findings(`instrument: anthropic_api\ninstrument_fallbacks: [claude-code]\n${config}`),
      [],
    );
    assert.deepEqual(await findings(`instrument: of-my-own\n${config}`), [], 'nothing is known of it');
  });

  it('knows an origin', () => {
    assert.equal(originOf('HTTPS://LLM.test:443/v1?x'), 'https://llm.test');
    assert.equal(originOf('http://[::1]:80/'), 'http://[::1]');
    for (const url of ['llm.test', 'file:///etc', 'javascript:1', '']) assert.throws(() => originOf(url));
  });
});

describe('score: programs of instruments', () => {
  let home = '';
  beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'mzt-programs-'))));
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const told = (more: string, executables: Record<string, string> = {}) =>
    findings(more, NO_TRUST, { path: join(home, 'bin'), home, executables }, ['V416']);
  const install = (path: string) => {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), '#!/bin/sh\n', { mode: 0o755 });
  };

  it('warns once of each that is missing, where it is named, and never fails for it', async () => {
    assert.deepEqual(
      await told(
        'instrument: crush\ninstrument_fallbacks:\n  - cli\n  - quick\ninstruments: {quick: {profile: goose}}',
      ),
      [
        'V416 warning 5: `crush` is not on this machine: its program `crush` was not found.',
        'V416 warning 8: `goose` is not on this machine: its program `goose` was not found.',
      ],
    );
    assert.match((await told('backend: {type: crush}'))[0] ?? '', /^V416 warning 5: /);
  });

  it('says nothing of what is on PATH, in a known place, set by the user, a service or not known', async () => {
    for (const path of ['bin/crush', '.local/bin/crush', '.nvm/versions/node/v22.1.0/bin/crush']) {
      install(path);
      assert.deepEqual(await told('instrument: crush'), [], path);
      rmSync(join(home, path));
    }
    install('apps/of-mine');
    assert.deepEqual(await told('instrument: crush', { crush: '~/apps/of-mine' }), []);
    assert.equal(
      (await told('instrument: crush', { crush: '~/apps/gone' })).length,
      1,
      'a setting alone counts',
    );
    assert.deepEqual(await told('instrument: anthropic_api'), []);
    assert.deepEqual(await told('instrument: of-my-own'), []);
  });
});
