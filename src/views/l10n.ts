/** Texts that people read. Views call `l10n.t` so that the same code runs in plain Node (tests) and in VS Code, which translates. */
type Translate = (message: string, ...args: (string | number | boolean)[]) => string;

/** Fills `{0}`, `{1}` … as VS Code does. */
const fill: Translate = (message, ...args) =>
  message.replace(/\{(\d+)\}/g, (placeholder, index: string) => String(args[Number(index)] ?? placeholder));

let translate: Translate = fill;

/**
 * Notifications take `[label](command:…)` in their text for a link, and following it runs the command (VS Code's `parseLinkedText`). What agents,
 * scores and the conductor say is put into messages as arguments: it must never become one. A word joiner, which nobody sees, breaks it.
 */
function unlinked(text: string): string {
  return text.replaceAll(/\]\((?=https?:\/\/|command:|file:)/gi, ']\u2060(');
}

export const l10n = {
  t: (message: string, ...args: (string | number | boolean)[]): string =>
    translate(message, ...args.map((arg) => (typeof arg === 'string' ? unlinked(arg) : arg))),
};

/** Called once at activation with VS Code's own. */
export function useTranslator(translator: Translate): void {
  translate = translator;
}
