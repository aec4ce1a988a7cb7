import assert from 'node:assert/strict';
import { splitEnvironment } from '../../../src/process/launch';

describe('the environment of an agent on its way through the shell', () => {
  it('shows no key in the command line: only names that steer the shell are put back behind it', () => {
    const keys = { MAILGUN_API_KEY: 'm', MAILCHIMP_TOKEN: 'c', PS_API_KEY: 'p', ENV_TOKEN: 'e' };
    const { through, behind } = splitEnvironment({ ...keys, MAIL: '/var/mail/me', ENV: '/etc/shrc' });
    assert.deepEqual(through, keys);
    assert.deepEqual([...behind].sort(), ['ENV=/etc/shrc', 'MAIL=/var/mail/me']);
  });
});
