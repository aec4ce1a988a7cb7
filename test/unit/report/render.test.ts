import assert from 'node:assert/strict';
import { Redaction } from '../../../src/conductor/output/redact';
import type { ReportAttempt, ReportData } from '../../../src/conductor/report/data';
import { renderReport } from '../../../src/conductor/report/render';
import type { RuleResult } from '../../../src/conductor/validations/result';

const evil = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>&lt;</pre></style>`;

const rule = (text: string, passed = false): RuleResult => ({
  index: 1,
  type: 'file_exists',
  description: text,
  stage: 1,
  passed,
  expected: text,
  actual: text,
  message: passed ? null : text,
  failure_category: passed ? null : 'missing',
  suggested_fix: text,
  error_type: null,
  duration_ms: 1,
  checks: 1,
  confidence: 1,
  path: text,
  pattern: text,
  command: text,
  outside_workspace: true,
});
const attempt = (text: string, more: Partial<ReportAttempt> = {}): ReportAttempt => ({
  attempt: 1,
  mode: text,
  instrument: text,
  model: text,
  startedAt: 1_790_000_000_000,
  finishedAt: 1_790_000_075_000,
  outcome: text,
  exit: text,
  inputTokens: 10,
  outputTokens: null,
  costUsd: 0.01,
  costNote: null,
  fallbackFor: null,
  errorCode: text,
  errorMessage: text,
  passPercent: 50,
  rules: [rule(text), rule(text, true)],
  prompt: text,
  stdout: text,
  stderr: text,
  ...more,
});
const report = (text: string, more: Partial<ReportData> = {}): ReportData => ({
  name: text,
  runId: text,
  status: text,
  workspace: text,
  scorePath: text,
  startedAt: 1_790_000_000_000,
  finishedAt: 1_790_003_700_000,
  generatedAt: 1_790_004_000_000,
  costUsd: null,
  unpriced: true,
  costEstimated: false,
  listPriceUsd: 0,
  inputTokens: null,
  outputTokens: null,
  error: text,
  sheets: [{ num: 1, title: text, status: text, note: text, attempts: [attempt(text)] }],
  ...more,
});

describe('report', () => {
  it('escapes hostile text everywhere', () => {
    const page = renderReport(report(evil));
    const plain = renderReport(report('plain'));
    const tags = (html: string) =>
      html.match(/<[^>]*>/g)?.map((tag) => tag.replace(/ (class|width|x|y)="[^"]*"/g, ''));
    assert.deepEqual(tags(page), tags(plain));
    assert.ok(!/<script|<img|onerror=alert\(1\)>/.test(page));
    assert.ok(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;'));
    assert.ok(page.includes('&amp;lt;'));
  });

  it('counts the sheets by how they ended', () => {
    const sheets = ['completed', 'skipped', 'completed', 'failed', 'skipped'].map((status, i) => ({
      num: i + 1,
      title: null,
      status,
      note: null,
      attempts: [],
    }));
    assert.match(renderReport(report('x', { sheets })), /2 of 5 completed, 1 failed, 2 skipped/);
  });

  it('loads nothing, runs nothing, and says so in its policy', () => {
    const page = renderReport(report(evil));
    assert.match(
      page,
      /http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'/,
    );
    assert.ok(!/<(?:link|script|iframe|object|base)\b|url\(|@import|<[^>]+\ssrc=/.test(page));
    for (const [, target] of page.matchAll(/<[^>]+href="([^"]*)"/g)) assert.match(target ?? '', /^#s\d+$/);
    assert.match(page, /prefers-color-scheme:dark/);
    assert.match(page, /@media print/);
  });

  it('redacts every text, also one that is cut', () => {
    const secret = 'hunter2-hunter2';
    const long = `${'x'.repeat(250_000)}${secret.repeat(10_000)}${'y'.repeat(250_000)}`;
    const page = renderReport(
      report(secret, {
        sheets: [
          {
            num: 1,
            title: secret,
            status: secret,
            note: secret,
            attempts: [attempt(secret, { prompt: long })],
          },
        ],
      }),
      new Redaction({ secrets: [secret] }),
    );
    assert.ok(!page.includes('hunter2'));
    assert.match(page, /the middle is left out/);
  });

  it('shows what is known and says what is not', () => {
    const page = renderReport(report('plain'));
    assert.match(page, /<dt>Cost<\/dt><dd>unpriced<\/dd>/);
    assert.match(page, /<dt>Duration<\/dt><dd>1 h 1 min<\/dd>/);
    assert.match(page, /10 in \/ \? out · \$0\.0100/);
    assert.match(page, /outside the workspace/);
    assert.match(page, /<dt>Started<\/dt><dd>2026-09-21 \d\d:\d\d:\d\d UTC<\/dd>/);
    const empty = renderReport(report('plain', { sheets: [], startedAt: null, finishedAt: null }));
    assert.match(empty, /Nothing has run/);
    assert.match(renderReport(report('plain', { costUsd: 0.5 })), /<dd>\$0\.5000 \+ unpriced<\/dd>/);
    const priced = renderReport(report('plain', { costUsd: 12.345, unpriced: false, costEstimated: true }));
    assert.match(priced, /\$12\.35 \(partly estimated\)/);
    const covered = renderReport(report('plain', { listPriceUsd: 2 }));
    assert.match(covered, /<dd>subscription \(list price \$2\.00\)<\/dd>/);
    const partly = renderReport(report('plain', { costUsd: 1, unpriced: true }));
    assert.match(partly, /\$1\.00 \+ unpriced/);
    const note = { costNote: 'list price', fallbackFor: 'other' };
    const sheets = [{ num: 1, title: null, status: 'x', note: null, attempts: [attempt('x', note)] }];
    assert.match(
      renderReport(report('plain', { sheets })),
      /fallback for other · .*\$0\.0100 \(list price\)/,
    );
  });

  it('keeps a run of 500 sheets with large outputs below 5 MB', () => {
    const large = '<&🎼"'.repeat(20_000);
    const rules = Array.from({ length: 12 }, () => rule('<&"'.repeat(100)));
    const sheets = Array.from({ length: 500 }, (_, i) => ({
      num: i + 1,
      title: large.slice(0, 500),
      status: 'failed',
      note: large.slice(0, 2000),
      attempts: Array.from({ length: 4 }, (_, j) =>
        attempt('failed', {
          attempt: j + 1,
          prompt: large,
          stdout: large,
          stderr: large,
          errorMessage: large,
          rules,
        }),
      ),
    }));
    const page = renderReport(report('big', { sheets }));
    const bytes = Buffer.byteLength(page);
    assert.ok(bytes < 5_000_000, `${bytes} bytes`);
    assert.match(page, /2 earlier attempts are not shown/);
    assert.ok(page.includes('id="s500"'));
    assert.ok(!page.includes('\ufffd'.repeat(3)));
  }).timeout(20_000);
});
