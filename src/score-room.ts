/**
 * Scores, instruments and the score language in a bundle of their own: YAML and the score's schema are large, and most windows never ask.
 * Loaded by `import()` only, from extension.ts and from the score language.
 */
export { scoreRoom } from './views/scores/score-reader';
export { startLanguage } from './views/language/service';
