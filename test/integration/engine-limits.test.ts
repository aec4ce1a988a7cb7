import assert from 'node:assert/strict';
import { TestConductor } from '../support/conductor';
import { fanOutScore, LimitedVendor, writeVendorAgent } from '../support/limited-vendor';

/** Time from the vendor's "no" to the conductor's knowing it: a program has to print it and end. */
const onItsWayMs = 800;

describe('rate limits of an account', () => {
  const conductor = new TestConductor();
  const vendors: LimitedVendor[] = [];
  const vendor = async (name: string, options: ConstructorParameters<typeof LimitedVendor>[0]) => {
    const made = new LimitedVendor(options);
    vendors.push(made);
    writeVendorAgent(conductor, name, await made.start());
    return made;
  };
  before(() => conductor.start());
  after(async () => {
    for (const made of vendors) made.stop();
    await conductor.dispose();
  });

  it('loses no sheet of a wide fan-out to bursts of 429, and sends one probe a window', async () => {
    // Three bursts: one that meets most of the twelve together, one that meets the probe itself, one in the middle of what follows.
    const bursty = await vendor('bursty', { burstsAfter: [3, 3, 8], closedSeconds: 1.5, workMs: 300 });
    const run = await conductor.submit('bursts', fanOutScore('bursts', 'bursty'));
    const job = await conductor.until(run);
    assert.equal(job.status, 'completed', JSON.stringify(job.status_reason));
    const sheets = Object.values(job.sheets);
    assert.equal(sheets.filter(({ status }) => status === 'completed').length, 12);
    assert.ok(
      sheets.every(({ normal_attempts: retries }) => retries === 0),
      'a limit costs no retry',
    );
    assert.equal(bursty.seen.filter(({ status }) => status === 200).length, 12, 'nothing is done twice');
    assert.equal(bursty.closed.length, 3);
    assert.deepEqual(bursty.probes(), [1, 1, 1]);
    assert.deepEqual(bursty.tooEarly(onItsWayMs), [], 'nobody asks before the stated end');
    const limits = conductor.records().filter(({ type }) => type === 'limit.set');
    assert.equal(
      Math.max(...limits.map(({ body }) => Number(body['hits']))),
      2,
      'attempts that met one limit are one hit',
    );
    assert.ok(
      limits.some(({ body }) => body['width'] !== null),
      'fewer at a time after a limit',
    );
  });

  it('keeps a limit by the key, for all jobs that use it, and never shows the key', async () => {
    const keyed = await vendor('keyed', { burstsAfter: [0], closedSeconds: 8, workMs: 10 });
    const score = (name: string) =>
      fanOutScore(name, 'keyed').replace('fan_out: { 1: 12 }', 'fan_out: { 1: 1 }');
    const submit = (name: string, key: string) =>
      conductor.submit(name, score(name), { secrets: { VENDOR_API_KEY: key } });
    const first = await submit('first', 'key-of-one-0123456789');
    await conductor.untilSheet(first, 1, 'waiting');
    // The same key is limited for a job that comes later; another key is another account.
    const same = await submit('same', 'key-of-one-0123456789');
    const other = await submit('other', 'key-of-two-0123456789');
    const held = await conductor.until(same, new Set(['running']));
    assert.equal(held.sheets['1']?.status, 'pending');
    assert.equal(held.sheets['1'].status_reason?.code, 'rate_limit');
    assert.ok(held.sheets['1'].status_reason.until);
    await conductor.untilSheet(other, 1, 'waiting');
    const asked = (key: string) => keyed.seen.filter((seen) => seen.key.startsWith(key)).length;
    assert.deepEqual([asked('key-of-one'), asked('key-of-two')], [1, 1]);
    const limits = await conductor.call('daemon.rate_limits', {});
    const accounts = (limits.accounts ?? []).filter(({ instrument }) => instrument === 'keyed');
    assert.equal(accounts.length, 2);
    for (const { account } of accounts) assert.match(account, /^keyed#[0-9a-f]{8}$/);
    // The print is the same in the next conductor: the limit holds over the restart, although the key is not there any more.
    await conductor.kill();
    await conductor.start();
    const again = await submit('again', 'key-of-one-0123456789');
    assert.equal((await conductor.call('job.status', { job_id: again })).sheets['1']?.status, 'pending');
    assert.equal(asked('key-of-one'), 1);
    await conductor.call('secrets.offer', { values: { VENDOR_API_KEY: 'key-of-one-0123456789' } });
    const done = await Promise.all([first, same, again].map((run) => conductor.until(run)));
    assert.deepEqual(
      done.map(({ status }) => status),
      ['completed', 'completed', 'completed'],
    );
    assert.doesNotMatch(JSON.stringify(conductor.records()), /key-of-(one|two)/);
  });

  it('answers that talk of 429 and quota are answers', async () => {
    await vendor('talkative', { burstsAfter: [], closedSeconds: 1, workMs: 1 });
    const run = await conductor.submit('talk', fanOutScore('talk', 'talkative').replace('1: 12', '1: 1'));
    const job = await conductor.until(run);
    assert.deepEqual([job.status, job.rate_limit_waits], ['completed', 0]);
    assert.match(job.sheets['1']?.stdout_tail ?? '', /talks of 429, quota/);
  });

  it('takes nothing that the cli instrument prints for a limit', async () => {
    const run = await conductor.submit(
      'script',
      `
name: script
instrument: cli
retry: { max_retries: 0 }
rate_limit: { detection_patterns: ['429'] }
sheet: { size: 1, total_items: 1 }
prompt: { template: 'echo "429 rate limit exceeded, retry after 60 s" >&2; exit 1' }
`,
    );
    const job = await conductor.until(run);
    assert.deepEqual([job.status, job.sheets['1']?.error_code, job.rate_limit_waits], ['failed', 'E009', 0]);
  });
});
