/**
 * Preloaded into a conductor (`--require`, workers included): kills the whole process at a chosen write of the journal.
 * `KILL_AT=<n>:<how>`: n counts batches of records, how is `torn` (half of the bytes are written), `durable` (synced, but nobody was told) or
 * `later` (when its effect is under way).
 */
import fs from 'node:fs';

const [at = '0', how = 'durable'] = (process.env['KILL_AT'] ?? '').split(':');
const target = Number(at);
/** Long enough for a shim to start its agent, shorter than the agents of the test, milliseconds. */
const laterMs = 70;
const journals = new Set<number>();
let count = 0;

function die(): void {
  process.kill(process.pid, 'SIGKILL');
  // SIGKILL to oneself arrives before the call returns; should it not, nothing may be written after it.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

if (target > 0) {
  // What imports see is this very object, so the bundle's calls go through here.
  const real = { openSync: fs.openSync, writeSync: fs.writeSync, fdatasyncSync: fs.fdatasyncSync };
  const patched = fs as {
    openSync: typeof fs.openSync;
    writeSync: typeof fs.writeSync;
    fdatasyncSync: typeof fs.fdatasyncSync;
  };
  patched.openSync = (path, ...rest) => {
    const fd = real.openSync(path, ...rest);
    if (/\/journal\/\d+\.jsonl/.test(String(path))) journals.add(fd);
    return fd;
  };
  patched.writeSync = ((fd: number, buffer: Buffer, ...rest: [number, number]) => {
    // The snapshot that opens a segment comes before the segment has its name: only records count.
    const records = journals.has(fd) && !buffer.includes('"type":"snapshot.');
    if (records) count += 1;
    if (records && count === target && how === 'torn') {
      real.writeSync(fd, buffer, 0, Math.floor(buffer.length / 2));
      die();
    }
    return real.writeSync(fd, buffer, ...rest);
  }) as typeof fs.writeSync;
  patched.fdatasyncSync = (fd) => {
    real.fdatasyncSync(fd);
    if (!journals.has(fd) || count !== target) return;
    if (how === 'durable') die();
    if (how === 'later') setTimeout(die, laterMs);
  };
}
