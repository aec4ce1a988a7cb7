import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { captureText, SpoolReader, withoutTornEnd, withoutTornStart } from '../../../src/process/spool';

describe('spool', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mzt-spool-'));
    path = join(folder, '1.1.out.spool');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A reader, and a promise for the moment in which so many bytes have come. */
  function follow(options: Partial<ConstructorParameters<typeof SpoolReader>[0]> = {}) {
    let got = Buffer.alloc(0);
    const waiting: { bytes: number; resolve: () => void }[] = [];
    const reader = new SpoolReader({
      path,
      pollMs: { from: 1, to: 4 },
      onData: (chunk) => {
        got = Buffer.concat([got, chunk]);
        for (const wait of waiting) if (got.length >= wait.bytes) wait.resolve();
      },
      ...options,
    });
    const bytes = (count: number) =>
      new Promise<void>((resolve) =>
        got.length >= count ? resolve() : waiting.push({ bytes: count, resolve }),
      );
    return { reader, bytes, text: () => got.toString('utf8') };
  }

  it('follows what is appended, and drains the rest', async () => {
    writeFileSync(path, 'one ');
    const { reader, bytes, text } = follow();
    reader.start();
    await bytes(4);
    appendFileSync(path, 'two ');
    await bytes(8);
    appendFileSync(path, 'three');
    await reader.drain();
    assert.equal(text(), 'one two three');
    assert.equal(reader.bytes, 13);
    assert.equal(reader.offset, 13);
  });

  it('begins at an offset, reads in chunks, one at a time', async () => {
    writeFileSync(path, 'x'.repeat(10) + 'y'.repeat(1000));
    let inside = 0;
    const sizes: number[] = [];
    const reader = new SpoolReader({
      path,
      offset: 10,
      chunkBytes: 256,
      onData: async (chunk) => {
        assert.equal(++inside, 1, 'back-pressure');
        await new Promise(setImmediate);
        assert.ok(chunk.every((byte) => byte === 0x79));
        sizes.push(chunk.length);
        inside--;
      },
    });
    await reader.drain();
    assert.deepEqual(sizes, [256, 256, 256, 232]);
  });

  it('reads a file that appears late, and one that never does', async () => {
    const late = follow();
    late.reader.start();
    await new Promise(setImmediate);
    writeFileSync(path, 'late');
    await late.bytes(4);
    await late.reader.drain();
    const never = follow({ path: join(folder, 'never') });
    never.reader.start();
    await never.reader.drain();
    assert.equal(never.text(), '');
  });

  it('goes on at the beginning of a file that the agent truncated', async () => {
    writeFileSync(path, 'before the cut');
    const { reader, bytes, text } = follow();
    reader.start();
    await bytes(14);
    truncateSync(path);
    appendFileSync(path, 'after');
    await bytes(19);
    await reader.drain();
    assert.equal(text(), 'before the cutafter');
  });

  it('takes the last word of a stray within the grace', async () => {
    writeFileSync(path, 'a');
    let all = '';
    const graceful = new SpoolReader({
      path,
      onData: (chunk) => {
        all += chunk.toString();
        if (all === 'a') setTimeout(() => appendFileSync(path, 'b'), 1);
      },
    });
    await graceful.drain(200);
    assert.equal(all, 'ab');
  });

  it('tells a failure of the receiver, and never follows a link', async () => {
    writeFileSync(path, 'x');
    const failing = new SpoolReader({ path, onData: () => Promise.reject(new Error('log is full')) });
    failing.start();
    await assert.rejects(failing.drain(), /log is full/);
    const link = join(folder, 'link');
    symlinkSync(path, link);
    const linked = follow({ path: link });
    linked.reader.start();
    await assert.rejects(linked.reader.drain(), { code: 'ELOOP' });
    await assert.rejects(captureText(link), { code: 'ELOOP' });
  });

  it('closes without reading on', async () => {
    writeFileSync(path, 'x'.repeat(100));
    const { reader, text } = follow({ chunkBytes: 10 });
    await reader.close();
    assert.equal(text(), '');
  });

  it('captures all of a small file, broken bytes replaced', async () => {
    assert.deepEqual(await captureText(join(folder, 'gone')), { text: '', bytes: 0, truncated: false });
    writeFileSync(path, Buffer.from([0x61, 0xff, 0xc3, 0x62, 0xe2, 0x82]));
    assert.deepEqual(await captureText(path), { text: 'a\ufffd\ufffdb\ufffd', bytes: 6, truncated: false });
  });

  it('captures head and tail of a large one, and splits no character', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'é', '€', '😀', '\n'), { minLength: 60, maxLength: 120 }),
        fc.integer({ min: 0, max: 20 }),
        async (characters, headBytes) => {
          const whole = Buffer.from(characters.join(''));
          writeFileSync(path, whole);
          const got = await captureText(path, { maxBytes: 40, headBytes });
          assert.equal(got.bytes, whole.length);
          assert.ok(got.truncated);
          assert.ok(!got.text.includes('\ufffd'));
          const match = /^(.*?)\n\[… (\d+) bytes left out …\]\n(.*)$/s.exec(got.text);
          const [, head = '', missing, tail = ''] = match ?? [];
          assert.ok(whole.toString().startsWith(head) && whole.toString().endsWith(tail));
          assert.equal(Buffer.byteLength(head) + Buffer.byteLength(tail) + Number(missing), whole.length);
          assert.ok(Buffer.byteLength(head) + Buffer.byteLength(tail) > 40 - 7);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('cuts nothing from bytes that never were a character', () => {
    const stray = Buffer.from([0x80, 0x80, 0x80, 0x80]);
    assert.equal(withoutTornEnd(stray).length, 4);
    assert.equal(withoutTornStart(stray).length, 1);
    assert.equal(withoutTornEnd(Buffer.from('€')).length, 3);
    assert.equal(withoutTornEnd(Buffer.from('a€').subarray(0, 3)).length, 1);
    assert.equal(withoutTornEnd(Buffer.alloc(0)).length, 0);
  });
});
