// The journal's writer thread (bundle `journal-worker`). A thread, because libuv's pool can be busy for seconds and an
// fdatasync on the main thread would stop everything else.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { SegmentWriter } from './segment-writer';
import type { ToWriter, WriterData } from './writer-messages';

const port = parentPort;
if (port === null) throw new Error('the journal writer runs as a worker thread only');

const writer = new SegmentWriter(workerData as WriterData, (message) => port.postMessage(message));

port.on('message', (first: ToWriter) => {
  writer.take(first);
  // Whatever has queued up meanwhile shares this wake-up's write and sync.
  for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port)) {
    writer.take(next.message as ToWriter);
  }
  writer.flush();
});
