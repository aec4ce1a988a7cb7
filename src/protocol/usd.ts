/** Adding up US dollars: prices have many digits, and a sum of binary fractions drifts. */

/** A billionth of a dollar: finer than any price of a token. */
const parts = 1e9;

/** The sum, to a billionth of a dollar: 0.1 + 0.2 is 0.3. */
export function addUsd(...amounts: readonly (number | null)[]): number {
  return Math.round(amounts.reduce<number>((sum, amount) => sum + (amount ?? 0), 0) * parts) / parts;
}
