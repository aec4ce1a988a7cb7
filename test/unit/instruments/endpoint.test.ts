import assert from 'node:assert/strict';
import { isLoopback, resolveEndpoint, type EndpointSources } from '../../../src/instruments/endpoint';
import { profileSchema } from '../../../src/instruments/schema';

const profile = profileSchema.parse({
  name: 'vendor',
  display_name: 'Vendor',
  kind: 'http',
  http: {
    base_url: 'https://api.vendor.test/v1/',
    base_url_env_var: 'VENDOR_BASE_URL',
    schema_family: 'openai',
    auth_env_var: 'VENDOR_API_KEY',
  },
});

const resolved = (more: Partial<EndpointSources> = {}, score: Partial<EndpointSources['score']> = {}) =>
  resolveEndpoint({
    profile,
    source: 'built-in',
    score: { baseUrl: null, keyName: null, ...score },
    userUrls: {},
    environment: {},
    approvedOrigins: new Set(),
    knownKeys: new Set(['VENDOR_API_KEY', 'OTHER_API_KEY']),
    ...more,
  });

describe('where an HTTP instrument is called', () => {
  it('takes conductor.yaml over the environment over the profile, each with the key', () => {
    assert.deepEqual(resolved(), {
      ok: true,
      baseUrl: 'https://api.vendor.test/v1',
      keyName: 'VENDOR_API_KEY',
    });
    const environment = { VENDOR_BASE_URL: 'http://gateway.test' };
    assert.deepEqual(resolved({ environment }), {
      ok: true,
      baseUrl: 'http://gateway.test',
      keyName: 'VENDOR_API_KEY',
    });
    const userUrls = { vendor: 'https://mine.test' };
    assert.deepEqual(resolved({ environment, userUrls }), {
      ok: true,
      baseUrl: 'https://mine.test',
      keyName: 'VENDOR_API_KEY',
    });
    assert.equal(resolved({ environment: { VENDOR_BASE_URL: 'ftp://x' } }).ok, false);
  });

  const cases: [string, Partial<EndpointSources['score']>, string | null | RegExp][] = [
    ['the profile’s own origin, with the key', { baseUrl: 'https://api.vendor.test/v2' }, 'VENDOR_API_KEY'],
    ['another key that a profile lists', { keyName: 'OTHER_API_KEY' }, 'OTHER_API_KEY'],
    ['this machine, without a key', { baseUrl: 'http://127.0.0.1:8080' }, null],
    ['this machine by name', { baseUrl: 'http://localhost:1/v1' }, null],
    ['this machine over IPv6', { baseUrl: 'http://[::1]:1' }, null],
    ['an approved origin, without a key', { baseUrl: 'https://approved.test:444/x' }, null],
    [
      'an address that is not approved',
      { baseUrl: 'https://evil.test' },
      /neither on this machine nor approved/,
    ],
    ['another port of an approved host', { baseUrl: 'https://approved.test' }, /neither/],
    ['the right host over http', { baseUrl: 'http://api.vendor.test/v1' }, /neither/],
    ['a name that only looks local', { baseUrl: 'http://localhost.evil.test' }, /neither/],
    ['a host in the user name', { baseUrl: 'https://api.vendor.test@evil.test' }, /user name/],
    ['credentials in the address', { baseUrl: 'http://a:b@127.0.0.1' }, /user name/],
    ['all interfaces', { baseUrl: 'http://0.0.0.0:80' }, /neither/],
    ['no address', { baseUrl: 'file:///etc/passwd' }, /not an http/],
    [
      'a variable that no profile lists',
      { keyName: 'AWS_SECRET_ACCESS_KEY' },
      /no built-in or user profile lists/,
    ],
    [
      'a key for its own address',
      { baseUrl: 'http://127.0.0.1:1', keyName: 'OTHER_API_KEY' },
      /a key goes only to/,
    ],
  ];
  for (const [what, score, expected] of cases) {
    it(`a score that names ${what}`, () => {
      const found = resolved({ approvedOrigins: new Set(['https://approved.test:444']) }, score);
      if (expected instanceof RegExp) {
        assert.equal(found.ok, false);
        assert.match(found.ok ? '' : found.message, expected);
      } else {
        assert.deepEqual([found.ok, found.ok && found.keyName], [true, expected]);
      }
    });
  }

  it('gives a workspace’s profile no key, whatever the score says', () => {
    const found = resolved({ source: 'workspace' }, { keyName: 'OTHER_API_KEY' });
    assert.deepEqual(found, { ok: true, baseUrl: 'https://api.vendor.test/v1', keyName: null });
  });

  it('knows this machine in every spelling', () => {
    for (const url of ['http://127.1', 'http://0x7f000001', 'http://127.255.0.3:5', 'http://LOCALHOST'])
      assert.equal(isLoopback(new URL(url)), true, url);
    for (const url of ['http://128.0.0.1', 'http://[::2]', 'http://127.0.0.1.evil.test', 'http://localhost.'])
      assert.equal(isLoopback(new URL(url)), false, url);
  });
});
