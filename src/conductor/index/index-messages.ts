import type { Fault } from '../journal/clock';
import type { JournalRecord } from '../journal/record';
import type { Applied, ImageProblem } from './database';
import type { IndexQuery } from './queries';

/** `workerData` of the index thread. */
export interface IndexWorkerData {
  /** The image on disk. */
  readonly file: string;
  readonly wasmFile: string;
  readonly journalId: string;
}

export type IndexRequest =
  | { readonly op: 'open' }
  /** Throws away what is there and starts with nothing. */
  | { readonly op: 'reset' }
  | { readonly op: 'apply'; readonly records: readonly JournalRecord[]; readonly lastSeq: number | null }
  | { readonly op: 'query'; readonly query: IndexQuery }
  | { readonly op: 'export' };

/** What opening gave: the seq up to which the image is complete, or why there is none (`missing`: no file). */
export type OpenedImage =
  | { readonly usable: true; readonly lastSeq: number; readonly previous: boolean }
  | { readonly usable: false; readonly problem: ImageProblem | 'missing' };

/** Answer type of each request. */
export interface IndexAnswers {
  open: OpenedImage;
  reset: null;
  apply: Applied;
  query: unknown[];
  /** Null = written. */
  export: Fault | null;
}

export interface IndexEnvelope {
  readonly id: number;
  readonly request: IndexRequest;
}

export type IndexReply =
  | { readonly id: number; readonly ok: true; readonly answer: unknown }
  | { readonly id: number; readonly ok: false; readonly fault: Fault };
