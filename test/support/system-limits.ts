/** Full disks and foreign limits, for tests: by means that need no root, or with a failure that says what helps. Nothing is skipped. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/**
 * Sets how large the files of a running process may grow, bytes: at 0 every write fails, as on a full disk, without root.
 * The process must not die of SIGXFSZ; Node ignores it.
 */
export function limitFileSize(pid: number, most: number | 'unlimited'): void {
  try {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${most}:unlimited`]);
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOENT', String(error));
    assert.fail('this test needs prlimit, which is a part of util-linux: apt-get install util-linux');
  }
}

/**
 * Mounts a small disk at `path`, plays `body` with it and takes it away. Who may not mount plays the whole test once more, as root of a user
 * namespace with mounts of its own.
 * @param size as for tmpfs, for example `4m`
 */
export async function onSmallDisk(
  test: Mocha.Context,
  path: string,
  size: string,
  body: (mount: (size: string) => void) => Promise<void>,
): Promise<void> {
  const unmount = () => spawnSync('umount', ['-l', path]);
  const mount = (wanted: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${wanted},mode=700`, 'tmpfs', path], { encoding: 'utf8' });
  const first = mount(size);
  if (first.status !== 0) {
    assert.equal(process.env[AGAIN], undefined, `no disk of its own: ${first.stderr}`);
    return againWithMounts(test);
  }
  try {
    await body((wanted) => {
      unmount();
      const { status, stderr } = mount(wanted);
      assert.equal(status, 0, stderr);
    });
  } finally {
    unmount();
  }
}

const AGAIN = 'MZT_TEST_WITH_MOUNTS';

async function againWithMounts(test: Mocha.Context): Promise<void> {
  const runnable = test.test;
  assert.ok(runnable?.file);
  const title = runnable.fullTitle();
  const mocha = require.resolve('mocha/bin/mocha.js');
  const args = ['--timeout', '60000', runnable.file, '--fgrep', title];
  const child = spawn('unshare', ['--user', '--map-root-user', '--mount', process.execPath, mocha, ...args], {
    env: { ...process.env, [AGAIN]: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const code = await Promise.race([
    once(child, 'close').then(([status]) => status as number | null),
    once(child, 'error').then(([error]) => String(error)),
  ]);
  if (code === 0 && /\b1 passing\b/.test(said)) return;
  assert.fail(
    `this test mounts a small disk, and neither this user nor a user namespace may do so here. As root, in a container with --privileged:\n` +
      `  npx mocha --timeout 60000 ${runnable.file} --fgrep ${JSON.stringify(title)}\n${said}`,
  );
}
