// Decides whether a run of suites passed. Pure, because a wrong "passed" is the worst thing that a harness can say.

/**
 * An extension host's end in the server's log that is not an orderly one. The orderly line reads "… exited with code: 0, signal: null."
 * @returns {string[]} the lines
 */
export function badExits(serverLog) {
  return [
    ...serverLog.matchAll(/Extension Host Process exited with code: (\S+?), signal: ([A-Za-z0-9]+)[^\n]*/g),
  ]
    .filter(([, code, signal]) => code !== '0' || signal !== 'null')
    .map(([line]) => line);
}

/**
 * A run passed only if every one of these holds: it ended in time, its exit code is 0, its report came to be with at least one test and no
 * failure and no unhandled rejection, and no extension host ended badly. (A host that is killed, or calls process.exit, gives code 0 too.)
 * @param {{exitCode: number | undefined, limitSeconds: number, report: any, serverLog: string, lastTest?: string}} run exitCode undefined = cut by the limit
 * @returns {string[]} reasons why it did not pass; empty = it did
 */
export function faults({ exitCode, limitSeconds, report, serverLog, lastTest }) {
  const reasons = [];
  const during = lastTest ? ` (last test started: "${lastTest}")` : '';
  if (exitCode === undefined) reasons.push(`not finished after ${limitSeconds} s${during}`);
  else if (exitCode !== 0) reasons.push(`exit code ${exitCode}`);
  const stats = report?.stats;
  if (!stats) reasons.push(`the suites did not come to their end: there is no report${during}`);
  else {
    if (!(stats.tests > 0)) reasons.push('no test ran');
    if (stats.failures !== 0) reasons.push(`${stats.failures} failed`);
    if (stats.unhandledRejections !== 0) reasons.push(`${stats.unhandledRejections} unhandled rejections`);
  }
  reasons.push(...badExits(serverLog));
  return reasons;
}
