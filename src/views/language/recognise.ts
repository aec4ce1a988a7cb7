/** Which YAML documents are scores. Always loaded, and asked for every YAML file that is opened: cheap, and free of imports. */

/** Longer texts are not looked through; the score format takes at most 1 MiB (`yamlLimits`). UTF-16 units. */
const longestLookedAt = 1024 * 1024;

/** True for `name.score.yaml` and `name.score.yml`. */
export function hasScoreName(path: string): boolean {
  return /\.score\.ya?ml$/i.test(path);
}

/**
 * True when the text has `sheet:` and `prompt:` at the top level, which no other common YAML format has. Works on half-written text: nothing
 * is parsed.
 */
export function hasScoreContent(text: string): boolean {
  if (text.length > longestLookedAt) return false;
  return (
    /^(?:sheet|"sheet"|'sheet')[ \t]*:(?:\s|$)/m.test(text) &&
    /^(?:prompt|"prompt"|'prompt')[ \t]*:(?:\s|$)/m.test(text)
  );
}
