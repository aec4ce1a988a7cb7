import type { PreparedProcess, ProcessOutcome } from '../contract';
import { ProgramBackend } from '../program-backend';
import type { ExecutionResult } from '../result';
import { interpretCli } from './interpret';
import { chosenModel, prepareCli, type PrepareInput } from './prepare';

/** Runs any command-line program that a profile describes. */
export class CliBackend extends ProgramBackend {
  get name(): string {
    return this.options.profile.display_name;
  }

  protected override prepareCall(input: PrepareInput): PreparedProcess {
    return prepareCli(input);
  }

  override interpret(outcome: ProcessOutcome): ExecutionResult {
    const { profile, config } = this.options;
    return interpretCli(profile, outcome, chosenModel({ profile, config, overrides: this.overrides }));
  }
}
