/** Entry of `mzt`. */
import { systemContext } from './system-context';
import { runCli } from './program';

const context = systemContext();
void runCli(process.argv.slice(2), context).then((code) => {
  process.exitCode = code;
  // Sockets of a call that was given up may keep the process alive for seconds.
  context.flushed(() => process.exit(code));
});
