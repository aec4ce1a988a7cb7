// Mocha's spec reporter that also leaves the numbers in the file MZT_TEST_COUNTS, one JSON line a run.
const { appendFileSync } = require('node:fs');
const { Spec } = require('mocha/lib/reporters/spec.js');

module.exports = class CountingReporter extends Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = this.stats;
      if (process.env.MZT_TEST_COUNTS)
        appendFileSync(process.env.MZT_TEST_COUNTS, JSON.stringify({ passes, failures, pending }) + '\n');
    });
  }
};
