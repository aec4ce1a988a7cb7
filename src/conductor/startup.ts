/** Parts of the conductor's start that stand for themselves. */
import type { InstrumentCatalogue } from '../instruments/catalogue';
import type { PlannedInstrument } from '../score/plan';
import type { EngineCore } from './engine/core';
import { IndexClient } from './index/index-client';
import { systemClock } from './journal/clock';
import type { Log } from './journal/clock';
import type { Journal } from './journal/journal';
import type { RecordDraft } from './records';

/** Opens the index and has it filled in the background: nothing waits for it. Null when it cannot be had; history then comes from the archives. */
export async function openIndex(
  journal: Journal,
  files: { readonly image: string; readonly worker: string },
  log: Log,
): Promise<IndexClient | null> {
  const told = (error: unknown) => ({ error: error instanceof Error ? error.message : String(error) });
  try {
    const { index, opening } = await IndexClient.open({
      file: files.image,
      journalId: journal.journalId,
      lastSeq: journal.lastSeq,
      workerFile: files.worker,
      clock: systemClock,
      log,
    });
    log.info({ ...opening }, 'index');
    const filled =
      opening.state === 'behind'
        ? index.catchUp(journal.store.records(opening.feedFrom - 1))
        : opening.state === 'rebuild'
          ? index.rebuild(journal.store.records())
          : Promise.resolve();
    filled.catch((error: unknown) => {
      log.error(told(error), 'the index could not be filled');
    });
    return index;
  } catch (error) {
    log.error(told(error), 'no index: history is read from the archives');
    return null;
  }
}

/** All that is not finished and archived, for a new segment. */
export function snapshotOf(core: EngineCore): RecordDraft[] {
  return [
    ...[...core.durable.jobs.values()].map((job): RecordDraft => ({
      type: 'snapshot.job',
      run: job.run,
      body: { state: job },
    })),
    { type: 'snapshot.limits', body: { limits: [...core.durable.limits.values()] } },
    { type: 'snapshot.numbers', body: { numbers: Object.fromEntries(core.durable.numbers) } },
  ];
}

/** Most attempts of an instrument at once: what its profile says of the model, else of any model, else no bound of its own. */
export function instrumentWidth(
  catalogue: InstrumentCatalogue,
  instrument: PlannedInstrument,
  otherwise: number,
): number {
  const profile = catalogue.get(instrument.profile);
  if (profile?.http?.schema_family === 'ollama') {
    // A server holds one model, and answers one request well: what more would wait there, with its time running.
    const { parallel_requests: width } = instrument.config.other;
    return typeof width === 'number' ? width : 1;
  }
  if (!profile || profile.models.length === 0) return otherwise;
  const model = profile.models.find(
    ({ name }) => name === (instrument.config.model ?? profile.default_model),
  );
  return model?.max_concurrent ?? 4;
}

/** What a conductor needs that a shim starts at night: the same that clients hand over. */
export function wakeEnvironment(stateDir: string): Record<string, string> {
  const env: Record<string, string> = { MARIANNE_HOME: stateDir, ELECTRON_RUN_AS_NODE: '1' };
  for (const name of [
    'PATH',
    'HOME',
    'USER',
    'LOGNAME',
    'SHELL',
    'LANG',
    'TZ',
    'TMPDIR',
    'XDG_RUNTIME_DIR',
    // Paths of key files may begin with it (`keyring`).
    'SECRETS_DIR',
    'MARIANNE_SOCKET',
  ]) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
