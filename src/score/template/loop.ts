import { typeError } from './errors';
import { needLength, equals } from './operators';
import type { Runtime } from './runtime';
import type { CallArguments, Value } from './values';
import { lengthOf, PyExtra, PyFunction, orElse } from './values';

/** The state of one `for` loop, with one item looked ahead, and its face in the template: `loop`. */
export class Loop {
  private readonly iterator: Iterator<Value, unknown>;
  private ahead: Value[] = [];
  private index0 = -1;
  private current: Value | undefined;
  private previous: Value | undefined;
  private lastChanged: readonly Value[] | undefined;
  private knownLength: number | undefined;
  readonly value: PyExtra;

  constructor(
    private readonly runtime: Runtime,
    items: Iterable<Value>,
    /** The iterable itself, when its length is the loop's length. */
    private readonly source: Value | undefined,
    private readonly depth0: number,
    private readonly recurse: ((iterable: Value) => Value) | undefined,
  ) {
    this.iterator = items[Symbol.iterator]();
    this.value = new PyExtra(
      'LoopContext',
      (name) => this.attribute(name),
      () => `<LoopContext ${this.index0 + 1}/${this.length()}>`,
      (args) => this.call(args),
      () => this.length(),
    );
  }

  /** Moves to the next item, or returns undefined after the last. */
  next(): Value | undefined {
    const item = this.peek();
    this.ahead.shift();
    this.index0 += 1;
    this.previous = this.current;
    this.current = item;
    return item;
  }

  private peek(): Value | undefined {
    if (this.ahead.length === 0) {
      const next = this.iterator.next();
      if (next.done === true) return undefined;
      this.ahead.push(next.value);
    }
    return this.ahead[0];
  }

  private length(): number {
    if (this.knownLength === undefined) {
      const direct = this.source === undefined ? undefined : lengthOf(this.source);
      if (direct !== undefined && this.source !== undefined) {
        this.knownLength = needLength(this.source, this.runtime.budget);
      } else {
        for (let next = this.iterator.next(); next.done !== true; next = this.iterator.next()) {
          this.runtime.budget.charge();
          this.ahead.push(next.value);
        }
        this.knownLength = this.index0 + 1 + this.ahead.length;
      }
    }
    return this.knownLength;
  }

  private attribute(name: string): Value | undefined {
    switch (name) {
      case 'index':
        return BigInt(this.index0 + 1);
      case 'index0':
        return BigInt(this.index0);
      case 'revindex':
        return BigInt(this.length() - this.index0);
      case 'revindex0':
        return BigInt(this.length() - this.index0 - 1);
      case 'first':
        return this.index0 === 0;
      case 'last':
        return this.peek() === undefined;
      case 'length':
        return BigInt(this.length());
      case 'depth':
        return BigInt(this.depth0 + 1);
      case 'depth0':
        return BigInt(this.depth0);
      case 'previtem':
        return this.index0 === 0 ? this.runtime.undefined('there is no previous item') : this.previous;
      case 'nextitem':
        return orElse(this.peek(), () => this.runtime.undefined('there is no next item'));
      case 'cycle':
        return new PyFunction('cycle', (args) => this.cycle(args.positional));
      case 'changed':
        return new PyFunction('changed', (args) => this.changed(args.positional));
      default:
        return undefined;
    }
  }

  private cycle(items: readonly Value[]): Value {
    return orElse(items[this.index0 % items.length], () => typeError('no items for cycling given'));
  }

  private changed(values: readonly Value[]): boolean {
    const last = this.lastChanged;
    this.lastChanged = values;
    if (last?.length !== values.length) return true;
    return !values.every((value, index) => equals(value, last[index] ?? null, this.runtime.budget));
  }

  private call(args: CallArguments): Value {
    const [iterable] = args.positional;
    if (this.recurse === undefined) {
      return typeError("The loop must have the 'recursive' marker to be called recursively.");
    }
    return iterable === undefined ? typeError('loop() needs an iterable') : this.recurse(iterable);
  }
}
