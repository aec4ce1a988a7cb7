import type { PreparedProcess, ProcessOutcome } from '../contract';
import { chosenModel, type PrepareInput } from '../generic/prepare';
import { ProgramBackend } from '../program-backend';
import type { ExecutionResult } from '../result';
import { interpretClaude } from './interpret';
import { claudeOutputFormat, prepareClaude } from './prepare';
import { describeClaudeLine } from './read-output';

/** Runs Claude Code with every option of the score, and reads its results fully. */
export class ClaudeCliBackend extends ProgramBackend {
  readonly name = 'claude-cli';

  protected override prepareCall(input: PrepareInput): PreparedProcess {
    return prepareClaude(input);
  }

  override interpret(outcome: ProcessOutcome): ExecutionResult {
    const { profile, config } = this.options;
    const model = chosenModel({ profile, config, overrides: this.overrides });
    return interpretClaude(profile, outcome, claudeOutputFormat({ profile, config }), model);
  }

  override describeLine(line: string): string | null {
    return describeClaudeLine(line);
  }
}
