import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ServerLog } from '../../../src/conductor/output/server-log';

describe('log of a server', () => {
  let folder: string;
  let now = 0;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mzt-log-'));
    now = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const open = (secrets: string[] = []) => new ServerLog(join(folder, 'x.log'), secrets, () => now);

  it('redacts a secret that comes in pieces, and is private', async () => {
    const log = open(['the-secret-value']);
    log.write('before the-sec');
    log.write(Buffer.from('ret-value after\n'));
    await log.close();
    assert.equal(readFileSync(log.path, 'utf8'), 'before [REDACTED_SECRET] after\n');
    assert.equal(statSync(log.path).mode & 0o777, 0o600);
  });

  it('keeps a burst, drops a flood with a word about it, and goes on later', async () => {
    const log = open();
    for (let round = 0; round < 100; round += 1) log.write(`${'x'.repeat(9_999)}\n`);
    now += 10_000;
    log.write('still there\n');
    await log.close();
    const text = readFileSync(log.path, 'utf8');
    assert.ok(text.length > 200_000 && text.length < 300_000, String(text.length));
    assert.match(text, /\[\d+ bytes were too much and are not kept\]\nstill there\n$/);
  });

  it('puts a large log aside and begins anew', async () => {
    const log = open();
    for (let round = 0; round < 9; round += 1) {
      now += 60_000;
      log.write(`${'y'.repeat(200_000)}\n`);
      await new Promise((done) => setImmediate(done));
    }
    await log.close();
    now += 60_000;
    const again = open();
    again.write('new\n');
    await again.close();
    assert.ok(statSync(log.path).size < 1_300_000);
    assert.ok(statSync(`${log.path}.1`).size > 1_000_000);
  });

  it('stops nobody when the file cannot be written', async () => {
    const log = new ServerLog(join(folder, 'missing/x.log'), [], () => now);
    log.write('lost\n');
    await log.close();
  });
});
