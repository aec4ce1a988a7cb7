/** Who is the conductor of a state directory: the owner record says where, the answer to `initialize` says whether. */
import type { InitializeResult } from '../protocol/daemon-methods';
import { PROTOCOL_VERSION } from '../protocol/daemon-methods';
import { ShuttingDownError } from '../protocol/errors';
import { readOwner } from '../protocol/owner-record';
import type { OwnerRecord } from '../protocol/paths';
import { BadReply, CallTimeout, ConnectionLost } from './errors';
import { CONNECT_TIMEOUT_MS } from './link';
import { LineLink } from './line-link';

/** How a client introduces itself. */
export interface ClientInfo {
  readonly name: string;
  readonly version: string;
  /** `cli`, `vscode`, … */
  readonly kind: string;
}

export interface FoundConductor {
  readonly epoch: number;
  readonly record: OwnerRecord;
  readonly info: InitializeResult;
}

/**
 * Finds the running conductor; null when there is none. A record whose process does not answer, or a socket where somebody else answers, is none.
 * @throws DaemonError when a conductor answers that speaks no protocol of ours
 */
export async function findConductor(
  stateDir: string,
  client: ClientInfo,
  timeoutMs = CONNECT_TIMEOUT_MS,
): Promise<FoundConductor | null> {
  const owner = await readOwner(stateDir);
  if (owner === null || owner.record.released) return null;
  let link: LineLink;
  try {
    link = await LineLink.connect(owner.record.socket, timeoutMs);
  } catch {
    return null;
  }
  try {
    const info = await link.call(
      'initialize',
      { protocol_versions: [PROTOCOL_VERSION], client: { ...client } },
      { timeoutMs },
    );
    return info.epoch === owner.epoch ? { ...owner, info } : null;
  } catch (error) {
    // No answer, an answer that makes no sense, or one that is just ending: none. A refusal is passed on, because starting another would not help.
    if (
      error instanceof CallTimeout ||
      error instanceof ConnectionLost ||
      error instanceof BadReply ||
      error instanceof ShuttingDownError
    ) {
      return null;
    }
    throw error;
  } finally {
    link.close();
  }
}
