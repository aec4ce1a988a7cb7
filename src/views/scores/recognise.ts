/** Which YAML texts are scores, by a look at their top level: nothing is parsed. */

const longestLookedAt = 1024 * 1024;
const topLevel = (key: string) => new RegExp(`^(?:${key}|"${key}"|'${key}')[ \\t]*:(?:\\s|$)`, 'm');
const sheet = topLevel('sheet');
const prompt = topLevel('prompt');

export function looksLikeScore(path: string, text: string): boolean {
  if (!/\.ya?ml$/i.test(path)) return false;
  if (/\.score\.ya?ml$/i.test(path)) return true;
  return text.length <= longestLookedAt && sheet.test(text) && prompt.test(text);
}
