import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepKeyPrints, KeySearch, readKeyPrints } from '../../../src/conductor/attempts/key-prints';

const key = 'zq-7Hk2PvLm9RtX4wBn8';
const odd = 'pass "word" \\ with/odd=ch%rs';

describe('prints of keys', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prints-'));
  // Made before it is known whether this suite is played.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const base = join(folder, 'run', '1.1');
  const out = `${base}.out.spool`;
  before(() => keepKeyPrints(base, { KEY: key, ODD: odd, SHORT: 'abc' }));
  after(() => rmSync(folder, { recursive: true }));

  const search = (has: string[] = []) => {
    const prints = readKeyPrints(base);
    assert.ok(prints);
    return new KeySearch(prints, new Set(has));
  };
  const inText = (text: string, has?: string[]) => {
    const one = search(has);
    one.text(text);
    return one.values;
  };

  it('do not tell the keys, and are private', () => {
    const text = readFileSync(`${base}.keys`, 'latin1');
    for (const part of [key, key.slice(0, 6), 'word', Buffer.from(key).toString('base64').slice(0, 8)])
      assert.ok(!text.includes(part), part);
    assert.equal(statSync(`${base}.keys`).mode & 0o777, 0o600);
  });

  it('find a key wherever it stands, and nothing else', () => {
    assert.deepEqual(inText(key), [key]);
    assert.deepEqual(inText(`${'x'.repeat(1000)}${key}`), [key]);
    assert.deepEqual(inText(`a ${key.slice(0, -1)} b ${key.slice(1)}`), []);
    assert.deepEqual(inText(`${key} ${key}`, ['KEY']), []);
    assert.deepEqual(inText(''), []);
  });

  it('give the value itself for one that was found inside JSON or a URL', () => {
    assert.ok(inText(JSON.stringify({ a: odd })).includes(odd));
    assert.ok(inText(`https://x/?q=${encodeURIComponent(odd)}`).includes(odd));
  });

  it('find a key in a spool across the edge of two reads, at its end, and after bytes that are no text', async () => {
    const edge = 1024 * 1024;
    for (const at of [0, edge - 1, edge - 10, edge, 2 * edge - 5]) {
      const bytes = Buffer.alloc(at + key.length, 0xff);
      bytes.write(key, at);
      writeFileSync(out, bytes);
      const one = search();
      await one.spools(base);
      assert.deepEqual(one.values, [key], String(at));
    }
  });

  it('are none where no key was given, where there is no file, and where it is damaged', async () => {
    await keepKeyPrints(join(folder, 'run', '2.1'), {});
    assert.equal(readKeyPrints(join(folder, 'run', '2.1')), null);
    writeFileSync(join(folder, 'run', '3.1.keys'), '{"salt":"');
    assert.equal(readKeyPrints(join(folder, 'run', '3.1')), null);
  });
});
