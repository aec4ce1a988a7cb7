/**
 * What models of Anthropic take, by their names. From the pages "Versions" and "Thinking" of platform.claude.com, November 2026: sampling parameters are
 * refused by 4.7 and later and by the Mythos preview; thinking is adaptive from 4.6 on, with a budget from 3.7 to 4.6. A name that is none of theirs (a
 * server that only speaks the protocol) is taken to take everything.
 */
export interface ModelRules {
  readonly takesTemperature: boolean;
  readonly adaptiveThinking: boolean;
  readonly thinkingBudget: boolean;
}

const everything: ModelRules = { takesTemperature: true, adaptiveThinking: true, thinkingBudget: true };

export function modelRules(model: string): ModelRules {
  if (model.startsWith('claude-mythos-preview'))
    return { takesTemperature: false, adaptiveThinking: true, thinkingBudget: false };
  const version = versionOf(model);
  if (version === null) return everything;
  return {
    takesTemperature: version < 407,
    adaptiveThinking: version >= 406,
    thinkingBudget: version >= 307 && version <= 406,
  };
}

/** `claude-opus-4-7` → 407, `claude-3-7-sonnet-20250219` → 307, `claude-sonnet-5` → 500; null = no name of theirs. A date is no version. */
function versionOf(model: string): number | null {
  const match =
    /^claude-[a-z]+-(\d{1,2})(?:-(\d{1,2}))?(?!\d)/.exec(model) ??
    /^claude-(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model);
  if (!match) return null;
  return Number(match[1]) * 100 + Number(match[2] ?? 0);
}
