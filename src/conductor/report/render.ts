import { Redaction } from '../output/redact';
import type { RuleResult } from '../validations/result';
import type { ReportAttempt, ReportData, ReportSheet } from './data';
import { Escaper, Html, markup } from './html';

/** What attempts may take together, bytes: with the rest, a report of 500 sheets stays below 5 MB. */
const ATTEMPTS_BUDGET = 3_000_000;
/** Attempts shown in full; of each sheet the latest are. */
const MOST_ATTEMPTS = 1000;
/** Nobody reads more of one text in a report: the log is beside it. */
const LONGEST_TEXT = 40_000;

const style = new Html(`
:root{color-scheme:light dark;--fg:#1f2328;--soft:#59636e;--bg:#fff;--box:#f6f8fa;--line:#d1d9e0;--good:#1a7f37;--bad:#cf222e;--busy:#0969da;--other:#9a6700}
@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--soft:#9198a1;--bg:#0d1117;--box:#151b23;--line:#3d444d;--good:#3fb950;--bad:#f85149;--busy:#58a6ff;--other:#d29922}}
body{font:14px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:75rem;margin:0 auto;padding:1rem}
h1{margin:.2em 0}h2{margin:1.5em 0 .5em}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.25rem .5rem;border-bottom:1px solid var(--line);overflow-wrap:anywhere}th{color:var(--soft);font-weight:600}
.sheet{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:0 .75rem .5rem;break-inside:avoid-page}.sheet h3{margin:.5rem 0}
.attempt{background:var(--box);border-radius:6px;padding:.5rem .75rem;margin:.5rem 0}.attempt p{margin:.25rem 0}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bg);border:1px solid var(--line);border-radius:4px;padding:.5rem;max-height:40rem;overflow:auto}
summary{cursor:pointer}.soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}.busy{color:var(--busy)}.other{color:var(--other)}
svg{width:100%;display:block;background:var(--box);border-radius:6px}svg text{fill:var(--soft);font-size:10px}svg rect{fill:currentColor}
@media print{body{max-width:none}pre{max-height:none}}
`);

/**
 * One self-contained page about a run: no script, nothing loaded, works from a file. Every text is redacted and escaped; long outputs are cut
 * in their middle so that the page stays below 5 MB.
 */
export function renderReport(data: ReportData, redaction: Redaction = new Redaction()): string {
  const esc = new Escaper(redaction);
  const perSheet = Math.max(1, Math.floor(MOST_ATTEMPTS / Math.max(1, data.sheets.length)));
  const shown = data.sheets.reduce((sum, sheet) => sum + Math.min(perSheet, sheet.attempts.length), 0);
  const budget = Math.floor(ATTEMPTS_BUDGET / Math.max(1, shown));
  return markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">
<title>${esc.short(data.name)} – ${esc.short(data.runId)}</title><style>${style}</style></head><body>
${header(data, esc)}
<h2>Timeline</h2>
${timeline(data, esc)}
<h2>Sheets</h2>
${table(data, esc)}
<h2>Attempts</h2>
${data.sheets.map((sheet) => sheetBox(sheet, perSheet, budget, data.generatedAt, esc))}
</body></html>
`.source;
}

function header(data: ReportData, esc: Escaper): Html {
  const end = data.finishedAt ?? data.generatedAt;
  const row = (name: string, value: Html | null): Html =>
    value === null ? new Html('') : markup`<dt>${new Html(name)}</dt><dd>${value}</dd>`;
  return markup`<header><h1>${esc.short(data.name)}</h1><dl>
${row('Run', esc.short(data.runId))}
${row('Status', statusHtml(data.status, esc))}
${row('Sheets', esc.short(sheetCounts(data)))}
${row('Error', data.error === null ? null : esc.short(data.error, 2000))}
${row('Workspace', esc.short(data.workspace, 1000))}
${row('Score', data.scorePath === null ? null : esc.short(data.scorePath, 1000))}
${row('Started', esc.short(instant(data.startedAt)))}
${row('Finished', esc.short(instant(data.finishedAt)))}
${row('Duration', esc.short(data.startedAt === null ? '–' : duration(end - data.startedAt)))}
${row('Cost', esc.short(totalCost(data)))}
${row('Tokens', esc.short(tokens(data.inputTokens, data.outputTokens)))}
${row('Report made', esc.short(instant(data.generatedAt)))}
</dl></header>`;
}

/** `5 of 7 completed, 2 skipped` */
function sheetCounts({ sheets }: ReportData): string {
  const count = (status: string) => sheets.filter((sheet) => sheet.status === status).length;
  const others = ['failed', 'skipped', 'cancelled'].flatMap((status) =>
    count(status) === 0 ? [] : [`${count(status)} ${status}`],
  );
  return [`${count('completed')} of ${sheets.length} completed`, ...others].join(', ');
}

/** Attempts over time, a line for each sheet. */
function timeline(data: ReportData, esc: Escaper): Html {
  const attempts = data.sheets.flatMap((sheet) => sheet.attempts);
  if (attempts.length === 0) return markup`<p class="soft">Nothing has run.</p>`;
  const start = attempts.reduce((least, { startedAt }) => Math.min(least, startedAt), Infinity);
  const end = attempts.reduce((most, a) => Math.max(most, a.finishedAt ?? data.generatedAt), start + 1);
  const line = data.sheets.length > 60 ? 8 : 16;
  const scale = 940 / (end - start);
  const bars = data.sheets.map((sheet, i) => {
    const y = i * line + 1;
    const rects = sheet.attempts.slice(-20).map((attempt) => {
      const until = attempt.finishedAt ?? data.generatedAt;
      const x = Math.round(55 + (attempt.startedAt - start) * scale);
      const width = Math.max(2, Math.round((until - attempt.startedAt) * scale));
      const title = esc.short(
        `Sheet ${sheet.num}, attempt ${attempt.attempt}: ${attempt.outcome}, ${duration(until - attempt.startedAt)}`,
      );
      return markup`<rect class="${tone(attempt.outcome)}" x="${x}" y="${y}" width="${width}" height="${line - 2}" rx="1"><title>${title}</title></rect>`;
    });
    const label =
      line > 8 || i % 5 === 0 ? markup`<text x="2" y="${y + line - 5}">${sheet.num}</text>` : null;
    return markup`${label}${rects}`;
  });
  return markup`<svg viewBox="0 0 1000 ${data.sheets.length * line + 2}" role="img" aria-label="Attempts over time">${bars}</svg>
<p class="soft">${esc.short(instant(start))} to ${esc.short(instant(end))}</p>`;
}

function table(data: ReportData, esc: Escaper): Html {
  const rows = data.sheets.map((sheet) => {
    const last = sheet.attempts.at(-1);
    const time = sheet.attempts.reduce(
      (sum, attempt) => sum + ((attempt.finishedAt ?? data.generatedAt) - attempt.startedAt),
      0,
    );
    return markup`<tr><td><a href="#s${sheet.num}">${sheet.num}</a></td><td>${esc.short(sheet.title ?? '', 120)}</td><td>${statusHtml(sheet.status, esc)}</td><td>${sheet.attempts.length}</td><td>${esc.short(last?.instrument ?? '–', 80)}</td><td>${esc.short(duration(time))}</td><td>${esc.short(percent(last?.passPercent ?? null))}</td></tr>
`;
  });
  return markup`<table><thead><tr><th>Sheet</th><th>Title</th><th>Status</th><th>Attempts</th><th>Instrument</th><th>Time</th><th>Checks</th></tr></thead><tbody>
${rows}</tbody></table>`;
}

function sheetBox(sheet: ReportSheet, most: number, budget: number, now: number, esc: Escaper): Html {
  const hidden = Math.max(0, sheet.attempts.length - most);
  return markup`<section class="sheet" id="s${sheet.num}"><h3>Sheet ${sheet.num} ${esc.short(sheet.title ?? '', 120)} – ${statusHtml(sheet.status, esc)}</h3>
${sheet.note === null ? null : markup`<p>${esc.short(sheet.note, 600)}</p>`}${hidden === 0 ? null : markup`<p class="soft">${hidden} earlier attempts are not shown.</p>`}
${sheet.attempts.slice(hidden).map((attempt) => attemptBox(attempt, budget, now, esc))}</section>
`;
}

function attemptBox(attempt: ReportAttempt, budget: number, now: number, esc: Escaper): Html {
  const facts = [
    attempt.mode === 'normal' ? null : attempt.mode,
    attempt.model === null ? attempt.instrument : `${attempt.instrument} (${attempt.model})`,
    attempt.fallbackFor === null ? null : `fallback for ${attempt.fallbackFor}`,
    attempt.exit,
    duration((attempt.finishedAt ?? now) - attempt.startedAt),
    tokens(attempt.inputTokens, attempt.outputTokens),
    cost(
      attempt.costUsd,
      attempt.costUsd === null && (attempt.inputTokens ?? 0) + (attempt.outputTokens ?? 0) > 0,
    ) + (attempt.costNote === null || attempt.costUsd === null ? '' : ` (${attempt.costNote})`),
  ].filter((fact) => fact !== null);
  const share = (part: number): number => Math.min(LONGEST_TEXT, Math.floor(budget * part));
  const error = [attempt.errorCode, attempt.errorMessage].filter((text) => text !== null).join(': ');
  return markup`<div class="attempt"><p><b>Attempt ${attempt.attempt}</b> – ${statusHtml(attempt.outcome, esc)} <span class="soft">${esc.short(facts.join(' · '), 400)}, started ${esc.short(instant(attempt.startedAt))}</span></p>
${error === '' ? null : markup`<p class="bad">${esc.short(error, Math.min(1000, share(0.1) + 100))}</p>`}${rulesTable(attempt.rules, share(0.3), esc)}${collapsed('Prompt', attempt.prompt, share(0.2), esc)}${collapsed('Output', attempt.stdout, share(0.2), esc)}${collapsed('Error output', attempt.stderr, share(0.1), esc)}</div>
`;
}

function rulesTable(rules: readonly RuleResult[], budget: number, esc: Escaper): Html | null {
  if (rules.length === 0) return null;
  // Failed rules first: they are what one looks for when not all fit.
  const ordered = [...rules].sort((a, b) => Number(a.passed) - Number(b.passed));
  const rows: Html[] = [];
  let used = 0;
  for (const rule of ordered) {
    const what = rule.description ?? rule.path ?? rule.command ?? '';
    const verdict = rule.passed ? 'passed' : rule.failure_category === 'skipped' ? 'skipped' : 'failed';
    const row = markup`<tr><td>${statusHtml(verdict, esc)}</td><td>${esc.short(rule.type)}</td><td>${esc.short(what, 160)}${rule.outside_workspace ? markup` <span class="other">(outside the workspace)</span>` : null}</td><td>${esc.short(rule.message ?? '', 300)}</td></tr>
`;
    used += Buffer.byteLength(row.source);
    if (used > budget && rows.length > 0) break;
    rows.push(row);
  }
  const rest = rules.length - rows.length;
  return markup`<table>${rows}</table>${rest === 0 ? null : markup`<p class="soft">${rest} more checks are not shown.</p>`}`;
}

function collapsed(name: string, text: string | null, budget: number, esc: Escaper): Html | null {
  if (text === null || text.trim() === '') return null;
  return markup`<details><summary>${new Html(name)}</summary><pre>${esc.long(text, budget)}</pre></details>`;
}

const tones: Readonly<Record<string, readonly string[]>> = {
  good: ['completed', 'passed', 'success'],
  bad: ['failed', 'timeout', 'crashed'],
  busy: ['running', 'in_progress', 'retrying', 'executing', 'validating'],
};

/** Class of a status; only names of ours get into an attribute. */
function tone(status: string): Html {
  const known = Object.keys(tones).find((name) => tones[name]?.includes(status));
  return new Html(known ?? 'other');
}

function statusHtml(status: string, esc: Escaper): Html {
  return markup`<span class="${tone(status)}">${esc.short(status, 60)}</span>`;
}

function instant(at: number | null): string {
  if (at === null || !Number.isFinite(at) || Math.abs(at) > 8.64e15) return '–';
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** What was paid; what a subscription covered is no part of it. */
function totalCost(data: ReportData): string {
  const covered =
    data.listPriceUsd === 0 ? null : `subscription (list price ${cost(data.listPriceUsd, false)})`;
  const parts = [
    data.costUsd === null && covered !== null ? null : cost(data.costUsd, data.unpriced),
    data.costEstimated && data.costUsd !== null ? '(partly estimated)' : null,
    covered,
  ];
  return parts.filter((part) => part !== null).join(' ');
}

/** `unpriced`: tokens were used whose price is not known, and which `usd` does not hold. */
function cost(usd: number | null, unpriced: boolean): string {
  if (usd === null) return unpriced ? 'unpriced' : 'cost unknown';
  const known = `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
  return unpriced ? `${known} + unpriced` : known;
}

function tokens(input: number | null, output: number | null): string {
  if (input === null && output === null) return 'tokens unknown';
  return `${input ?? '?'} in / ${output ?? '?'} out`;
}

function percent(value: number | null): string {
  return value === null ? '–' : `${Math.round(value)} %`;
}
