import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { AttemptLogs, type LogTrouble } from '../../../src/conductor/output/logs';
import { readLog } from '../../../src/conductor/output/read-log';
import { Redaction } from '../../../src/conductor/output/redact';

const redaction = new Redaction({ secrets: ['hunter2-hunter2'] });
const spool = Buffer.from(
  Array.from(
    { length: 200 },
    (_, i) => `line ${i} 🎼 ü hunter2-hunter2 and Bearer ${'abc123'.repeat(5)}\n`,
  ).join('') + 'hunter2-hunte',
);
const expected = redaction.text(spool.toString());

describe('attempt logs', () => {
  let dir: string;
  let base: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mzt-logs-'));
    base = join(dir, '1.1');
  });
  afterEach(() => rm(dir, { recursive: true }));
  const log = (name = 'stdout') => readFile(`${base}.${name}.log`, 'utf8');
  const feed = async (logs: AttemptLogs, bytes: Buffer, step: number) => {
    for (let at = 0; at < bytes.length; at += step) await logs.write('stdout', bytes.subarray(at, at + step));
  };

  it('writes redacted output into private files, which exist even when nothing comes', async () => {
    const logs = await AttemptLogs.open({ base, redaction });
    await feed(logs, spool, 7);
    const stats = await logs.finish();
    assert.equal(await log(), expected);
    assert.equal(await log('stderr'), '');
    assert.equal((await stat(`${base}.stderr.log`)).mode & 0o777, 0o600);
    assert.deepEqual(stats.stdout, {
      rawBytes: spool.length,
      logBytes: Buffer.byteLength(expected),
      lostBytes: 0,
      failedWrites: 0,
      truncated: false,
      rewrittenFrom: null,
    });
  });

  it('continues after a death at any point without gap or repeat', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(spool.length), { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 4000 }),
        fc.nat(50),
        async (deaths, step, torn) => {
          await rm(`${base}.stdout.log`, { force: true });
          for (const death of deaths) {
            const dying = await AttemptLogs.open({ base, redaction });
            await feed(dying, spool.subarray(0, death), step);
            await dying.detach();
            // The last write may not have come through whole.
            const { size } = await stat(`${base}.stdout.log`);
            await truncate(`${base}.stdout.log`, Math.max(0, size - torn));
          }
          const logs = await AttemptLogs.open({ base, redaction });
          await feed(logs, spool, step);
          const stats = await logs.finish();
          assert.equal(await log(), expected);
          assert.equal(stats.stdout.rewrittenFrom, null);
          assert.equal(stats.stdout.logBytes, Buffer.byteLength(expected));
        },
      ),
      { numRuns: 40 },
    );
  });

  it('writes a log anew from where it differs, and says from where', async () => {
    await writeFile(`${base}.stdout.log`, expected.slice(0, 40) + 'something else');
    const logs = await AttemptLogs.open({ base, redaction });
    await feed(logs, spool, 100);
    const stats = await logs.finish();
    assert.equal(await log(), expected);
    assert.equal(stats.stdout.rewrittenFrom, Buffer.byteLength(expected.slice(0, 40)));
    assert.equal(stats.stderr.rewrittenFrom, null);
  });

  it('cuts what a log holds beyond the spool', async () => {
    await writeFile(`${base}.stdout.log`, expected + 'more');
    const logs = await AttemptLogs.open({ base, redaction });
    await feed(logs, spool, 1000);
    assert.equal((await logs.finish()).stdout.rewrittenFrom, Buffer.byteLength(expected));
    assert.equal(await log(), expected);
  });

  it('ends a log at its limit with a line that says so, at the same byte whatever the chunks', async () => {
    const results = new Set<string>();
    for (const step of [1, 13, 4096, spool.length]) {
      await rm(`${base}.stdout.log`, { force: true });
      const logs = await AttemptLogs.open({ base, redaction, maxBytes: 1000 });
      await feed(logs, spool, step);
      const stats = await logs.finish();
      assert.equal(stats.stdout.truncated, true);
      assert.equal(stats.stdout.rawBytes, spool.length);
      results.add(await log());
    }
    assert.equal(results.size, 1);
    const [text = ''] = results;
    assert.ok(
      text.startsWith(
        Buffer.from(expected)
          .subarray(0, 997)
          .toString('utf8')
          .replace(/\ufffd$/, ''),
      ),
    );
    assert.match(
      text,
      /\n\[marianne: the log ends here, at its limit of 1000 bytes; the agent said more\]\n$/,
    );
    const again = await AttemptLogs.open({ base, redaction, maxBytes: 1000 });
    await feed(again, spool, 50);
    assert.equal((await again.finish()).stdout.rewrittenFrom, null);
    assert.equal(await log(), text);
  });

  it('refuses a link in the place of a log, and still takes the output', async () => {
    const victim = join(dir, 'victim');
    await writeFile(victim, 'precious');
    await symlink(victim, `${base}.stdout.log`);
    const troubles: LogTrouble[] = [];
    const logs = await AttemptLogs.open({ base, redaction, onTrouble: (trouble) => troubles.push(trouble) });
    await feed(logs, spool, 100);
    const stats = await logs.finish();
    assert.equal(await readFile(victim, 'utf8'), 'precious');
    assert.deepEqual(
      troubles.map(({ stream, code }) => [stream, code]),
      [['stdout', 'ELOOP']],
    );
    assert.equal(stats.stdout.lostBytes, Buffer.byteLength(expected));
    assert.equal(stats.stdout.rawBytes, spool.length);
  });
});

describe('reading a log', () => {
  let dir: string;
  let path: string;
  const text = 'aü€🎼'.repeat(30) + 'end\n';
  const bytes = Buffer.from(text);
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'mzt-read-'));
    path = join(dir, 'x.log');
    await writeFile(path, bytes);
  });
  after(() => rm(dir, { recursive: true }));

  it('pages through without splitting or losing a character, whatever the page', async () => {
    for (let maxBytes = 1; maxBytes < 40; maxBytes++) {
      let out = '';
      let offset = 0;
      for (;;) {
        const page = await readLog(path, { offset, maxBytes });
        assert.equal(page.offset, offset);
        assert.equal(page.size, bytes.length);
        if (page.text === '') break;
        out += page.text;
        offset = page.next_offset;
      }
      assert.equal(out, text);
    }
  });

  it('moves an offset inside a character to the next one', async () => {
    const page = await readLog(path, { offset: 2, maxBytes: 10 });
    assert.equal(page.offset, 3);
    assert.equal(page.text, bytes.toString('utf8', 3, page.next_offset));
    assert.ok(!page.text.includes('\ufffd'));
  });

  it('reads the tail', async () => {
    for (let tailBytes = 0; tailBytes < 30; tailBytes++) {
      const page = await readLog(path, { tailBytes });
      assert.equal(page.next_offset, bytes.length);
      assert.ok(text.endsWith(page.text) && page.text.length >= (tailBytes - 3) / 4);
    }
    assert.equal((await readLog(path, { tailBytes: 1e9 })).text, text);
  });

  it('leaves an unfinished character at the end for later', async () => {
    const growing = join(dir, 'growing.log');
    await writeFile(growing, Buffer.concat([Buffer.from('ab'), Buffer.from('🎼').subarray(0, 3)]));
    assert.deepEqual(await readLog(growing), { offset: 0, next_offset: 2, size: 5, text: 'ab' });
    assert.deepEqual(await readLog(growing, { offset: 2 }), { offset: 2, next_offset: 2, size: 5, text: '' });
    await writeFile(growing, 'ab🎼');
    assert.equal((await readLog(growing, { offset: 2 })).text, '🎼');
  });

  it('takes hostile numbers', async () => {
    const page = await readLog(path, { offset: Number.MAX_SAFE_INTEGER });
    assert.deepEqual(page, { offset: bytes.length, next_offset: bytes.length, size: bytes.length, text: '' });
    for (const offset of [-1, 1.5, NaN, Infinity, 2 ** 60])
      await assert.rejects(readLog(path, { offset }), RangeError);
    await assert.rejects(readLog(path, { maxBytes: -1 }), RangeError);
    await assert.rejects(readLog(path, { tailBytes: -1 }), RangeError);
    assert.equal((await readLog(path, { maxBytes: 0 })).text, 'aü');
    assert.equal((await readLog(path, { maxBytes: Number.MAX_SAFE_INTEGER })).text, text);
  });

  it('takes a missing log for an empty one, and refuses links and folders', async () => {
    assert.deepEqual(await readLog(join(dir, 'none.log'), { offset: 9 }), {
      offset: 0,
      next_offset: 0,
      size: 0,
      text: '',
    });
    await symlink(path, join(dir, 'link.log'));
    await assert.rejects(readLog(join(dir, 'link.log')), { code: 'ELOOP' });
    await assert.rejects(readLog(dir), RangeError);
  });

  it('survives bytes that are no UTF-8', async () => {
    const bad = join(dir, 'bad.log');
    await writeFile(bad, Buffer.alloc(100, 0x80));
    let offset = 0;
    for (let i = 0; i < 100 && offset < 100; i++)
      offset = (await readLog(bad, { offset, maxBytes: 4 })).next_offset;
    assert.equal(offset, 100);
  });
});
