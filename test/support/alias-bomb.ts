/** YAML whose aliases multiply ninefold with each of these letters ("billion laughs"). */
export function aliasBomb(letters: string): string {
  const keys = [...letters];
  const list = (i: number) => Array<string>(9).fill(i === 0 ? 'x' : `*${keys[i - 1]}`);
  return keys.map((key, i) => `${key}: &${key} [${list(i).join(',')}]`).join('\n');
}
