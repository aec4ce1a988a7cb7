/** Entry of `mzt`. */
import { quickOverview } from './quick-overview';
import { systemContext } from './system-context';

const context = systemContext();
const args = process.argv.slice(2);

/** The program with all its commands is loaded only when it is needed. */
async function main() {
  return (await quickOverview(args, context)) ?? (await import('./program')).runCli(args, context);
}

void main().then((code) => {
  process.exitCode = code;
  // Sockets of a call that was given up may keep the process alive for seconds.
  context.flushed(() => process.exit(code));
});
