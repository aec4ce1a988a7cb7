import { hasScoreContent, hasScoreName } from '../language/recognise';

/** True for the path and text of a YAML file that is a score. Nothing is parsed. */
export function looksLikeScore(path: string, text: string): boolean {
  return /\.ya?ml$/i.test(path) && (hasScoreName(path) || hasScoreContent(text));
}
