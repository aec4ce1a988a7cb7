/** What the conductor is asked of itself with every connection and snapshot: events tell only what changes after that. */
import type { MethodName, ParamsOf, ResultOf } from '../../protocol/methods';
import { l10n } from '../l10n';
import { accountLimits } from './job-feed';
import type { JobStore } from './job-store';

/** Rejects with the connection. */
export async function readConductorState(
  store: JobStore,
  call: <M extends MethodName>(method: M, params: ParamsOf<M>) => Promise<ResultOf<M>>,
): Promise<void> {
  const limits = call('daemon.rate_limits', {}).then((answer) => store.setLimits(accountLimits(answer)));
  const notice = call('daemon.status', {}).then(({ status_reason: reason }) =>
    store.setNotice(reason ? l10n.t('The conductor has stopped working: {0}', reason.message) : null),
  );
  await Promise.all([limits, notice]);
}
