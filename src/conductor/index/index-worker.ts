// The index's thread (bundle `index-worker`): the whole of sql.js lives here, because an export blocks whoever does it.
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import initSqlJs from 'sql.js';
import type { SqlJsStatic } from 'sql.js';
import { faultOf } from '../journal/clock';
import { replaceFileSync } from '../journal/durable-file';
import { IndexDatabase } from './database';
import type { ImageProblem } from './database';
import type {
  IndexAnswers,
  IndexEnvelope,
  IndexReply,
  IndexRequest,
  IndexWorkerData,
  OpenedImage,
} from './index-messages';

const port = parentPort;
if (port === null) throw new Error('the index runs as a worker thread only');
const data = workerData as IndexWorkerData;
const previousFile = `${data.file}.1`;
const ready: Promise<SqlJsStatic> = initSqlJs({ locateFile: () => data.wasmFile });

let index: IndexDatabase | null = null;
/** False for an image of a newer program: nothing is written over it. */
let writable = true;

function load(sql: SqlJsStatic, file: string): IndexDatabase | ImageProblem | 'missing' {
  let image: Buffer;
  try {
    image = readFileSync(file);
  } catch {
    return 'missing';
  }
  return IndexDatabase.load(sql, image, data.journalId);
}

function open(sql: SqlJsStatic): OpenedImage {
  const loaded = load(sql, data.file);
  if (loaded instanceof IndexDatabase) {
    index = loaded;
    return { usable: true, lastSeq: loaded.lastSeq, previous: false };
  }
  // The image before the last one is behind, but filling it up reads less than a rebuild.
  const previous = loaded === 'newer' ? loaded : load(sql, previousFile);
  if (previous === 'newer') {
    writable = false;
    return { usable: false, problem: previous };
  }
  if (previous instanceof IndexDatabase) {
    index = previous;
    return { usable: true, lastSeq: previous.lastSeq, previous: true };
  }
  return { usable: false, problem: loaded };
}

function exported(): IndexAnswers['export'] {
  if (index === null || !writable) return { code: 'NO_INDEX', message: 'there is no index to write' };
  try {
    replaceFileSync(data.file, [index.export()], previousFile);
    return null;
  } catch (error) {
    return faultOf(error);
  }
}

function answer(sql: SqlJsStatic, request: IndexRequest): IndexAnswers[IndexRequest['op']] {
  if (request.op === 'open') return open(sql);
  if (request.op === 'export') return exported();
  if (request.op === 'reset') {
    if (!writable) throw new Error('the index was written by a newer program');
    index?.close();
    index = IndexDatabase.create(sql, data.journalId);
    return null;
  }
  if (index === null) throw new Error('there is no index');
  return request.op === 'apply' ? index.apply(request.records, request.lastSeq) : index.query(request.query);
}

port.on('message', ({ id, request }: IndexEnvelope) => {
  void ready
    .then((sql): IndexReply => ({ id, ok: true, answer: answer(sql, request) }))
    .catch((error: unknown): IndexReply => ({ id, ok: false, fault: faultOf(error) }))
    .then((reply) => port.postMessage(reply));
});
