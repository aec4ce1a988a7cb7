import { stateDirectory } from '../protocol/paths';
import type { CliContext } from './context';
import { CliFailure, Exit } from './failure';

/** The state directory of this user. @throws CliFailure when no home directory is known */
export function stateDirOf(context: CliContext): string {
  try {
    return stateDirectory(context.env, context.home);
  } catch (cause) {
    throw new CliFailure(Exit.usage, 'no home directory is known', {
      hints: ['Set MARIANNE_HOME to the folder where Marianne keeps its state.'],
      errorCode: 'no_home',
      cause,
    });
  }
}
