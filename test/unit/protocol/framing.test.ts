import assert from 'node:assert/strict';
import fc from 'fast-check';
import { FrameDecoder, encodeFrame } from '../../../src/protocol/framing';
import type { Frame, Framing } from '../../../src/protocol/framing';

function decode(decoder: FrameDecoder, ...chunks: (string | Buffer)[]): Frame[] {
  return chunks.flatMap((chunk) => [...decoder.push(Buffer.from(chunk))]);
}
const values = (frames: Frame[]) =>
  frames.map((frame) =>
    frame.kind === 'message' ? frame.value : `${frame.error.code}${frame.fatal ? '!' : ''}`,
  );

describe('framing', () => {
  for (const framing of ['line', 'header'] as Framing[]) {
    it(`gives back what was encoded, however it is cut (${framing})`, () => {
      const message = fc.dictionary(
        fc.string(),
        fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null)),
      );
      fc.assert(
        fc.property(
          fc.array(message, { minLength: 1, maxLength: 5 }),
          fc.array(fc.nat(400), { maxLength: 8 }),
          (messages, cuts) => {
            const bytes = Buffer.concat(messages.map((one) => encodeFrame(one, framing)));
            const decoder = new FrameDecoder();
            const edges = [
              0,
              ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
              bytes.length,
            ];
            const frames = edges
              .slice(1)
              .flatMap((end, index) => [...decoder.push(bytes.subarray(edges[index], end))]);
            assert.deepEqual(values(frames), JSON.parse(JSON.stringify(messages)));
            assert.deepEqual([decoder.framing, decoder.pendingBytes], [framing, 0]);
          },
        ),
        { numRuns: 200 },
      );
    });
  }

  it('never throws, and stays silent after a fatal error, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }),
        fc.boolean(),
        (chunks, header) => {
          const decoder = new FrameDecoder(64);
          const all = [
            ...(header ? [Buffer.from('Content-Length: ')] : []),
            ...chunks.map((chunk) => Buffer.from(chunk)),
          ];
          const frames = [...all.flatMap((chunk) => [...decoder.push(chunk)]), ...decoder.end()];
          const fatal = frames.findIndex((frame) => frame.kind === 'error' && frame.fatal);
          assert.ok(fatal === -1 || fatal === frames.length - 1);
          assert.ok(decoder.pendingBytes <= 8 * 1024);
        },
      ),
    );
  });

  it('skips blank lines, goes on after bad JSON, and takes a last line without newline', () => {
    const decoder = new FrameDecoder();
    assert.deepEqual(values(decode(decoder, ' \r\n\t\n{"a":1}\r\nnot json\n"\xff"\n7\n[2]')), [
      { a: 1 },
      '-32700',
      'ÿ',
      7,
    ]);
    assert.deepEqual(values([...decoder.end()]), [[2]]);
    assert.deepEqual(values(decode(new FrameDecoder(), Buffer.from([0x22, 0xff, 0x22, 0x0a]))), ['-32700']);
  });

  it('refuses a line over the limit as soon as it is known, and not one at the limit', () => {
    const decoder = new FrameDecoder(10);
    assert.deepEqual(values(decode(decoder, '"12345678"\n')), ['12345678']);
    assert.deepEqual(values(decode(decoder, '"12345', '678x')), []);
    assert.deepEqual(values(decode(decoder, 'y')), ['-32013!']);
    assert.deepEqual([values(decode(decoder, '"\n1\n')), decoder.pendingBytes], [[], 0]);
  });

  it('refuses a Content-Length over the limit before a byte of the body', () => {
    assert.deepEqual(values(decode(new FrameDecoder(10), 'Content-Length: 11\r\n\r\n')), ['-32013!']);
    assert.deepEqual(values(decode(new FrameDecoder(10), 'Content-Length: 10\r\n\r\n"12345678"')), [
      '12345678',
    ]);
  });

  for (const headers of [
    'Content-Length: -1',
    'Content-Length: 1e3',
    'Content-Length: 0x10',
    'Content-Length: 99999999999999999999',
    'Content-Length: 2\r\nContent-Length: 3',
    'Content-Type: x',
    'Content-Length: 2\r\n: x',
    `C${'x'.repeat(9000)}`,
  ]) {
    it(`refuses the headers ${JSON.stringify(headers.slice(0, 40))}`, () => {
      assert.deepEqual(values(decode(new FrameDecoder(), `${headers}\r\n\r\n`)), ['-32700!']);
    });
  }

  it('takes headers in any case, twice the same length, and others beside', () => {
    const text =
      'content-length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:2\r\n\r\n{}';
    assert.deepEqual(values(decode(new FrameDecoder(), text)), [{}]);
    assert.deepEqual(
      values(decode(new FrameDecoder(), 'Content-Length: 0\r\n\r\nContent-Length: 1\r\n\r\n1')),
      ['-32700', 1],
    );
  });

  it('refuses to encode what does not fit', () => {
    assert.throws(() => encodeFrame('123456789', 'line', 10), { code: -32013 });
    assert.equal(encodeFrame('é', 'header').toString(), 'Content-Length: 4\r\n\r\n"é"');
  });
});
