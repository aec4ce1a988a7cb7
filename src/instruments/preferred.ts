/** Agents in the order in which a new score takes the first that is ready. */
export const PREFERRED_INSTRUMENTS: readonly string[] = [
  'claude-code',
  'codex-cli',
  'gemini-cli',
  'opencode',
  'crush',
  'goose',
  'aider',
  'cline-cli',
];
