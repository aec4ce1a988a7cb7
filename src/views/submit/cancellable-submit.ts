/** A submit that a person may take back, and what became of one whose answer did not come. */
import { ConnectionLost } from '../../client/errors';
import type { CallOptions, Link } from '../../client/link';
import type { JobResponse } from '../../protocol/job-methods';
import type { ParamsOf } from '../../protocol/methods';

export type KeyedSubmit = ParamsOf<'job.submit'> & { readonly submit_key: string };

/**
 * Sends it; after a lost connection once more, which its key makes safe.
 * @throws DaemonError; after CancelledError and CallTimeout `fateOf` tells whether it was taken in all the same
 */
export async function sendSubmit(
  conductor: Pick<Link, 'call'>,
  params: KeyedSubmit,
  options: CallOptions,
): Promise<JobResponse> {
  try {
    return await conductor.call('job.submit', params, options);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    return conductor.call('job.submit', params, options);
  }
}

export type Fate =
  | { readonly kind: 'accepted'; readonly run: string }
  /** Nothing came of it, and nothing will. */
  | { readonly kind: 'none' }
  /** The conductor did not say: it has gone, or is too old to know. */
  | { readonly kind: 'unknown'; readonly error: unknown };

/** What became of a submit. Never rejects. */
export async function fateOf(conductor: Pick<Link, 'call'>, submitKey: string): Promise<Fate> {
  try {
    const { run } = await conductor.call('job.submission', { submit_key: submitKey });
    return run === null ? { kind: 'none' } : { kind: 'accepted', run };
  } catch (error) {
    return { kind: 'unknown', error };
  }
}
