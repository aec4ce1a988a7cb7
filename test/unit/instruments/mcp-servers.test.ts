import assert from 'node:assert/strict';
import {
  describeServer,
  expandVariables,
  mcpServerSchema,
  MissingVariable,
  readServers,
  secretsOfServer,
} from '../../../src/instruments/mcp-servers';

describe('MCP servers as they are written', () => {
  const refused: readonly (readonly [string, unknown, RegExp])[] = [
    ['neither command nor url', {}, /either a command or a url/],
    ['both', { command: 'x', url: 'http://127.0.0.1/mcp' }, /either a command or a url/],
    ['a loader variable', { command: 'x', env: { Ld_Preload: 'y' } }, /must not set Ld_Preload/],
    ['what makes a Node program ours', { command: 'x', env: { NODE_OPTIONS: '-r y' } }, /NODE_OPTIONS/],
    ['a variable that is no name', { command: 'x', env: { 'A=B': 'y' } }, /variable name/],
    ['a folder that depends on who asks', { command: 'x', working_dir: 'here' }, /absolute/],
    ['another protocol', { url: 'file:///etc/passwd' }, /url/i],
    ['a password in the address', { url: 'http://me:secret@host/mcp' }, /belongs into headers/],
    ['headers of a program', { command: 'x', headers: { A: 'b' } }, /headers.*means nothing/],
    ['arguments of an address', { url: 'http://host/mcp', args: ['x'] }, /args.*means nothing/],
    ['a key that means nothing', { command: 'x', transport: 'stdio' }, /transport/],
  ];
  for (const [what, server, message] of refused) {
    it(`refuses ${what}`, () => {
      const result = mcpServerSchema.safeParse(server);
      assert.equal(result.success, false);
      assert.match(
        result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '),
        message,
      );
    });
  }

  it('takes the good ones of many and tells the others', () => {
    const { servers, refused: bad } = readServers({
      good: { command: 'x' },
      '../x': { command: 'x' },
      odd: 5,
    });
    assert.deepEqual(Object.keys(servers), ['good']);
    assert.deepEqual(
      bad.map(({ name, message }) => [name, /a name is/.test(message)]),
      [
        ['../x', true],
        ['odd', false],
      ],
    );
  });

  it('knows what of them is secret, and shows the rest', () => {
    const web = mcpServerSchema.parse({
      url: 'http://h/mcp',
      headers: { Authorization: 'Bearer abc123456' },
    });
    assert.deepEqual(secretsOfServer(web), ['Bearer abc123456', 'abc123456']);
    const local = mcpServerSchema.parse({
      command: 'npx',
      args: ['-y', 'a b', '$(rm)'],
      env: { MY_TOKEN: 't0ken', REGION: 'eu' },
    });
    assert.deepEqual(secretsOfServer(local), ['t0ken']);
    assert.equal(describeServer(local), 'npx -y "a b" "$(rm)"');
  });

  it('fills variables, and names one that is not there', () => {
    assert.equal(expandVariables('${HOME}/x and $HOME', { HOME: '/h' }), '/h/x and /h');
    assert.throws(() => expandVariables('$KEY', {}), MissingVariable);
    assert.throws(() => expandVariables('$constructor', {}), MissingVariable);
  });
});
