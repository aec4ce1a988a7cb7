import assert from 'node:assert/strict';
import { EventHub } from '../../src/conductor/server/event-hub';
import { EventQueue } from '../../src/conductor/server/event-queue';
import type { WireEvent } from '../../src/protocol/events';

const event = (seq: number | undefined, job: string | null = 'a', key?: string): WireEvent => ({
  type: 'sheet.started',
  job_id: job,
  t: 0,
  data: {},
  ...(seq === undefined ? {} : { seq }),
  ...(key === undefined ? {} : { key }),
});

async function follow(
  hub: EventHub,
  since: number | null,
  more: { jobId?: string; ephemeral?: boolean } = {},
) {
  const got: WireEvent[] = [];
  const subscription = await hub.subscribe({
    since,
    jobId: more.jobId ?? null,
    ephemeral: more.ephemeral ?? false,
    deliver: (one) => got.push(one),
  });
  return {
    got,
    subscription,
    seqs: () => got.map((one) => `${one.seq ?? one.key}${one.more === true ? '+' : ''}`),
  };
}

describe('the event hub', () => {
  const newHub = (capacity = 10) => {
    const hub: EventHub = new EventHub({ seq: 100, capacity, snapshot: () => ({ seq: hub.seq, jobs: [] }) });
    return hub;
  };

  it('gives a snapshot to who has nothing, too little, or too much', async () => {
    const hub = newHub(3);
    for (const seq of [101, 102, 103, 104, 105]) hub.publish(event(seq));
    for (const since of [null, 0, 99, 101, 106]) {
      const { subscription } = await follow(hub, since);
      assert.deepEqual(subscription.reply, { seq: 105, resync: true, snapshot: { jobs: [] } }, String(since));
    }
    const { subscription, seqs } = await follow(hub, 102);
    subscription.open();
    assert.deepEqual([subscription.reply, seqs()], [{ seq: 105, resync: false }, ['103', '104', '105']]);
  });

  it('keeps the events of one record together, and marks all but the last, for each subscriber', async () => {
    const hub = newHub(3);
    hub.publish(event(101), event(101, 'b'), event(102));
    const all = await follow(hub, 100);
    const one = await follow(hub, 100, { jobId: 'a' });
    all.subscription.open();
    one.subscription.open();
    assert.deepEqual(
      [all.seqs(), one.seqs()],
      [
        ['101+', '101', '102'],
        ['101', '102'],
      ],
    );
    hub.publish(event(103), event(103));
    assert.deepEqual(all.seqs().slice(3), ['103+', '103']);
    // Half of 101 has left the ring: who has only 100 cannot be served from it.
    assert.equal((await follow(hub, 100)).subscription.reply.resync, true);
    assert.equal((await follow(hub, 101)).subscription.reply.resync, false);
  });

  it('holds events until the answer is out, and leaves out what the snapshot has', async () => {
    let give: () => void = () => undefined;
    const hub: EventHub = new EventHub({
      seq: 0,
      snapshot: () => new Promise((resolve) => (give = () => resolve({ seq: 2, jobs: [] }))),
    });
    const following = follow(hub, null);
    for (const seq of [1, 2, 3]) hub.publish(event(seq));
    give();
    const { subscription, seqs } = await following;
    hub.publish(event(4));
    assert.deepEqual(seqs(), []);
    subscription.open();
    hub.publish(event(5));
    assert.deepEqual(seqs(), ['3', '4', '5']);
    subscription.close();
    hub.publish(event(6));
    assert.equal(seqs().length, 3);
  });

  it('sends ephemeral events only to those who want them, and what concerns no job to all', async () => {
    const hub = newHub();
    const quiet = await follow(hub, 100, { jobId: 'a' });
    const eager = await follow(hub, 100, { jobId: 'a', ephemeral: true });
    quiet.subscription.open();
    eager.subscription.open();
    hub.publish(event(undefined, 'a', 'k'), event(undefined, 'b', 'l'), event(101, null));
    hub.advance(150);
    assert.deepEqual([quiet.seqs(), eager.seqs(), hub.seq], [['101'], ['k', '101'], 150]);
  });

  it('forgets a subscriber whose snapshot failed', async () => {
    const hub = new EventHub({ seq: 0, snapshot: () => Promise.reject(new Error('no')) });
    await assert.rejects(follow(hub, null), /no/);
    assert.equal(hub.subscriberCount, 0);
  });
});

describe('the event queue', () => {
  it('replaces by key in place, and gives up as a whole over its bounds', () => {
    const queue = new EventQueue(3, 10);
    assert.ok(queue.push('a', Buffer.from('aaa')));
    assert.ok(queue.push(null, Buffer.from('1')));
    assert.ok(queue.push('a', Buffer.from('b')));
    assert.ok(queue.push(null, Buffer.from('2')));
    assert.deepEqual([queue.length, queue.bytes], [3, 3]);
    assert.equal(queue.shift()?.toString(), 'b');
    assert.equal(queue.shift()?.toString(), '1');
    assert.equal(queue.push(null, Buffer.alloc(10)), false);
    assert.deepEqual([queue.length, queue.bytes, queue.shift()], [0, 0, undefined]);
    for (let index = 0; index < 3; index += 1) assert.ok(queue.push(null, Buffer.alloc(1)));
    assert.equal(queue.push(null, Buffer.alloc(1)), false);
  });
});
