// Runs mocha suites inside an extension host, of a server or of a desktop VS Code: the module given as extensionTestsPath.
// What it does comes by environment, for neither way passes arguments:
//   MZT_SUITES_FILES   JSON array of test files (absolute)
//   MZT_SUITES_REPORT  file that gets the result. Only a run that came to its end writes it: an exit code alone proves nothing,
//                      since the server's test mode reports 0 for a host that crashed.
//   MZT_SUITES_OUTPUT  file that gets mocha's output, line by line
//   MZT_SUITES_TIMEOUT default time limit of a test, ms;  MZT_SUITES_GREP  only tests whose title matches
const { appendFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { format } = require('node:util');
const vscode = require('vscode');

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start the suites with scripts/vscode/run-suites.mjs`);
  return value;
}

/** Fails the run: a rejection that nobody handles is a fault that mocha does not see inside an extension host. */
function collectRejections() {
  const rejections = [];
  const seen = new WeakSet();
  // VS Code's own extensions have such faults of their own.
  const builtIn = join(vscode.env.appRoot, 'extensions');
  const listener = (reason, promise) => {
    // The extension host tells each one twice.
    if (seen.has(promise)) return;
    seen.add(promise);
    const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    if (!text.includes(builtIn)) rejections.push(text);
  };
  process.on('unhandledRejection', listener);
  return { rejections, stop: () => process.off('unhandledRejection', listener) };
}

exports.run = async function run() {
  const [report, output] = [required('MZT_SUITES_REPORT'), required('MZT_SUITES_OUTPUT')];
  process.setSourceMapsEnabled(true);
  const { default: Mocha } = await import('mocha');
  Mocha.reporters.Base.consoleLog = (...args) => appendFileSync(output, format(...args) + '\n');
  const grep = process.env.MZT_SUITES_GREP;
  const mocha = new Mocha({
    ui: 'bdd',
    color: false,
    forbidOnly: true,
    forbidPending: !grep,
    timeout: Number(process.env.MZT_SUITES_TIMEOUT ?? 10_000),
    ...(grep ? { grep } : {}),
  });
  for (const file of JSON.parse(required('MZT_SUITES_FILES'))) mocha.addFile(file);

  const watch = collectRejections();
  const results = [];
  const runner = await new Promise((resolve) => {
    const started = mocha.run(() => resolve(started));
    started.on('test', (test) => writeFileSync(`${report}.running`, test.fullTitle()));
    started.on('pass', (test) =>
      results.push({ title: test.fullTitle(), state: 'passed', ms: test.duration }),
    );
    started.on('fail', (test, error) =>
      results.push({ title: test.fullTitle(), state: 'failed', error: error.stack }),
    );
  });
  // One turn more: the last test's rejections are told after it.
  await new Promise((resolve) => setTimeout(resolve, 20));
  watch.stop();
  for (const text of watch.rejections) appendFileSync(output, `  unhandled rejection: ${text}\n`);

  const stats = { ...runner.stats, unhandledRejections: watch.rejections.length };
  const about = { vscode: vscode.version, node: process.version, host: vscode.env.appHost, pid: process.pid };
  writeFileSync(`${report}.part`, JSON.stringify({ stats, about, results }));
  renameSync(`${report}.part`, report);
  const failures = runner.failures + watch.rejections.length;
  if (failures > 0) throw new Error(`${failures} failed`);
};
