import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Redaction, createRedactor, redactJson, redactText } from '../../../src/conductor/output/redact';

const b62 = 'Ab3dEf6hIj9kLmNoPqRsTuVwXyZ0123456789abcdefghijklmnopqrstuvwxyzABCDEFGH';
/** Built from pieces, so that no scanner takes this file for a leak. */
const credentials: readonly [kind: string, value: string][] = [
  ['ANTHROPIC_KEY', `sk-ant-${'api'}03-${b62.slice(0, 40)}-_${b62.slice(0, 30)}AA`],
  ['ANTHROPIC_KEY', `sk-ant-${'oat'}01-${b62.slice(0, 40)}`],
  ['OPENAI_KEY', `sk-${'proj'}-${b62.slice(0, 50)}_-xyz`],
  ['OPENROUTER_KEY', `sk-${'or-v1'}-${'0123456789abcdef'.repeat(4)}`],
  ['API_KEY', `sk-${b62.slice(0, 48)}`],
  ['GOOGLE_KEY', `AIza${'Sy'}${b62.slice(0, 33)}`],
  ['AWS_KEY', `AKI${'A'}IOSFODNN7EXAMPL3`],
  ['GITHUB_TOKEN', `gh${'p_'}${b62.slice(0, 36)}`],
  ['GITHUB_TOKEN', `gh${'o_'}${b62.slice(0, 36)}`],
  ['GITHUB_TOKEN', `gh${'s_'}${b62.slice(0, 36)}`],
  ['GITHUB_TOKEN', `github_${'pat_'}${b62.slice(0, 22)}_${b62.slice(0, 59)}`],
  ['SLACK_TOKEN', `xox${'b-'}123456789012-${b62.slice(0, 24)}`],
  ['SLACK_TOKEN', `xox${'p-'}123456789012-${b62.slice(0, 24)}`],
  ['SLACK_TOKEN', `xap${'p-'}1-A0123456-${b62.slice(0, 24)}`],
  ['HF_TOKEN', `h${'f_'}${b62.slice(0, 34)}`],
  ['NPM_TOKEN', `np${'m_'}${b62.slice(0, 36)}`],
  ['BEARER_TOKEN', `Bearer ${b62.slice(0, 20)}.${b62.slice(0, 10)}==`],
  ['BEARER_TOKEN', `bearer\t${b62.slice(0, 30)}`],
  ['JWT', `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJzdWIiOiIxMjM0NSJ9.${b62.slice(0, 43)}`],
  [
    'PRIVATE_KEY',
    `-----BEGIN RSA ${'PRIVATE'} KEY-----\nProc-Type: 4,ENCRYPTED\n\n${(b62.slice(0, 64) + '\n').repeat(20)}ab+/==\n-----END RSA PRIVATE KEY-----`,
  ],
  ['PRIVATE_KEY', `-----BEGIN ${'PRIVATE'} KEY-----\\n${b62.slice(0, 64)}\\n-----END PRIVATE KEY-----`],
];

function streamed(redaction: Redaction, text: string, cuts: readonly number[]): string {
  const bytes = Buffer.from(text);
  const stream = redaction.stream();
  let out = '';
  let from = 0;
  for (const cut of [...cuts].map((c) => c % (bytes.length + 1)).sort((a, b) => a - b)) {
    out += stream.push(bytes.subarray(from, cut));
    from = cut;
  }
  return out + stream.push(bytes.subarray(from)) + stream.flush();
}

describe('redaction', () => {
  it('replaces every shape by its label, and nothing around it', () => {
    for (const [kind, value] of credentials) {
      assert.equal(redactText(`key="${value}" end`), `key="[REDACTED_${kind}]" end`, value);
      assert.equal(redactText(value), `[REDACTED_${kind}]`);
    }
  });

  it('finds a shape behind an escape, a colour or inside a JSON string', () => {
    for (const before of ['\\n', '\u001b[32m', '\\u001b[1;31m', '%3D', 'key_', '=', '\\"']) {
      for (const [kind, value] of credentials)
        assert.equal(redactText(before + value), `${before}[REDACTED_${kind}]`, before + value);
    }
  });

  it('leaves ordinary text alone', () => {
    const ordinary = [
      'task-0123456789abcdef0123456789abcdef and disk-abcdefghijklmnopqrstuvwxyzabcdefgh',
      'sk-loading-indicator-container-wrapper-element',
      'the bearer of this letter; Bearer authentication; Bearer <token>',
      'risk-ant-hill, hf_hub_download, npm_config_registry, xoxb, AKIA, eyJ',
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
      'Grüße 🎼 日本語',
    ];
    for (const text of ordinary) assert.equal(redactText(text), text);
  });

  it('redacts an unclosed private key as far as it goes, and at most 16 Ki characters', () => {
    const head = `-----BEGIN ${'PRIVATE'} KEY-----\n`;
    assert.equal(
      redactText(`${head}${b62.slice(0, 64)}\n"then" prose`),
      '[REDACTED_PRIVATE_KEY]"then" prose',
    );
    const long = redactText(head + 'A'.repeat(20_000));
    assert.equal(long, '[REDACTED_PRIVATE_KEY]' + 'A'.repeat(20_000 - 16_384 + 1));
  });

  it('replaces known values: as they are, in JSON, URL-encoded and in base64 at every alignment', () => {
    const secret = 'p@ss "w\\rd"/ü+1';
    const redaction = new Redaction({ secrets: [secret] });
    for (const text of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
      assert.equal(redaction.text(`<${text}>`), '<[REDACTED_SECRET]>');
    for (const user of ['', 'a', 'ab', 'abc', 'user:']) {
      for (const encoding of ['base64', 'base64url'] as const) {
        const out = redaction.text(Buffer.from(`${user}${secret}tail`).toString(encoding));
        assert.match(out, /^.{0,9}\[REDACTED_SECRET\].{0,9}$/, out);
      }
    }
  });

  it('ignores values that are too short, and prefers the longest value', () => {
    const redaction = new Redaction({ secrets: ['short', 'abcdefgh', 'abcdefghijkl'] });
    assert.equal(
      redaction.text('short abcdefghijkl abcdefghij'),
      'short [REDACTED_SECRET] [REDACTED_SECRET]ij',
    );
  });

  it('covers values that overlap each other or a shape with one label', () => {
    const redaction = new Redaction({ secrets: ['abcdefgh', 'efghijkl', 'zz!tail-of-it'] });
    assert.equal(redaction.text('<abcdefghijkl>'), '<[REDACTED_SECRET]>');
    assert.equal(redaction.text(`gh${'p_'}${b62.slice(0, 36)}zz!tail-of-it.`), '[REDACTED_GITHUB_TOKEN].');
  });

  it('gives back what it held when the text ends there', () => {
    const stream = createRedactor({ secrets: ['abcdefgh'] });
    assert.equal(stream.push('see abcdefg'), 'see ');
    assert.equal(stream.flush(), 'abcdefg');
    assert.equal(stream.push('see abcdefgh'), 'see [REDACTED_SECRET]');
    assert.equal(stream.flush(), '');
  });

  it('holds back little', () => {
    const stream = createRedactor();
    let given = 0;
    let shown = 0;
    for (const text of [
      `eyJ${'a'.repeat(100_000)}`,
      `-----BEGIN ${'A'.repeat(5000)}`,
      `Bearer${' '.repeat(5000)}`,
    ]) {
      for (let at = 0; at < text.length; at += 1000) {
        given += text.slice(at, at + 1000).length;
        shown += stream.push(text.slice(at, at + 1000)).length;
        assert.ok(given - shown <= 8192, `${given - shown} held`);
      }
    }
  });

  it('replaces bad UTF-8 and joins characters cut between chunks', () => {
    const stream = createRedactor();
    const note = Buffer.from('🎼');
    const out =
      stream.push(Buffer.from([0x61, 0xff, 0x62])) +
      stream.push(note.subarray(0, 2)) +
      stream.push(note.subarray(2)) +
      stream.push(note.subarray(0, 3)) +
      stream.flush();
    assert.equal(out, 'a\ufffdb🎼\ufffd');
  });

  it('gives the same whatever the cuts, and never a secret', () => {
    const secrets = ['hunter2-hunter2', 'pässwört🎼x', 'sk-ant-is-not-this', '-----BEGIN me', 'aaaaaaaaab'];
    const redaction = new Redaction({ secrets });
    const values = [...secrets, ...credentials.map(([, value]) => value)];
    const piece = fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...values) },
      // Beginnings and ends of secrets, and what surrounds them.
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom(...values), fc.nat(80), fc.nat(80))
          .map(([value, a, b]) => value.slice(a % value.length, (a % value.length) + b)),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom(' ', '\n', '\\n', '-', '----', 'a', 'Aa0', 'eyJ', 'sk-', '\u001b[0m'),
      },
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        (pieces, cuts) => {
          const text = Buffer.from(pieces.join('')).toString();
          const whole = redaction.text(text);
          assert.equal(streamed(redaction, text, cuts), whole);
          for (const secret of secrets) assert.ok(!whole.includes(secret), secret);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('gives the same for every single cut, and byte by byte', () => {
    const redaction = new Redaction({ secrets: ['hunter2-hunter2', 'ABCDEFGHIJ\nKL'] });
    const text =
      credentials.map(([, value]) => value).join(' \\n') + 'hunter2-hunter2ABCDEFGHIJ\nKL🎼hunter2-hunter';
    const whole = redaction.text(text);
    const size = Buffer.byteLength(text);
    for (let cut = 0; cut <= size; cut++) assert.equal(streamed(redaction, text, [cut]), whole);
    assert.equal(
      streamed(
        redaction,
        text,
        Array.from({ length: size }, (_, i) => i),
      ),
      whole,
    );
  });

  it('gives the same when a known value ends within the end of a private key', () => {
    const redaction = new Redaction({ secrets: ['ABCDEFGH-----E'] });
    const text = `-----BEGIN ${'PRIVATE'} KEY-----\nABCDEFGH-----END PRIVATE KEY-----\nafter`;
    for (let cut = 0; cut <= text.length; cut++)
      assert.equal(streamed(redaction, text, [cut]), '[REDACTED_PRIVATE_KEY]\nafter');
  });

  it('lets text without secrets pass unchanged', () => {
    const redaction = new Redaction({ secrets: ['hunter2-hunter2'] });
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 300 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        (text, cuts) => {
          assert.equal(streamed(redaction, text, cuts), Buffer.from(text).toString());
        },
      ),
    );
  });

  it('stays linear on hostile text', () => {
    const stream = createRedactor({ secrets: ['aaaaaaaaaaaaaaaab'] });
    const hostile = [
      'sk-',
      'eyJ',
      'eyJ.',
      '-----BEGIN ',
      'Bearer ',
      'a',
      '-',
      'ghp_',
      'sk-ant-abc-',
      '.eyJaaaaaaaaaaaa',
    ];
    const started = process.cpuUsage();
    for (const text of hostile) stream.push(text.repeat(Math.ceil(200_000 / text.length)));
    const used = process.cpuUsage(started).user / 1e6;
    assert.ok(used < 2, `${used} s of processor time for 2 MB`);
  });

  it('redacts JSON data, keys and values', () => {
    const redaction = new Redaction({ secrets: ['hunter2-hunter2'] });
    const value = { 'hunter2-hunter2': ['x hunter2-hunter2', 1, null, true, { a: 'b' }] };
    assert.deepEqual(redaction.json(value), {
      '[REDACTED_SECRET]': ['x [REDACTED_SECRET]', 1, null, true, { a: 'b' }],
    });
    assert.deepEqual(redactJson({ a: `gh${'p_'}${b62.slice(0, 36)}` }), { a: '[REDACTED_GITHUB_TOKEN]' });
  });
});
