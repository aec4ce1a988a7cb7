import type { Handlers } from '../server/handlers';
import { jobCommands } from './job-commands';
import { changeHandlers } from './change-handlers';
import { jobLookup, type JobApiOptions } from './job-lookup';
import { jobQueries } from './job-queries';

/** `job.*` and `log.read`. */
export function jobHandlers(options: JobApiOptions): Handlers {
  const lookup = jobLookup(options);
  return {
    ...jobQueries(options, lookup),
    ...jobCommands(options, lookup),
    ...changeHandlers(options, lookup),
  };
}
