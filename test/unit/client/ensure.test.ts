import assert from 'node:assert/strict';
import { conductorEnvironment, isNewer } from '../../../src/client/ensure';

describe('starting a conductor', () => {
  it('passes on a list of variables and nothing else', () => {
    const env = conductorEnvironment(
      {
        PATH: '/bin',
        LC_ALL: 'C',
        XDG_RUNTIME_DIR: '/run',
        https_proxy: 'p',
        NO_PROXY: 'n',
        MARIANNE_SOCKET: '/s',
        MARIANNE_HOME: '/other',
        ANTHROPIC_API_KEY: 'k',
        ANTHROPIC_BASE_URL: 'u',
        NODE_OPTIONS: '--inspect',
        VSCODE_IPC_HOOK: 'v',
        ELECTRON_NO_ASAR: '1',
        CLAUDECODE: '1',
        LD_PRELOAD: 'x',
        PATHX: 'y',
        TZ: undefined,
      },
      '/state',
    );
    assert.deepEqual(env, {
      PATH: '/bin',
      LC_ALL: 'C',
      XDG_RUNTIME_DIR: '/run',
      https_proxy: 'p',
      NO_PROXY: 'n',
      MARIANNE_SOCKET: '/s',
      MARIANNE_HOME: '/state',
      ELECTRON_RUN_AS_NODE: '1',
    });
  });

  it('takes over by version, then by build time, never from the same or a newer one', () => {
    const build = (version: string, builtAt: number, id = `${version}-${builtAt}`) => ({
      version,
      build: id,
      built_at: builtAt,
    });
    const cases: [ReturnType<typeof build>, ReturnType<typeof build>, boolean][] = [
      [build('1.0.1', 0), build('1.0.0', 9), true],
      [build('1.10.0', 0), build('1.9.0', 0), true],
      [build('1.0.0', 2), build('1.0.0', 1), true],
      [build('1.0.0', 1), build('1.0.0', 1), false],
      [build('1.0.0', 1, 'a'), build('1.0.0', 1, 'b'), false],
      [build('1.0.0', 9), build('1.0.1', 0), false],
      [build('x', 1), build('1.0.0', 1), false],
    ];
    for (const [ours, theirs, expected] of cases)
      assert.equal(isNewer(ours, theirs), expected, `${ours.build} over ${theirs.build}`);
  });
});
