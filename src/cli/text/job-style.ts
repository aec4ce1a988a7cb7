import type { CliContext } from '../context';
import type { Output } from '../output';
import type { JobStyle } from './job';
import { showsUnicode, Symbols } from './symbols';

/** How jobs are shown on this stdout now. */
export function jobStyle(context: CliContext, output: Output): JobStyle {
  return {
    colors: output.out,
    symbols: new Symbols(output.out, showsUnicode(context.env)),
    width: output.width,
    now: context.now(),
  };
}
