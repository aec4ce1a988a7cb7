import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestConductor } from './conductor';
import { writeScriptInstrument } from './script-instrument';

/** A request as the vendor saw it; instants in milliseconds. */
export interface Seen {
  readonly key: string;
  readonly at: number;
  readonly status: 200 | 429;
  /** When the answer went out. */
  readonly answeredAt: number;
}

/**
 * A vendor on loopback that answers 429 in bursts, with `retry-after` in seconds as RFC 9110 §10.2.3 has it: after so many good answers it is
 * closed for a while, to everybody with that key. Its account of what came when is what the tests judge by.
 */
export class LimitedVendor {
  readonly seen: Seen[] = [];
  /** The closed times, as they were told: from the first 429 to the instant that its `retry-after` named. */
  readonly closed: { readonly key: string; readonly from: number; readonly until: number }[] = [];
  private readonly server: Server;
  private readonly good = new Map<string, number>();
  private readonly bursts = new Map<string, number>();

  constructor(
    private readonly options: {
      /** Good answers after which a burst of 429 begins, counted from the start; one number for each burst. */
      readonly burstsAfter: readonly number[];
      readonly closedSeconds: number;
      /** Time that a good answer takes, milliseconds. */
      readonly workMs: number;
      /** Requests without a stated wait: no `retry-after`. */
      readonly silent?: boolean;
    },
  ) {
    this.server = createServer((request, response) => {
      request.resume();
      const key = String(request.headers['x-api-key'] ?? request.headers.authorization ?? '');
      const at = Date.now();
      const open = this.admit(key, at);
      const answer = () => {
        const status = open.until === null ? 200 : 429;
        this.seen.push({ key, at, status, answeredAt: Date.now() });
        const left = open.until === null ? 0 : Math.max(0, (open.until - Date.now()) / 1000);
        if (request.url?.startsWith('/v1/messages')) {
          answerMessages(response, open.until === null ? null : Math.ceil(left));
          return;
        }
        const silent = open.until === null || this.options.silent === true;
        response.writeHead(status, silent ? {} : { 'retry-after': left.toFixed(3) });
        response.end(status === 200 ? 'done' : 'slow down');
      };
      if (open.until === null) setTimeout(answer, this.options.workMs);
      else answer();
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** Requests that came although the sender had been told before that it is too early, with this much allowed for what was on its way. */
  tooEarly(onItsWayMs: number): Seen[] {
    return this.seen.filter(({ key, at }) =>
      this.closed.some((burst) => burst.key === key && at > burst.from + onItsWayMs && at < burst.until),
    );
  }

  /** For each closed time: the requests between its end and the first answer to one of them. One is the probe. */
  probes(): number[] {
    return this.closed.map(({ key, until }) => {
      const after = this.seen
        .filter((seen) => seen.key === key && seen.at >= until)
        .sort((a, b) => a.at - b.at);
      const answered = Math.min(...after.map(({ answeredAt }) => answeredAt));
      return after.filter(({ at }) => at <= answered).length;
    });
  }

  private admit(key: string, at: number): { readonly until: number | null } {
    const last = this.closed.findLast((burst) => burst.key === key);
    if (last && at < last.until) return { until: last.until };
    const good = this.good.get(key) ?? 0;
    const next = this.options.burstsAfter[this.bursts.get(key) ?? 0];
    if (next !== undefined && good >= next) {
      this.bursts.set(key, (this.bursts.get(key) ?? 0) + 1);
      const until = at + this.options.closedSeconds * 1000;
      this.closed.push({ key, from: at, until });
      return { until };
    }
    this.good.set(key, good + 1);
    return { until: null };
  }
}

/** As the Messages API answers: a stream (https://platform.claude.com/docs/en/build-with-claude/streaming), or `rate_limit_error` with `retry-after`. */
function answerMessages(response: ServerResponse, retryAfter: number | null): void {
  if (retryAfter !== null) {
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(retryAfter) });
    const error = { type: 'rate_limit_error', message: 'This request would exceed your rate limit' };
    response.end(JSON.stringify({ type: 'error', error }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (type: string, data: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  const usage = { input_tokens: 10, output_tokens: 1 };
  const message = {
    id: 'm',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
    content: [],
  };
  send('message_start', { message: { ...message, stop_reason: null, stop_sequence: null, usage } });
  send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'about 429 and quota' } });
  send('content_block_stop', { index: 0 });
  send('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 5 },
  });
  send('message_stop', {});
  response.end();
}

/**
 * Installs an instrument whose program asks this vendor once and prints what came of it, as agents do: a limit on stderr with exit code 1.
 * Its key is `VENDOR_API_KEY`.
 */
export function writeVendorAgent(conductor: TestConductor, name: string, url: string): void {
  writeScriptInstrument(
    conductor,
    name,
    `const { request } = require('node:http');
const key = process.env.VENDOR_API_KEY ?? '';
request(${JSON.stringify(url)}, { method: 'POST', headers: { 'x-api-key': key } }, (response) => {
  response.setEncoding('utf8');
  let text = '';
  response.on('data', (part) => (text += part));
  response.on('end', () => {
    if (response.statusCode === 200) return console.log('the answer talks of 429, quota and rate limits');
    const wait = response.headers['retry-after'];
    console.error('API error: status 429, ' + text + (wait === undefined ? '' : ', retry after ' + wait + ' s'));
    process.exitCode = 1;
  });
}).end('hello');
`,
    { title: `Vendor ${name}`, command: ['secret_env: [VENDOR_API_KEY]'] },
  );
}

/** Twelve sheets side by side on one instrument, none of which may fail or be tried again. */
export function fanOutScore(name: string, instrument: string, more = ''): string {
  return `
name: ${name}
instrument: ${instrument}
retry: { max_retries: 0, max_completion_attempts: 0 }
pause_between_sheets_seconds: 0
parallel: { enabled: true, max_concurrent: 12, fail_fast: true }
sheet: { size: 1, total_items: 1, fan_out: { 1: 12 } }
${more}
prompt: { template: 'play voice {{ instance }}' }
`;
}
