import { limitError } from './errors';

/** Decimal digits that Python itself is willing to print of one integer. */
export const mostIntegerDigits = 4300;
/** 4300 decimal digits in bits. */
export const mostIntegerBits = 14_285;

/** Adds up the steps of several renders. */
export interface RenderMeter {
  steps: number;
}

/**
 * What one render may still use. A score is a stranger's program: every node evaluated, every element and every
 * 64 characters of text handled by a builtin cost one step.
 */
export class Budget {
  private steps = 0;
  private written = 0;

  constructor(
    private readonly maxSteps: number,
    readonly maxText: number,
    private readonly meter: RenderMeter | null = null,
  ) {}

  /** Spends `count` steps. */
  charge(count = 1): void {
    this.steps += count;
    if (this.meter) this.meter.steps += count;
    if (this.steps > this.maxSteps) limitError(`the template needs more than ${this.maxSteps} steps`);
  }

  /** Spends the cost of handling text of this length; a single text may not be longer than `maxText`. */
  text(length: number): void {
    this.check(length);
    this.charge(length >> 6);
  }

  /** Refuses a text of this length without charging for it: for texts that grow piece by piece. */
  check(length: number): void {
    if (length > this.maxText) limitError(`a text may have at most ${this.maxText} characters`);
  }

  /** Counts characters that the template writes, also into blocks and macros. */
  write(length: number): void {
    this.written += length;
    if (this.written > this.maxText) {
      limitError(`the template writes more than ${this.maxText} characters`);
    }
    this.charge(length >> 6);
  }
}
