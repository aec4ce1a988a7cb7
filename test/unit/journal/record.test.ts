import assert from 'node:assert/strict';
import * as zlib from 'node:zlib';
import fc from 'fast-check';
import { crc32 } from '../../../src/conductor/journal/crc32';
import { decodeLine, encodeRecord, sealLine } from '../../../src/conductor/journal/record';
import type { JournalRecord } from '../../../src/conductor/journal/record';

const record: JournalRecord = {
  seq: 7,
  epoch: 2,
  t: 1234,
  type: 'a.b',
  run: 'score',
  body: { text: 'ü\ud800"', n: 1 },
};

function line(of: JournalRecord): Buffer {
  return encodeRecord(of).subarray(0, -1);
}

describe('journal records', () => {
  it('computes the CRC-32 that everybody else computes', () => {
    // The check value of the CRC catalogue, and zlib's where Node has it.
    assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
    const theirs = (zlib as { crc32?: (data: Buffer) => number }).crc32;
    if (theirs)
      fc.assert(fc.property(fc.uint8Array(), (bytes) => theirs(Buffer.from(bytes)) === crc32(bytes)));
  });

  it('writes one line that is JSON with the checksum last', () => {
    const text = encodeRecord(record).toString('utf8');
    assert.match(
      text,
      /^\{"seq":7,"epoch":2,"t":1234,"type":"a\.b","run":"score","body":\{.*\},"crc":"[0-9a-f]{8}"\}\n$/,
    );
    assert.deepEqual(Object.keys(JSON.parse(text) as object), [
      'seq',
      'epoch',
      't',
      'type',
      'run',
      'body',
      'crc',
    ]);
  });

  it('gives back what was written', () => {
    fc.assert(
      fc.property(
        fc.record({
          seq: fc.nat(),
          epoch: fc.nat(),
          t: fc.integer(),
          type: fc.string({ minLength: 1 }),
          run: fc.string({ minLength: 1, unit: 'binary' }),
          body: fc.dictionary(fc.string(), fc.jsonValue()),
        }),
        (given) => {
          const decoded = decodeLine(line(given));
          assert.ok(decoded.ok);
          assert.deepEqual(decoded.record, JSON.parse(JSON.stringify(given)));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('notices any changed byte and any cut', () => {
    const whole = line(record);
    for (let at = 0; at < whole.length; at += 1) {
      const flipped = Buffer.from(whole);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      assert.equal(decodeLine(flipped).ok, false, `byte ${at}`);
      assert.equal(decodeLine(whole.subarray(0, at)).ok, false, `cut at ${at}`);
    }
  });

  it('says why a line is no record', () => {
    const reason = (bytes: Buffer): string => {
      const decoded = decodeLine(bytes);
      return decoded.ok ? 'fine' : decoded.reason;
    };
    const sealed = (json: string): Buffer => sealLine(json).subarray(0, -1);
    assert.equal(reason(Buffer.from('')), 'truncated');
    assert.equal(reason(Buffer.from('{"seq":1}')), 'truncated');
    assert.equal(reason(Buffer.from(line(record).toString().replace('"n":1', '"n":2'))), 'checksum');
    assert.equal(reason(sealed('{"seq":1,}')), 'json');
    assert.equal(reason(sealed('{"seq":-1,"epoch":1,"t":1,"type":"a","body":{}}')), 'shape');
    assert.equal(reason(sealed('{"seq":1,"epoch":1,"t":1,"type":"a","body":[]}')), 'shape');
    assert.equal(reason(sealed('{"seq":1,"epoch":1,"t":1,"type":"a","run":5,"body":{}}')), 'shape');
    assert.equal(reason(sealed('{"seq":1,"epoch":1,"t":1,"type":"a","body":{}}')), 'fine');
  });
});
