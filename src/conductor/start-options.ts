import { parseArgs } from 'node:util';
import { z } from 'zod';
import { POLITE_END_MS } from '../process/tree';

/** How a conductor may be started otherwise than every client starts it. No setting of users: tests do not wait as long as people's agents may need. */
export interface StartOptions {
  /** Time between the polite and the last signal to an agent, milliseconds. */
  readonly politeEndMs: number;
}

/** @throws TypeError for anything else on the command line, ZodError for a number that is none. */
export function startOptions(argv: readonly string[]): StartOptions {
  const { values } = parseArgs({ args: [...argv], options: { 'polite-end-ms': { type: 'string' } } });
  const written = values['polite-end-ms'];
  return {
    politeEndMs: written === undefined ? POLITE_END_MS : z.coerce.number().int().min(0).parse(written),
  };
}
